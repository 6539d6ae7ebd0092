"""Who may use a repository: both sides must agree, and absent looks the same as forbidden."""

import pytest

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Role
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Requirement, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom
from wheelhouse.plan.consent import ABSENCE, Consent, Permission, RepositoryView, Requester, Standing, consent

REPOSITORY = ObjectKey("owners", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
TEAM = Selector((Requirement("team", "In", ("a",)),))
NAMESPACE = Namespace("team-a", {"team": "a"})
OWN = Namespace("owners")


def judge(
    repository: RepositoryView | None,
    namespace: Namespace | None = NAMESPACE,
    role: Role = Role.READER,
    *,
    own: bool = False,
    holds: bool = False,
    gone: float = 3600.0,
) -> Consent:
    where = "owners" if own else "team-a"
    access = DesiredAccess(ObjectKey(where, "pull"), REPOSITORY, role, (), None)
    return consent(Requester(access, OWN if own else namespace, frozenset({role}), holds), repository, gone)


def view(
    *namespaces: str,
    selector: Selector | None = None,
    standing: Standing = Standing.USABLE,
    name: RepositoryName | None = NAME,
    held_up: str = "",
    roles: tuple[Role, ...] = (Role.READER,),
    trouble: Reason | None = None,
) -> RepositoryView:
    access_from = AccessFrom(frozenset(namespaces), selector, frozenset(roles))
    return RepositoryView(REPOSITORY, access_from, standing, name, held_up=held_up, trouble=trouble)


def reason(judged: Consent) -> Reason | None:
    return judged.check.reason if judged.check is not None else None


@pytest.mark.parametrize("role", list(Role))
def test_the_repositorys_own_namespace_needs_no_consent(role: Role) -> None:
    """In the repository's namespace every role is permitted without accessFrom."""
    judged = judge(view(), role=role, own=True)
    assert (judged.permission, reason(judged)) == (Permission.GIVE, Reason.RESOLVED_REFS)


def test_an_absent_repository_in_the_own_namespace_is_reported() -> None:
    """In the own namespace the message reports that the repository does not exist, and the remedy."""
    judged = judge(None, own=True)
    assert (judged.permission, reason(judged)) == (Permission.WITHDRAW, Reason.REPOSITORY_NOT_FOUND)


@pytest.mark.parametrize(
    ("namespace", "repository", "role"),
    [
        (NAMESPACE, view("team-a"), Role.READER),
        (NAMESPACE, view(selector=TEAM), Role.READER),
        (NAMESPACE, view("team-a", selector=Selector((Requirement("team", "In", ("b",)),))), Role.READER),
        (Namespace("team-a"), view(selector=Selector()), Role.READER),
        (NAMESPACE, view("team-a", roles=(Role.WRITER,)), Role.WRITER),
    ],
    ids=["by name", "by label", "by name although not by label", "every namespace", "another role"],
)
def test_another_namespace_has_access_with_consent(
    namespace: Namespace, repository: RepositoryView, role: Role
) -> None:
    """A namespace that accessFrom lists or selects may have the roles that it lists."""
    judged = judge(repository, namespace, role)
    assert (judged.permission, reason(judged)) == (Permission.GIVE, Reason.RESOLVED_REFS)


FORBIDDEN = {
    "no consent": (NAMESPACE, view()),
    "another name": (NAMESPACE, view("team-b")),
    "another label": (Namespace("team-a", {"team": "b"}), view(selector=TEAM)),
    "unknown namespace": (None, view("team-a", selector=Selector())),
    "not usable and no consent": (NAMESPACE, view(standing=Standing.UNUSABLE, name=None)),
    "not looked at and no consent": (NAMESPACE, view(standing=Standing.UNSEEN)),
    "being deleted and no consent": (NAMESPACE, view(standing=Standing.RELEASING, held_up="it has packages")),
}


@pytest.mark.parametrize(("namespace", "repository"), FORBIDDEN.values(), ids=FORBIDDEN)
@pytest.mark.parametrize("role", list(Role))
def test_absent_and_forbidden_are_the_same(namespace: Namespace | None, repository: RepositoryView, role: Role) -> None:
    """Without consent the whole decision equals that for a repository that does not exist."""
    judged = judge(repository, namespace, role)
    assert judged == judge(None, namespace, role)
    assert (judged.permission, reason(judged)) == (Permission.WITHDRAW, Reason.REF_NOT_PERMITTED)


@pytest.mark.parametrize("holds", [True, False])
def test_consent_is_asked_whatever_the_posture_is(holds: bool) -> None:
    """Lost consent revokes even while the repository is being deleted, unusable or not checked yet."""
    for standing in Standing:
        assert judge(view("team-b", standing=standing), holds=holds).permission is Permission.WITHDRAW


@pytest.mark.parametrize("namespace", ["team-a-2", "team", "Team-a"])
def test_a_namespace_is_named_in_full(namespace: str) -> None:
    """A name with a prefix that accessFrom lists is another namespace."""
    assert judge(view("team-a"), Namespace(namespace), holds=True).permission is Permission.WITHDRAW


def test_another_role_looks_like_absence() -> None:
    """A role that accessFrom does not list looks like a repository that does not exist."""
    judged = judge(view("team-a"), role=Role.WRITER)
    assert judged == judge(None, role=Role.WRITER)
    assert judged.permission is Permission.WITHDRAW


@pytest.mark.parametrize("repository", [view("team-a", standing=Standing.UNUSABLE), view("team-a", name=None)])
@pytest.mark.parametrize("own", [True, False])
def test_a_repository_that_cannot_be_used_withdraws_nothing(repository: RepositoryView, own: bool) -> None:
    """Unusable, or not yet resolved, keeps what an access has and adds nothing."""
    judged = judge(repository, own=own)
    assert (judged.permission, reason(judged)) == (Permission.KEEP, Reason.REPOSITORY_NOT_READY)


@pytest.mark.parametrize(
    ("trouble", "own", "words"),
    [
        (Reason.PROJECT_NOT_ALLOWED, True, "is not usable: ProjectNotAllowed. For details, run: kubectl describe"),
        (None, True, "is not usable yet. The operator is still working on it."),
        (Reason.PROJECT_NOT_ALLOWED, False, "is not usable yet. Ask its owner if this lasts."),
    ],
    ids=["a reason", "only time", "another namespace"],
)
def test_an_unusable_repository_is_explained_to_its_own_namespace(
    trouble: Reason | None, own: bool, words: str
) -> None:
    """The own namespace reads the reason and the command for details; another namespace learns only whom to ask."""
    judged = judge(view("team-a", standing=Standing.UNUSABLE, trouble=trouble), own=own)
    assert judged.check is not None
    assert (judged.check.reason, words in judged.check.message) == (Reason.REPOSITORY_NOT_READY, True)


def test_a_suspended_repository_keeps_and_gives_nothing_new() -> None:
    """Accesses of a suspended repository stay Ready with what they have; a new one waits and reports why."""
    suspended = view("team-a", standing=Standing.SUSPENDED)
    held, new = judge(suspended, holds=True), judge(suspended)
    assert (held.permission, reason(held)) == (Permission.KEEP, Reason.RESOLVED_REFS)
    assert (new.permission, reason(new)) == (Permission.KEEP, Reason.REPOSITORY_NOT_READY)


def test_before_the_first_look_nothing_changes() -> None:
    """After a start the previous finding stays until the repository was checked."""
    assert judge(view("team-a", standing=Standing.UNSEEN), holds=True) == Consent(Permission.KEEP)


def test_a_release_that_is_held_up_keeps_and_says_so() -> None:
    """While a release is delayed, accesses keep what they have, and their message reports the reason."""
    judged = judge(view("team-a", standing=Standing.RELEASING, held_up="it has packages"), holds=True)
    assert judged.permission is Permission.KEEP
    assert judged.check is not None
    assert "is being deleted: it has packages" in judged.check.message
    assert judge(view("team-a", standing=Standing.RELEASING), holds=True) == Consent(Permission.KEEP)
    assert reason(judge(view("team-a", standing=Standing.RELEASING))) is Reason.REPOSITORY_NOT_READY


@pytest.mark.parametrize(("gone", "permission"), [(0.0, Permission.KEEP), (ABSENCE, Permission.WITHDRAW)])
@pytest.mark.parametrize("own", [True, False])
def test_absence_withdraws_after_30_seconds(gone: float, permission: Permission, own: bool) -> None:
    """A replacement takes seconds: an access keeps what it has for 30 s; one without anything need not wait."""
    assert judge(None, own=own, holds=True, gone=gone).permission is permission
    assert judge(None, own=own, holds=False, gone=gone).permission is Permission.WITHDRAW


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("role", Role)
def test_an_unreadable_repository_withdraws_nothing_and_grants_nothing(role: Role, standing: Standing) -> None:
    """A repository with an unreadable accessFrom adds nothing, and keeps what exists."""
    unreadable = RepositoryView(REPOSITORY, None, standing, NAME)
    assert judge(unreadable, role=role, holds=True).permission is Permission.KEEP
    stranger = judge(unreadable, role=role)
    assert stranger == judge(None, role=role)
    assert stranger.permission is Permission.WITHDRAW
