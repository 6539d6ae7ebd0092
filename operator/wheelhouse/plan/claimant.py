"""One access from the point of view of a repository's IAM policy."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime

from wheelhouse.domain.iam import Grant, GrantRecord, Pair
from wheelhouse.domain.names import ObjectKey


@dataclass(frozen=True, slots=True)
class Claimant:
    """What one access requests of a policy, and what it has recorded there.

    Attributes:
        access: its key.
        wanted: the grants that it may have.
        may_add: whether new grants may be added.
        ledger: what it has recorded on this repository.
        create_time: when Google created the repository that the ledger is about, in whole seconds; None if the ledger
            does not have it.
        created: when the access was created; the oldest has priority.
        adopts: whether it takes over identical grants that are in no ledger.
        repository: the PythonRepository that it refers to.
        uid: the uid of the access: the same name may be another access.
        arriving: whether it may add soon: only its finalizer, or the first check of its repository, is missing.
        entries: the whole ledger in memory, as it was when this was computed; `ledger` omits what the access cannot
            have granted.
        why: the reason that the log has when a grant is revoked.
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
    arriving: bool = field(default=False, compare=False)
    entries: tuple[GrantRecord, ...] = field(default=(), compare=False, repr=False)
    why: str = field(default="", compare=False)

    @property
    def digest(self) -> int:
        """What the access requests of the policy now, for comparison; findings are stamped with it."""
        return hash(self.wanted)

    @property
    def rank(self) -> tuple[str, str, str]:
        """The smaller rank has priority."""
        return self.created, self.access.namespace, self.access.name

    @property
    def concerned(self) -> bool:
        """Whether it has anything to add, keep or revoke: others cost no request."""
        return bool(self.ledger or (self.may_add and self.wanted))

    @property
    def leaving(self) -> frozenset[Pair]:
        """Its own grants that are to be revoked."""
        owned = frozenset(record.grant.identity for record in self.ledger if record.state.owned)
        return owned.difference(grant.identity for grant in self.wanted)

    @property
    def replaced(self) -> frozenset[Pair]:
        """Its own grants that are to be revoked of members that it wants with another role."""
        members = {grant.member for grant in self.wanted}
        own = {record.grant.identity for record in self.ledger if record.grant.member in members}
        return self.leaving & own

    def mark(self, *, settled: bool) -> int:
        """All that a pass depends on, for comparison.

        Args:
            settled: whether it has all its grants, so that `may_add` does not matter.
        """
        return hash(replace(self, may_add=True) if settled and not self.may_add else self)

    def asks_as(self, other: "Claimant | None") -> bool:
        """Whether it requests the same, regardless of what is recorded."""
        return other is not None and replace(self, ledger=other.ledger, create_time=other.create_time) == other

    def found_on(self, create_time: datetime | None, standing: AbstractSet[ObjectKey] | None) -> "Claimant":
        """The claimant for the repository that was found, which may be another one with the same name.

        Args:
            create_time: when Google created the repository, in whole seconds; None if that is not known.
            standing: the PythonRepositories that manage it now; None if there is no doubt about what is known.

        Returns:
            A claimant without a ledger of another repository. It may add only if its own PythonRepository is among
            them.
        """
        other = create_time is not None and self.create_time not in (None, create_time)
        may_add = self.may_add and (standing is None or self.repository in standing)
        if other:
            return replace(self, ledger=(), create_time=None, may_add=may_add)
        return self if may_add == self.may_add else replace(self, may_add=may_add)
