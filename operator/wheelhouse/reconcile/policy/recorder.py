"""Writes ledgers before the policy is set: an access that cannot be recorded is left out and delays no other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wheelhouse.domain.iam import GrantRecord, GrantState, Pair
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.policy import PolicyPlan, Records
from wheelhouse.plan.side import inherited
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.memory import Memory
from wheelhouse.reconcile.world import World
from wheelhouse.status.read import recorded_grants

MOST = 256
"""Maximum accesses that are recorded in one pass."""
AT_ONCE = 16
"""Maximum records that are written at the same time."""
TRIES = 3
"""Attempts in one pass for an access that changes all the time, and the passes that others wait for it."""

INHERITED = "The operator may have set this grant already."
"""The message of a grant that this process is about to set, and that another one may have recorded. If that one still
runs, this change of status reaches it. Without it, that process takes the grant for another client's."""

Errors = Mapping[ObjectKey, WheelhouseError]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The results of the records of one pass.

    Attributes:
        tried: whether there was anything to write.
        failed: the accesses that could not be recorded.
        given_up: those of them that nothing waits for any longer.
        rest: whether more accesses wait for the next pass.
        down: the error of Kubernetes, if every one of several records got it.
    """

    tried: bool = False
    failed: Errors = field(default_factory=dict)
    given_up: frozenset[ObjectKey] = frozenset()
    rest: bool = False
    down: Unavailable | None = None


class Recorder:
    """Records grants.

    Args:
        world: the ports.
        findings: where the ledgers are.
        ledger: writes them into status.
    """

    def __init__(self, world: World, findings: Findings, ledger: Ledger) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger

    async def record(
        self,
        name: RepositoryName,
        create_time: datetime | None,
        claimants: Sequence[Claimant],
        plan: PolicyPlan,
        memory: Memory,
    ) -> Recorded:
        """Write the ledgers that the plan needs, the oldest access first."""
        needs = _Needs(plan, memory)
        wanting = [c for c in claimants if needs.change(c) or needs.written(c) - self.written(name, create_time, c)]
        if not wanting:
            return Recorded()
        # Those that could not be recorded before wait for the others.
        wanting.sort(key=lambda claimant: memory.failures.get(claimant.access, 0))
        # After a refusal, one access is tried first: records for all of them could cost two useless writes each.
        chosen = wanting[: 1 if memory.refused else MOST]
        batch = _Batch(self, name, create_time, plan, memory)
        failed = await batch.write({claimant.access: claimant for claimant in chosen})
        for claimant in chosen:
            key = claimant.access
            if key in failed:
                memory.failures[key] = memory.failures.get(key, 0) + 1
            else:
                memory.failures.pop(key, None)
        outages = [error for error in failed.values() if isinstance(error, Unavailable)]
        return Recorded(
            tried=True,
            failed=failed,
            given_up=frozenset(
                key
                for key, error in failed.items()
                if isinstance(error, Refused | Invalid) or memory.failures[key] >= TRIES
            ),
            rest=len(wanting) > len(chosen) > len(failed),
            down=outages[0] if 1 < len(outages) == len(chosen) else None,
        )

    def written(self, name: RepositoryName, create_time: datetime | None, claimant: Claimant) -> frozenset[Pair]:
        """What the ledger owns as it stands in the object's status: what is remembered may not have been written."""
        declared = self._world.cache.access(claimant.access)
        found = recorded_grants(declared.stored) if declared is not None else None
        if found is None or found.repository != name or (create_time and found.create_time not in {None, create_time}):
            return frozenset()
        return _owned(found.grants)

    async def one(
        self, name: RepositoryName, create_time: datetime | None, claimant: Claimant, records: Records
    ) -> WheelhouseError | None:
        """Write one ledger. If it cannot be written, return the error and restore the memory."""
        key = claimant.access
        declared = self._world.cache.access(key)
        if declared is None or declared.stored.uid != claimant.uid:
            return Conflict("The access does not exist.")
        before = self._findings.grants(declared.stored)
        if before.grants != claimant.entries:
            return Conflict("Another client changed the ledger.")
        self._findings.note_grants(declared.stored, repository=name, create_time=create_time, grants=records)
        try:
            if await self._ledger.record(Kind.ACCESS, key):
                return None
            error: WheelhouseError = Conflict("The access does not exist.")
        except WheelhouseError as caught:
            error = caught
        declared = self._world.cache.access(key)
        if declared is not None and self._findings.grants(declared.stored).grants is records:
            self._findings.note_grants(
                declared.stored, repository=before.repository, create_time=before.create_time, grants=before.grants
            )
        return error

    def version(self, key: ObjectKey) -> str:
        """The resourceVersion of the object in the cache."""
        declared = self._world.cache.access(key)
        return declared.stored.resource_version if declared is not None else ""


class _Needs:
    """The writes that a plan needs."""

    def __init__(self, plan: PolicyPlan, memory: Memory) -> None:
        self._memory = memory
        self._before = plan.before
        self._adding = {grant.identity for grant in plan.add}
        self._adopted = set(plan.adopted)

    def change(self, claimant: Claimant) -> bool:
        """Whether the ledger gains a grant, or an entry turned out to be another client's or needs the message."""
        before = self._before[claimant.access]
        if before is claimant.ledger:
            return False
        owned = _owned(claimant.ledger)
        # A grant that an access adopts exists already, and needs no record before.
        gained = (r for r in before if r.state.owned and (claimant.access, r.grant) not in self._adopted)
        if any(r.grant.identity not in owned for r in gained):
            return True
        existing = (r for r in before if r.state is GrantState.EXISTING)
        return any(r.grant.identity in owned for r in existing) or any(
            self._inherited(r, claimant, owned) for r in before
        )

    def records(self, claimant: Claimant, written: frozenset[Pair]) -> tuple[Records, frozenset[tuple[str, Pair]]]:
        """The ledger to write, and its entries that certainly were never set.

        Args:
            claimant: the access.
            written: what its status records already: another process wrote it, and may have set it since.
        """
        owned = _owned(claimant.ledger)
        before, known = self._before[claimant.access], owned | written
        records = tuple(r.with_state(r.state, INHERITED) if self._inherited(r, claimant, known) else r for r in before)
        new = (r.grant.identity for r in records if r.state is GrantState.RECORDED)
        return records, frozenset((claimant.uid, pair) for pair in new if pair not in known)

    def _inherited(self, record: GrantRecord, claimant: Claimant, known: frozenset[Pair]) -> bool:
        """Whether this process is about to set a grant that it did not record, and status does not say so."""
        pair = record.grant.identity
        ours = self._memory
        return pair in self._adding and pair in known and inherited(claimant.uid, record, ours.unset, ours.sent)

    def written(self, claimant: Claimant) -> frozenset[Pair]:
        """Grants that must be in status already, because this plan adds them."""
        if not self._adding or self._before[claimant.access] is claimant.ledger:
            return frozenset()
        return _owned(self._before[claimant.access]) & self._adding


class _Batch:
    """Records that are written together."""

    def __init__(
        self, recorder: Recorder, name: RepositoryName, create_time: datetime | None, plan: PolicyPlan, memory: Memory
    ) -> None:
        self._recorder = recorder
        self._name = name
        self._create_time = create_time
        self._plan = plan
        self._memory = memory
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._outages = 0
        self._versions: dict[ObjectKey, str] = {}

    async def write(self, claimants: Mapping[ObjectKey, Claimant]) -> Errors:
        failed = await self._round(claimants)
        for _ in range(TRIES - 1):
            again = {key: claimants[key] for key, error in failed.items() if self._fresh(key, error)}
            if not again:
                break
            failed = {key: error for key, error in failed.items() if key not in again}
            failed |= await self._round(again)
        return failed

    async def _round(self, claimants: Mapping[ObjectKey, Claimant]) -> dict[ObjectKey, WheelhouseError]:
        tasks = [asyncio.create_task(self._one(claimant)) for claimant in claimants.values()]
        try:
            errors = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return {key: error for key, error in zip(claimants, errors, strict=True) if error is not None}

    async def _one(self, claimant: Claimant) -> WheelhouseError | None:
        key = claimant.access
        async with self._slots:
            if self._outages >= AT_ONCE:  # Nothing answers: the others need not wait for their timeouts too.
                return Unavailable("Kubernetes does not answer.")
            self._versions[key] = self._recorder.version(key)
            written = self._recorder.written(self._name, self._create_time, claimant)
            records, unset = _Needs(self._plan, self._memory).records(claimant, written)
            self._memory.unset |= unset
            error = await self._recorder.one(self._name, self._create_time, claimant, records)
            if isinstance(error, Conflict):
                self._memory.unset -= unset
            self._outages = self._outages + 1 if isinstance(error, Unavailable) else 0
            return error

    def _fresh(self, key: ObjectKey, error: WheelhouseError) -> bool:
        """Whether the object has changed since the attempt: the watch delivered what the write conflicted with."""
        return isinstance(error, Conflict) and self._recorder.version(key) != self._versions[key]


def _owned(records: Sequence[GrantRecord]) -> frozenset[Pair]:
    return frozenset(record.grant.identity for record in records if record.state.owned)
