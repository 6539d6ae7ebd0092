"""Any desired repository against any observed one: the patch is correct, complete, and the last one."""

from dataclasses import replace

import pytest
from fakes import wishes
from fakes.google import patched
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.cleanup import Cleanup, CleanupAction, CleanupPolicy, MostRecentVersions, duration
from wheelhouse.domain.modes import Credentials, Mode, Remote, Upstream
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.repository import DesiredRepository, ObservedRepository, RepositoryPatch, RepositorySettings
from wheelhouse.plan.repository import Change, Create, Keep, Refuse, owns, plan_repository
from wheelhouse.plan.settings import differences, managed_by, mask, target

RIVAL = ObjectKey("team-b", "wheels")
STANDARD = RepositorySettings(Mode.STANDARD.wire)


@given(wishes.desired, wishes.observed, wishes.upstreams, wishes.managed)
def test_a_patch_is_the_last_one(
    desired: DesiredRepository, observed: ObservedRepository, upstreams: frozenset[Upstream], managed: frozenset[str]
) -> None:
    """After a PATCH no other one is needed, and its ledger causes none."""
    plan = plan_repository(desired, upstreams, observed, None, managed)
    if not isinstance(plan, Change):
        return
    after = replace(observed, settings=patched(observed.settings, plan.patch))
    assert plan.differences
    assert plan.patch.mask
    assert plan_repository(desired, upstreams, after, None, managed_by(desired)) == Keep()


@given(wishes.desired, wishes.observed, wishes.upstreams, wishes.managed)
def test_nothing_changes_without_a_request(
    desired: DesiredRepository, observed: ObservedRepository, upstreams: frozenset[Upstream], managed: frozenset[str]
) -> None:
    """A label of others, and each field that the spec does not set and that was not ours, are unchanged afterwards."""
    plan = plan_repository(desired, upstreams, observed, None, managed)
    if not isinstance(plan, Change):
        return
    before, after = observed.settings, patched(observed.settings, plan.patch)
    assert after.labels["theirs"] == "stays"
    assert (after.mode, after.kms_key_name) == (before.mode, before.kms_key_name)
    if desired.description is None and "description" not in managed:
        assert after.description == before.description
    if desired.cleanup is None and "cleanup" not in managed:
        assert after.cleanup == before.cleanup
    if desired.scanning is None:
        assert after.scanning == before.scanning
    for key in before.labels.keys() - desired.labels.keys() - desired.ownership.labels.keys():
        assert key in after.labels or f"labels/{key}" in managed
    if before.remote and after.remote and desired.remote and not desired.remote.credentials:
        kept = before.remote.credentials if "remote.credentials" not in managed else None
        assert after.remote.credentials == kept


@given(wishes.desired, wishes.observed | st.none(), wishes.upstreams, wishes.managed, st.sampled_from([None, RIVAL]))
def test_only_what_is_ours_or_may_be_adopted_is_changed(
    desired: DesiredRepository,
    observed: ObservedRepository | None,
    upstreams: frozenset[Upstream],
    managed: frozenset[str],
    rival: ObjectKey | None,
) -> None:
    """Over all plans: Observe never acts, a rival's repository is never changed, and no create meets a repository."""
    plan = plan_repository(desired, upstreams, observed, rival, managed)
    if desired.observe:
        assert isinstance(plan, Keep | Refuse)
    if isinstance(plan, Create):
        assert observed is None
        assert plan.settings.labels.items() >= desired.ownership.labels.items()
    if isinstance(plan, Change):
        assert observed is not None
        ours = owns(desired.ownership, observed)
        assert plan.adopts is not ours
        assert ours or rival is None
        assert "format" not in str(plan.patch.mask)


@given(wishes.desired, wishes.upstreams)
def test_a_create_needs_no_patch(desired: DesiredRepository, upstreams: frozenset[Upstream]) -> None:
    """After a create the next pass finds everything as desired."""
    desired = replace(desired, observe=False)
    plan = plan_repository(desired, upstreams, None, None, frozenset())
    assert isinstance(plan, Create)
    settings = replace(plan.settings, remote=plan.settings.remote and replace(plan.settings.remote, validate=True))
    made = ObservedRepository(desired.name, "PYTHON", settings, "", None, None)
    assert plan_repository(desired, upstreams, made, None, managed_by(desired)) == Keep()


def test_what_the_spec_drops_is_taken_back() -> None:
    """What this object had set is removed with the field; what others set stays."""
    desired = replace(wishes_standard(), labels={"env": "a"})
    cleanup = Cleanup(frozenset({CleanupPolicy("old", CleanupAction.KEEP, most_recent=MostRecentVersions(1))}))
    found = replace(STANDARD, description="ours", labels={"team": "ours", "theirs": "x"}, cleanup=cleanup)
    managed = frozenset({"description", "labels/team", "labels/env", "cleanup"})
    wanted = target(desired, frozenset(), found, managed)
    assert (wanted.description, wanted.cleanup) == ("", Cleanup())
    assert wanted.labels == {"env": "a", "theirs": "x", **wishes.OWNERSHIP.labels}
    assert target(desired, frozenset(), found, frozenset()).description == "ours"


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        (None, Credentials("ann", "v1"), ("username", "password_secret_version")),
        (Credentials("ann", "v1"), Credentials("bob", "v1"), ("username",)),
        (Credentials("ann", "v1"), Credentials("ann", "v2"), ("password_secret_version",)),
        (Credentials("ann", "v1"), Credentials("ann", "v1"), ()),
    ],
)
def test_credentials_change_by_nested_masks(
    before: Credentials | None, after: Credentials | None, paths: tuple[str, ...]
) -> None:
    """Only differences are in the mask, because otherwise the other half would be reset."""
    found = replace(STANDARD, remote=Remote("PyPI", before))
    wanted = replace(STANDARD, remote=Remote("PyPI", after, validate=False))
    prefix = "remote_repository_config.upstream_credentials"
    assert mask(found, wanted) == tuple(f"{prefix}.username_password_credentials.{path}" for path in paths)
    assert mask(wanted, replace(found, remote=Remote("PyPI"))) == (prefix,)


def test_an_emptied_list_of_upstreams_is_sent() -> None:
    """An empty list of upstreams is a desired state like any other: the configuration is in the mask."""
    found = replace(STANDARD, upstreams=frozenset({Upstream("one", "a", 1)}))
    wanted = replace(STANDARD, upstreams=frozenset())
    assert mask(found, wanted) == ("virtual_repository_config",)
    assert differences(found, wanted) == (("virtual.upstreams", "one=a@1", "none"),)


def test_the_last_upstream_is_taken_out() -> None:
    """A Virtual repository without permitted upstreams has none afterwards."""
    desired = replace(wishes.VIRTUAL, upstreams=())
    found = RepositorySettings(Mode.VIRTUAL.wire, upstreams=frozenset({Upstream("one", "a", 1)}))
    assert target(desired, frozenset(), found, frozenset()).upstreams == frozenset()


def test_a_patch_that_names_nothing_changes_nothing() -> None:
    """Only the mask decides which settings are sent."""
    assert patched(STANDARD, RepositoryPatch(replace(STANDARD, description="x"), ())) == STANDARD


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90m", 5400), ("24h", 86400), ("1d", 86400), ("30d", 2592000)]
)
def test_durations_are_compared_in_seconds(text: str, seconds: int) -> None:
    """A day is twenty-four hours, however it is written."""
    assert duration(text) == seconds


def test_policies_that_only_keep_delete_nothing() -> None:
    """Keep alone has no effect, and no policy at all needs no advice."""
    keep = CleanupPolicy("new", CleanupAction.KEEP, most_recent=MostRecentVersions(3))
    assert Cleanup(frozenset({keep})).deletes_nothing
    assert not Cleanup(frozenset({keep, CleanupPolicy("old", CleanupAction.DELETE)})).deletes_nothing
    assert not Cleanup().deletes_nothing


def wishes_standard() -> DesiredRepository:
    return DesiredRepository(wishes.NAME, wishes.OWNERSHIP)
