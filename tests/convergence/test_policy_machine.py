"""The policy unit against everybody else: foreign writers, conflicts, lost replies, and crashes at any call."""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fakes.calls import PortCall
from fakes.policies import NAME, OWNERS, PolicyRoom
from fakes.world import WORKLOAD
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wheelhouse.domain.access import SubjectKind
from wheelhouse.domain.iam import Binding, Grant, Identity, Pair, Policy, Role
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.status.conditions import timestamp

READER, VIEWER = Role.READER.iam, "roles/artifactregistry.viewer"
ANN, TEAM = "user:ann@example.com", "group:team@example.com"
MEMBERS = [ANN, TEAM, WORKLOAD.member(Identity("builds", "ci"))]
"""Few, so that accesses and foreign writers meet on the same grants all the time."""
GRANTS = [Grant(role.iam, member) for role in Role for member in MEMBERS]
TOMBSTONE = "deleted:user:old@example.com?uid=1"
OTHERS = [Grant(VIEWER, ANN), Grant(READER, "user:Ann@Example.com"), Grant(READER, TOMBSTONE)]
FOREIGN = [*GRANTS, *OTHERS]
UNTOUCHABLE = Binding(READER, (ANN, "user:cond@example.com"), {"title": "t", "expression": "true"})
NAMES = [f"access-{number}" for number in range(4)]
WRITERS = 8
PATIENCE = 6 * 3600.0 + 700.0
"""Seconds after which the operator has retried everything, even what IAM has rejected often."""
CALLS = 24
"""A pass sends fewer calls, unless it searches for rejected members."""

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
    writer: int = 0


Place = int | str
"""A call of a pass: its number, or the first one with this name."""
Disturbances = dict[Place, Disturbance]

disturbances = st.dictionaries(
    st.integers(0, CALLS - 1) | st.sampled_from(["policies.set", "objects.write_status"]),
    st.one_of(
        st.builds(Disturbance, st.booleans(), st.just("crash")),
        st.builds(Disturbance, st.booleans(), st.sampled_from(["add", "remove"]), st.sampled_from(FOREIGN)),
        st.builds(Disturbance, st.booleans(), st.sampled_from(["delete", "strip"]), name=st.sampled_from(NAMES)),
        st.builds(Disturbance, st.booleans(), st.just("overwrite"), writer=st.integers(0, WRITERS - 1)),
        st.builds(Disturbance, st.just(False), st.just("race")),
        st.builds(Disturbance, st.just(False), ERRORS),
        st.builds(Disturbance, st.just(True), st.just(Unavailable("the reply was lost"))),
    ),
    max_size=4,
)
passes = st.none() | disturbances
"""What disturbs the pass that follows an act; None when no pass follows."""


class PolicyMachine(RuleBasedStateMachine):
    """Each rule is a user, a foreign writer, or a pass of the operator with whatever disturbs it."""

    @initialize(writers=st.integers(min_value=1, max_value=WRITERS))
    def begin(self, writers: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.room = self.made()
        self.google = self.room.fakes.google
        self.ours = True
        """Whether the repository is ours."""
        self.foreign: set[Pair] = set()
        self.buried: set[Pair] = set()
        """What was left of our grants to principals that were deleted: tombstones, which nobody can add."""
        self.untouchable = UNTOUCHABLE
        """The binding with a condition, which nobody but Google changes."""
        self.doubtful: set[Pair] = set()
        """What may have been set by us and not by somebody else, as far as anybody can tell."""
        self.stripped: dict[str, set[Pair]] = {}
        """What objects held that disappeared without a release, by uid, as long as the operator must revoke it."""
        self.read = self.google.policy(NAME)
        self.passing = False
        self.unanswered: set[Pair] = set()
        """What was recorded without a reply: the operator may take the record for another operator's."""
        self.crashes: list[str] = []
        """The calls before or after which the process was killed."""
        self.disturbed: Disturbances = {}
        self.position = 0
        self.google.plant_policy(NAME, UNTOUCHABLE)
        for number in range(writers):
            self.add(Grant(VIEWER, f"user:writer{number}@example.com"))
        self.writers = [self.google.policy(NAME)] * writers
        """What each foreign writer has read."""
        self.boot()
        self.room.want(NAMES[0], MEMBERS[0])

    def made(self) -> PolicyRoom:
        """The operator and its surroundings."""
        return PolicyRoom()

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()

    # Users.

    @rule(
        name=st.sampled_from(NAMES),
        members=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=2, unique=True),
        role=st.sampled_from(list(Role)),
        disturbed=passes,
    )
    def user_wants(self, name: str, members: list[str], role: str, disturbed: Disturbances | None) -> None:
        body = self.room.fakes.cluster.objects.get((Kind.ACCESS, ObjectKey(OWNERS, name)))
        if body is None or "deletionTimestamp" not in body["metadata"]:
            self.room.want(name, *members, role=str(role))
        self.reconcile(disturbed)

    @rule(name=st.sampled_from(NAMES), disturbed=passes)
    def user_deletes(self, name: str, disturbed: Disturbances | None) -> None:
        self.delete(name)
        self.reconcile(disturbed)

    @rule(name=st.sampled_from(NAMES), disturbed=passes)
    def user_strips(self, name: str, disturbed: Disturbances | None) -> None:
        self.strip(name)
        self.reconcile(disturbed)

    def delete(self, name: str) -> None:
        self.room.fakes.cluster.delete(Kind.ACCESS, ObjectKey(OWNERS, name))

    def strip(self, name: str) -> None:
        """Somebody takes our finalizer off and deletes the object."""
        body = self.room.fakes.cluster.objects.pop((Kind.ACCESS, ObjectKey(OWNERS, name)), None)
        if body is not None:
            self.stripped[body["metadata"]["uid"]] = ledger(body) if about(body, self.created()) else set()

    @precondition(lambda self: self.ours)
    @rule(usable=st.booleans(), disturbed=passes)
    def repository_changes(self, usable: bool, disturbed: Disturbances | None) -> None:
        self.room.usable = usable
        self.room.look()
        self.reconcile(disturbed)

    # Foreign writers.

    @rule(grant=st.sampled_from(FOREIGN), disturbed=passes)
    def stranger_adds(self, grant: Grant, disturbed: Disturbances | None) -> None:
        self.add(grant)
        self.reconcile(disturbed)

    @rule(grant=st.sampled_from(FOREIGN), disturbed=passes)
    def stranger_removes(self, grant: Grant, disturbed: Disturbances | None) -> None:
        self.remove(grant)
        self.reconcile(disturbed)

    @rule(writer=st.integers(0, WRITERS - 1))
    def writer_reads(self, writer: int) -> None:
        """A foreign writer reads the policy, to write it later."""
        self.writers[writer % len(self.writers)] = self.google.policy(NAME)

    @rule(
        writer=st.integers(0, WRITERS - 1),
        grant=st.sampled_from(FOREIGN),
        adds=st.booleans(),
        blind=st.booleans(),
        disturbed=passes,
    )
    def writer_writes(self, writer: int, grant: Grant, adds: bool, blind: bool, disturbed: Disturbances | None) -> None:
        """A foreign writer changes what it read; with the etag of its read, or without any."""
        if blind:
            self.overwrite(writer)
        self.try_stale(writer)
        if blind or self.writers[writer % len(self.writers)].etag == self.google.policy(NAME).etag:
            (self.add if adds else self.remove)(grant)
        self.reconcile(disturbed)

    def overwrite(self, writer: int) -> None:
        """A foreign writer restores the policy that it read, without an etag."""
        before, now = self.writers[writer % len(self.writers)].grants(), self.google.policy(NAME).grants()
        for pair in sorted(before - now):
            self.add(Grant(*pair))
        for pair in sorted(now - before):
            self.remove(Grant(*pair))

    def add(self, grant: Grant) -> None:
        """Add a grant as another client, unless nobody could tell whose it is."""
        pair = grant.identity
        ours = self.counts_as_ours(pair)
        if ours is None or pair in self.present() or pair[1] in self.google.rejected_members:
            return
        self.write(Binding(grant.role, (grant.member,)), *self.google.policy(NAME).bindings)
        if not ours and pair in self.present():
            self.foreign.add(pair)

    def counts_as_ours(self, pair: Pair) -> bool | None:
        """Whether a grant counts as ours when somebody else adds it: a ledger has it, and we may have set it before.

        Nobody adds just that (None) while a pass may be about to drop it from the ledger, when memory knows already
        what status does not, or when the record had no reply.
        """
        self.forget()
        ours = pair in self.recorded() and pair in self.doubtful
        unclear = ours and (self.passing or not self.remembered(pair))
        return None if unclear or pair in self.unanswered else ours

    def remove(self, grant: Grant) -> None:
        kept = []
        for binding in self.google.policy(NAME).bindings:
            if binding.condition is None:
                others = tuple(m for m in binding.members if Grant(binding.role, m).identity != grant.identity)
                binding = replace(binding, members=others)
            if binding.members:
                kept.append(binding)
        self.write(*kept)
        if grant.identity not in self.present():
            self.foreign.discard(grant.identity)

    def write(self, *bindings: Binding) -> None:
        """Set the policy as another client that has just read it."""
        self.google.plant_policy(NAME, *bindings)

    def try_stale(self, writer: int) -> None:
        """A foreign writer tries to set what it read, if that is no longer the policy."""

    @rule(members=st.sets(st.sampled_from(MEMBERS)), named=st.booleans(), disturbed=passes)
    def iam_rejects(self, members: set[str], named: bool, disturbed: Disturbances | None) -> None:
        """IAM takes some members no longer; its message names them or not."""
        self.reject(members, named=named)
        self.reconcile(disturbed)

    def reject(self, members: set[str], *, named: bool) -> None:
        """IAM rejects these members, unless they stand already: the fake would reject any policy with them."""
        self.google.rejected_members = members - {member for _, member in self.present()}

    def heal(self) -> None:
        """IAM takes everything again."""
        self.reject(set(), named=True)

    @precondition(lambda self: self.position % 4 == 0)
    @rule(ours=st.booleans())
    def replace(self, ours: bool) -> None:
        """The repository is deleted and made again, by us or by a stranger; the operator looks before anybody else."""
        self.heal()
        self.google.remove(NAME)
        self.room.fakes.clock.advance(700.0)
        self.foreign.clear()
        self.buried.clear()
        self.doubtful.clear()
        self.stripped.clear()
        if ours:
            self.room.plant()
        else:
            self.google.plant(NAME)
        self.untouchable = UNTOUCHABLE
        self.google.plant_policy(NAME, UNTOUCHABLE)
        self.writers = [self.google.policy(NAME)] * len(self.writers)
        if ours and not self.ours:
            self.room.usable = True
        self.ours = ours
        if ours:
            self.room.look()
        self.settled()
        if not ours:
            assert self.present() == set(), "another client's repository got a grant"
            self.room.usable = False
            self.room.look()

    # The operator.

    def reconcile(self, disturbed: Disturbances | None) -> None:
        if disturbed is None:
            return
        self.disturbed, self.position, self.passing = dict(disturbed), 0, True
        try:
            self.run(self.room.reconcile())
        except WheelhouseError:
            pass
        finally:
            self.disturbed, self.passing = {}, False

    @rule(seconds=st.sampled_from([1.0, 60.0, 700.0]), disturbed=passes)
    def time_passes(self, seconds: float, disturbed: Disturbances | None) -> None:
        self.room.fakes.clock.advance(seconds)
        self.reconcile(disturbed)

    @rule(disturbed=passes)
    def restart(self, disturbed: Disturbances | None) -> None:
        self.crash()
        self.reconcile(disturbed)

    @rule()
    def settle(self) -> None:
        """Left alone, the operator reaches what is wanted, and then sets nothing."""
        self.heal()
        if self.ours:
            self.room.usable = True
        self.room.look()
        self.settled()
        self.room.fakes.clock.advance(PATIENCE)
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
        assert present - self.foreign - self.buried <= self.recorded(), "a grant of ours is in no ledger"
        assert self.untouchable in self.google.policy(NAME).bindings

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
        self.nothing_foreign_is_touched()
        self.loop.run_until_complete(cancel(asyncio.all_tasks(self.loop)))
        self.foreign = (self.foreign | self.present()) - self.owned() - self.buried
        self.boot()

    def boot(self) -> None:
        self.stripped.clear()
        self.doubtful = self.owned()
        self.unanswered.clear()
        self.room.boot()
        calls = self.room.fakes.calls
        calls.before, calls.after = self.before, self.after

    def before(self, call: PortCall) -> None:
        disturbance = self.due(call, after=False)
        if disturbance is not None:
            if call.name == "policies.set" and isinstance(disturbance.what, Unavailable):
                # Whether it took effect cannot be told. What another client has just added counts as ours then.
                self.doubtful |= self.adds(call)
                self.foreign -= self.adds(call)
            self.disturb(call, disturbance)
        if call.name != "policies.set":
            return
        assert call.args[1].etag == self.read.etag, "a set without the etag of the read before it"
        assert self.adds(call) <= self.recorded(), "a set before its record"
        assert self.adds(call) <= self.claimed(), "a set of a grant that nothing wants"
        assert self.removes(call) <= self.recorded() | self.buried, "a set that removes another client's grant"
        assert others(self.read, self.removes(call)) == others(call.args[1], self.adds(call)), (
            "others' bindings changed"
        )
        if any(disturbance.what == "race" for disturbance in self.disturbed.values()):
            self.disturbed = {}
            for pair in sorted(self.adds(call))[:1]:
                self.add(Grant(*pair))
        if call.args[1].etag == self.google.policy(NAME).etag:
            self.adding = self.adds(call)

    def due(self, call: PortCall, *, after: bool) -> Disturbance | None:
        """What disturbs this call, which is forgotten with it."""
        for place in (self.position, call.name):
            found = self.disturbed.get(place)
            if found is not None and found.after == after and found.what != "race":
                return self.disturbed.pop(place)
        return None

    def after(self, call: PortCall) -> None:
        disturbance = self.due(call, after=True)
        if call.name == "policies.get":
            self.read = self.google.policy(NAME)
        lost = disturbance is not None and isinstance(disturbance.what, Unavailable)
        if call.name == "policies.set":
            self.doubtful |= self.adding
            if not lost:
                self.doubtful -= self.removes(call)
            self.unanswered -= self.adding
        if call.name == "objects.write_status" and lost:
            self.unanswered |= ledger(self.room.fakes.cluster.objects.get((Kind.ACCESS, call.args[1].key), {}))
        self.forget()
        self.nothing_foreign_is_touched()
        self.position += 1
        if disturbance is not None:
            self.disturb(call, disturbance)

    def disturb(self, call: PortCall, disturbance: Disturbance) -> None:
        what = disturbance.what
        if what == "crash":
            self.crashes.append(f"{'after' if disturbance.after else 'before'} {call.name}")
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
        elif what == "overwrite":
            self.overwrite(disturbance.writer)

    def adds(self, call: PortCall) -> set[Pair]:
        found: frozenset[Pair] = call.args[1].grants()
        return set(found - self.read.grants())

    def removes(self, call: PortCall) -> set[Pair]:
        found: frozenset[Pair] = call.args[1].grants()
        return set(self.read.grants() - found)

    def claimed(self) -> set[Pair]:
        """What the accesses want, as far as the operator can know."""
        cache = self.room.fakes.cache
        return wishes(stored.spec for stored in cache.objects(Kind.ACCESS) if not stored.deleting)

    def present(self) -> set[Pair]:
        return set(self.google.policy(NAME).grants())

    def forget(self) -> None:
        """What no ledger has any more, and the operator need not revoke, is not ours when another client adds it."""
        cached = {stored.uid for stored in self.room.fakes.cache.objects(Kind.ACCESS)}
        known = cached | {debt.uid for debt in self.room.debts.grants(NAME)}
        self.stripped = {uid: pairs for uid, pairs in self.stripped.items() if uid in known}
        self.doubtful &= self.recorded()
        self.unanswered &= self.recorded()

    def owned(self) -> set[Pair]:
        return {pair for body in self.accesses() if about(body, self.created()) for pair in ledger(body)}

    def recorded(self) -> set[Pair]:
        """What ledgers own, and those of objects that disappeared without a release."""
        return self.owned().union(*self.stripped.values())

    def remembered(self, pair: Pair) -> bool:
        """Whether the process knows that this grant is ours."""
        accesses = map(
            self.room.fakes.cache.access, [stored.key for stored in self.room.fakes.cache.objects(Kind.ACCESS)]
        )
        records = [record for declared in accesses if declared for record in self.room.claims.ledger(declared)]
        owned = {record.grant.identity for record in records if record.state.owned}
        return pair in owned | {grant.identity for debt in self.room.debts.grants(NAME) for grant in debt.grants}

    def created(self) -> str:
        found = self.google.repositories[NAME.full].create_time
        assert found is not None
        return timestamp(found)

    def wanted(self) -> set[Pair]:
        return wishes(body["spec"] for body in self.accesses() if "deletionTimestamp" not in body["metadata"])

    def accesses(self) -> list[dict[str, Any]]:
        return [body for (kind, _), body in self.room.fakes.cluster.objects.items() if kind is Kind.ACCESS]


async def cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """End what still runs, as a killed process does."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def about(body: dict[str, Any], created: str) -> bool:
    """Whether an object's ledger is about the repository that was created then."""
    return bool(body.get("status", {}).get("repositoryCreateTime") == created)


def ledger(body: dict[str, Any]) -> set[Pair]:
    """What an object's status owns."""
    rows = body.get("status", {}).get("grants", ())
    return {Grant(row["role"], row["member"]).identity for row in rows if row["state"] in {"Recorded", "Granted"}}


def wishes(specs: Iterable[Mapping[str, Any]]) -> set[Pair]:
    """The grants that accesses ask for."""
    return {(Role(spec["role"]).iam, member(subject)) for spec in specs for subject in spec["subjects"]}


def member(subject: Mapping[str, str]) -> str:
    """The IAM member of a subject."""
    kind = SubjectKind(subject["kind"])
    return subject["name"] if kind is SubjectKind.PRINCIPAL else f"{kind.prefix}:{subject['name']}"


def others(policy: Policy, besides: set[Pair]) -> tuple[list[Binding], Counter[tuple[str, str]]]:
    """Conditional bindings as they are, and every other member of a binding, without some grants."""
    conditional = [binding for binding in policy.bindings if binding.condition is not None]
    pairs = [(binding.role, m) for binding in policy.bindings if binding.condition is None for m in binding.members]
    return conditional, Counter(pair for pair in pairs if Grant(*pair).identity not in besides)


LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
PolicyMachine.TestCase.settings = settings(
    max_examples=2000 if LONG else 100, stateful_step_count=50, suppress_health_check=list(HealthCheck)
)
TestPolicyMachine = PolicyMachine.TestCase
