"""The four units of work behind one door: a key goes in, the seconds until the next look come out."""

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.reconcile.access.unit import AccessUnit
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.repository.unit import RepositoryUnit
from wheelhouse.reconcile.secret.unit import SecretUnit


class Loop:
    """Wires the units over one world; whoever calls it guarantees that a key is never run twice at once."""

    def __init__(self, world: World) -> None:
        ledger = Ledger(world)
        claims = Claims(world, ledger)
        self._policies = PolicyUnit(world, ledger, claims)
        self._repositories = RepositoryUnit(world, ledger, self._policies)
        self._secrets = SecretUnit(world, ledger, claims)
        self._accesses = AccessUnit(world, ledger, claims, self._policies, self._secrets)

    async def reconcile(self, key: Key) -> float | None:
        """One pass for one key: create, update, resume, resync and a neighbor's change are all the same.

        Returns:
            Seconds until the next look, None when only a change can matter.

        Raises:
            WheelhouseError: what the queue must come back for.
        """
        match key:
            case RepositoryKey(name):
                return await self._repositories.reconcile(name)
            case PolicyKey(repository):
                return await self._policies.reconcile(repository)
            case AccessKey(name):
                return await self._accesses.reconcile(name)
            case SecretKey():
                return await self._secrets.reconcile(key)
