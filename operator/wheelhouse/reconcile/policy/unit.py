"""A repository's IAM policy: all its accesses in one read-modify-write, ledger first, always with the etag."""

from collections.abc import Sequence

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Grant
from wheelhouse.domain.keys import PolicyKey, RepositoryKey
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.objects import CustomObject
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.claimant import Claimant
from wheelhouse.reconcile.debts import Debts
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.checks import granted
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.policy.memory import Memory
from wheelhouse.reconcile.policy.notes import Notes
from wheelhouse.reconcile.policy.transaction import Outcome, Transactions
from wheelhouse.reconcile.world import World

VANISHED_DELAY = 30.0
REFUSED_DELAY = 60.0
"""Seconds until the next pass after a refusal, or with an access that cannot be recorded."""
RECHECK_SPACING = 30.0
"""Seconds between two reads of a policy that a person requests."""
AGAIN = 0.5
"""Seconds until a retry for an access that changed while it was recorded; doubled with each failure."""
PAUSE = 60.0
"""Seconds between two looks at all accesses while some of them arrive: until then, a wake looks at one of those."""


class PolicyUnit:
    """Reconciles IAM policies, one at a time per repository.

    Args:
        world: the ports.
        findings: where the ledgers are; this unit writes the GrantFindings.
        ledger: writes them into status.
        claims: what each access may have.
        debts: what accesses left behind that disappeared without a release.
    """

    def __init__(self, world: World, findings: Findings, ledger: Ledger, claims: Claims, debts: Debts) -> None:
        self._world = world
        self._findings = findings
        self._claims = claims
        self._debts = debts
        self._transactions = Transactions(world, findings, ledger, claims, debts)
        self._notes = Notes(world, findings, ledger, debts)
        self._memories: dict[RepositoryName, Memory] = {}

    def claimant(self, declared: Declared[DesiredAccess], claim: Claim) -> Claimant:
        """The current claim of an access: on the policy of its repository, or on the one in its ledger."""
        name = claim.name or self._findings.grants(declared.stored).repository
        if name is None:
            return Claimant(declared.stored.key, (), may_add=False, ledger=(), uid=declared.stored.uid)
        return self._claims.claimant(declared, name, claim)

    def compare(self, declared: Declared[DesiredAccess], name: RepositoryName, claim: Claim) -> bool:
        """Wake the policy of `name` if this access's claim or ledger differs from what its last pass saw.

        Returns:
            Whether it differs.
        """
        claimant, memory = self._claims.claimant(declared, name, claim), self._memories.get(name)
        if memory is None:
            stale = claimant.concerned
        else:
            stale = memory.creation != self._transactions.observer.creation(name) or not memory.knows(claimant)
            if claimant.leaving:
                memory.awaited = {}  # The next pass decides anew whether it waits.
        if stale:
            self.wake(name, withdraws=not claim.wanted)
        return stale

    def doubt(self, stored: CustomObject) -> None:
        """Another client changed an access's ledger; it may be another operator."""
        for memory in self._memories.values():
            memory.doubt(stored.uid)

    def recheck(self, name: RepositoryName, wanted: Sequence[Grant]) -> None:
        """A person requests a check: the policy is read again, once in 30 seconds at most.

        Args:
            name: the repository.
            wanted: the grants of the access whose annotation changed: rejected ones are retried.
        """
        memory = self._memories.get(name)
        if memory is not None:
            memory.retry([grant.identity for grant in wanted])
            memory.due = min(memory.due, memory.begun + RECHECK_SPACING)
            wait = max(0.0, memory.due - self._world.elapsed())
            self._world.queue.add_soon(PolicyKey(name), max(0.2, wait), max(2.0, wait))

    def wake(self, name: RepositoryName, *, withdraws: bool) -> None:
        """Reconcile a policy soon: to combine changes, it waits two seconds at most, or until it has rested.

        Args:
            name: the repository.
            withdraws: whether something is removed, which waits less.
        """
        if withdraws:
            self._world.queue.add_soon(PolicyKey(name), 0.1, 1.0)
        else:
            rest = self._rest(name)
            self._world.queue.add_soon(PolicyKey(name), max(0.2, rest), max(2.0, rest))

    def cannot_arrive(self, declared: Declared[DesiredAccess]) -> None:
        """An access could not get its finalizer, or it disappeared: its policy waits for it no longer."""
        claim, uid = self._claims.of(declared), declared.stored.uid
        gone = self._world.cache.access(declared.stored.key) is None
        if not claim.arriving or claim.name is None or (gone and claim.name not in self._memories):
            return
        memory = self._memories.setdefault(claim.name, Memory())
        memory.stragglers |= {uid}
        if memory.waits_until is not None:
            self.wake(claim.name, withdraws=False)

    def _rest(self, name: RepositoryName) -> float:
        memory = self._memories.get(name)
        return max(0.0, memory.rests_until - self._world.elapsed()) if memory is not None else 0.0

    async def reconcile(self, name: RepositoryName) -> float | None:
        """Set one policy to what all accesses claim.

        Returns:
            Seconds until the next pass; None if there are no claims.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to retry.
        """
        debts = self._debts.grants(name)
        if not debts and (wait := self._still_waits(name)) is not None:
            return wait
        everyone = self._claims.claimants(name)
        claimants = [claimant for claimant in everyone if claimant.concerned]
        if not claimants and not debts:
            self._memories.pop(name, None)
            return None
        memory = self._memories.setdefault(name, Memory())
        memory.creation, before = self._transactions.observer.creation(name), memory.creation
        left = memory.due - self._world.elapsed()
        if left > 0 and not debts and memory.creation == before and memory.equals(claimants):
            return left  # The previous pass already saw all of this.
        if self._waits(memory, everyone, owed=bool(debts)):
            return self._until_look(memory)
        begun = memory.begun = memory.due = self._world.elapsed()
        try:
            outcome = await self._transactions.run(name, memory)
        except Unavailable as error:
            self._notes.outage(self._concerned(name), error)
            self._failed(name, memory, claimants)
            raise
        except (Invalid, Refused) as error:
            await self._notes.unreadable(name, self._concerned(name), error)
            self._failed(name, memory, claimants)
            return REFUSED_DELAY
        if outcome is None:
            self._gone(name)
            return VANISHED_DELAY
        if outcome.plan.policy is not None and outcome.refusal is None:
            memory.rest(begun, self._world.elapsed())
        return await self._finish(name, memory, outcome)

    def _waits(self, memory: Memory, claimants: Sequence[Claimant], *, owed: bool) -> bool:
        """Whether to wait for accesses that are about to request grants.

        What is to be revoked waits, for a shorter time, only if such an access wants it too, or if such an access has
        it with a role that it replaces: a workload must not be without access in between.
        """
        memory.stragglers &= {claimant.uid for claimant in claimants if claimant.arriving}
        arriving = [each for each in claimants if each.arriving and each.uid not in memory.stragglers]
        handed = {grant.identity for claimant in arriving for grant in claimant.wanted}
        handed |= {pair for claimant in arriving for pair in claimant.replaced}
        leaving = [claimant.leaving for claimant in claimants if claimant.leaving]
        if owed or any(pairs - handed for pairs in leaving):
            memory.waits_no_more()
            return False
        found = {claimant.uid: claimant.access for claimant in arriving}
        return memory.waits_for(found, self._world.elapsed(), revokes=bool(leaving))

    def _still_waits(self, name: RepositoryName) -> float | None:
        """Seconds to wait on if an access that the last pass waited for still arrives; None without one.

        A crowd must not cost a look at all of it for each access that arrives.
        """
        memory, now = self._memories.get(name), self._world.elapsed()
        if memory is None or memory.waits_until is None or now >= min(memory.waits_until, memory.looked + PAUSE - 1.0):
            return None
        awaited = ((self._world.cache.access(key), uid) for uid, key in memory.awaited.items())
        still = any(
            declared is not None and declared.stored.uid == uid and self._claims.of(declared).arriving
            for declared, uid in awaited
            if uid not in memory.stragglers
        )
        return self._until_look(memory) if still else None

    def _until_look(self, memory: Memory) -> float:
        look = memory.looked + PAUSE
        until = look if memory.waits_until is None else min(look, memory.waits_until)
        return max(0.0, until - self._world.elapsed())

    def _concerned(self, name: RepositoryName) -> list[Claimant]:
        return [claimant for claimant in self._claims.claimants(name) if claimant.concerned]

    async def _finish(self, name: RepositoryName, memory: Memory, outcome: Outcome) -> float:
        """Record what the pass found for each access, and when the next one is due."""
        memory.seen = {}
        for claimant, after in zip(outcome.claimants, outcome.afterwards, strict=True):
            check = granted(claimant, outcome, name)
            self._notes.found(claimant, check)
            if after.concerned and claimant.access not in outcome.late:
                memory.saw(after, settled=check.ok)
        await self._notes.count(name, outcome)
        if outcome.recorded.down is not None:
            raise outcome.recorded.down
        if outcome.refusal is not None:
            return REFUSED_DELAY
        if outcome.recorded.rest:
            return 0.0
        if outcome.late or memory.oversize.has_room(outcome.plan.size):
            return self._rest(name)
        if outcome.recorded.failed or self._debts.grants(name):
            again = (_again(error, memory.failures.get(key, 1)) for key, error in outcome.recorded.failed.items())
            return min(again, default=REFUSED_DELAY)
        now, drift = self._world.elapsed(), self._world.options.drift_interval.total_seconds()
        delay = min(drift * (1 + 0.2 * self._world.jitter()), memory.oversize.until_retry(now))
        memory.due = now + delay
        return delay

    def _failed(self, name: RepositoryName, memory: Memory, claimants: Sequence[Claimant]) -> None:
        """The queue retries for what this pass saw: only later changes are stale."""
        before = {claimant.access: claimant for claimant in claimants}
        memory.seen = {}
        for claimant in self._concerned(name):
            if claimant.asks_as(before.get(claimant.access)):
                memory.saw(claimant, settled=False)

    def _gone(self, name: RepositoryName) -> None:
        """The repository does not exist: delete what is remembered of its policy."""
        self._notes.gone(name, self._concerned(name))
        for manager in self._world.cache.repositories_on(name):
            if self._findings.repository(manager.stored).usable:
                self._world.queue.add(RepositoryKey(manager.stored.key))
        self._memories[name] = memory = Memory(creation=self._transactions.observer.creation(name))
        for claimant in self._concerned(name):
            memory.saw(claimant, settled=False)


def _again(error: WheelhouseError, failures: int) -> float:
    """Seconds until a retry for an access that could not be recorded."""
    slow = not isinstance(error, Conflict | Unavailable)
    return REFUSED_DELAY if slow else min(REFUSED_DELAY, AGAIN * 2.0 ** min(failures, 16))
