"""One access as the IAM policy of a repository sees it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from wheelhouse.domain.iam import Grant, GrantRecord
from wheelhouse.domain.names import ObjectKey


@dataclass(frozen=True, slots=True)
class Claimant:
    """What one access asks of a policy, and what it has recorded there.

    Attributes:
        access: its key.
        wanted: the grants that it is permitted to have.
        may_add: whether new ones may be made.
        ledger: what it has recorded on this repository.
        create_time: when Google made the repository that the ledger is about, in whole seconds; None when it does not
            say.
        created: when the access was created; the oldest is served first.
        adopts: whether identical grants that no ledger owns become its own.
        repository: the PythonRepository that it points at.
        uid: of the access: a name is not an identity.
        entries: all of the ledger in memory, as it was when this was computed; `ledger` leaves out what the access
            cannot have made.
        why: what the log says when a grant is withdrawn.
    """

    access: ObjectKey
    wanted: tuple[Grant, ...]
    may_add: bool
    ledger: tuple[GrantRecord, ...]
    create_time: datetime | None = None
    created: str = ""
    adopts: bool = False
    repository: ObjectKey | None = None
    uid: str = ""
    entries: tuple[GrantRecord, ...] = field(default=(), compare=False, repr=False)
    why: str = field(default="", compare=False)

    @property
    def digest(self) -> int:
        """What the access asks of the policy now, for comparing: findings are stamped with it."""
        return hash(self.wanted)

    @property
    def rank(self) -> tuple[str, str, str]:
        """The smaller is served first."""
        return self.created, self.access.namespace, self.access.name

    @property
    def concerned(self) -> bool:
        """Whether it has anything to add, keep or withdraw: others cost no request."""
        return bool(self.ledger or (self.may_add and self.wanted))

    def mark(self, *, settled: bool) -> int:
        """All that a pass depends on, for comparing.

        Args:
            settled: whether it has all that it wants, so that it does not matter whether more may be added.
        """
        return hash(replace(self, may_add=True) if settled else self)

    def asks_as(self, other: "Claimant | None") -> bool:
        """Whether it asks for the same, whatever is recorded."""
        return other is not None and replace(self, ledger=other.ledger, create_time=other.create_time) == other

    def found_on(self, create_time: datetime | None, standing: AbstractSet[ObjectKey] | None) -> "Claimant":
        """The claimant on the repository that was found: a name is not an identity.

        Args:
            create_time: when Google made the repository, in whole seconds; None when that is not known.
            standing: the PythonRepositories that it belongs to now; None when nothing casts doubt on what is known.

        Returns:
            A claimant that has lost a ledger of another repository, and may add only where its own one stands.
        """
        other = create_time is not None and self.create_time not in (None, create_time)
        may_add = self.may_add and (standing is None or self.repository in standing)
        if other:
            return replace(self, ledger=(), create_time=None, may_add=may_add)
        return self if may_add == self.may_add else replace(self, may_add=may_add)
