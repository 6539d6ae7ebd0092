"""The policy of a repository in the whole loop: one bad access does not affect its neighbors or any other grant."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from convergence.scenes import (
    NAME,
    PULL,
    READER,
    WHEELS,
    WRITER,
    access,
    condition,
    grants,
    living_token,
    members,
    owners,
    reason,
    wheels,
)
from convergence.simulation import Simulation
from fakes.calls import PortCall

from wheelhouse.domain.iam import MEMBER_LIMIT, Binding, Identity, WorkloadIdentity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind
from wheelhouse.domain.pools import Pool
from wheelhouse.errors import Invalid, Refused, Unavailable, WheelhouseError

GROUP = [{"kind": "GoogleGroup", "name": "dev@example.com"}]
DEV = "group:dev@example.com"


def user(number: int) -> list[dict[str, str]]:
    return [{"kind": "GoogleUser", "name": f"u{number}@example.com"}]


def refuse(simulation: Simulation, name: str, error: WheelhouseError, key: ObjectKey | None = None) -> None:
    """Let a port call fail from now on, or only for one object."""

    def before(call: PortCall) -> None:
        if call.name == name and (key is None or call.args[1].key == key):
            raise error

    simulation.fakes.calls.before = before


def at(simulation: Simulation, name: str, act: Callable[[], None]) -> None:
    """Do something before each such port call."""

    def before(call: PortCall) -> None:
        if call.name == name:
            act()

    simulation.fakes.calls.before = before


@pytest.mark.parametrize(
    "error",
    [
        Invalid("Kubernetes answered 422: status.conditions: Too many: 33: must have at most 32 items"),
        Refused("Kubernetes answered 403: denied by a policy engine"),
        Unavailable("Kubernetes answered 500: failed calling webhook"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_status_that_cannot_be_written_blocks_no_other_access(error: WheelhouseError) -> None:
    """All others are granted at once; the one gets no grant, is retried rarely, and recovers by itself."""
    simulation = await owners()
    bad = ObjectKey("team", "bad")
    refuse(simulation, "objects.write_status", error, bad)
    access(simulation, "team", "bad", subjects=PULL)
    good = [access(simulation, "owners", f"good-{number}", subjects=user(number)) for number in range(4)]
    await simulation.run(5)
    assert {reason(simulation, key) for key in good} == {"Ready"}
    simulation.fakes.calls.clear()
    await simulation.run(900)
    assert "team/pull" not in members(simulation)
    assert simulation.fakes.calls.count()["policies.get"] <= 40
    assert simulation.fakes.calls.count()["policies.set"] == 0
    simulation.fakes.calls.before = None
    await simulation.run(700)
    assert "team/pull" in members(simulation)
    assert reason(simulation, bad) == "Ready"


async def test_an_access_that_changes_all_the_time_blocks_no_other() -> None:
    """An object that another client writes right before each of our writes delays only its own grant."""
    simulation = await owners()
    cluster = simulation.fakes.cluster
    busy = access(simulation, "team", "busy", subjects=PULL)
    ticks = iter(range(1_000_000))

    def before(call: PortCall) -> None:
        if call.name == "objects.write_status" and call.args[1].key == busy:
            spec = cluster.objects[Kind.ACCESS, busy]["spec"]
            cluster.put(Kind.ACCESS, busy, spec, annotations={"tick": str(next(ticks))})

    simulation.fakes.calls.before = before
    good = access(simulation, "owners", "good", subjects=user(1))
    await simulation.run(300)
    assert reason(simulation, good) == "Ready"
    assert members(simulation) == {"user:u1@example.com"}
    simulation.fakes.calls.before = None
    await simulation.run(120)
    assert reason(simulation, busy) == "Ready"


async def test_a_refused_set_does_not_take_away_what_a_person_then_grants() -> None:
    """The operator may not set the policy, so an admin adds a grant: it is Existing, and stays."""
    simulation = await owners()
    refuse(simulation, "policies.set", Refused("The caller does not have permission"))
    key = access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(120)
    row = condition(simulation, key, "Granted")
    assert row is not None
    assert row.reason == "PermissionDenied"
    assert grants(simulation, key) == {}
    simulation.fakes.google.plant_policy(NAME, Binding(READER, (DEV,)))
    await simulation.run(120)
    assert grants(simulation, key) == {DEV: "Existing"}
    simulation.fakes.calls.before = None
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(120)
    assert members(simulation) == {DEV}


async def test_a_refused_set_is_tried_once_a_minute() -> None:
    """Twenty accesses with that error wake no further pass, and are not recorded repeatedly."""
    simulation = await owners()
    refuse(simulation, "policies.set", Refused("no"))
    for number in range(20):
        access(simulation, "owners", f"a-{number}", subjects=user(number))
    await simulation.run(5)
    simulation.fakes.calls.clear()
    await simulation.run(600)
    count = simulation.fakes.calls.count()
    assert count["policies.set"] <= 11
    assert count["policies.get"] <= 11
    assert count["objects.write_status"] <= 22


async def test_a_full_policy_does_not_take_away_what_a_person_then_grants() -> None:
    """IAM found the policy too large, and an un-recorded grant is not ours: what an admin adds later stays."""
    simulation = await owners()
    simulation.fakes.google.member_limit = 0
    key = access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(120)
    assert reason(simulation, key) == "PolicyFull"
    simulation.fakes.google.member_limit = MEMBER_LIMIT
    simulation.fakes.google.plant_policy(NAME, Binding(READER, (DEV,)))
    await simulation.run(1500)
    assert grants(simulation, key) == {DEV: "Existing"}
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(120)
    assert members(simulation) == {DEV}


async def test_a_change_of_role_in_a_full_policy_loses_nothing() -> None:
    """An access replaces its own grant, while an older one still waits for room."""
    simulation = await owners(accessFrom={"namespaces": ["team"], "roles": ["Reader", "Writer"]})
    key = access(simulation, "owners", "mine", subjects=GROUP)
    await simulation.run(30)
    crowd = tuple(f"user:c{number}@example.com" for number in range(MEMBER_LIMIT - 1))
    bindings = simulation.fakes.google.policy(NAME).bindings
    simulation.fakes.google.plant_policy(NAME, *bindings, Binding("roles/viewer", crowd))
    waiting = access(simulation, "owners", "another", subjects=user(1))
    await simulation.run(30)
    assert reason(simulation, waiting) == "PolicyFull"
    access(simulation, "owners", "mine", subjects=GROUP, role="Writer")
    await simulation.run(30)
    assert (members(simulation), members(simulation, role=WRITER)) == (set(), {DEV})
    assert reason(simulation, key) == "Ready"
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    assert members(simulation) == {"user:u1@example.com"}
    assert reason(simulation, waiting) == "Ready"


async def test_a_restart_reads_each_policy_once() -> None:
    """Once for the policy, once for the repository, and nothing is written."""
    simulation = await owners()
    simulation.fakes.clock.advance(0.123456)
    access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(120)
    simulation.fakes.calls.clear()
    simulation.boot()
    await simulation.run(60)
    assert simulation.fakes.calls.count() == {"repositories.get": 1, "policies.get": 1}


@pytest.mark.parametrize(("number", "burst", "pause", "most"), [(400, 5, 0.05, 6), (1000, 10, 0.1, 10)])
async def test_many_grants_at_once_are_few_sets(number: int, burst: int, pause: float, most: int) -> None:
    """Accesses on one repository that are applied within seconds are granted by a few sets."""
    simulation = await owners()
    for each in range(number):
        access(simulation, "owners", f"a-{each}", subjects=user(each))
        if each % burst == 0:
            await simulation.run(pause)
    await simulation.run(30)
    assert len(members(simulation)) == number
    assert simulation.fakes.calls.count()["policies.set"] <= most


async def test_grants_on_many_repositories_are_at_most_three_sets_each() -> None:
    """400 accesses on 20 repositories are applied at once."""
    simulation = await owners()
    names = [f"wheels-{number}" for number in range(20)]
    for name in names:
        simulation.fakes.cluster.put(Kind.REPOSITORY, ObjectKey("owners", name), wheels())
    await simulation.run(120)
    simulation.fakes.calls.clear()
    for number in range(400):
        repository = {"name": names[number % len(names)], "namespace": "owners"}
        access(simulation, "owners", f"a-{number}", repositoryRef=repository, subjects=user(number))
    await simulation.run(60)
    sets = Counter(call.args[0].repository_id for call in simulation.fakes.calls.log if call.name == "policies.set")
    assert sets.keys() == set(names)
    assert max(sets.values()) <= 3
    assert all(len(members(simulation, NAME._replace(repository_id=name))) == 20 for name in names)


async def test_withdrawn_consent_is_withdrawn_soon() -> None:
    """Whatever else is applied all the time, grants without consent are revoked within a few seconds."""
    simulation = await owners()
    access(simulation, "team", "guest", subjects=PULL)
    await simulation.run(30)
    assert members(simulation) == {"team/pull"}
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(accessFrom={}))
    begun = simulation.fakes.clock.elapsed()
    for number in range(40):
        access(simulation, "owners", f"a-{number}", subjects=user(number))
        await simulation.run(0.15)
        if "team/pull" not in members(simulation):
            break
    assert simulation.fakes.clock.elapsed() - begun <= 2.5


async def test_consent_that_goes_while_a_grant_is_recorded_grants_nothing() -> None:
    """The repository's owner withdraws consent between the record and the set."""
    simulation = await owners()

    def withdraw() -> None:
        simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(accessFrom={}))
        simulation.watch()

    at(simulation, "objects.write_status", withdraw)
    key = access(simulation, "team", "guest", subjects=PULL)
    await simulation.run(60)
    assert simulation.fakes.calls.count()["policies.set"] == 0
    assert members(simulation) == set()
    assert grants(simulation, key) == {}


async def test_an_outage_makes_no_access_unready() -> None:
    """Google is unavailable for a quarter of an hour: nothing flaps; then it is reported, and recovers by itself."""
    simulation = await owners()
    keys = [access(simulation, "owners", f"a-{number}", subjects=user(number)) for number in range(3)]
    await simulation.run(60)
    refuse(simulation, "policies.get", Unavailable("Google answered 503."))
    simulation.fakes.calls.clear()
    await simulation.run(1400)
    assert {reason(simulation, key) for key in keys} == {"Ready"}
    writes = [call.args[1].key for call in simulation.fakes.calls.log if call.name == "objects.write_status"]
    assert not {*keys} & {*writes}
    await simulation.run(900)
    assert {reason(simulation, key) for key in keys} == {"Unavailable"}
    simulation.fakes.calls.before = None
    await simulation.run(700)
    assert {reason(simulation, key) for key in keys} == {"Ready"}


async def test_a_grant_that_was_removed_by_hand_comes_back_with_an_event() -> None:
    """Within two checks for drift, and an Event informs its user."""
    simulation = await owners()
    key = access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(60)
    simulation.fakes.google.plant_policy(NAME)
    await simulation.run(1300)
    assert members(simulation) == {DEV}
    assert [event.key for event in simulation.fakes.cluster.events if event.reason == "GrantRestored"] == [key]


async def test_a_repository_that_was_deleted_and_made_again_has_its_grants_soon() -> None:
    """The operator creates it again, empty: its accesses do not wait for the next check of the policy."""
    simulation = await owners()
    access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(60)
    simulation.fakes.google.remove(NAME)
    simulation.fakes.clock.advance(1.0)
    created = len([change for change in simulation.fakes.calls.changes if change.startswith("create projects/")])
    for _ in range(130):
        await simulation.run(10)
        changes = [change for change in simulation.fakes.calls.changes if change.startswith("create projects/")]
        if len(changes) > created:
            break
    await simulation.run(20)
    assert members(simulation) == {DEV}


async def test_a_new_pool_takes_over_without_a_gap() -> None:
    """The members of the old pool are removed only once the index accepts a token of the new one in the Secret."""
    simulation = await owners()
    fakes = simulation.fakes
    access(simulation, "team", "guest", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    (old,) = fakes.google.policy(NAME).bindings[0].members
    fleet = WorkloadIdentity("987654321098", "fleet-project.svc.id.goog")
    fakes.options = replace(fakes.options, migrate_from=Pool.of(fakes.workload))
    fakes.workload = fakes.index._workload = fleet
    new = fleet.member(Identity("team", "pull"))
    fakes.index.propagating = True
    fakes.calls.clear()
    simulation.boot()
    await simulation.run(300)
    assert {*fakes.google.policy(NAME).bindings[0].members} == {old, new}
    fakes.index.propagating = False
    await simulation.run(900)
    assert {*fakes.google.policy(NAME).bindings[0].members} == {new}
    assert fakes.calls.count()["policies.set"] == 2
    assert living_token(simulation, "team")


async def test_without_a_secret_the_old_pool_goes_with_its_tokens() -> None:
    """An access without a Secret keeps both members for the lifetime of a token."""
    simulation = await owners()
    fakes = simulation.fakes
    access(simulation, "team", "guest", subjects=PULL)
    await simulation.run(60)
    (old,) = fakes.google.policy(NAME).bindings[0].members
    fakes.options = replace(fakes.options, migrate_from=Pool.of(fakes.workload))
    fakes.workload = fakes.index._workload = WorkloadIdentity("987654321098", "fleet-project.svc.id.goog")
    simulation.boot()
    await simulation.run(3000)
    assert len(fakes.google.policy(NAME).bindings[0].members) == 2
    await simulation.run(1300)
    assert old not in fakes.google.policy(NAME).bindings[0].members
    assert members(simulation) == {"team/pull"}


async def test_an_access_that_comes_while_ledgers_are_written_is_granted_too() -> None:
    """An access that arrives between the first plan and the set is not in it, and does not count as seen."""
    simulation = await owners()
    late: list[ObjectKey] = []

    def after(call: PortCall) -> None:
        written = call.name == "objects.write_status" and call.args[0] is Kind.ACCESS
        if written and not late and call.args[2].get("grants"):
            late.append(access(simulation, "owners", "late", subjects=user(2)))
            simulation.watch()
            simulation.cache.store(Kind.ACCESS, finalized(simulation, late[0]))

    simulation.fakes.calls.after = after
    first = access(simulation, "owners", "first", subjects=user(1))
    await simulation.run(20)
    assert late
    assert members(simulation) == {"user:u1@example.com", "user:u2@example.com"}
    assert (reason(simulation, first), reason(simulation, late[0])) == ("Ready", "Ready")


def finalized(simulation: Simulation, key: ObjectKey) -> CustomObject:
    """An access that already has the operator's finalizer."""
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    body["metadata"]["finalizers"] = [FINALIZER]
    simulation.fakes.cluster.touch(body)
    return CustomObject.parse(body)


async def test_an_edit_made_while_the_operator_was_down_is_not_ready_before_it_is_granted() -> None:
    """After a start, conditions of the previous generation do not apply to the new one."""
    simulation = await owners(accessFrom={"namespaces": ["team"], "roles": ["Reader", "Writer"]})
    key = access(simulation, "owners", "team", subjects=GROUP)
    await simulation.run(60)
    access(simulation, "owners", "team", subjects=GROUP, role="Writer")
    refuse(simulation, "policies.get", Unavailable("Google answered 503."))
    simulation.boot()
    await simulation.run(60)
    row = condition(simulation, key, "Ready")
    assert row is not None
    assert (row.status, row.reason) == ("False", "Unavailable")
    simulation.fakes.calls.before = None
    await simulation.run(600)
    assert members(simulation, role=WRITER) == {DEV}
    assert reason(simulation, key) == "Ready"
