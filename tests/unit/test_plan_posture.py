"""What suspend, Observe and a release permit: lost consent always removes, and nothing else is done."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.modes import Credentials, Mode, Remote, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    PYTHON_FORMAT,
    ObservedRepository,
    Ownership,
    RepositoryPatch,
    RepositorySettings,
)
from wheelhouse.plan.posture import Allowed, release_patch, removals_only, waits
from wheelhouse.plan.repository import Change, Create, Keep, Refuse

NAME = RepositoryName("acme-packages", "us-central1", "all")
OURS = Ownership.of("cluster-1", ObjectKey("team-a", "all"))
FULL = [f"projects/acme-packages/locations/us-central1/repositories/{name}" for name in "abc"]
SETTINGS = RepositorySettings(
    Mode.VIRTUAL.wire,
    "by hand",
    {"team": "a", **OURS.labels},
    upstreams=frozenset(Upstream(full[-1], full, 1) for full in FULL),
)
CREDENTIALS = Credentials("ann", "projects/p/secrets/s/versions/1")


def observed(settings: RepositorySettings = SETTINGS) -> ObservedRepository:
    return ObservedRepository(NAME, PYTHON_FORMAT, settings, "", None, None)


CHANGE = Change(RepositoryPatch(replace(SETTINGS, description="new"), ("description",)), (("description", "a", "b"),))


@given(allowed=st.sets(st.sampled_from(FULL)))
def test_a_resting_object_only_withdraws(allowed: set[str]) -> None:
    """For any spec, a suspended object loses only the settings that are not allowed."""
    for plan in (CHANGE, Keep()):
        done = removals_only(plan, observed(), Allowed(allowed))
        if allowed == set(FULL):
            assert done == Keep()
            continue
        assert isinstance(done, Change)
        assert done.patch.mask == ("virtual_repository_config",)
        assert {upstream.repository for upstream in done.patch.settings.upstreams} == allowed
        assert done.patch.settings.description == "by hand"


def test_a_resting_object_creates_nothing_and_still_refuses() -> None:
    """Nothing is created or adopted while an object is suspended."""
    assert removals_only(Create(SETTINGS), None, Allowed(frozenset())) == Keep()
    refusal = Refuse(Reason.ALREADY_EXISTS, "It exists.")
    assert removals_only(refusal, observed(), Allowed(frozenset())) == refusal


def test_what_waits_is_known() -> None:
    """An object whose spec differs from the current state reports that a change waits."""
    assert waits(CHANGE, Keep())
    assert waits(Create(SETTINGS), Keep())
    assert not waits(Keep(), Keep())


def test_a_password_that_is_not_allowed_goes() -> None:
    """Credentials whose secret the Namespace no longer lists are removed from a suspended Remote repository."""
    remote = replace(SETTINGS, mode=Mode.REMOTE.wire, remote=Remote("PyPI", CREDENTIALS), upstreams=frozenset())
    done = removals_only(Keep(), observed(remote), Allowed(frozenset(), credentials=False))
    assert isinstance(done, Change)
    assert done.patch.settings.remote == Remote("PyPI", validate=False)
    assert removals_only(Keep(), observed(remote), Allowed(frozenset())) == Keep()


def test_parting_takes_our_labels_and_what_others_consented_to() -> None:
    """One PATCH removes our two labels, the password, and upstreams of other namespaces; everything else stays."""
    patch = release_patch(observed(), frozenset({FULL[0]}))
    assert patch.mask == ("labels", "virtual_repository_config")
    assert patch.settings.labels == {"team": "a"}
    assert {upstream.repository for upstream in patch.settings.upstreams} == set(FULL[1:])
    remote = replace(SETTINGS, mode=Mode.REMOTE.wire, remote=Remote("PyPI", CREDENTIALS), upstreams=frozenset())
    # An upstream that requires a password would not validate without one.
    assert release_patch(observed(remote), frozenset()).settings.remote == Remote("PyPI", validate=False)


def test_parting_with_the_last_labels_is_still_a_change() -> None:
    """An empty map of labels is in the mask, because otherwise the labels would stay."""
    alone = RepositorySettings(Mode.STANDARD.wire, labels=OURS.labels)
    assert release_patch(observed(alone), frozenset()).mask == ("labels",)
