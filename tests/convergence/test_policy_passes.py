"""A pass over one policy: its requests, records, sets and reports, and that one bad access does not affect others."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes.calls import PortCall, port_call
from fakes.google import FakePolicies
from fakes.kubernetes import FakeObjects
from fakes.policies import NAME, OWNERS, REPOSITORY, PolicyRoom
from fakes.world import OPTIONS, Fakes
from structlog.testing import capture_logs

from wheelhouse.domain.iam import Binding, Grant, GrantRecord, GrantState, Policy
from wheelhouse.domain.keys import PolicyKey, RepositoryKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind
from wheelhouse.domain.project import Project
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.reconcile.debts import GrantDebt
from wheelhouse.reconcile.policy.recorder import AT_ONCE, INHERITED, MOST

Hook = Callable[[PortCall], None]


def failing(name: str, error: Exception, key: ObjectKey | None = None) -> Hook:
    """A hook that lets a port call fail, or only for one object."""

    def hook(call: PortCall) -> None:
        if call.name == name and (key is None or call.args[1].key == key):
            raise error

    return hook


def once(name: str, act: Callable[[], None]) -> Hook:
    """A hook that does something at the first such call."""
    done: list[bool] = []

    def hook(call: PortCall) -> None:
        if call.name == name and not done:
            done.append(True)
            act()

    return hook


def requests(room: PolicyRoom) -> dict[str, int]:
    """The port calls since the last time, with their counts."""
    found = dict(room.fakes.calls.count())
    room.fakes.calls.clear()
    return found


def events(room: PolicyRoom, reason: str) -> list[ObjectKey]:
    return [event.key for event in room.fakes.cluster.events if event.reason == reason]


def messages(room: PolicyRoom, key: ObjectKey) -> list[tuple[str, str | None]]:
    """State and message of each grant in status."""
    rows = room.fakes.cluster.objects[Kind.ACCESS, key]["status"]["grants"]
    return [(row["state"], row.get("message")) for row in rows]


def watched(room: PolicyRoom) -> None:
    """Start the operator anew, with a watch that brings what changed before the reply of each write of a status."""

    class Watched(FakeObjects):
        @port_call
        async def write_status(self, kind: Kind, stored: CustomObject, status: Any) -> CustomObject | None:
            try:
                return await FakeObjects.write_status.__wrapped__(self, kind, stored, status)  # type: ignore[attr-defined]  # functools.wraps
            finally:
                room.watch()

    room.fakes.objects = Watched(room.fakes.cluster, room.fakes.calls)
    room.boot()


# What a pass asks.


async def test_a_new_access_is_recorded_and_granted() -> None:
    """One read, one read of the repository because its policy was never set, one record, one set, one report."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    assert room.members() == {"ann"}
    assert room.states(key) == {"ann": "Granted"}
    assert room.condition(key) == ("True", "Granted")
    assert requests(room) == {
        "policies.get": 1,
        "repositories.get": 1,
        "objects.write_status": 2,
        "policies.set": 1,
        "objects.event": 1,
    }


async def test_a_repository_is_read_only_before_an_addition() -> None:
    """A second access with the same grant, and a revocation, cost no read of the repository."""
    room = PolicyRoom()
    room.want("first", "ann", "bob")
    await room.reconcile()
    requests(room)
    key = room.want("second", "ann")
    await room.reconcile()
    room.want("first", "ann")
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}
    assert room.members() == {"ann"}
    assert "repositories.get" not in requests(room)


async def test_a_first_access_gets_nothing_on_a_strangers_repository() -> None:
    """Another client created the repository again since its unit's pass, and set its policy meanwhile."""
    room = PolicyRoom()
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(60.0)
    room.fakes.google.plant(NAME)
    room.plant_members("zoe")
    key = room.want("team", "ann")
    await room.reconcile()
    assert room.members() == {"zoe"}
    assert room.condition(key) == ("False", "Pending")


async def test_what_was_seen_costs_no_request() -> None:
    """A pass with the same claims and ledgers as the last one sends no request until the next check for drift."""
    room = PolicyRoom()
    room.want("team", "ann")
    seconds = await room.reconcile()
    requests(room)
    room.fakes.clock.advance(100.0)
    assert await room.reconcile() == pytest.approx((seconds or 0.0) - 100.0)
    assert requests(room) == {}
    room.fakes.clock.advance(501.0)
    await room.reconcile()
    assert requests(room) == {"policies.get": 1}


@pytest.mark.parametrize("fraction", [0.0, 0.123456])
async def test_a_restart_reads_each_policy_once(fraction: float) -> None:
    """After a start one read is enough, before and after the repository was checked, and nothing is written."""
    room = PolicyRoom()
    room.fakes.clock.advance(fraction)
    room.plant()
    room.look()
    room.want("team", "ann")
    await room.reconcile()
    requests(room)
    room.boot(look=False)
    await room.reconcile()
    room.look()
    await room.reconcile()
    assert requests(room) == {"policies.get": 1}
    assert room.condition(ObjectKey(OWNERS, "team")) == ("True", "Granted")


async def test_a_claim_is_stale_until_a_pass_has_carried_it_out() -> None:
    """What a failed pass saw is retried by the queue; only later changes are stale."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def stale() -> bool:
        room.watch()
        declared = room.fakes.cache.access(key)
        assert declared is not None
        return room.unit.compare(declared, NAME, room.claims.of(declared))

    assert stale()
    room.fakes.calls.before = failing("policies.set", Unavailable("503"))
    with pytest.raises(Unavailable):
        await room.reconcile()
    room.fakes.calls.before = None
    assert not stale()
    await room.reconcile()
    assert room.members() == {"ann"}
    assert not stale()
    room.want("team", "ann", "bob")
    assert stale()


async def test_a_pass_that_failed_is_made_again() -> None:
    """Only a successful pass counts: the next pass sends requests, though no claim has changed."""
    room = PolicyRoom()
    room.want("team", "ann")
    room.fakes.calls.before = failing("policies.get", Unavailable("503"))
    with pytest.raises(Unavailable):
        await room.reconcile()
    room.fakes.calls.before = None
    await room.reconcile()
    assert room.members() == {"ann"}


# Which repository it is.


async def test_a_strangers_repository_of_the_same_name_gets_nothing_and_loses_nothing() -> None:
    """Another client created the repository again: our ledger ends without a set, whatever the policy contains."""
    room = PolicyRoom()
    key = room.want("team", "ann", "bob")
    await room.reconcile()
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(60.0)
    room.fakes.google.plant(NAME, labels={"team": "theirs"})
    room.plant_members("ann")
    room.fakes.calls.clear()
    room.fakes.clock.advance(700.0)
    await room.reconcile()
    assert room.members() == {"ann"}
    assert room.fakes.calls.count()["policies.set"] == 0
    assert room.states(key) == {}
    assert room.condition(key) == ("False", "Pending")
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == {"ann"}


async def test_a_repository_that_we_made_again_gets_its_grants() -> None:
    """With our labels on it, claims are recorded again with the new createTime."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    before = room.recorded(key).create_time
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(60.0)
    room.plant()
    room.look()
    found: list[list[tuple[str, str | None]]] = []
    room.fakes.calls.before = once("policies.set", lambda: found.append(messages(room, key)))
    await room.reconcile()
    assert found == [[("Recorded", None)]]
    assert room.members() == {"ann"}
    assert room.recorded(key).create_time not in (None, before)
    assert room.states(key) == {"ann": "Granted"}


async def test_a_repository_that_is_only_observed_gets_its_grants() -> None:
    """Under Observe no labels are required: its owner created it again, and claims are recorded again."""
    room = PolicyRoom()
    spec = {"location": NAME.location, "managementPolicy": "Observe"}
    room.fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, spec)
    room.watch()
    room.want("team", "ann")
    await room.reconcile()
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(700.0)
    room.fakes.google.plant(NAME, labels={"goog-terraform-provisioned": "true"})
    await room.reconcile()
    assert room.members() == {"ann"}


async def test_the_repository_unit_is_woken_for_another_repository() -> None:
    """What a policy pass finds out about the repository is left to that repository's own unit."""
    room = PolicyRoom()
    room.want("team", "ann")
    await room.reconcile()
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(700.0)
    room.fakes.google.plant(NAME)
    room.watch()
    await room.unit.reconcile(NAME)
    assert RepositoryKey(REPOSITORY) in room.woken()


async def test_a_ledger_without_create_time_belongs_to_what_stands() -> None:
    """A ledger of an older operator is revoked from the existing repository."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    del room.fakes.cluster.objects[Kind.ACCESS, key]["status"]["repositoryCreateTime"]
    room.fakes.cluster.touch(room.fakes.cluster.objects[Kind.ACCESS, key])
    room.boot()
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()
    assert (Kind.ACCESS, key) not in room.fakes.cluster.objects


async def test_with_the_repository_go_its_grants() -> None:
    """A 404 ends all ledgers: an access that is deleted then is released."""
    room = PolicyRoom()
    kept, gone = room.want("kept", "ann"), room.want("gone", "bob")
    await room.reconcile()
    room.fakes.google.remove(NAME)
    room.fakes.cluster.delete(Kind.ACCESS, gone)
    await room.reconcile()
    assert (Kind.ACCESS, gone) not in room.fakes.cluster.objects
    assert room.states(kept) == {}
    assert room.condition(kept) == ("False", "Pending")


class Blind(FakePolicies):
    """Answers once that the policy does not exist."""

    blind = True

    @port_call
    async def get(self, name: RepositoryName) -> Policy | None:
        self.blind, blind = False, self.blind
        return None if blind else self._google.policies.get(name.full)


async def test_a_policy_is_not_gone_while_its_repository_is_there() -> None:
    """A 404 on the policy of an existing repository is an outage: no ledger is lost."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.fakes.policies = Blind(room.fakes.google, room.fakes.calls)
    room.boot()
    with pytest.raises(Unavailable):
        await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}
    await room.reconcile()
    assert room.condition(key) == ("True", "Granted")


async def test_a_repository_that_goes_while_its_policy_is_read_is_read_again() -> None:
    """One contradicted answer that it does not exist ends no ledger."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.want("other", "bob")
    room.fakes.calls.before = once("repositories.get", lambda: room.fakes.google.remove(NAME))
    with pytest.raises(Conflict):
        await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}
    await room.reconcile()
    assert room.states(key) == {}


# Records.


async def test_a_pass_records_a_limited_number_the_oldest_first() -> None:
    """Of many new accesses the oldest are granted in the first set, and the next pass follows at once."""
    room = PolicyRoom()
    keys = [room.want(f"a{number:03}", f"u{number:03}") for number in range(MOST + 3)]
    for position, key in enumerate(reversed(keys)):
        minutes, seconds = divmod(position, 60)
        stamp = {"creationTimestamp": f"2026-01-01T00:{minutes:02}:{seconds:02}Z"}
        room.fakes.cluster.objects[Kind.ACCESS, key]["metadata"].update(stamp)
    room.watch()
    for _, body in list(room.fakes.cluster.objects.items()):
        room.fakes.cluster.touch(body)
    assert await room.reconcile() == 0.0
    assert room.members() == {f"u{number:03}" for number in range(3, MOST + 3)}
    await room.reconcile()
    assert len(room.members()) == MOST + 3
    assert room.fakes.calls.count()["policies.set"] == 2


class Slow(FakeObjects):
    """Counts how many status writes are in progress at once."""

    now = most = 0

    @port_call
    async def write_status(self, kind: Kind, stored: CustomObject, status: Any) -> CustomObject | None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return await FakeObjects.write_status.__wrapped__(self, kind, stored, status)  # type: ignore[attr-defined]  # functools.wraps


async def test_records_are_written_together_and_not_all_at_once() -> None:
    """Sixteen records at a time."""
    room = PolicyRoom()
    slow = room.fakes.objects = Slow(room.fakes.cluster, room.fakes.calls)
    room.boot()
    for number in range(40):
        room.want(f"a{number:02}", f"u{number}")
    room.watch()
    await room.unit.reconcile(NAME)
    assert slow.most == AT_ONCE
    assert len(room.members()) == 40


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (Refused("denied by a policy engine"), ("False", "PermissionDenied")),
        (Invalid("422: status.conditions: Too many: 33"), ("False", "InvalidArgument")),
        (Unavailable("a webhook timed out"), ("False", "Unavailable")),
        (Conflict("the object has been modified"), ("False", "Pending")),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_access_that_cannot_be_recorded_is_left_out_alone(
    error: WheelhouseError, condition: tuple[str, str]
) -> None:
    """All others are granted in the same pass; the one gets the reason, is never granted unrecorded, and recovers."""
    room = PolicyRoom()
    bad, good = room.want("bad", "bea"), room.want("good", "gus")
    room.fakes.calls.before = failing("objects.write_status", error, bad)
    seconds = await room.reconcile()
    assert seconds is not None
    assert seconds <= 60.0
    assert room.members() == {"gus"}
    assert room.condition(good) == ("True", "Granted")
    assert room.condition(bad) == condition
    for _ in range(5):
        room.fakes.clock.advance(60.0)
        await room.reconcile()
    assert room.members() == {"gus"}
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"bea", "gus"}


async def test_an_access_that_cannot_be_recorded_holds_up_no_withdrawal() -> None:
    """A grant that a leaving access and a bad one want is removed with the leaving one."""
    room = PolicyRoom()
    leaving = room.want("leaving", "ann")
    await room.reconcile()
    bad = room.want("bad", "ann")
    room.fakes.calls.before = failing("objects.write_status", Refused("denied"), bad)
    room.fakes.cluster.delete(Kind.ACCESS, leaving)
    await room.reconcile()
    assert (Kind.ACCESS, leaving) not in room.fakes.cluster.objects
    assert room.members() == set()


async def test_a_change_of_role_that_cannot_be_recorded_keeps_the_role_before() -> None:
    """A grant that cannot be recorded is not added, and the one that it would replace is not removed."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.want("team", "ann", role="Writer")
    room.fakes.calls.before = failing("objects.write_status", Refused("denied"), key)
    await room.reconcile()
    assert (room.members("reader"), room.members("writer")) == ({"ann"}, set())
    room.fakes.calls.before = None
    await room.settle()
    assert (room.members("reader"), room.members("writer")) == (set(), {"ann"})


async def test_a_new_owner_is_waited_for_a_moment() -> None:
    """The grant of a leaving access stays until the access that wants it has recorded it, so there is no gap."""
    room = PolicyRoom()
    leaving = room.want("leaving", "ann")
    await room.reconcile()
    new = room.want("new", "ann")
    room.fakes.cluster.delete(Kind.ACCESS, leaving)
    room.fakes.calls.before = failing("objects.write_status", Conflict("409"), new)
    seen: list[set[str]] = []
    room.fakes.calls.after = lambda _call: seen.append(room.members())
    await room.reconcile()
    room.fakes.calls.before = None
    await room.settle()
    assert all(members == {"ann"} for members in seen)
    assert (Kind.ACCESS, leaving) not in room.fakes.cluster.objects
    assert room.states(new) == {"ann": "Granted"}


async def test_a_conflict_is_tried_again_with_what_the_watch_brought() -> None:
    """An object that changed right before its record is recorded in the same pass once its new version is known."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def change() -> None:
        room.fakes.cluster.objects[Kind.ACCESS, key]["metadata"]["annotations"] = {"tick": "1"}
        room.fakes.cluster.touch(room.fakes.cluster.objects[Kind.ACCESS, key])

    room.fakes.calls.before = once("objects.write_status", change)

    watched(room)
    await room.reconcile()
    assert room.members() == {"ann"}


async def test_an_access_that_goes_while_it_is_recorded_fails_no_pass() -> None:
    """The record conflicts, and the watch brings that the object is gone: the others are granted."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.want("other", "bob")
    watched(room)

    def gone(call: PortCall) -> None:
        if call.name == "objects.write_status" and call.args[1].key == key:
            room.fakes.cluster.objects.pop((Kind.ACCESS, key), None)
            raise Conflict("409")

    room.fakes.calls.before = gone
    await room.reconcile()
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"bob"}


async def test_another_operators_record_is_its_own_grant() -> None:
    """Another operator records and sets the same grant first: it stays ours, and goes with the access."""
    room = PolicyRoom()
    room.plant_members("zoe")
    key = room.want("team", "ann")
    watched(room)

    def other(call: PortCall) -> None:
        room.fakes.calls.before = None
        body = room.fakes.cluster.objects[Kind.ACCESS, key]
        body["status"] = dict(call.args[2])
        room.fakes.cluster.touch(body)
        room.plant_members("zoe", "ann")

    def first(call: PortCall) -> None:
        if call.name == "objects.write_status":
            other(call)

    room.fakes.calls.before = first
    await room.settle()
    assert room.states(key) == {"ann": "Granted"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == {"zoe"}


async def test_nothing_is_set_while_kubernetes_takes_no_record() -> None:
    """If no record can be written the queue retries with its backoff; revocations continue."""
    room = PolicyRoom()
    leaving = room.want("leaving", "ann")
    await room.reconcile()
    for number in range(40):
        room.want(f"a{number:02}", f"u{number}")
    room.fakes.cluster.delete(Kind.ACCESS, leaving)
    room.fakes.calls.clear()
    room.fakes.calls.before = failing("objects.write_status", Unavailable("503"))
    with pytest.raises(Unavailable):
        await room.reconcile()
    assert room.members() == set()
    assert room.fakes.calls.count()["objects.write_status"] == AT_ONCE
    room.fakes.calls.before = None
    await room.settle()
    assert len(room.members()) == 40


# Attempts.


async def test_a_refused_set_is_unrecorded() -> None:
    """The additions of a refused set leave the ledger with the condition; an admin's own grant stays theirs."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.set", Refused("The caller does not have permission"))
    assert await room.reconcile() == 60.0
    assert room.states(key) == {}
    assert room.condition(key) == ("False", "PermissionDenied")
    room.plant_members("ann")
    room.fakes.clock.advance(60.0)
    await room.reconcile()
    assert room.states(key) == {"ann": "Existing"}
    room.fakes.calls.before = None
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == {"ann"}


async def test_a_refused_set_is_tried_with_one_access() -> None:
    """While Google refuses, each attempt records and un-records one access and not all of them."""
    room = PolicyRoom()
    keys = [room.want(f"a{number}", f"u{number}") for number in range(20)]
    room.fakes.calls.before = failing("policies.set", Refused("no"))
    await room.reconcile()
    for _ in range(10):
        room.fakes.calls.clear()
        room.fakes.clock.advance(60.0)
        await room.reconcile()
        assert room.fakes.calls.count()["objects.write_status"] <= 2
    assert all(room.condition(key) == ("False", "PermissionDenied") for key in keys)
    room.fakes.calls.before = None
    await room.settle()
    assert len(room.members()) == 20


async def test_a_refused_set_leaves_others_as_they_are() -> None:
    """An access without new claims stays granted; grants to remove stay ours."""
    room = PolicyRoom()
    content, leaving = room.want("content", "ann"), room.want("leaving", "bob")
    await room.reconcile()
    room.fakes.cluster.delete(Kind.ACCESS, leaving)
    room.fakes.calls.before = failing("policies.set", Refused("no"))
    await room.reconcile()
    assert room.condition(content) == ("True", "Granted")
    assert room.condition(leaving) == ("False", "PermissionDenied")
    assert room.states(leaving) == {"bob": "Granted"}
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"ann"}


async def test_a_grant_that_another_client_adds_between_read_and_set_is_theirs() -> None:
    """After a conflict a recorded grant that is found is the other client's: Existing, and never removed."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = once("policies.set", lambda: room.plant_members("ann"))
    with pytest.raises(Conflict):
        await room.reconcile()
    assert room.states(key) == {"ann": "Recorded"}
    await room.reconcile()
    assert room.states(key) == {"ann": "Existing"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == {"ann"}


@pytest.mark.parametrize("said", [{"state": "Granted"}, {"message": INHERITED}], ids=["set", "about to set"])
async def test_a_grant_that_an_operator_beside_this_one_sets_is_ours(said: dict[str, str]) -> None:
    """The other one set it first, and its status says that it did, or only that it is about to: it ended then."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def other() -> None:
        room.plant_members("ann")
        body = room.fakes.cluster.objects[Kind.ACCESS, key]
        body["status"] = {**body["status"], "grants": [grant | said for grant in body["status"]["grants"]]}
        room.fakes.cluster.touch(body)

    room.fakes.calls.before = once("policies.set", other)
    with pytest.raises(Conflict):
        await room.reconcile()
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()


async def test_a_process_says_that_it_sets_what_another_one_recorded() -> None:
    """A process that still runs would take the grant for another client's: it must see a change of status first."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.set", Conflict("409"))
    with pytest.raises(Conflict):
        await room.reconcile()
    assert messages(room, key) == [("Recorded", None)]
    room.boot()
    room.want("other", "bob")
    room.fakes.calls.clear()
    found: list[list[tuple[str, str | None]]] = []
    room.fakes.calls.before = once("policies.set", lambda: found.append(messages(room, key)))
    await room.reconcile()
    assert found == [[("Recorded", INHERITED)]]
    assert room.members() == {"ann", "bob"}
    assert messages(room, key) == [("Granted", None)]
    assert room.fakes.calls.count()["policies.set"] == 1


@pytest.mark.parametrize("error", [Conflict("409"), Refused("denied by a webhook"), Unavailable("503")])
async def test_what_another_process_recorded_is_not_set_before_status_says_so(error: WheelhouseError) -> None:
    """If status cannot be written, the grant waits; it is set as soon as the write succeeds."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.set", Conflict("409"))
    with pytest.raises(Conflict):
        await room.reconcile()
    room.boot()
    room.want("other", "bob")
    room.fakes.calls.before = failing("objects.write_status", error, key)
    for _ in range(3):
        with contextlib.suppress(WheelhouseError):
            await room.reconcile()
        room.fakes.clock.advance(1.0)
    assert room.members() == {"bob"}
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"ann", "bob"}
    assert messages(room, key) == [("Granted", None)]


async def test_a_record_whose_reply_was_lost_is_set() -> None:
    """Its status was written, but the process does not know it: it records the grant again, and sets it."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.after = failing("objects.write_status", Unavailable("the reply was lost"))
    with contextlib.suppress(WheelhouseError):
        await room.reconcile()
    room.fakes.calls.after = None
    await room.settle()
    assert room.members() == {"ann"}
    assert messages(room, key) == [("Granted", None)]


async def test_a_set_without_an_answer_is_tried_again_without_a_write() -> None:
    """The process knows that it recorded the grant itself: its status stays as it is until the set succeeds."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.set", Unavailable("503"))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await room.reconcile()
    assert messages(room, key) == [("Recorded", None)]
    assert room.fakes.calls.count()["objects.write_status"] == 1
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"ann"}


SCANNED = {
    "type": "example.com/Scanned",
    "status": "True",
    "reason": "Ok",
    "message": "",
    "lastTransitionTime": "2026-05-01T10:00:00Z",
}
"""A condition of another controller."""


def scan(room: PolicyRoom, key: ObjectKey) -> None:
    """Let another controller write its condition."""
    body = room.fakes.cluster.objects[Kind.ACCESS, key]
    body["status"] = {**body["status"], "conditions": [*body["status"].get("conditions", ()), dict(SCANNED)]}
    room.fakes.cluster.touch(body)
    room.watch()


async def test_a_condition_of_another_controller_makes_no_write_a_foreign_one() -> None:
    """The watch brings the own record before the reply: it is the own one, with the condition that stays in it."""
    room = PolicyRoom()
    watched(room)
    key = room.want("team", "ann")
    room.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {}
    scan(room, key)
    await room.reconcile()
    assert room.members() == {"ann"}
    assert room.fakes.calls.count()["objects.write_status"] == 2


async def test_a_status_that_changes_during_a_pass_delays_the_grant_by_a_moment() -> None:
    """Another client writes the status of one access while the next one is recorded: both are granted at once."""
    room = PolicyRoom()
    first, second = room.want("a", "ann"), room.want("b", "bob")
    done: list[bool] = []

    def hook(call: PortCall) -> None:
        if call.name == "objects.write_status" and call.args[1].key == second and not done:
            done.append(True)
            scan(room, first)

    room.fakes.calls.before = hook
    begun = room.fakes.clock.elapsed()
    seconds = await room.reconcile()
    assert seconds is not None
    assert seconds < 10
    room.fakes.clock.advance(seconds)
    await room.reconcile()
    assert room.members() == {"ann", "bob"}
    assert room.fakes.clock.elapsed() - begun < 10


async def test_an_access_that_cannot_be_recorded_is_not_the_first_for_ever() -> None:
    """After a refused set one access is tried at a time: one that a webhook denies lets the others pass."""
    room = PolicyRoom()
    denied = room.want("a", "ann")
    room.want("b", "bob")
    room.fakes.calls.before = failing("policies.set", Refused("no"))
    await room.reconcile()
    room.fakes.calls.before = failing("objects.write_status", Refused("denied by a webhook"), denied)
    delays = []
    for _ in range(6):
        seconds = await room.reconcile()
        assert seconds is not None
        delays.append(seconds)
        room.fakes.clock.advance(max(seconds, 0.01))
    assert room.members() == {"bob"}
    assert sum(delay > 0 for delay in delays) >= len(delays) - 1
    room.fakes.calls.before = None
    await room.settle()
    assert room.members() == {"ann", "bob"}


async def test_a_grant_without_room_says_so_at_once() -> None:
    """Another access is recorded in the same pass, and the plan after it has only what is recorded."""
    room = PolicyRoom()
    room.fakes.google.plant_policy(NAME, Binding("roles/x", tuple(f"user:u{n}@x.y" for n in range(1499))))
    fits, full = room.want("a", "ann"), room.want("b", "bob")
    await room.reconcile()
    assert room.condition(fits) == ("True", "Granted")
    assert room.condition(full) == ("False", "PolicyFull")


async def test_existing_is_written_before_the_next_set() -> None:
    """After a crash right after that set, another client's grant must not count as ours."""
    room = PolicyRoom()
    key = room.want("team", "ann", "bob")
    room.fakes.calls.before = once("policies.set", lambda: room.plant_members("ann"))
    with pytest.raises(Conflict):
        await room.reconcile()
    found: list[dict[str, str]] = []

    def look(call: PortCall) -> None:
        if call.name == "policies.set":
            found.append(room.states(key))

    room.fakes.calls.before = look
    await room.reconcile()
    assert found == [{"ann": "Existing", "bob": "Recorded"}]


@pytest.mark.parametrize("restart", [False, True], ids=["", "and a restart"])
async def test_a_lost_reply_leaves_the_grant_ours(restart: bool) -> None:
    """A set that may have been applied made the found grant: it is removed with its access."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.after = failing("policies.set", Unavailable("the reply was lost"))
    with pytest.raises(Unavailable):
        await room.reconcile()
    room.fakes.calls.after = None
    if restart:
        room.boot()
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()


async def test_a_lost_reply_is_in_doubt_for_good() -> None:
    """A conflict after a lost reply proves nothing about the lost one."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.set", Unavailable("503"))
    with pytest.raises(Unavailable):
        await room.reconcile()
    room.fakes.calls.before = once("policies.set", lambda: room.plant_members("ann"))
    with pytest.raises(Conflict):
        await room.reconcile()
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}


async def test_a_policy_that_iam_finds_too_large_is_not_bisected() -> None:
    """One set is refused for its size: the new ones get PolicyFull and are un-recorded, revocations continue."""
    room = PolicyRoom()
    old = room.want("old", "zoe")
    await room.reconcile()
    keys = [room.want(f"a{number}", f"u{number}") for number in range(8)]
    room.fakes.cluster.delete(Kind.ACCESS, old)
    room.fakes.google.member_limit = 0
    room.fakes.calls.clear()
    await room.settle()
    assert room.fakes.calls.count()["policies.set"] == 2
    assert room.members() == set()
    assert {room.condition(key) for key in keys} == {("False", "PolicyFull")}
    assert all(room.states(key) == {} for key in keys)
    room.plant_members("u0")
    room.fakes.google.member_limit = 1500
    room.fakes.clock.advance(300.0)
    room.fakes.calls.clear()
    await room.settle()
    assert room.fakes.calls.count()["policies.set"] == 0  # There is no more room than before.
    room.fakes.clock.advance(400.0)
    await room.settle()
    assert room.states(keys[0]) == {"u0": "Existing"}
    assert all(room.condition(key) == ("True", "Granted") for key in keys[1:])
    assert room.fakes.calls.count()["policies.set"] == 2  # First a half, then all others at once.


@pytest.mark.parametrize("writer", ["operator", "another client"])
async def test_what_was_too_large_is_retried_when_there_is_room(writer: str) -> None:
    """A grant that is removed makes room: the next pass retries, and one that fails again costs one set."""
    room = PolicyRoom()
    room.plant_members("amy", "eve")
    old = room.want("old", "zoe")
    await room.settle()
    room.fakes.google.member_limit = 3
    new = room.want("new", "una")
    await room.settle()
    assert room.condition(new) == ("False", "PolicyFull")
    room.fakes.calls.clear()
    if writer == "operator":
        room.fakes.cluster.delete(Kind.ACCESS, old)
    else:
        room.fakes.google.plant_policy(
            NAME, Binding("roles/artifactregistry.reader", ("user:amy@example.com", "user:zoe@example.com"))
        )
        room.want("other", "amy")  # A reason for a pass.
    await room.settle()
    assert "una" in room.members()
    assert room.condition(new) == ("True", "Granted")
    assert room.fakes.calls.count()["policies.set"] <= 2


async def test_a_revocation_retries_only_as_many_as_fit() -> None:
    """For one principal that leaves, the oldest waiting access is retried, and nothing is written about the others."""
    room = PolicyRoom()
    olds = [room.want(f"old{number}", f"o{number}") for number in range(3)]
    await room.settle()
    room.fakes.google.member_limit = 3
    waiting = [room.want(f"new{number}", f"u{number}") for number in range(50)]
    await room.settle()
    for number in range(2):
        room.fakes.calls.clear()
        room.fakes.cluster.delete(Kind.ACCESS, olds[number])
        await room.settle()
        assert room.condition(waiting[number]) == ("True", "Granted")
        assert room.members() == {
            "o2",
            *(f"o{each}" for each in range(number + 1, 2)),
            *(f"u{each}" for each in range(number + 1)),
        }
        assert room.fakes.calls.count()["policies.set"] == 2
        assert room.fakes.calls.count()["objects.write_status"] <= 3
    late = room.want("late", "tim")
    await room.settle()
    assert room.condition(late) == ("False", "PolicyFull")


async def test_a_tenant_that_comes_and_goes_costs_the_others_nothing() -> None:
    """Its removal makes room for one grant at most, which is tried once."""
    room = PolicyRoom()
    mine = room.want("mine", "ann")
    await room.settle()
    room.fakes.google.member_limit = 1
    for number in range(50):
        room.want(f"other{number}", f"u{number}")
    await room.settle()
    for number in range(4):
        room.want("second", f"new{number}")
        await room.settle()
        room.fakes.calls.clear()
        room.fakes.google.member_limit = 0  # The freed room is gone before the operator can use it.
        room.fakes.cluster.delete(Kind.ACCESS, mine)
        await room.settle()
        assert room.fakes.calls.count()["objects.write_status"] <= 4
        assert room.fakes.calls.count()["policies.set"] <= 2
        room.fakes.google.member_limit = 1
        mine = room.want("mine", "ann")
        await room.settle()


async def test_a_change_of_role_that_was_too_much_uses_the_room_of_one_revocation() -> None:
    """Until then the old role stays; it counts among the principals of the refused policy."""
    room = PolicyRoom()
    first, second = room.want("first", "ann"), room.want("second", "bob")
    await room.settle()
    room.fakes.google.member_limit = 1
    room.want("first", "ann", role="Writer")
    await room.settle()
    assert room.condition(first) == ("False", "PolicyFull")
    assert room.members() == {"ann", "bob"}
    room.fakes.cluster.delete(Kind.ACCESS, second)
    await room.settle()
    assert (room.members(), room.members("writer")) == (set(), {"ann"})


async def test_what_was_too_large_is_retried_after_ten_minutes() -> None:
    """Not at the first check of the policy after that, which may be much later."""
    room = PolicyRoom(Fakes(options=replace(OPTIONS, drift_interval=timedelta(hours=1))))
    room.fakes.google.member_limit = 0
    new = room.want("new", "una")
    await room.settle()
    room.fakes.google.member_limit = 1500
    room.fakes.clock.advance(601.0)
    await room.settle()
    assert room.condition(new) == ("True", "Granted")


async def full(limit: int) -> tuple[PolicyRoom, list[ObjectKey]]:
    """IAM accepts so many of twenty new grants, and does not say so: the set with all of them was refused."""
    room = PolicyRoom()
    room.fakes.google.member_limit = limit
    keys = [room.want(f"new{number:02}", f"u{number}") for number in range(20)]
    await room.settle()
    return room, keys


def granted_first(room: PolicyRoom, keys: list[ObjectKey], count: int) -> bool:
    """Whether the oldest accesses have their grants, and the others wait."""
    reasons = [room.condition(key)[1] for key in keys]
    return reasons == ["Granted"] * count + ["PolicyFull"] * (len(keys) - count)


async def test_the_oldest_of_what_was_too_large_fit_in_the_end() -> None:
    """Every ten minutes costs two sets at most; once there is room for all, they follow at once."""
    room, keys = await full(3)
    for _ in range(6):
        room.fakes.clock.advance(601.0)
        room.fakes.calls.clear()
        await room.settle()
        assert room.fakes.calls.count()["policies.set"] <= 2
    assert granted_first(room, keys, 3)
    room.fakes.google.member_limit = 1500
    room.fakes.clock.advance(601.0)
    room.fakes.calls.clear()
    await room.settle()
    assert {room.condition(key)[1] for key in keys} == {"Granted"}
    assert room.fakes.calls.count()["policies.set"] <= 5  # One, two, four, eight, and the last two.


@pytest.mark.parametrize("when", ["before the retry", "in the same pass"])
async def test_a_tenant_cannot_keep_the_oldest_from_fitting(when: str) -> None:
    """However many grants a younger access requests, and however often, three older ones fit after some retries."""
    room, keys = await full(3)
    for number in range(6):
        room.fakes.clock.advance(601.0 if when == "in the same pass" else 400.0)
        room.want("younger", *(f"x{number}-{each}" for each in range(40)))
        room.fakes.calls.clear()
        await room.settle()
        if when == "before the retry":
            assert room.fakes.calls.count()["policies.set"] == 1
            room.fakes.clock.advance(201.0)
            await room.settle()
        assert room.fakes.calls.count()["policies.set"] <= 3
    assert granted_first(room, keys, 3)


@pytest.mark.parametrize("failure", ["policies.set", "objects.write_status"])
async def test_an_outage_during_a_retry_changes_no_portion(failure: str) -> None:
    """The retried grants are tried again after the outage, alone; their answer counts."""
    room, keys = await full(2)
    for _ in range(2):
        room.fakes.clock.advance(601.0)
        await room.settle()
    room.fakes.clock.advance(601.0)
    room.fakes.calls.before = failing(failure, Unavailable("503"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            await room.reconcile()
    room.fakes.calls.before = None
    await room.settle()
    assert granted_first(room, keys, 2)


async def test_a_reduced_role_does_not_wait_for_new_grants() -> None:
    """IAM refuses a set with both for its size: the change of role, which needs no room, is set without the others."""
    room = PolicyRoom()
    changed = room.want("changed", "ann", role="Writer")
    await room.settle()
    room.fakes.google.member_limit = 1
    room.want("changed", "ann", role="Reader")
    new = room.want("new", "una")
    room.fakes.calls.clear()
    await room.settle()
    assert (room.members(), room.members("writer")) == ({"ann"}, set())
    assert (room.condition(changed), room.condition(new)) == (("True", "Granted"), ("False", "PolicyFull"))
    assert room.fakes.calls.count()["policies.set"] == 2


async def test_room_that_appears_during_a_search_is_used_by_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM names no rejected member, and meanwhile another client removes its members: no grant stays Pending."""
    room = PolicyRoom()
    room.plant_members("xia", "yan", "zoe")

    def validate(_self: FakePolicies, policy: Policy) -> None:
        members = {member for binding in policy.bindings for member in binding.members}
        if "user:dan@example.com" in members:
            raise Invalid("A member does not exist.", Reason.MEMBER_REJECTED)
        if "user:ann@example.com" in members and len(members) > 3:
            raise Invalid("The policy is too large.", Reason.POLICY_FULL)

    monkeypatch.setattr(FakePolicies, "_validate", validate)
    keys = [room.want(name, name) for name in ("ann", "bob", "cyd", "dan")]

    def leave(call: PortCall) -> None:
        if call.name == "policies.get" and room.fakes.calls.count()["policies.get"] == 2:
            room.fakes.google.plant_policy(NAME, Binding("roles/artifactregistry.reader", ("user:bob@example.com",)))

    room.fakes.calls.before = leave
    await room.settle()
    assert {room.condition(key)[1] for key in keys} <= {"Granted", "MemberRejected"}


FOREIGN_STATES = {
    "the record is removed twice": [[], []],
    "it is recorded again, and removed": [["Recorded"], []],
    "it is rejected": [["Rejected"]],
}


@pytest.mark.parametrize("during", [False, True], ids=["after the set", "during the set"])
@pytest.mark.parametrize("statuses", FOREIGN_STATES.values(), ids=FOREIGN_STATES)
async def test_a_status_of_another_operator_does_not_end_what_was_set(statuses: list[list[str]], during: bool) -> None:
    """Its view is older than the set: the grant stays ours, and goes with its access."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def foreign(states: list[str], message: str) -> None:
        status = dict(room.fakes.cluster.objects[Kind.ACCESS, key]["status"])
        rows = status.get("conditions") or [{"type": "Ready", "status": "False", "reason": "Pending"}]
        status["conditions"] = [
            row | {"message": message, "lastTransitionTime": "2026-12-31T00:00:00Z"} for row in rows
        ]
        grant = {"role": "roles/artifactregistry.reader", "member": "user:ann@example.com"}
        status["grants"] = [grant | {"state": state} for state in states]
        room.fakes.cluster.objects[Kind.ACCESS, key]["status"] = status
        room.fakes.cluster.touch(room.fakes.cluster.objects[Kind.ACCESS, key])
        room.watch()

    first, rest = (statuses[0], statuses[1:]) if during else (None, statuses)
    if first is not None:
        room.fakes.calls.before = once("policies.set", lambda: foreign(first, "first"))
    room.watch()
    await room.unit.reconcile(NAME)
    for number, states in enumerate(rest):
        foreign(states, str(number))
    await room.settle()
    assert room.states(key) == {"ann": "Granted"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()


# Rejected members.


async def test_one_rejected_member_costs_one_set_more() -> None:
    """The member in IAM's message is left out at once, with that message only on its own access."""
    room = PolicyRoom()
    keys = [room.want(f"a{number}", f"u{number}") for number in range(32)]
    room.fakes.google.rejected_members = {"user:u7@example.com"}
    await room.reconcile()
    assert len(room.members()) == 31
    assert room.fakes.calls.count()["policies.set"] == 2
    assert room.condition(keys[7]) == ("False", "MemberRejected")
    assert room.states(keys[7]) == {"u7": "Rejected"}
    assert room.condition(keys[8]) == ("True", "Granted")
    room.fakes.calls.clear()
    room.want("late", "tim")
    await room.settle()
    assert room.fakes.calls.count()["policies.set"] == 1


class Silent(FakePolicies):
    """IAM without the name of the rejected member in its message."""

    @port_call
    async def set(self, name: RepositoryName, policy: Policy) -> None:
        try:
            await FakePolicies.set.__wrapped__(self, name, policy)  # type: ignore[attr-defined]  # functools.wraps
        except Invalid as error:
            raise Invalid("One or more users do not belong to a permitted customer.", error.reason) from None


async def silent() -> PolicyRoom:
    room = PolicyRoom()
    room.fakes.policies = Silent(room.fakes.google, room.fakes.calls)
    room.boot()
    return room


async def test_rejected_members_without_a_name_are_found_by_halves() -> None:
    """Two bad ones among 64 cost a few sets for each halving, and no other is lost."""
    room = await silent()
    keys = [room.want(f"a{number:02}", f"u{number:02}") for number in range(64)]
    room.fakes.google.rejected_members = {"user:u07@example.com", "user:u40@example.com"}
    await room.reconcile()
    assert room.members() == {f"u{number:02}" for number in range(64)} - {"u07", "u40"}
    assert room.fakes.calls.count()["policies.set"] <= 2 * 2 * 6
    assert {room.condition(keys[number])[1] for number in (7, 40)} == {"MemberRejected"}
    room.fakes.calls.clear()
    room.fakes.clock.advance(601.0)
    await room.reconcile()
    assert room.fakes.calls.count()["policies.set"] <= 4
    assert len(room.members()) == 62


async def test_a_policy_that_is_rejected_unchanged_is_no_access_fault() -> None:
    """A rejected member of another client is no access's fault: additions get the error, and nothing is lost."""
    room = await silent()
    content = room.want("content", "ann")
    await room.reconcile()
    leaving = room.want("leaving", "bob")
    await room.reconcile()
    room.plant_members("gone")
    room.fakes.google.rejected_members = {"user:gone@example.com"}
    room.fakes.cluster.delete(Kind.ACCESS, leaving)
    assert await room.reconcile() == 60.0
    assert room.condition(leaving) == ("False", "MemberRejected")
    assert room.condition(content) == ("True", "Granted")
    room.fakes.google.rejected_members = set()
    await room.settle()
    assert room.members() == {"ann", "gone"}


async def test_a_rejection_leaks_no_other() -> None:
    """Grants that were set around a rejected member are ours, and are removed with their access."""
    room = await silent()
    key = room.want("team", "ann", "bob", "zoe")
    room.fakes.google.rejected_members = {"user:zoe@example.com"}
    await room.settle()
    assert room.states(key) == {"ann": "Granted", "bob": "Granted", "zoe": "Rejected"}
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()


# Adoption and debts.


@pytest.mark.parametrize("policy", ["Never", "Always"])
async def test_adoption(policy: str) -> None:
    """Under Always an existing grant becomes the access's own, with an Event; under Never it stays unchanged."""
    room = PolicyRoom()
    room.plant_members("ann")
    key = room.want("team", "ann", adoptionPolicy=policy)
    await room.reconcile()
    adopted = policy == "Always"
    assert room.states(key) == {"ann": "Granted" if adopted else "Existing"}
    assert events(room, "GrantAdopted") == ([key] if adopted else [])
    assert room.fakes.calls.count()["policies.set"] == 0
    room.want("team", "ann", adoptionPolicy="Never")
    await room.reconcile()
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == (set() if adopted else {"ann"})


async def test_adoption_that_is_switched_on_later() -> None:
    """An Existing grant is adopted when the policy becomes Always; that alone makes the claim stale."""
    room = PolicyRoom()
    room.plant_members("ann")
    key = room.want("team", "ann")
    await room.reconcile()
    room.want("team", "ann", adoptionPolicy="Always")
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted"}


async def test_adoption_is_for_the_repositorys_own_namespace() -> None:
    """From another namespace nothing is adopted."""
    room = PolicyRoom()
    room.fakes.cluster.put_namespace("tenant")
    spec = {"location": NAME.location, "accessFrom": {"namespaces": ["tenant"]}}
    room.fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, spec)
    room.watch()
    room.look()
    key = ObjectKey("tenant", "team")
    wish = {
        "repositoryRef": {"name": REPOSITORY.name, "namespace": OWNERS},
        "subjects": [{"kind": "ServiceAccount", "name": "pull"}],
        "adoptionPolicy": "Always",
    }
    room.fakes.cluster.put(Kind.ACCESS, key, wish, finalizers=[FINALIZER])
    member = f"{room.fakes.workload.principals}ns/tenant/sa/pull"
    room.fakes.google.plant_policy(NAME, Binding("roles/artifactregistry.reader", (member,)))
    await room.reconcile()
    assert [str(record.state) for record in room.recorded(key).grants] == ["Existing"]


def strip(room: PolicyRoom, key: ObjectKey) -> None:
    """Another client removes our finalizer from an object and deletes it on the same connection."""
    del room.fakes.cluster.objects[Kind.ACCESS, key]


async def test_a_debt_is_paid() -> None:
    """The grants of an access that disappeared without a release are revoked, and then forgotten."""
    room = PolicyRoom()
    room.want("stays", "ann")
    key = room.want("stripped", "bob")
    await room.reconcile()
    strip(room, key)
    with capture_logs() as logs:
        await room.reconcile()
    assert room.members() == {"ann"}
    assert room.debts.grants(NAME) == ()
    revoked = [line for line in logs if line["event"] == "Revoked"]
    assert [(line["member"], line["why"]) for line in revoked] == [
        ("user:bob@example.com", "its access disappeared without a release")
    ]


async def test_a_debt_that_a_living_access_wants_is_its_own_then() -> None:
    """The grant stays without a gap and is removed with the access that wanted it."""
    room = PolicyRoom()
    key = room.want("stripped", "ann")
    await room.reconcile()
    other = room.want("other", "ann")
    strip(room, key)
    await room.reconcile()
    assert room.members() == {"ann"}
    assert room.states(other) == {"ann": "Granted"}
    assert room.debts.grants(NAME) == ()
    room.fakes.cluster.delete(Kind.ACCESS, other)
    await room.settle()
    assert room.members() == set()


async def test_a_debt_on_another_repository_is_no_debt() -> None:
    """If another client created the repository again, the debt was on the previous one and is gone."""
    room = PolicyRoom()
    key = room.want("stripped", "ann", "bob")
    await room.reconcile()
    strip(room, key)
    room.fakes.google.remove(NAME)
    room.fakes.clock.advance(60.0)
    room.fakes.google.plant(NAME)
    room.plant_members("ann")
    await room.reconcile()
    assert room.members() == {"ann"}
    assert room.debts.grants(NAME) == ()


async def test_a_debt_alone_is_reason_for_a_pass() -> None:
    """A debt is revoked though no claim has changed since the last pass."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    created = room.recorded(key).create_time
    bob = Grant("roles/artifactregistry.reader", "user:bob@example.com")
    room.plant_members("bob")
    room.debts.owe(GrantDebt(ObjectKey(OWNERS, "gone"), "uid", NAME, created, (GrantRecord(bob, GrantState.GRANTED),)))
    await room.reconcile()
    assert room.members() == {"ann"}


async def test_a_debt_outlives_a_failed_pass() -> None:
    """A debt is paid by a set, not by an attempt."""
    room = PolicyRoom()
    key = room.want("stripped", "ann")
    await room.reconcile()
    strip(room, key)
    room.fakes.calls.before = failing("policies.set", Refused("no"))
    await room.reconcile()
    assert room.debts.grants(NAME) != ()
    room.fakes.calls.before = None
    await room.reconcile()
    assert room.members() == set()


# Claims that change meanwhile, and drift.


async def test_consent_that_goes_while_ledgers_are_written_is_gone() -> None:
    """Claims are checked again right before the set: an access deleted in between gets no grant."""
    room = PolicyRoom()
    kept, gone = room.want("kept", "ann"), room.want("gone", "bob")
    sets: list[tuple[Binding, ...]] = []

    def hook(call: PortCall) -> None:
        if call.name == "objects.write_status" and call.args[1].key == kept:
            room.fakes.cluster.delete(Kind.ACCESS, gone)
            room.watch()
        if call.name == "policies.set":
            sets.append(call.args[1].bindings)

    room.fakes.calls.after = hook
    await room.settle()
    assert all("user:bob@example.com" not in binding.members for bindings in sets for binding in bindings)
    assert room.members() == {"ann"}
    assert (Kind.ACCESS, gone) not in room.fakes.cluster.objects


async def test_a_withdrawal_joins_the_set_that_is_under_way() -> None:
    """An access that is deleted while another is recorded is revoked by the same set."""
    room = PolicyRoom()
    leaving = room.want("leaving", "ann")
    await room.reconcile()
    new = room.want("new", "bob")

    def hook(call: PortCall) -> None:
        if call.name == "objects.write_status" and call.args[1].key == new:
            room.fakes.cluster.delete(Kind.ACCESS, leaving)
            room.watch()

    room.fakes.calls.after = hook
    room.fakes.calls.clear()
    await room.reconcile()
    assert room.members() == {"bob"}
    assert room.fakes.calls.count()["policies.set"] == 1


async def test_what_another_operator_records_meanwhile_is_not_lost() -> None:
    """During a rollout two operators may run: what the other one records during our set can still be revoked."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def other() -> None:
        body = room.fakes.cluster.objects[Kind.ACCESS, key]
        zoe = {"role": "roles/artifactregistry.reader", "member": "user:zoe@example.com", "state": "Granted"}
        body["status"] = {**body["status"], "grants": [*body["status"]["grants"], zoe]}
        room.fakes.cluster.touch(body)
        room.watch()

    room.fakes.calls.after = once("policies.set", other)
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted", "zoe": "Granted"}
    room.plant_members("zoe")
    room.fakes.cluster.delete(Kind.ACCESS, key)
    await room.settle()
    assert room.members() == set()


async def test_a_successor_of_the_same_name_inherits_no_ledger() -> None:
    """An access that disappears while its grant is set leaves a debt, and nothing for the next object with its name."""
    room = PolicyRoom()
    key = room.want("team", "ann")

    def succeed() -> None:
        strip(room, key)
        room.watch()
        room.want("team", "bob")
        room.watch()

    room.fakes.calls.after = once("policies.set", succeed)
    room.watch()
    await room.unit.reconcile(NAME)
    declared = room.fakes.cache.access(key)
    assert declared is not None
    assert room.findings.grants(declared.stored).grants == ()
    assert [debt.access for debt in room.debts.grants(NAME)] == [key]
    await room.settle()
    assert room.members() == {"bob"}


async def test_a_grant_that_was_removed_by_hand_is_restored_with_a_warning() -> None:
    """At the next check for drift: with an Event on the access and a warning in the log."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.fakes.google.plant_policy(NAME)
    room.fakes.clock.advance(700.0)
    with capture_logs() as logs:
        await room.reconcile()
    assert room.members() == {"ann"}
    assert events(room, "GrantRestored") == [key]
    declared = room.fakes.cache.access(key)
    assert declared is not None
    assert room.findings.grants(declared.stored).restored == 1, "the index is asked again"
    assert [line["log_level"] for line in logs if line["event"] == "Restored a grant"] == ["warning"]


async def test_a_grant_is_not_restored_while_the_repository_is_not_usable() -> None:
    """It is restored as soon as the repository is usable again, without waiting for the next check for drift."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.fakes.google.plant_policy(NAME)
    room.usable = False
    room.look()
    room.fakes.clock.advance(700.0)
    await room.reconcile()
    assert room.members() == set()
    assert room.condition(key) == ("False", "Pending")
    room.usable = True
    room.look()
    await room.reconcile()
    assert room.members() == {"ann"}
    assert events(room, "GrantRestored") == [key]


async def test_each_grant_and_revoke_is_one_line_in_the_log() -> None:
    """Member, role, repository, object, and reason."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    with capture_logs() as logs:
        await room.reconcile()
        room.fakes.cluster.delete(Kind.ACCESS, key)
        await room.reconcile()
    words = {
        "object": "owners/team",
        "member": "user:ann@example.com",
        "role": "roles/artifactregistry.reader",
        "repository": NAME.full,
        "log_level": "info",
    }
    assert [line for line in logs if line["event"] in {"Granted", "Revoked"}] == [
        words | {"event": "Granted", "why": "the access requests it"},
        words | {"event": "Revoked", "why": "the access is deleted"},
    ]


# Outages and refusals.


async def test_an_outage_touches_no_condition_for_a_while() -> None:
    """A 503 at a check for drift leaves Granted for 15 minutes; after that it is reported."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.fakes.calls.before = failing("policies.get", Unavailable("Google answered 503."))
    for minutes in (11, 5, 11):
        assert room.condition(key) == ("True", "Granted")
        room.fakes.clock.advance(60.0 * minutes)
        with pytest.raises(Unavailable):
            await room.reconcile()
    assert room.condition(key) == ("False", "Unavailable")
    room.fakes.calls.before = None
    await room.reconcile()
    assert room.condition(key) == ("True", "Granted")


async def test_an_outage_after_a_restart_touches_no_condition() -> None:
    """What the previous process found is in status, and stays there."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.boot()
    before = room.fakes.cluster.objects[Kind.ACCESS, key]["status"]
    room.fakes.calls.before = failing("policies.get", Unavailable("Google answered 503."))
    with pytest.raises(Unavailable):
        await room.reconcile()
    await room.report()
    assert room.fakes.cluster.objects[Kind.ACCESS, key]["status"] == before


async def test_an_outage_is_reported_for_new_accesses() -> None:
    """An access that was never granted gets the reason for the wait at once."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    room.fakes.calls.before = failing("policies.get", Unavailable("Google answered 503."))
    with pytest.raises(Unavailable):
        await room.reconcile()
    assert room.condition(key) == ("False", "Unavailable")


async def test_a_policy_that_may_not_be_read_is_reported_with_both_causes() -> None:
    """403: the operator lacks its role, or the project does not exist; the next pass is in a minute."""
    room = PolicyRoom()
    key = room.want("team", "ann")
    await room.reconcile()
    room.fakes.clock.advance(700.0)
    room.fakes.calls.before = failing("policies.get", Refused("The caller does not have permission"))
    assert await room.reconcile() == 60.0
    assert room.condition(key) == ("False", "PermissionDenied")
    declared = room.fakes.cache.access(key)
    assert declared is not None
    check = room.findings.grants(declared.stored).check
    assert check is not None
    assert "The caller does not have permission" in check.message
    assert "Google gives the same answer for a project that does not exist" in check.message
    assert room.states(key) == {"ann": "Granted"}


async def test_a_project_that_is_being_deleted_releases_accesses() -> None:
    """Grants to revoke there are gone with the project; wanted ones stay in the ledger."""
    room = PolicyRoom()
    kept, gone = room.want("kept", "ann"), room.want("gone", "bob")
    await room.reconcile()
    room.fakes.cluster.delete(Kind.ACCESS, gone)
    room.fakes.calls.before = failing("policies.get", Refused("The caller does not have permission"))
    room.fakes.projects.known[NAME.project] = Project(NAME.project, "1", active=False)
    await room.reconcile()
    assert (Kind.ACCESS, gone) not in room.fakes.cluster.objects
    assert room.states(kept) == {"ann": "Granted"}


async def test_a_full_policy_is_warned_of() -> None:
    """From nine tenths of IAM's limit on, the repository's object gets one Event."""
    room = PolicyRoom()
    crowd = tuple(f"user:c{number}@example.com" for number in range(1350))
    room.fakes.google.plant_policy(NAME, Binding("roles/viewer", crowd))
    room.want("team", "ann")
    await room.reconcile()
    room.want("team", "ann", "bob")
    await room.reconcile()
    assert events(room, "PolicyNearlyFull") == [REPOSITORY]


# Waking.


async def test_a_change_waits_for_company_and_not_for_long() -> None:
    """A change waits at most two seconds for others, a revocation less."""
    room = PolicyRoom()
    for withdraws, most in ((False, 2.0), (True, 1.0)):
        begun = room.fakes.clock.elapsed()
        for _ in range(40):
            room.unit.wake(NAME, withdraws=withdraws)
            room.fakes.clock.advance(0.09)
            if room.woken() == [PolicyKey(NAME)]:
                break
        assert room.fakes.clock.elapsed() - begun == pytest.approx(most, abs=0.1)


async def test_new_grants_wait_until_the_policy_has_rested_and_withdrawals_do_not() -> None:
    """While accesses arrive, new grants wait four times as long as the last pass took, and 10 s at most."""
    room = PolicyRoom()
    room.want("first", "ann")
    for withdraws, took, rest in ((False, 1.0, 4.0), (False, 9.0, 10.0), (True, 9.0, 0.1)):
        room.fakes.calls.before = once("policies.set", lambda took=took: room.fakes.clock.advance(took))
        await room.reconcile()
        room.woken()
        room.unit.wake(NAME, withdraws=withdraws)
        room.fakes.clock.advance(rest - 0.05)
        assert room.woken() == []
        room.fakes.clock.advance(0.1)
        assert room.woken() == [PolicyKey(NAME)]
        room.want(f"after-{took:.0f}", f"bob{rest:.0f}")
