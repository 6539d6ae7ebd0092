"""Google reads upstreams as the project's service agent: both sides must agree, or no repository is safe."""

import itertools

import pytest

from wheelhouse.domain.findings import Truth
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import Credentials, Mode, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName, is_registry_url
from wheelhouse.domain.objects import Namespace, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom, UpstreamReference
from wheelhouse.plan.consent import ABSENCE, RepositoryView, Standing
from wheelhouse.plan.upstreams import (
    Judgement,
    Reader,
    index_safety,
    judge_name,
    judge_reference,
    judge_secret,
    judge_unnamed,
)

KEY = ObjectKey("team-a", "all")
OWN, OTHER = ObjectKey("team-a", "wheels"), ObjectKey("team-b", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
ELSEWHERE = RepositoryName("other-project", "us-central1", "wheels")
NAMESPACE = Namespace("team-a", {"team": "a"}, ("acme-packages",))
OPEN = AccessFrom(frozenset({"team-a"}))


def reader(namespace: Namespace = NAMESPACE, *, any_project: bool = False) -> Reader:
    return Reader(KEY, namespace, "us-central1", any_project)


def view(
    key: ObjectKey = OTHER,
    access_from: AccessFrom | None = OPEN,
    *,
    standing: Standing = Standing.USABLE,
    held_up: str = "",
    name: RepositoryName | None = NAME,
    mode: Mode | None = Mode.STANDARD,
) -> RepositoryView:
    return RepositoryView(key, access_from, standing, name, mode, held_up)


def referred(
    target: ObjectKey, found: RepositoryView | None, *, gone: float = 3600.0, stands: RepositoryName | None = None
) -> Judgement:
    return judge_reference(reader(), UpstreamReference("one", 1, target), found, gone, stands)


def reason(judged: Judgement) -> Reason | None:
    return judged.check.reason if judged.check is not None else None


def test_an_upstream_of_the_own_namespace_needs_no_consent() -> None:
    """A user who may create a Virtual repository here may create its upstream too."""
    assert referred(OWN, view(OWN, AccessFrom())).addable
    assert reason(referred(OWN, None)) is Reason.REPOSITORY_NOT_FOUND


def test_absent_and_forbidden_look_the_same_across_namespaces() -> None:
    """One reason and message for absent, closed, closed to readers, and unreadable: a difference would reveal it."""
    found = [
        None,
        view(access_from=AccessFrom()),
        view(access_from=AccessFrom(frozenset({"team-a"}), None, frozenset({Role.WRITER}))),
        view(access_from=AccessFrom(frozenset({"team-c"}))),
        view(access_from=None),
    ]
    assert {referred(OTHER, each).check for each in found} == {referred(OTHER, None).check}
    assert reason(referred(OTHER, None)) is Reason.REF_NOT_PERMITTED
    assert not any(referred(OTHER, each).addable for each in found)
    assert [referred(OTHER, each).permitted for each in found] == [False, False, False, False, True]


@pytest.mark.parametrize("access_from", [OPEN, AccessFrom(frozenset(), Selector())])
def test_consent_by_name_or_by_an_empty_selector(access_from: AccessFrom) -> None:
    """A listed namespace and any namespace of an empty selector may read."""
    verdict = referred(OTHER, view(access_from=access_from))
    assert (verdict.name, verdict.permitted, verdict.addable) == (NAME, True, True)


@pytest.mark.parametrize("found", [view(standing=Standing.UNUSABLE), view(name=None)])
def test_one_that_cannot_be_used_is_neither_added_nor_removed(found: RepositoryView) -> None:
    """It waits, and existing upstreams stay."""
    verdict = referred(OTHER, found)
    assert reason(verdict) is Reason.REPOSITORY_NOT_READY
    assert (verdict.permitted, verdict.addable) == (True, False)


@pytest.mark.parametrize(
    ("found", "gone"),
    [
        (None, 0.0),
        (None, ABSENCE - 1),
        (view(standing=Standing.UNSEEN), 0.0),
        (view(standing=Standing.RELEASING), 0.0),
        (view(standing=Standing.UNSEEN, name=None), 0.0),
    ],
)
def test_an_upstream_stays_while_its_object_is_replaced_or_unchecked(found: RepositoryView | None, gone: float) -> None:
    """A replacement of the upstream's object, or a start of the operator, does not change a Virtual repository."""
    judged = referred(OTHER, found, gone=gone, stands=NAME)
    assert (judged.check, judged.name, judged.permitted, judged.addable) == (None, NAME, True, False)


def test_one_whose_release_is_held_up_stays_and_says_so() -> None:
    """An upstream that is being deleted and has packages stays, and the message explains why it still exists."""
    judged = referred(OTHER, view(standing=Standing.RELEASING, held_up="it has packages"))
    assert (reason(judged), judged.permitted) == (Reason.REPOSITORY_NOT_READY, True)
    assert "being deleted: it has packages" in str(judged.check)


def test_a_full_name_waits_until_all_possible_owners_were_checked() -> None:
    """Until then nothing is added and nothing is removed; a certain refusal already counts."""
    judged = judge_name(reader(), "Upstream one", NAME, [], sure=False)
    assert (judged.check, judged.permitted, judged.addable) == (None, True, False)
    assert not judge_name(reader(), "Upstream one", ELSEWHERE, [], sure=False).permitted
    assert judge_name(reader(LISTED), "Upstream one", ELSEWHERE, [], sure=False).addable


def test_another_location_or_itself_is_a_mistake() -> None:
    """An upstream has the location of its Virtual repository, and is another repository."""
    far = view(OWN, name=RepositoryName("acme-packages", "europe-west1", "wheels"))
    assert reason(referred(OWN, far)) is Reason.INVALID_ARGUMENT
    assert reason(referred(KEY, view(KEY))) is Reason.INVALID_ARGUMENT
    assert not referred(OWN, far).permitted


LISTED = Namespace("team-a", {}, (), (ELSEWHERE.full,))


@pytest.mark.parametrize(
    ("namespace", "name", "managers", "permitted"),
    [
        (NAMESPACE, NAME, [], True),
        (NAMESPACE, NAME, [view(OWN, AccessFrom())], True),
        (NAMESPACE, NAME, [view()], True),
        (NAMESPACE, NAME, [view(access_from=AccessFrom())], False),
        (NAMESPACE, NAME, [view(access_from=None)], False),
        (NAMESPACE, NAME, [view(OWN), view(access_from=AccessFrom())], False),
        (NAMESPACE, ELSEWHERE, [], False),
        (NAMESPACE, ELSEWHERE, [view()], False),
        (LISTED, ELSEWHERE, [], True),
        (LISTED, ELSEWHERE, [view(access_from=AccessFrom())], True),
        (LISTED, NAME, [], False),
    ],
)
def test_full_names(
    namespace: Namespace, name: RepositoryName, managers: list[RepositoryView], *, permitted: bool
) -> None:
    """In an allowed project and not another namespace's without consent; otherwise only what the Namespace lists."""
    verdict = judge_name(reader(namespace), "Upstream one", name, managers)
    assert (verdict.permitted, verdict.addable) == (permitted, permitted)
    if not permitted:
        assert reason(verdict) is Reason.REF_NOT_PERMITTED
        assert "wheelhouse.dev/upstreams" in str(verdict.check)
        assert "team-b" not in str(verdict.check)


def test_any_project_is_no_consent_of_others() -> None:
    """The policy Any allows every project, but the owner of the repository still counts."""
    anyone = reader(any_project=True)
    assert judge_name(anyone, "Upstream one", ELSEWHERE, []).permitted
    assert not judge_name(anyone, "Upstream one", ELSEWHERE, [view(access_from=AccessFrom())]).permitted


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://us-central1-python.pkg.dev/acme-packages/wheels", NAME),
        ("https://us-central1-python.pkg.dev/acme-packages/wheels/", NAME),
        ("https://us-central1-python.pkg.dev/acme-packages/wheels/simple/", NAME),
        ("https://us-central1-python.pkg.dev:443/acme-packages/wheels/simple", NAME),
        ("https://us-central1-docker.pkg.dev/acme-packages/wheels/", None),
        ("https://python.us-central1.rep.pkg.dev/acme-packages/wheels/", None),
        ("https://us-central1-python.pkg.dev/acme-packages/wheels/../other/", None),
        ("https://us-central1-python.pkg.dev//acme-packages/wheels/", None),
        ("https://us-central1-python.pkg.dev/acme-packages/", None),
        ("https://pkg.dev/acme-packages/wheels/", None),
        ("https://US-CENTRAL1-PYTHON.PKG.DEV/acme-packages/wheels/", NAME),
    ],
)
def test_urls_of_artifact_registry_are_seen_as_such(url: str, name: RepositoryName | None) -> None:
    """Every host of Artifact Registry counts, even if no repository can be read from the URL: that is rejected."""
    assert is_registry_url(url)
    assert RepositoryName.of_url(url) == name
    assert reason(judge_unnamed(reader(), url)) is Reason.REF_NOT_PERMITTED


@pytest.mark.parametrize(
    "url", ["https://pkg.dev.example/a/b", "https://notpkg.dev/a/b", "https://a.example/pkg.dev/b"]
)
def test_other_urls_are_not(url: str) -> None:
    """A host that only looks similar is a public index like any other."""
    assert not is_registry_url(url)
    assert RepositoryName.of_url(url) is None


def test_secrets_are_listed_by_the_namespace() -> None:
    """None by default; every version of a listed secret, and no secret that only has the same prefix."""
    allowed = Namespace("team-a", upstream_secrets=("projects/p/secrets/s",))
    version = Credentials("ann", "projects/p/secrets/s/versions/3")
    longer = Credentials("ann", "projects/p/secrets/s2/versions/3")
    assert judge_secret(allowed, version).ok
    for namespace, credentials in ((allowed, longer), (NAMESPACE, version)):
        check = judge_secret(namespace, credentials)
        assert check.reason is Reason.SECRET_NOT_ALLOWED
        assert "wheelhouse.dev/upstream-secrets" in check.message


def ranked(**modes: tuple[Mode | None, int]) -> list[tuple[Upstream, Mode | None]]:
    return [(Upstream(name, name, priority), mode) for name, (mode, priority) in modes.items()]


@pytest.mark.parametrize(
    ("upstreams", "truth", "reason"),
    [
        (ranked(), Truth.TRUE, Reason.NO_PUBLIC_INDEX),
        (ranked(a=(Mode.STANDARD, 1), b=(Mode.STANDARD, 2)), Truth.TRUE, Reason.NO_PUBLIC_INDEX),
        (ranked(a=(Mode.STANDARD, 2), b=(Mode.REMOTE, 1)), Truth.UNKNOWN, Reason.SAME_VERSION_ONLY),
        (ranked(a=(Mode.STANDARD, 1), b=(Mode.REMOTE, 1)), Truth.FALSE, Reason.PUBLIC_OUTRANKS_PRIVATE),
        (ranked(a=(Mode.STANDARD, 1), b=(Mode.REMOTE, 2)), Truth.FALSE, Reason.PUBLIC_OUTRANKS_PRIVATE),
        (ranked(a=(None, 1)), Truth.UNKNOWN, Reason.SAME_VERSION_ONLY),
    ],
)
def test_index_safety(upstreams: list[tuple[Upstream, Mode | None]], truth: Truth, reason: Reason) -> None:
    """A public index that ranks at or above a private one is reported, in any order of the upstreams."""
    for order in itertools.permutations(upstreams):
        check = index_safety(order)
        assert (check.truth, check.reason) == (truth, reason)
