"""The policy loop against everybody else: foreign writers, conflicts, crashes and lost replies between its steps."""

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wheelhouse.domain.iam import Binding, Grant, GrantRecord, Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.policy import Claimant, Ledgers, Pair, PolicyPlan, plan_policy

READER, WRITER, VIEWER = "roles/artifactregistry.reader", "roles/artifactregistry.writer", "roles/viewer"
CONDITION = {"title": "office hours", "expression": "true"}
POOL = "principal://pool/subject/ns/a/sa"
GRANTS = [Grant(READER, f"{POOL}/x"), Grant(WRITER, f"{POOL}/x"), Grant(READER, "user:ann@example.com")]
"""Few, so that accesses and foreign writers meet on the same ones all the time."""
FOREIGN = [*GRANTS, Grant(VIEWER, "user:bob@example.com"), Grant(READER, "deleted:user:old@example.com?uid=1")]
WISHES = st.lists(st.sampled_from(GRANTS), max_size=2, unique=True)
UNTOUCHABLE = Binding(READER, (GRANTS[0].member, "user:cond@example.com"), CONDITION)


@dataclass(slots=True)
class Server:
    """The policy as IAM holds it, and the tuples in it that are not ours."""

    bindings: tuple[Binding, ...] = (UNTOUCHABLE,)
    serial: int = 0
    foreign: set[Pair] = field(default_factory=set)

    @property
    def etag(self) -> bytes:
        return self.serial.to_bytes(8, "big")

    def read(self) -> Policy:
        return Policy(self.etag, 3, self.bindings)

    def write(self, bindings: tuple[Binding, ...]) -> None:
        self.bindings, self.serial = bindings, self.serial + 1

    def plant(self, grant: Grant) -> None:
        """A foreign writer adds a tuple, in a binding of its own or at the front of the role's."""
        self.write((Binding(grant.role, (grant.member,)), *self.bindings))

    def pull(self, grant: Grant) -> None:
        """A foreign writer removes a tuple, ours or not."""
        kept = []
        for binding in self.bindings:
            if binding.condition is None:
                others = tuple(m for m in binding.members if Grant(binding.role, m).identity != grant.identity)
                binding = replace(binding, members=others)
            if binding.members:
                kept.append(binding)
        self.write(tuple(kept))


@dataclass(slots=True)
class Access:
    """One RepositoryAccess as Kubernetes holds it: what it wants, and its ledger."""

    wanted: tuple[Grant, ...]
    may_add: bool = True
    deleting: bool = False
    ledger: tuple[GrantRecord, ...] = ()


@dataclass(slots=True)
class Pass:
    """One read-modify-write under way: what it read, what it planned, how far it got."""

    read: Policy
    plan: PolicyPlan
    recorded: bool = False
    written: bool = False


class PolicyLoop(RuleBasedStateMachine):
    """Each rule is one step of the loop or of somebody else; a crash forgets the pass and nothing more."""

    @initialize(writers=st.integers(min_value=1, max_value=8))
    def begin(self, writers: int) -> None:
        self.server = Server()
        self.accesses: dict[ObjectKey, Access] = {}
        self.serial = 0
        self.going: Pass | None = None
        for number in range(writers):
            self.foreign_adds(Grant(VIEWER, f"user:writer{number}@example.com"))

    # Users.

    @precondition(lambda self: len(self.accesses) < 4)
    @rule(wanted=WISHES)
    def create(self, wanted: list[Grant]) -> None:
        self.serial += 1
        self.accesses[ObjectKey("a", f"access-{self.serial}")] = Access(tuple(wanted))

    @precondition(lambda self: self.accesses)
    @rule(data=st.data(), wanted=WISHES)
    def change(self, data: st.DataObject, wanted: list[Grant]) -> None:
        access = self.accesses[data.draw(st.sampled_from(sorted(self.accesses)))]
        access.wanted = () if access.deleting else tuple(wanted)

    @precondition(lambda self: self.accesses)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        access = self.accesses[data.draw(st.sampled_from(sorted(self.accesses)))]
        access.deleting, access.wanted = True, ()

    @precondition(lambda self: self.accesses)
    @rule(data=st.data(), ready=st.booleans())
    def readiness(self, data: st.DataObject, ready: bool) -> None:
        self.accesses[data.draw(st.sampled_from(sorted(self.accesses)))].may_add = ready

    # Foreign writers. What a ledger has recorded, or a pass is about to record, counts as ours even before it is set:
    # after a lost reply the two cannot be told apart, so nobody else adds exactly that tuple here.

    @rule(grant=st.sampled_from(FOREIGN))
    def foreign_adds(self, grant: Grant) -> None:
        going = {adding.identity for adding in self.going.plan.add} if self.going else set()
        if grant.identity not in self.owned() | going | self.server.read().grants():
            self.server.plant(grant)
            self.server.foreign.add(grant.identity)

    @rule(grant=st.sampled_from(FOREIGN))
    def foreign_removes(self, grant: Grant) -> None:
        self.server.pull(grant)
        self.server.foreign.discard(grant.identity)

    # The loop, one step at a time.

    @precondition(lambda self: self.going is None)
    @rule()
    def read(self) -> None:
        observed = self.server.read()
        plan = plan_policy(self.claimants(), observed, {})
        able = {g.identity for access in self.accesses.values() if access.may_add for g in access.wanted}
        assert {grant.identity for grant in plan.add} <= able | self.held(), "added what nobody may add"
        assert {grant.identity for grant in plan.remove} <= self.owned(), "removed what is not ours"
        self.going = Pass(observed, plan)

    @precondition(lambda self: self.going is not None and not self.going.recorded)
    @rule(crash_after=st.one_of(st.none(), st.integers(min_value=0, max_value=2)))
    def record(self, crash_after: int | None) -> None:
        """Write the ledgers that gain an entry; a crash may leave only the first of them written."""
        assert self.going is not None
        self.write_ledgers(self.going.plan.before, gaining=True, limit=crash_after)
        self.going.recorded = True
        if crash_after is not None:
            self.going = None

    @precondition(lambda self: self.going is not None and self.going.recorded and not self.going.written)
    @rule(reply_lost=st.booleans())
    def set_policy(self, reply_lost: bool) -> None:
        """Set with the etag that was read; a conflict or a lost reply ends the pass."""
        assert self.going is not None
        plan = self.going.plan
        if plan.policy is not None:
            assert plan.policy.etag == self.going.read.etag, "a set without the etag of the read before it"
            if plan.policy.etag != self.server.etag:
                self.going = None
                return
            self.server.write(plan.policy.bindings)
            if reply_lost:
                self.going = None
                return
        self.going.written = True

    @precondition(lambda self: self.going is not None and self.going.written)
    @rule()
    def report(self) -> None:
        assert self.going is not None
        self.write_ledgers(self.going.plan.after)
        self.going = None
        self.release()

    @precondition(lambda self: self.going is None)
    @rule()
    def whole_pass(self) -> None:
        """A pass that nobody disturbs, as most are."""
        self.run_to_the_end()

    @precondition(lambda self: self.going is None)
    @rule(data=st.data(), sent=st.booleans(), deleted=st.booleans())
    def unanswered_pass(self, data: st.DataObject, sent: bool, deleted: bool) -> None:
        """A pass that dies right before or right after its set, and an access that is deleted then."""
        self.read()
        self.record(None)
        if sent:
            self.set_policy(reply_lost=True)
        self.going = None
        if self.accesses and deleted:
            self.delete(data)

    @rule()
    def crash(self) -> None:
        self.going = None

    @rule()
    def settle(self) -> None:
        """Left alone, the loop reaches what is wanted with one set, and then sets nothing."""
        self.going = None
        sets = self.run_to_the_end()
        assert sets <= 1
        assert self.run_to_the_end() == 0, "a settled state caused a set"
        present = self.server.read().grants()
        wanted = {grant.identity for access in self.accesses.values() for grant in access.wanted}
        assert present - self.server.foreign <= wanted, "an own tuple leaked"
        able = {g.identity for access in self.accesses.values() if access.may_add for g in access.wanted}
        assert able <= present, "something wanted was not granted"
        assert not any(access.deleting for access in self.accesses.values())

    @invariant()
    def nothing_foreign_is_touched(self) -> None:
        present = self.server.read().grants()
        assert self.server.foreign <= present, "a foreign tuple was lost"
        assert present - self.server.foreign <= self.owned(), "a tuple stands in no ledger and is not foreign"
        assert UNTOUCHABLE in self.server.bindings

    def owned(self) -> set[Pair]:
        return {r.grant.identity for a in self.accesses.values() for r in a.ledger if r.state.owned}

    def held(self) -> set[Pair]:
        return {r.grant.identity for a in self.accesses.values() for r in a.ledger}

    def claimants(self) -> list[Claimant]:
        return [Claimant(key, a.wanted, a.may_add, a.ledger) for key, a in sorted(self.accesses.items())]

    def write_ledgers(self, ledgers: Ledgers, *, gaining: bool = False, limit: int | None = None) -> None:
        for key in list(ledgers)[:limit]:
            access = self.accesses[key]
            before = {r.grant.identity for r in access.ledger if r.state.owned}
            after = {r.grant.identity for r in ledgers[key] if r.state.owned}
            if not gaining or after - before:
                access.ledger = ledgers[key]

    def release(self) -> None:
        """An access that is being deleted goes once its ledger owns nothing."""
        for key, access in list(self.accesses.items()):
            if access.deleting and not any(record.state.owned for record in access.ledger):
                del self.accesses[key]

    def run_to_the_end(self) -> int:
        observed = self.server.read()
        plan = plan_policy(self.claimants(), observed, {})
        self.write_ledgers(plan.before, gaining=True)
        if plan.policy is not None:
            self.server.write(plan.policy.bindings)
        self.write_ledgers(plan.after)
        self.release()
        return int(plan.policy is not None)


PolicyLoop.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestPolicyLoop = PolicyLoop.TestCase
