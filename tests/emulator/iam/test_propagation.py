"""The delay from a change of a policy to its effect: of the world, of a member, and across a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, body
from google.iam.v1 import policy_pb2

from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller

READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
DOWNLOAD, UPLOAD = (f"artifactregistry.repositories.{verb}Artifacts" for verb in ("download", "upload"))
ADA, BOB = "user:ada@acme.example", "user:bob@acme.example"


class Clock:
    """A clock that only the test moves; Unix seconds."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With one repository."""
    found = Store(tmp_path / "google.sqlite")
    found.put("repository", REPOSITORY, {})
    yield found
    found.close()


@pytest.fixture
def policies(store: Store, clock: Clock) -> Policies:
    return Policies(store, Directory(store), clock)


def grant(policies: Policies, *members: str, role: str = READ) -> None:
    """Set one binding as the whole policy."""
    bindings = [policy_pb2.Binding(role=role, members=members)] if members else []
    policies.replace(REPOSITORY, policy_pb2.Policy(bindings=bindings))


def may(policies: Policies, *members: str, permission: str = DOWNLOAD) -> list[str]:
    """Those who have a permission, by testIamPermissions, and the data plane agrees."""
    callers = {member: Caller(member, frozenset({member}), 0) for member in members}
    held = [each for each, who in callers.items() if policies.held(who, REPOSITORY, [permission])]
    assert held == [each for each, who in callers.items() if policies.allowed(who, REPOSITORY, permission)]
    return held


def test_a_member_has_its_own_delay(policies: Policies, clock: Clock) -> None:
    """Its new grant waits, while those of others are in effect at once."""
    policies.propagation.set_own("user:Ada@acme.example", 90)
    grant(policies, ADA, BOB)
    assert may(policies, ADA, BOB) == [BOB]
    clock.now += 89.9
    assert may(policies, ADA, BOB) == [BOB]
    clock.now += 0.1
    assert may(policies, ADA, BOB) == [ADA, BOB]


def test_a_member_can_be_faster_than_the_world(policies: Policies, clock: Clock) -> None:
    """Its own delay counts instead of the delay of the world, even if it is 0."""
    policies.propagation.set_world(120)
    policies.propagation.set_own(ADA, 0)
    grant(policies, ADA, BOB)
    assert may(policies, ADA, BOB) == [ADA]
    policies.propagation.set_own(ADA, None)
    grant(policies, BOB)
    assert may(policies, ADA, BOB) == [ADA]
    clock.now += 120
    assert may(policies, ADA, BOB) == [BOB]


def test_a_revoked_grant_works_until_then(policies: Policies, clock: Clock) -> None:
    """As in the real service, a revocation is delayed too."""
    grant(policies, ADA)
    policies.propagation.set_own(ADA, 60)
    grant(policies)
    clock.now += 59
    assert may(policies, ADA) == [ADA]
    clock.now += 1
    assert may(policies, ADA) == []


def test_a_change_of_the_role_has_no_gap(policies: Policies, clock: Clock) -> None:
    """In one set the old role ends when the new one starts."""
    grant(policies, ADA)
    policies.propagation.set_world(60)
    grant(policies, ADA, role=WRITE)
    assert (may(policies, ADA), may(policies, ADA, permission=UPLOAD)) == ([ADA], [])
    clock.now += 60
    assert (may(policies, ADA), may(policies, ADA, permission=UPLOAD)) == ([ADA], [ADA])


def test_grants_of_others_are_not_touched(policies: Policies) -> None:
    """A pending change of one member leaves the other members of the same binding in effect."""
    grant(policies, BOB)
    policies.propagation.set_world(60)
    grant(policies, BOB, ADA)
    assert may(policies, ADA, BOB) == [BOB]


def test_a_shorter_delay_overtakes(policies: Policies, clock: Clock) -> None:
    """A later change that takes effect first replaces an earlier one: no old state comes back."""
    policies.propagation.set_world(120)
    grant(policies, ADA)
    policies.propagation.set_world(10)
    grant(policies)
    policies.propagation.set_world(1000)
    grant(policies, ADA)
    for members in ([ADA, BOB], [ADA], [ADA, BOB]):
        clock.now += 60
        assert may(policies, ADA) == []
        grant(policies, *members)  # Each write also stores what is still pending.
    clock.now += 1000
    assert may(policies, ADA) == [ADA]


def test_zero_ends_the_wait_of_those_it_is_for(policies: Policies) -> None:
    """The delay of the world ends without that of a member, and the other way round."""
    policies.propagation.set_world(120)
    policies.propagation.set_own(ADA, 90)
    grant(policies, ADA, BOB)
    policies.propagation.set_world(0)
    assert may(policies, ADA, BOB) == [BOB]
    policies.propagation.set_own(ADA, 0)
    assert may(policies, ADA, BOB) == [ADA, BOB]


def test_clear_ends_all(policies: Policies) -> None:
    """Pending changes take effect, and no delay is left."""
    policies.propagation.set_world(120)
    policies.propagation.set_own(ADA, 90)
    grant(policies, ADA, BOB)
    policies.propagation.clear()
    assert may(policies, ADA, BOB) == [ADA, BOB]
    assert (policies.propagation.world, policies.propagation.own) == (0, {})


def test_a_restart_keeps_what_is_pending(store: Store, policies: Policies, clock: Clock) -> None:
    """Delays and pending changes are in the store."""
    policies.propagation.set_world(120)
    policies.propagation.set_own(ADA, 90)
    grant(policies, ADA, BOB)
    clock.now += 100
    again = Policies(store, Directory(store), clock)
    assert may(again, ADA, BOB) == [ADA]
    clock.now += 20
    assert may(again, ADA, BOB) == [ADA, BOB]
    assert (again.propagation.world, again.propagation.own) == (120, {ADA: 90})


def test_a_deleted_repository_takes_its_changes_along(store: Store, policies: Policies) -> None:
    """A repository made again under its name has no pending grants."""
    grant(policies, ADA)
    policies.propagation.set_world(120)
    grant(policies)
    policies.drop(REPOSITORY)
    assert may(policies, ADA) == []
    assert store.list("propagation") == []


def test_a_deleted_principal_has_no_pending_changes(policies: Policies) -> None:
    """A revoked grant that is still in effect must not serve a new principal with the same e-mail."""
    grant(policies, ADA)
    policies.propagation.set_world(120)
    grant(policies)
    assert may(policies, ADA) == [ADA]
    policies.rename(ADA, f"deleted:{ADA}?uid=1")
    assert may(policies, ADA) == []


def test_what_passed_is_forgotten(store: Store, policies: Policies, clock: Clock) -> None:
    """The row of a resource has pending changes only."""
    policies.propagation.set_world(120)
    for members in ([ADA], [ADA, BOB], [BOB]):
        clock.now += 200
        grant(policies, *members)
    (_, row) = store.list("propagation")[0]
    assert [change[:2] for change in row["changes"]] == [[READ, ADA]]


async def test_one_member_waits_on_all_planes(google: Emulated) -> None:
    """TestIamPermissions, the API and the index reject it, while another member is served."""
    google.create()
    sent = {"member": READER, "seconds": 3600}
    await body(google, "POST", "/control/propagation", json=sent)
    policy = {"bindings": [{"role": READ, "members": [READER, WRITER]}]}
    await body(google, "POST", f"{REPOSITORY}:setIamPolicy", OPERATOR, json={"policy": policy})
    asked = {"permissions": [DOWNLOAD]}
    for member, held, status in ((READER, {}, 403), (WRITER, asked, 404)):
        assert await body(google, "POST", f"{REPOSITORY}:testIamPermissions", member, json=asked) == held
        assert (await google.get("simple/absent/", google.token(member))).status == status
    listed = await body(google, "GET", "/control/fault", OWNER_MEMBER)
    assert listed["propagationByMember"] == {READER: 3600}


def test_a_change_of_a_group_takes_effect_after_its_delay(store: Store, clock: Clock) -> None:
    """Until then, the members are those before; a second change in between does not bring the first one forward."""
    identities, team = Identities(store, clock), "team@acme.example"

    def members() -> list[str]:
        return [each for each in (ADA, BOB) if f"group:{team}" in identities.acting(each).members]

    identities.set_group(team, [ADA])
    identities.set_group("Team@acme.example", [BOB], after=3600)
    assert members() == [ADA]
    clock.now += 3000
    identities.set_group(team, [BOB], after=900)
    clock.now += 899
    assert members() == [ADA]
    clock.now += 1
    assert members() == [BOB]
    identities.set_group(team, [ADA, BOB], after=60)
    identities.forget(ADA)
    clock.now += 60
    assert members() == [BOB]


async def test_a_group_with_a_delay(google: Emulated) -> None:
    """The delay comes with the members."""
    google.create(REPOSITORY)
    google.grant((READ, "group:team@acme.example"))
    services = google.server.services
    for after, allowed in ((3600, False), (0, True)):
        wanted = {"group": "team@acme.example", "members": [READER], "after": after}
        await body(google, "POST", "/control/group", json=wanted)
        assert services.policies.allowed(services.identities.acting(READER), REPOSITORY, DOWNLOAD) is allowed
