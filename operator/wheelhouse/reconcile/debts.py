"""What objects left behind when they disappeared without a release, because another client removed our finalizer."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from wheelhouse.domain.iam import Grant, GrantRecord
from wheelhouse.domain.names import ObjectKey, RepositoryName

K = TypeVar("K")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class GrantDebt:
    """What a deleted access owned, on the repository that was created at `create_time` (None: not known)."""

    access: ObjectKey
    uid: str
    repository: RepositoryName
    create_time: datetime | None
    records: tuple[GrantRecord, ...]

    @property
    def grants(self) -> list[Grant]:
        """Its grants."""
        return [record.grant for record in self.records]


@dataclass(frozen=True, slots=True)
class SecretDebt:
    """A Secret of a deleted access, or one that is no longer in its access's status."""

    access: ObjectKey
    uid: str
    namespace: str
    name: str


class Debts:
    """Debts until they are paid; a restart loses them."""

    def __init__(self) -> None:
        self._grants: dict[RepositoryName, list[GrantDebt]] = {}
        self._secrets: dict[tuple[ObjectKey, str], list[SecretDebt]] = {}
        self._released: dict[str, None] = {}

    def released(self, uid: str) -> None:
        """The object with this uid is released properly, so it leaves no debt."""
        self._released[uid] = None
        if len(self._released) > 10_000:
            del self._released[next(iter(self._released))]

    def lives(self, uid: str) -> None:
        """Note that the object with this uid exists: a restored backup can bring back a released object."""
        self._released.pop(uid, None)

    def owe(self, debt: GrantDebt | SecretDebt) -> None:
        """Record a debt, unless the object was released."""
        if debt.uid in self._released:
            return
        if isinstance(debt, GrantDebt):
            self._grants.setdefault(debt.repository, []).append(debt)
        else:
            self._secrets.setdefault((debt.access, debt.namespace), []).append(debt)

    def grants(self, repository: RepositoryName) -> tuple[GrantDebt, ...]:
        """The grants to revoke on a repository."""
        return tuple(self._grants.get(repository, ()))

    def secrets(self, access: ObjectKey, namespace: str) -> tuple[SecretDebt, ...]:
        """The Secrets to remove in one place."""
        return tuple(self._secrets.get((access, namespace), ()))

    def paid(self, debt: GrantDebt | SecretDebt) -> None:
        """Delete a debt that is paid."""
        if isinstance(debt, GrantDebt):
            _drop(self._grants, debt.repository, debt)
        else:
            _drop(self._secrets, (debt.access, debt.namespace), debt)


def _drop(book: dict[K, list[D]], key: K, debt: D) -> None:
    left = [each for each in book.get(key, ()) if each != debt]
    if left:
        book[key] = left
    else:
        book.pop(key, None)
