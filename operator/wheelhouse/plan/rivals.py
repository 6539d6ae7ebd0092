"""Two objects for one repository: which of them owns it."""

from collections.abc import Collection
from dataclasses import dataclass

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.repository import ObservedRepository, Ownership
from wheelhouse.plan.repository import owns


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing PythonRepository for a repository.

    Attributes:
        created: its creationTimestamp.
        recorded: whether its status names the repository, and its spec refers to the same one: a status alone is no
            proof.
    """

    key: ObjectKey
    created: str
    ownership: Ownership
    recorded: bool

    @property
    def rank(self) -> tuple[str, ObjectKey]:
        """The smaller rank has priority."""
        return self.created, self.key


def rival_of(own: Candidate, others: Collection[Candidate], observed: ObservedRepository | None) -> ObjectKey | None:
    """The other object that owns a repository; None if there is none.

    The labels on the repository decide. Without labels (Observe), the object that recorded it first keeps it.

    Args:
        own: this object.
        others: the other existing objects for the repository.
        observed: the repository that was found; None if it does not exist.
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
