"""Two objects for one repository: which of them it belongs to."""

from collections.abc import Collection
from dataclasses import dataclass

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.repository import ObservedRepository, Ownership
from wheelhouse.plan.repository import owns


@dataclass(frozen=True, slots=True)
class Candidate:
    """A living PythonRepository that stands for a repository.

    Attributes:
        created: its creationTimestamp.
        recorded: whether its status names the repository, and its spec means the same one: a status alone is no proof.
    """

    key: ObjectKey
    created: str
    ownership: Ownership
    recorded: bool

    @property
    def rank(self) -> tuple[str, ObjectKey]:
        """The smaller comes first."""
        return self.created, self.key


def rival_of(own: Candidate, others: Collection[Candidate], observed: ObservedRepository | None) -> ObjectKey | None:
    """The other object that a repository belongs to; None when none stands against this one.

    The labels on the repository decide. Where there are none (Observe), the object that recorded it first keeps it.

    Args:
        own: this object.
        others: the other living objects that stand for the repository.
        observed: the repository as it was found; None when there is none.
    """
    if observed is None:
        return None
    owner = next((other for other in others if owns(other.ownership, observed)), None)
    if owner is not None:
        return owner.key
    if owns(own.ownership, observed):
        return None
    recorded = [other for other in others if other.recorded]
    if own.recorded:
        recorded = [other for other in recorded if other.rank < own.rank]
    return min(recorded, key=lambda other: other.rank).key if recorded else None
