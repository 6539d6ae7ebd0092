"""A repository's IAM policy: all its accesses in one read-modify-write, the ledger first, the etag always."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wheelhouse.domain.iam import MEMBER_LIMIT, Grant, GrantRecord, GrantState
from wheelhouse.domain.keys import AccessKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.outcome import AccessSummary, Check, failed, passed, pending
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable
from wheelhouse.plan.policy import Claimant, Ledgers, Pair, PolicyPlan, plan_policy
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.ports import World
from wheelhouse.status.access import read_access

REJECTION_LASTS = timedelta(minutes=10)
"""How long a member that IAM rejected is left out before it is tried again."""

VANISHED_DELAY = 30.0
REFUSED_DELAY = 60.0


class PolicyUnit:
    """Reconciles IAM policies, one at a time per repository."""

    def __init__(self, world: World, ledger: Ledger, claims: Claims) -> None:
        self._world = world
        self._ledger = ledger
        self._claims = claims
        self._seen: dict[RepositoryName, dict[ObjectKey, Claimant]] = {}
        self._rejected: dict[RepositoryName, dict[Pair, tuple[str, datetime]]] = {}
        self._due: dict[RepositoryName, datetime] = {}

    def stale(self, stored: CustomObject, name: RepositoryName) -> bool:
        """Whether this access's claim or ledger differs from what the last pass of `name` left."""
        claimant = self._claims.claimant(stored, name)
        if not _concerned(claimant):
            return stored.key in self._seen.get(name, {})
        return claimant != self._seen.get(name, {}).get(stored.key)

    async def reconcile(self, name: RepositoryName) -> float | None:
        """Make one policy as all accesses say.

        Returns:
            Seconds until the next look for drift; None when nobody claims anything here.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to come back.
        """
        claimants = self._claimants(name)
        if not claimants:
            self.forget(name)
            return None
        now = self._world.now()
        if self._seen.get(name) == {claimant.access: claimant for claimant in claimants} and now < self._due.get(
            name, now
        ):
            return (self._due[name] - now).total_seconds()  # The pass before saw all of this already.
        try:
            plan = await self._settle(name)
        except Unavailable as error:
            for claimant in claimants:
                self._outage(claimant.access, error)
            raise
        except (Invalid, Refused) as error:
            for claimant in claimants:
                self._note(claimant.access, failed(error.reason, error.message))
            return REFUSED_DELAY
        if plan is None:
            self.forget(name)
            for claimant in claimants:
                self._note(claimant.access, pending(f"{name} is not there (any more): waiting for it."), ())
            return VANISHED_DELAY
        self._due[name] = self._world.now() + self._world.options.drift_interval * (1 + 0.2 * self._world.jitter())
        return (self._due[name] - self._world.now()).total_seconds()

    def forget(self, name: RepositoryName) -> None:
        """The policy is another one than was seen: the repository is new, or gone."""
        self._seen.pop(name, None)
        self._rejected.pop(name, None)
        self._due.pop(name, None)

    def _claimants(self, name: RepositoryName) -> list[Claimant]:
        return [claimant for claimant in self._claims.claimants(name) if _concerned(claimant)]

    async def _settle(self, name: RepositoryName) -> PolicyPlan | None:
        """Set the policy; where IAM rejects it, find the members that it rejects, so that all others proceed."""
        try:
            return await self._attempt(name)
        except Invalid as error:
            if error.reason is Reason.POLICY_FULL:
                raise
            await self._bisect(name, await self._missing(name), error)
        return await self._attempt(name)

    async def _attempt(self, name: RepositoryName, only: Collection[Pair] | None = None) -> PolicyPlan | None:
        """One read-modify-write from fresh claims; None when the repository is gone."""
        observed = await self._world.policies.get(name)
        if observed is None:
            return None
        claimants = self._claimants(name)
        plan = plan_policy(claimants, observed, self._rejections(name), only)
        await self._record(name, claimants, plan.before)
        if plan.policy is not None:
            try:
                await self._world.policies.set(name, plan.policy)
            except Conflict:
                # Surely not set: what this attempt recorded is nobody's yet, and whoever adds it meanwhile owns it.
                self._restore(claimants)
                raise
        self._summarize(name, claimants, plan.policy.size if plan.policy else observed.size)
        self._finish(name, claimants, plan)
        return plan

    async def _missing(self, name: RepositoryName) -> tuple[Grant, ...]:
        observed = await self._world.policies.get(name)
        return () if observed is None else plan_policy(self._claimants(name), observed, self._rejections(name)).add

    async def _bisect(self, name: RepositoryName, adds: Sequence[Grant], error: Invalid) -> None:
        """Note the members that IAM rejects.

        Raises:
            Invalid: the policy is rejected although nothing is added to it.
        """
        if not adds:
            raise error
        if len(adds) == 1:
            self._rejected.setdefault(name, {})[adds[0].identity] = (error.message, self._world.now())
            return
        for half in (adds[: len(adds) // 2], adds[len(adds) // 2 :]):
            try:
                await self._attempt(name, only={grant.identity for grant in half})
            except Invalid as again:
                await self._bisect(name, half, again)

    def _rejections(self, name: RepositoryName) -> dict[Pair, str]:
        now = self._world.now()
        lately = self._rejected.get(name, {})
        return {pair: words for pair, (words, since) in lately.items() if now - since < REJECTION_LASTS}

    async def _record(self, name: RepositoryName, claimants: Sequence[Claimant], before: Ledgers) -> None:
        """Write the ledgers that gain an entry before the policy gains it: the policy is set by whoever survives."""
        gaining = []
        for claimant in claimants:
            stored = self._world.cache.access(claimant.access)
            # What counts is what is written, not what is remembered: an earlier write may have met a conflict.
            if stored is not None and _owned(before[stored.key]) - _owned(_written_grants(stored, name)):
                self._ledger.note_access(stored, repository=name.full, grants=before[stored.key])
                gaining.append(stored.key)
        written = await asyncio.gather(*(self._ledger.record(Kind.ACCESS, key) for key in gaining))
        if not all(written):
            raise Conflict("An access was deleted while its grant was being recorded.")

    def _restore(self, claimants: Sequence[Claimant]) -> None:
        for claimant in claimants:
            stored = self._world.cache.access(claimant.access)
            if stored is not None:
                self._ledger.note_access(stored, grants=claimant.ledger)

    def _finish(self, name: RepositoryName, claimants: Sequence[Claimant], plan: PolicyPlan) -> None:
        self._seen[name] = {c.access: replace(c, ledger=plan.after[c.access]) for c in claimants}
        for claimant in claimants:
            grants = plan.after[claimant.access]
            stored = self._world.cache.access(claimant.access)
            if stored is None:
                continue
            self._ledger.recovered(Kind.ACCESS, stored, "granted")
            if grants:
                self._ledger.note_access(stored, repository=name.full)
            self._note(claimant.access, _granted(claimant, grants, plan.full), grants)

    def _outage(self, key: ObjectKey, error: Unavailable) -> None:
        stored = self._world.cache.access(key)
        if stored is not None:
            self._note(
                key, self._ledger.outage(Kind.ACCESS, stored, "granted", self._ledger.access(stored).granted, error)
            )

    def _note(self, key: ObjectKey, check: Check, grants: tuple[GrantRecord, ...] | None = None) -> None:
        stored = self._world.cache.access(key)
        if stored is None:
            return
        before = self._ledger.access(stored)
        after = self._ledger.note_access(stored, granted=check, grants=before.grants if grants is None else grants)
        if after != before or stored.deleting:
            self._world.queue.add(AccessKey(key))

    def _summarize(self, name: RepositoryName, claimants: Sequence[Claimant], members: int) -> None:
        """Told with the repository's next write: a count is not worth one of its own."""
        accesses = sum(1 for claimant in claimants if claimant.wanted)
        for stored in self._world.cache.repositories_on(name.full):
            self._ledger.note_repository(stored, access_summary=AccessSummary(accesses, members, MEMBER_LIMIT))


def _written_grants(stored: CustomObject, name: RepositoryName) -> tuple[GrantRecord, ...]:
    """The ledger of one repository as it stands in the object's status."""
    written = read_access(stored)
    return written.grants if written.repository == name.full else ()


def _concerned(claimant: Claimant) -> bool:
    """Whether a claimant has anything to add, keep or withdraw: others cost no request."""
    return bool(claimant.claims() or claimant.ledger)


def _owned(ledger: Collection[GrantRecord]) -> set[Pair]:
    return {record.grant.identity for record in ledger if record.state.owned}


def _granted(claimant: Claimant, grants: Collection[GrantRecord], full: Collection[Pair]) -> Check:
    rejected = [record for record in grants if record.state is GrantState.REJECTED]
    if rejected:
        words = f"{rejected[0].grant.member}: IAM says: {rejected[0].message}"
        return failed(Reason.MEMBER_REJECTED, f"{words} Correct or remove the subject; it is tried again slowly.")
    if any(grant.identity in full for grant in claimant.wanted):
        message = f"The repository's IAM policy is full ({MEMBER_LIMIT} principals): grant groups, or remove accesses."
        return failed(Reason.POLICY_FULL, message)
    if len(grants) < len(claimant.wanted):
        return pending("Waiting for the repository to be Ready.")
    return passed(Reason.GRANTED)
