"""One policy, one read-modify-write: observe → plan → record → check the claims again → set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from wheelhouse.domain.iam import Grant, GrantRecord, Pair
from wheelhouse.domain.keys import AccessKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, Refused
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.policy import Circumstances, PolicyPlan, plan_policy
from wheelhouse.reconcile.debts import Debts, GrantDebt
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.policy.events import PolicyEvents
from wheelhouse.reconcile.policy.memory import Memory
from wheelhouse.reconcile.policy.observation import Observation, Observer
from wheelhouse.reconcile.policy.recorder import Recorded, Recorder
from wheelhouse.reconcile.policy.rejections import Search, words_about
from wheelhouse.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a pass.

    Attributes:
        observation: the policy that was read last.
        claimants: the claims that the last plan was made for, the oldest access first.
        afterwards: the same accesses with their current claims and ledgers, whatever this pass changed.
        plan: the last one; its ledgers are in memory.
        recorded: the results of the records.
        refusal: the error because of which the policy could not be set at all; None otherwise.
        late: accesses that appeared or changed while ledgers were written: nothing was added for them.
    """

    observation: Observation
    claimants: Sequence[Claimant]
    afterwards: Sequence[Claimant]
    plan: PolicyPlan
    recorded: Recorded
    refusal: Invalid | Refused | None = None
    late: frozenset[ObjectKey] = frozenset()


class Transactions:
    """Sets policies to what all accesses claim.

    Args:
        world: the ports.
        findings: where the ledgers are.
        ledger: writes them.
        claims: what each access may have.
        debts: what accesses left behind that disappeared without a release.
    """

    def __init__(self, world: World, findings: Findings, ledger: Ledger, claims: Claims, debts: Debts) -> None:
        self.world = world
        self.findings = findings
        self.claims = claims
        self.debts = debts
        self.observer = Observer(world, findings)
        self.recorder = Recorder(world, findings, ledger)
        self.events = PolicyEvents(world)

    async def run(self, name: RepositoryName, memory: Memory) -> Outcome | None:
        """One pass; None if the repository does not exist.

        Raises:
            Conflict: another client changed the policy meanwhile.
            Invalid, Refused: Google does not allow the policy to be read.
            Unavailable: it is not known whether the policy was set.
        """
        return await _Transaction(self, name, memory).run()


class _Transaction:
    """One pass over one policy."""

    def __init__(self, context: Transactions, name: RepositoryName, memory: Memory) -> None:
        self._context = context
        self._name = name
        self._memory = memory
        self._observation: Observation
        self._fresh: Sequence[Claimant] | None = None
        """Claims that were just computed, for the next plan."""
        self._asking: Sequence[Claimant]
        self._claimants: Sequence[Claimant]
        self._debts: Sequence[GrantDebt] = ()
        self._recorded = Recorded()
        self._first: dict[ObjectKey, Claimant] = {}
        """Claims at the time when their ledgers were recorded."""
        self._full: frozenset[Pair] = frozenset()
        """What had no room then: later plans have only what is recorded."""

    async def run(self) -> Outcome | None:
        observation = await self._observe()
        if observation is None:
            return None
        self._observation = observation
        self._memory.oversize.make_room(
            observation.policy.size, self._fresh or self._concerned(), self._context.world.elapsed()
        )
        plan = self._plan(Circumstances())
        self._first, self._full = {asking.access: asking for asking in self._asking}, plan.full
        self._recorded = await self._context.recorder.record(
            self._name, observation.create_time, self._claimants, plan, self._memory
        )
        try:
            plan = await self._apply(plan)
        except (Invalid, Refused) as error:
            return await self._give_up(error)
        return self._outcome(plan)

    async def _observe(self) -> Observation | None:
        observation = await self._context.observer.observe(
            self._name, self._concerned, lambda: self._context.debts.grants(self._name)
        )
        if observation is not None and observation.standing is not None:
            self._fresh = None  # They are as old as the request for the repository.
        return observation

    def _concerned(self) -> Sequence[Claimant]:
        self._fresh = [claimant for claimant in self._context.claims.claimants(self._name) if claimant.concerned]
        return self._fresh

    def _plan(self, circumstances: Circumstances) -> PolicyPlan:
        """Plan from the current claims: consent may have been withdrawn while the ledgers were written."""
        memory, given_up, now = self._memory, self._recorded.given_up, self._context.world.elapsed()
        self._asking, self._fresh = self._fresh or self._concerned(), None
        self._claimants = [
            replace(claimant, may_add=False) if claimant.access in given_up else claimant
            for claimant in self._observation.of(self._asking)
        ]
        self._debts = self._context.debts.grants(self._name)
        return plan_policy(
            self._claimants,
            self._observation.policy,
            replace(
                circumstances,
                rejected=memory.rejections(now),
                withheld=circumstances.withheld | memory.oversize.waiting,
                unset=memory.unset,
                sent=memory.sent,
                debts=self._owed(),
            ),
        )

    def _owed(self) -> list[GrantRecord]:
        """The grants of debts on exactly this repository, except for those that were certainly never set."""
        return [
            record
            for debt in self._debts
            if self._observation.concerns(debt)
            for record in debt.records
            if (debt.uid, record.grant.identity) not in self._memory.unset
        ]

    async def _apply(self, first: PolicyPlan) -> PolicyPlan:
        """Set the policy; if IAM rejects members, set it without them.

        Args:
            first: the plan if there is nothing to record.
        """
        search = Search()
        ready = None if self._recorded.tried else first
        while True:
            plan, ready = ready or self._plan(Circumstances(recorded=True, only=search.only)), None
            try:
                await self._set(plan)
            except Invalid as error:
                if error.reason is Reason.POLICY_FULL and plan.add:
                    self._outgrew(plan)
                elif error.reason is Reason.MEMBER_REJECTED:
                    for grant in search.refused(plan.add, error, self._observation.policy):
                        self._reject([grant], words_about(grant.member, error))
                else:
                    raise
                continue
            await self._settle(plan)
            self._memory.oversize.grew(plan.size, _pairs(plan.add), self._context.world.elapsed())
            self._reject(*search.accepted(plan.add))
            if search.over:
                return plan
            if plan.policy is not None:
                await self._observe_again()

    def _outgrew(self, plan: PolicyPlan) -> None:
        """IAM found the policy too large: leave out new grants, then retried ones, and last those that need no room."""
        added, exchanged = _pairs(plan.add), plan.exchanged
        waits = added - self._memory.oversize.retried - exchanged or added - exchanged or added
        self._memory.oversize.outgrew(waits, plan.size - len(added), self._context.world.elapsed())

    async def _set(self, plan: PolicyPlan) -> None:
        """Set the policy, if it changes: until the answer arrives, its additions may or may not exist."""
        if plan.policy is None:
            return
        doubtful = self._memory.asked(_pairs(plan.add))
        try:
            await self._context.world.policies.set(self._name, plan.policy)
        except (Conflict, Invalid, Refused):
            self._memory.sent -= doubtful
            self._memory.unset |= doubtful  # Certainly not set.
            raise
        self._memory.sent -= doubtful
        self._memory.refused = False

    async def _observe_again(self) -> None:
        """Read the policy's new etag, to continue a search."""
        observation = await self._observe()
        if observation is None:
            raise Conflict(f"{self._name} was deleted.")
        self._observation = observation

    async def _settle(self, plan: PolicyPlan) -> None:
        """Update the ledgers to the plan; memory first, then the reports."""
        added = _pairs(plan.add)
        for claimant in self._claimants:
            self._note(claimant, plan, added)
        for debt in self._debts:
            if not (self._observation.concerns(debt) and plan.unpaid.intersection(_pairs(debt.grants))):
                self._context.debts.paid(debt)
        for pair in added:
            self._memory.rejected.pop(pair, None)
        await self._context.events.publish(self._name, self._claimants, plan)

    def _note(self, claimant: Claimant, plan: PolicyPlan, added: frozenset[Pair]) -> None:
        declared = self._context.world.cache.access(claimant.access)
        if declared is None or declared.stored.uid != claimant.uid:
            return
        records, before = plan.after[claimant.access], self._context.findings.grants(declared.stored)
        if before.grants != claimant.entries:
            # Another operator wrote the ledger meanwhile: the grants that it owns there must be revoked later.
            owned = {r.grant.identity: r for r in self._context.claims.ledger(declared) if r.state.owned}
            records = tuple(r if r.state.owned else owned.get(r.grant.identity, r) for r in records)
            known = {r.grant.identity for r in (*records, *claimant.ledger)}
            records = (*records, *(r for pair, r in owned.items() if pair not in known))
        place = (self._name, self._created(claimant)) if records else (None, None)
        if ours := added and added.intersection(r.grant.identity for r in records if r.state.owned):
            self._context.findings.note_set(declared.stored, ours)
        if plan.restored and not plan.restored.isdisjoint(_pairs(claimant.wanted)):
            self._context.findings.note_grants(declared.stored, restored=before.restored + 1)
            self._context.world.queue.add(AccessKey(claimant.access))
        if (before.repository, before.create_time, before.grants) != (*place, records):
            self._context.findings.note_grants(
                declared.stored, repository=place[0], create_time=place[1], grants=records
            )
            self._context.world.queue.add(AccessKey(claimant.access))

    def _created(self, claimant: Claimant) -> datetime | None:
        return self._observation.create_time or claimant.create_time

    def _reject(self, grants: Sequence[Grant], words: str) -> None:
        self._memory.reject(_pairs(grants), words, self._context.world.elapsed())

    async def _give_up(self, error: Invalid | Refused) -> Outcome:
        """The policy cannot be set: only undo what this process recorded for it."""
        self._memory.refused = True
        tried = frozenset(pair for _, pair in self._memory.unset)
        plan = self._plan(Circumstances(recorded=True, withheld=tried, still=True))
        await self._settle(plan)
        return self._outcome(plan, error)

    def _outcome(self, plan: PolicyPlan, refusal: Invalid | Refused | None = None) -> Outcome:
        self._memory.prune(self._claimants)
        afterwards = []
        for asking in self._asking:
            records = plan.after[asking.access]
            created = self._created(asking) if records else None
            afterwards.append(replace(asking, ledger=records, create_time=created))
        late = frozenset(c.access for c in self._asking if not c.asks_as(self._first.get(c.access)))
        late |= plan.unannounced.difference(self._recorded.failed)
        plan = replace(plan, full=plan.full | self._full)
        return Outcome(self._observation, self._claimants, afterwards, plan, self._recorded, refusal, late)


def _pairs(grants: Sequence[Grant]) -> frozenset[Pair]:
    return frozenset(grant.identity for grant in grants)
