"""A policy that was read, and the repository that it belongs to: the same name may be another repository."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository, observes
from wheelhouse.domain.iam import DEFAULT_ETAG, Grant, Policy
from wheelhouse.domain.keys import RepositoryKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.repository import ObservedRepository, Ownership
from wheelhouse.errors import Conflict, Unavailable
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.repository import owns
from wheelhouse.reconcile.debts import GrantDebt
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Observation:
    """A policy and its repository.

    Attributes:
        policy: the policy that was read.
        create_time: when the repository was created, in whole seconds as in a ledger; None if that is not known.
        standing: the PythonRepositories that manage it now; None if there is no doubt about what is known.
    """

    policy: Policy
    create_time: datetime | None
    standing: frozenset[ObjectKey] | None = None

    def of(self, claimants: Sequence[Claimant]) -> list[Claimant]:
        """The claimants for exactly this repository."""
        return [claimant.found_on(self.create_time, self.standing) for claimant in claimants]

    def concerns(self, debt: GrantDebt) -> bool:
        """Whether a debt concerns exactly this repository."""
        return self.create_time is None or debt.create_time is None or in_seconds(debt.create_time) == self.create_time


class Observer:
    """Reads policies, and repositories if a policy alone does not show to which one it belongs."""

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings

    def creation(self, name: RepositoryName) -> datetime | None:
        """When the repository was created, as far as the repository unit knows."""
        found = [self._findings.repository(manager.stored) for manager in self._world.cache.repositories_on(name)]
        known = sorted(
            (
                (not each.usable, in_seconds(each.create_time))
                for each in found
                if each.name == name and each.create_time
            ),
        )
        return known[0][1] if known else None

    async def observe(
        self,
        name: RepositoryName,
        claims: Callable[[], Sequence[Claimant]],
        owed: Callable[[], Sequence[GrantDebt]],
    ) -> Observation | None:
        """Read a policy; None if the repository does not exist.

        The repository is read too if anything is to be added, if a grant of ours is missing, or if it is not certain to
        which repository the ledgers belong.

        Args:
            name: the repository.
            claims: returns the accesses with a ledger there; called after the policy is read.
            owed: the debts there.

        Raises:
            Conflict: the repository was deleted meanwhile.
            Refused, Invalid, Unavailable: for Google's errors.
        """
        policy = await self._world.policies.get(name)
        claimants, debts = claims(), owed()
        owned = _owned(claimants, debts)
        if policy is None:
            if owned and await self._world.repositories.get(name) is not None:
                raise Unavailable(f"Google reports that {name} exists but has no IAM policy.")
            return None
        known = {self.creation(name), *(claimant.create_time for claimant in claimants if claimant.ledger)}
        known |= {debt.create_time and in_seconds(debt.create_time) for debt in debts}
        times = sorted(time for time in known if time is not None)
        present = policy.grants()
        missed = any(grant.identity not in present for grant in (*owned, *_asked(claimants)))
        if policy.etag != DEFAULT_ETAG and not missed and len(times) < 2:
            return Observation(policy, times[0] if times else None)
        # After the policy: a repository that was created in between has another createTime, and another policy.
        found = await self._world.repositories.get(name)
        if found is None:
            raise Conflict(f"{name} was deleted while its IAM policy was read.")
        return Observation(policy, found.create_time and in_seconds(found.create_time), self._standing(name, found))

    def _standing(self, name: RepositoryName, found: ObservedRepository) -> frozenset[ObjectKey]:
        """The existing PythonRepositories whose accesses may have something here.

        The labels decide. Without our labels, the repository may be only observed, or it may have lost its labels and
        still be the same one.
        """
        managers = [manager for manager in self._world.cache.repositories_on(name) if not manager.stored.deleting]
        cluster = self._world.options.cluster
        owners = [manager for manager in managers if owns(Ownership.of(cluster, manager.stored.key), found)]
        standing = owners or [manager for manager in managers if self._uses(manager, found)]
        for manager in managers:
            seen = self._findings.repository(manager.stored)
            if seen.usable and not _same(seen.create_time, found.create_time):
                self._world.queue.add(RepositoryKey(manager.stored.key))
        return frozenset(manager.stored.key for manager in standing)

    def _uses(self, manager: Declared[DeclaredRepository], found: ObservedRepository) -> bool:
        seen = self._findings.repository(manager.stored)
        return seen.usable and (observes(manager.stored) or _same(seen.create_time, found.create_time))


def in_seconds(moment: datetime) -> datetime:
    """A time in the precision of status."""
    return moment.replace(microsecond=0)


def _same(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and in_seconds(one) == in_seconds(other)


def _owned(claimants: Sequence[Claimant], debts: Sequence[GrantDebt]) -> Collection[Grant]:
    owned = [record.grant for claimant in claimants for record in claimant.ledger if record.state.owned]
    return [*owned, *(grant for debt in debts for grant in debt.grants)]


def _asked(claimants: Sequence[Claimant]) -> Iterator[Grant]:
    return (grant for claimant in claimants if claimant.may_add for grant in claimant.wanted)
