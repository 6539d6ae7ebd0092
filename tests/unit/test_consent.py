"""Who may use a repository: both sides must agree, and absent looks the same as forbidden."""

import pytest

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Role
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Requirement, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom
from wheelhouse.plan.consent import RepositoryView, consent

REPOSITORY = ObjectKey("owners", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
TEAM = Selector((Requirement("team", "In", ("a",)),))


def access(namespace: str = "team-a", role: Role = Role.READER) -> DesiredAccess:
    return DesiredAccess(ObjectKey(namespace, "pull"), REPOSITORY, role, (), None)


def view(
    *namespaces: str, selector: Selector | None = None, ready: bool = True, name: RepositoryName | None = NAME
) -> RepositoryView:
    access_from = AccessFrom(frozenset(namespaces), selector)
    return RepositoryView(REPOSITORY, access_from, ready, name, "https://x/simple/", "https://x/")


NAMESPACE = Namespace("team-a", {"team": "a"})
OWN = Namespace("owners")


@pytest.mark.parametrize("role", list(Role))
def test_the_repositorys_own_namespace_needs_no_consent(role: Role) -> None:
    """In the repository's namespace every role is had without accessFrom, even before the Namespace is seen."""
    for namespace in (OWN, None):
        judged = consent(access("owners", role), namespace, view(), holds=False)
        assert (judged.permitted, judged.may_add, judged.check.reason) == (True, True, Reason.RESOLVED_REFS)


def test_an_absent_repository_in_the_own_namespace_is_said() -> None:
    """In one's own namespace the message says that the repository is not there, and what to do."""
    judged = consent(access("owners"), OWN, None, holds=False)
    assert (judged.permitted, judged.may_add) == (False, False)
    assert judged.check.reason is Reason.REPOSITORY_NOT_FOUND


@pytest.mark.parametrize(
    ("namespace", "repository", "role"),
    [
        (NAMESPACE, view("team-a"), Role.READER),
        (NAMESPACE, view(selector=TEAM), Role.READER),
        (NAMESPACE, view("team-a", selector=Selector((Requirement("team", "In", ("b",)),))), Role.READER),
        (Namespace("team-a"), view(selector=Selector()), Role.READER),
    ],
    ids=["by name", "by label", "by name although not by label", "everybody"],
)
def test_another_namespace_reads_with_consent(namespace: Namespace, repository: RepositoryView, role: Role) -> None:
    """A namespace that accessFrom names or selects may be Reader."""
    judged = consent(access(role=role), namespace, repository, holds=False)
    assert (judged.permitted, judged.may_add, judged.check.reason) == (True, True, Reason.RESOLVED_REFS)


FORBIDDEN = {
    "no consent": (NAMESPACE, view()),
    "another name": (NAMESPACE, view("team-b")),
    "another label": (Namespace("team-a", {"team": "b"}), view(selector=TEAM)),
    "unknown namespace": (None, view("team-a", selector=Selector())),
    "not ready and no consent": (NAMESPACE, view(ready=False, name=None)),
}


@pytest.mark.parametrize(("namespace", "repository"), FORBIDDEN.values(), ids=FORBIDDEN)
@pytest.mark.parametrize("role", list(Role))
def test_absent_and_forbidden_are_the_same(namespace: Namespace | None, repository: RepositoryView, role: Role) -> None:
    """Without consent the whole judgment equals that of a repository that does not exist."""
    judged = consent(access(role=role), namespace, repository, holds=False)
    assert judged == consent(access(role=role), namespace, None, holds=False)
    assert (judged.permitted, judged.may_add, judged.check.reason) == (False, False, Reason.REF_NOT_PERMITTED)


def test_another_namespace_never_writes() -> None:
    """A role above Reader across namespaces looks like a repository that does not exist."""
    judged = consent(access(role=Role.WRITER), NAMESPACE, view("team-a"), holds=False)
    assert judged == consent(access(role=Role.WRITER), NAMESPACE, None, holds=False)
    assert not judged.permitted


@pytest.mark.parametrize("repository", [view("team-a", ready=False), view("team-a", name=None)])
def test_a_repository_that_is_not_ready_withdraws_nothing(repository: RepositoryView) -> None:
    """Not Ready, or not yet resolved, keeps what an access has and adds nothing."""
    for who, namespace in ((access(), NAMESPACE), (access("owners"), OWN)):
        judged = consent(who, namespace, repository, holds=False)
        assert (judged.permitted, judged.may_add) == (True, False)
        assert judged.check.reason is Reason.REPOSITORY_NOT_READY


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("role", Role)
def test_an_unreadable_repository_withdraws_nothing_and_grants_nothing(role: Role, ready: bool) -> None:
    """A repository that no longer parses lets nobody in, whatever its status says, and keeps what is held."""
    unreadable = RepositoryView(REPOSITORY, None, ready=ready, name=NAME, index_url=None, upload_url=None)
    held = consent(access(role=role), NAMESPACE, unreadable, holds=True)
    assert (held.permitted, held.may_add) == (True, False)
    stranger = consent(access(role=role), NAMESPACE, unreadable, holds=False)
    assert stranger == consent(access(role=role), NAMESPACE, None, holds=False)
    assert not stranger.permitted
