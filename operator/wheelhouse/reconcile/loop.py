"""The five units of work behind one interface: it takes a key and returns the seconds until the next pass."""

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey, TokenKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.reconcile.access.unit import AccessUnit
from wheelhouse.reconcile.debts import Debts
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.repository.unit import RepositoryUnit
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.unit import SecretUnit
from wheelhouse.reconcile.world import World


class Loop:
    """Connects the units to one world; its caller guarantees that a key never runs twice at once."""

    def __init__(self, world: World) -> None:
        self._findings = findings = Findings()
        ledger = Ledger(world, findings)
        debts = Debts()
        claims = Claims(world, findings)
        self._policies = PolicyUnit(world, findings, ledger, claims, debts)
        self._repositories = RepositoryUnit(world, findings, ledger)
        self._tokens = TokenUnit(world)
        self._secrets = SecretUnit(world, findings, ledger, claims, self._tokens, debts)
        self._accesses = AccessUnit(world, findings, ledger, claims, self._policies, self._secrets, debts)

    async def reconcile(self, key: Key) -> float | None:
        """One pass for one key: the same for create, update, resume, resync and a change of a related object.

        Returns:
            Seconds until the next pass, None if only a change can matter.

        Raises:
            WheelhouseError: for the queue to retry.
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
            case TokenKey():
                return await self._tokens.reconcile(key)

    def rank(self, key: Key) -> float:
        """The order of the tokens to mint: the lowest rank first."""
        return self._tokens.rank(key) if isinstance(key, TokenKey) else 0.0

    def doubt_secret(self, namespace: str, name: str) -> None:
        """A watch reports that a Secret may be deleted or edited: check it now.

        Args:
            namespace: where it is.
            name: its name.
        """
        self._secrets.watched.doubt(namespace, name)

    def until_expiry(self) -> float | None:
        """Seconds until the first token in any Secret expires, negative if it has; None without a token."""
        return self._secrets.until_expiry()

    def vanished(self, declared: Declared[DeclaredRepository] | Declared[DesiredAccess]) -> None:
        """An object disappeared, or another one has its name: what it left behind without a release is a debt.

        Args:
            declared: the object as it was last seen.
        """
        self._accesses.vanished(declared)

    def seen(self, kind: Kind, stored: CustomObject) -> bool:
        """Read the ledger of a status that another client wrote: a person, a restore, another instance of the operator.

        Returns:
            Whether one did, so that the object needs a pass.
        """
        if kind is Kind.REPOSITORY:
            return self._findings.seen(kind, stored)
        before = self._findings.distribution(stored)
        found = self._findings.seen(kind, stored)
        if found:
            self._policies.doubt(stored)
            self._accesses.rewritten(stored, before)
        return found
