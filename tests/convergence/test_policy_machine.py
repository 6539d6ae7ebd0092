"""The policy unit against everybody else: foreign writers, conflicts, lost replies, and crashes at any call."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from fakes.calls import PortCall
from fakes.policies import NAME, OWNERS, PolicyRoom
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wheelhouse.domain.iam import Binding, Grant, Pair
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.status.conditions import timestamp

READER, WRITER, VIEWER = "roles/artifactregistry.reader", "roles/artifactregistry.writer", "roles/viewer"
MEMBERS = ["ann", "bob", "cid"]
"""Few, so that accesses and foreign writers meet on the same grants all the time."""
GRANTS = [Grant(role, f"user:{member}@example.com") for role in (READER, WRITER) for member in MEMBERS]
FOREIGN = [*GRANTS, Grant(VIEWER, "user:bob@example.com"), Grant(READER, "deleted:user:old@example.com?uid=1")]
UNTOUCHABLE = Binding(READER, ("user:ann@example.com", "user:cond@example.com"), {"title": "t", "expression": "true"})
NAMES = [f"access-{number}" for number in range(4)]

ERRORS = st.sampled_from([Conflict("409"), Invalid("422"), Refused("403"), Unavailable("503")])


class Crash(BaseException):
    """The process is killed here."""


@dataclass(frozen=True)
class Disturbance:
    """What happens at one port call of a pass: before it, or after it took place."""

    after: bool
    what: str | WheelhouseError
    grant: Grant = GRANTS[0]
    name: str = NAMES[0]


disturbances = st.dictionaries(
    st.integers(0, 12),
    st.one_of(
        st.builds(Disturbance, st.booleans(), st.just("crash")),
        st.builds(Disturbance, st.booleans(), st.sampled_from(["add", "remove"]), st.sampled_from(FOREIGN)),
        st.builds(Disturbance, st.booleans(), st.sampled_from(["delete", "strip"]), name=st.sampled_from(NAMES)),
        st.builds(Disturbance, st.just(False), st.just("race")),
        st.builds(Disturbance, st.just(False), ERRORS),
        st.builds(Disturbance, st.just(True), st.just(Unavailable("the reply was lost"))),
    ),
    max_size=3,
)
passes = st.none() | disturbances
"""What disturbs the pass that follows an act; None when no pass follows."""


class PolicyMachine(RuleBasedStateMachine):
    """Each rule is a user, a foreign writer, or a pass of the operator with whatever disturbs it."""

    @initialize(writers=st.integers(min_value=1, max_value=8))
    def begin(self, writers: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.room = PolicyRoom()
        self.google = self.room.fakes.google
        self.ours = True
        """Whether the repository is ours."""
        self.foreign: set[Pair] = set()
        self.doubtful: set[Pair] = set()
        """What may have been set by us and not by somebody else, as far as anybody can tell."""
        self.stripped: set[Pair] = set()
        """What objects held that disappeared without a release."""
        self.read = self.google.policy(NAME)
        self.disturbed: dict[int, Disturbance] = {}
        self.position = 0
        self.google.plant_policy(NAME, UNTOUCHABLE)
        for number in range(writers):
            self.add(Grant(VIEWER, f"user:writer{number}@example.com"))
        self.boot()
        self.room.want(NAMES[0], MEMBERS[0])

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    # Users.

    @rule(
        name=st.sampled_from(NAMES),
        members=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=2, unique=True),
        role=st.sampled_from(["Reader", "Writer"]),
        disturbed=passes,
    )
    def user_wants(self, name: str, members: list[str], role: str, disturbed: dict[int, Disturbance] | None) -> None:
        body = self.room.fakes.cluster.objects.get((Kind.ACCESS, ObjectKey(OWNERS, name)))
        if body is None or "deletionTimestamp" not in body["metadata"]:
            self.room.want(name, *members, role=role)
        self.reconcile(disturbed)

    @rule(name=st.sampled_from(NAMES), disturbed=passes)
    def user_deletes(self, name: str, disturbed: dict[int, Disturbance] | None) -> None:
        self.delete(name)
        self.reconcile(disturbed)

    @rule(name=st.sampled_from(NAMES), disturbed=passes)
    def user_strips(self, name: str, disturbed: dict[int, Disturbance] | None) -> None:
        self.strip(name)
        self.reconcile(disturbed)

    def delete(self, name: str) -> None:
        self.room.fakes.cluster.delete(Kind.ACCESS, ObjectKey(OWNERS, name))

    def strip(self, name: str) -> None:
        """Somebody takes our finalizer off and deletes the object."""
        body = self.room.fakes.cluster.objects.pop((Kind.ACCESS, ObjectKey(OWNERS, name)), None)
        if body is not None:
            self.stripped |= ledger(body)

    @precondition(lambda self: self.ours)
    @rule(usable=st.booleans(), disturbed=passes)
    def repository_changes(self, usable: bool, disturbed: dict[int, Disturbance] | None) -> None:
        self.room.usable = usable
        self.room.look()
        self.reconcile(disturbed)

    # Foreign writers. What may have been set by us cannot be told from what they add, so they do not add just that.

    @rule(grant=st.sampled_from(FOREIGN), disturbed=passes)
    def stranger_adds(self, grant: Grant, disturbed: dict[int, Disturbance] | None) -> None:
        self.add(grant)
        self.reconcile(disturbed)

    @rule(grant=st.sampled_from(FOREIGN), disturbed=passes)
    def stranger_removes(self, grant: Grant, disturbed: dict[int, Disturbance] | None) -> None:
        self.remove(grant)
        self.reconcile(disturbed)

    def add(self, grant: Grant) -> None:
        pair = grant.identity
        if pair in self.present() or (pair in self.owned() and pair in self.doubtful):
            return
        self.google.plant_policy(NAME, Binding(grant.role, (grant.member,)), *self.google.policy(NAME).bindings)
        self.foreign.add(pair)

    def remove(self, grant: Grant) -> None:
        kept = []
        for binding in self.google.policy(NAME).bindings:
            if binding.condition is None:
                others = tuple(m for m in binding.members if Grant(binding.role, m).identity != grant.identity)
                binding = replace(binding, members=others)
            if binding.members:
                kept.append(binding)
        self.google.plant_policy(NAME, *kept)
        self.foreign.discard(grant.identity)

    @rule(member=st.sampled_from([None, *MEMBERS]), disturbed=passes)
    def iam_rejects(self, member: str | None, disturbed: dict[int, Disturbance] | None) -> None:
        """IAM takes a member no longer, unless it stands already."""
        pair = None if member is None else f"user:{member}@example.com"
        standing = {found for _, found in self.present()}
        self.google.rejected_members = set() if pair is None or pair in standing else {pair}
        self.reconcile(disturbed)

    @precondition(lambda self: self.position % 4 == 0)
    @rule(ours=st.booleans())
    def replace(self, ours: bool) -> None:
        """The repository is deleted and made again, by us or by a stranger; the operator looks before anybody else."""
        self.google.remove(NAME)
        self.room.fakes.clock.advance(700.0)
        self.foreign.clear()
        self.doubtful.clear()
        self.stripped.clear()
        if ours:
            self.room.plant()
        else:
            self.google.plant(NAME)
        self.google.plant_policy(NAME, UNTOUCHABLE)
        if ours and not self.ours:
            self.room.usable = True
        self.ours = ours
        if ours:
            self.room.look()
        self.google.rejected_members = set()
        self.settled()
        if not ours:
            assert self.present() == set(), "another client's repository got a grant"
            self.room.usable = False
            self.room.look()

    # The operator.

    def reconcile(self, disturbed: dict[int, Disturbance] | None) -> None:
        if disturbed is None:
            return
        self.disturbed, self.position = dict(disturbed), 0
        try:
            self.run(self.room.reconcile())
        except WheelhouseError:
            pass
        finally:
            self.disturbed = {}

    @rule(seconds=st.sampled_from([1.0, 60.0, 700.0]), disturbed=passes)
    def time_passes(self, seconds: float, disturbed: dict[int, Disturbance] | None) -> None:
        self.room.fakes.clock.advance(seconds)
        self.reconcile(disturbed)

    @rule(disturbed=passes)
    def restart(self, disturbed: dict[int, Disturbance] | None) -> None:
        self.crash()
        self.reconcile(disturbed)

    @rule()
    def settle(self) -> None:
        """Left alone, the operator reaches what is wanted, and then sets nothing."""
        self.google.rejected_members = set()
        if self.ours:
            self.room.usable = True
        self.room.look()
        self.settled()
        self.room.fakes.clock.advance(700.0)
        self.settled()
        assert self.present() == self.foreign | (self.wanted() if self.ours else set())
        assert not any("deletionTimestamp" in body["metadata"] for body in self.accesses())
        assert self.room.debts.grants(NAME) == ()
        self.room.fakes.calls.clear()
        self.room.fakes.clock.advance(1300.0)
        self.run(self.room.reconcile())
        assert self.room.fakes.calls.changes == [], "a settled state caused a write"

    @invariant()
    def nothing_foreign_is_touched(self) -> None:
        if not hasattr(self, "room"):
            return
        present = self.present()
        assert self.foreign <= present, "another client's grant was lost"
        assert present - self.foreign <= self.owned() | self.stripped, "a grant of ours is in no ledger"
        assert UNTOUCHABLE in self.google.policy(NAME).bindings

    def settled(self) -> None:
        self.run(self.room.settle())

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            self.loop.run_until_complete(work)
        except Crash:
            self.crash()

    def crash(self) -> None:
        """Kill the process.

        What disappeared and was owed then is left for a person to find. What a ledger has recorded and a stranger has
        added meanwhile cannot be told from what was set.
        """
        self.loop.run_until_complete(cancel(asyncio.all_tasks(self.loop)))
        self.foreign = (self.foreign | self.present()) - self.owned()
        self.boot()

    def boot(self) -> None:
        self.stripped.clear()
        self.doubtful = self.owned()
        self.room.boot()
        calls = self.room.fakes.calls
        calls.before, calls.after = self.before, self.after

    def before(self, call: PortCall) -> None:
        disturbance = self.disturbed.get(self.position)
        if disturbance is not None and not disturbance.after:
            self.disturbed.pop(self.position)
            if call.name == "policies.set" and isinstance(disturbance.what, Unavailable):
                self.doubtful |= self.adds(call)
            self.disturb(call, disturbance)
        if call.name != "policies.set":
            return
        assert call.args[1].etag == self.read.etag, "a set without the etag of the read before it"
        assert self.adds(call) <= self.owned() | self.stripped, "a set before its record"
        if any(disturbance.what == "race" for disturbance in self.disturbed.values()):
            self.disturbed = {}
            for pair in sorted(self.adds(call))[:1]:
                self.add(Grant(*pair))
        if call.args[1].etag == self.google.policy(NAME).etag:
            self.adding = self.adds(call)

    def after(self, call: PortCall) -> None:
        if call.name == "policies.get":
            self.read = self.google.policy(NAME)
        if call.name == "policies.set":
            self.doubtful |= self.adding
        self.nothing_foreign_is_touched()
        disturbance = self.disturbed.get(self.position)
        self.position += 1
        if disturbance is not None and disturbance.after:
            self.disturb(call, disturbance)

    def disturb(self, call: PortCall, disturbance: Disturbance) -> None:
        what = disturbance.what
        if what == "crash":
            raise Crash
        if isinstance(what, Unavailable):
            raise what
        if isinstance(what, WheelhouseError):
            if call.name.startswith(("policies.", "objects.")) and call.name != "objects.event":
                raise what
        elif what in {"add", "remove"}:
            (self.add if what == "add" else self.remove)(disturbance.grant)
        elif what in {"delete", "strip"}:
            (self.delete if what == "delete" else self.strip)(disturbance.name)

    def adds(self, call: PortCall) -> set[Pair]:
        found: frozenset[Pair] = call.args[1].grants()
        return set(found - self.read.grants())

    def present(self) -> set[Pair]:
        return set(self.google.policy(NAME).grants())

    def owned(self) -> set[Pair]:
        found = self.google.repositories[NAME.full].create_time
        assert found is not None
        ours = [body for body in self.accesses() if created(body) == timestamp(found)]
        return {pair for body in ours for pair in ledger(body)}

    def wanted(self) -> set[Pair]:
        found = set()
        for body in self.accesses():
            if "deletionTimestamp" in body["metadata"]:
                continue
            role = {"Reader": READER, "Writer": WRITER}[body["spec"]["role"]]
            found |= {(role, f"user:{subject['name']}") for subject in body["spec"]["subjects"]}
        return found

    def accesses(self) -> list[dict[str, Any]]:
        return [body for (kind, _), body in self.room.fakes.cluster.objects.items() if kind is Kind.ACCESS]


async def cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """End what still runs, as a killed process does."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def created(body: dict[str, Any]) -> str | None:
    """Which repository an object's ledger is about."""
    moment: str | None = body.get("status", {}).get("repositoryCreateTime")
    return moment


def ledger(body: dict[str, Any]) -> set[Pair]:
    """What an object's status owns."""
    rows = body.get("status", {}).get("grants", ())
    return {Grant(row["role"], row["member"]).identity for row in rows if row["state"] in {"Recorded", "Granted"}}


PolicyMachine.TestCase.settings = settings(stateful_step_count=30, suppress_health_check=list(HealthCheck))
TestPolicyMachine = PolicyMachine.TestCase
