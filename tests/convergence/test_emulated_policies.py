"""The port over the emulator's policies: the errors that the policy machine meets are those of the real client."""

from dataclasses import replace

import pytest
from fakes.emulated_policies import EmulatedFakes, EmulatedGoogle
from fakes.policies import NAME

from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid
from wheelhouse_local.google.iam.limits import Limits

READER = "roles/artifactregistry.reader"
ANN, EVE, TEAM = "user:ann@example.com", "user:eve@evil.example", "group:team@example.com"
CONDITIONAL = Binding(READER, (ANN,), {"title": "t", "expression": "true"})


@pytest.fixture
def fakes() -> EmulatedFakes:
    """With one repository, whose policy has a binding with a condition."""
    fakes = EmulatedFakes()
    fakes.google.plant(NAME)
    fakes.google.plant_policy(NAME, CONDITIONAL)
    return fakes


def google(fakes: EmulatedFakes) -> EmulatedGoogle:
    assert isinstance(fakes.google, EmulatedGoogle)
    return fakes.google


async def put(fakes: EmulatedFakes, *members: str) -> Policy:
    """Add readers in one read-modify-write; return what was read."""
    read = await fakes.policies.get(NAME)
    assert read is not None
    await fakes.policies.set(NAME, replace(read, bindings=(*read.bindings, Binding(READER, members))))
    return read


async def refusal(fakes: EmulatedFakes, *members: str) -> Invalid:
    """The error of such a write, which changes nothing."""
    before = fakes.google.policy(NAME)
    with pytest.raises(Invalid) as caught:
        await put(fakes, *members)
    assert fakes.google.policy(NAME) == before
    return caught.value


async def test_a_write_keeps_conditions_and_needs_a_current_etag(fakes: EmulatedFakes) -> None:
    """A second write with the same etag is a conflict, and a write that changes nothing is no change."""
    read = await put(fakes, "user:Ann@Example.com")
    now = await fakes.policies.get(NAME)
    assert now is not None
    assert now.bindings == (CONDITIONAL, Binding(READER, (ANN,)))
    with pytest.raises(Conflict):
        await fakes.policies.set(NAME, read)
    await fakes.policies.set(NAME, now)
    assert fakes.calls.changes == [f"setIamPolicy {NAME.full}"]
    assert google(fakes).write_policy(NAME, (), read.etag) == "ABORTED"


async def test_a_repository_that_is_gone(fakes: EmulatedFakes) -> None:
    """A get returns None, and a set is a conflict; a new repository begins without the old policy."""
    fakes.google.remove(NAME)
    assert await fakes.policies.get(NAME) is None
    with pytest.raises(Conflict):
        await fakes.policies.set(NAME, Policy(b"\x00\x20\x01", 0, ()))
    fakes.google.plant(NAME)
    assert await fakes.policies.get(NAME) == fakes.google.policy(NAME) == Policy(b"\x00\x20\x01", 0, ())


@pytest.mark.parametrize("named", [True, False])
async def test_a_rejected_member(fakes: EmulatedFakes, named: bool) -> None:
    """The message names the member or not."""
    google(fakes).reject({EVE}, named=named)
    error = await refusal(fakes, EVE)
    assert error.reason is Reason.MEMBER_REJECTED
    assert (EVE in error.message) is named


async def test_a_deleted_user(fakes: EmulatedFakes) -> None:
    """Policies show a tombstone for it, and it gets no grant."""
    await put(fakes, ANN)
    unique_id = google(fakes).emulation.principals.delete(ANN)
    assert fakes.google.policy(NAME).grants() == {(READER, f"deleted:{ANN}?uid={unique_id}")}
    error = await refusal(fakes, ANN)
    assert error.reason is Reason.MEMBER_REJECTED
    assert "User ann@example.com does not exist." in error.message


async def test_a_domain_that_is_not_allowed(fakes: EmulatedFakes) -> None:
    """The details name the members."""
    google(fakes).emulation.policies.domains.set(NAME.project, ["example.com"])
    error = await refusal(fakes, ANN, EVE)
    assert error.reason is Reason.MEMBER_REJECTED
    assert error.details == ("User eve@evil.example is not in permitted organization.",)


@pytest.mark.parametrize("limits", [Limits(principals=1), Limits(groups=1), Limits(bytes=60)])
async def test_a_full_policy(fakes: EmulatedFakes, limits: Limits) -> None:
    """There are limits of principals, groups and bytes."""
    google(fakes).limit(limits)
    error = await refusal(fakes, TEAM, TEAM.replace("team", "other"))
    assert error.reason is Reason.POLICY_FULL
