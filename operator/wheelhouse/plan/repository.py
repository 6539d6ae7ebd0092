"""One repository, desired × observed → what to do about it."""

from dataclasses import dataclass
from datetime import timedelta

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    PYTHON_FORMAT,
    STANDARD_MODE,
    DesiredRepository,
    ObservedRepository,
    Ownership,
    RepositoryPatch,
)


@dataclass(frozen=True, slots=True)
class Create:
    """There is none: create it."""


@dataclass(frozen=True, slots=True)
class Keep:
    """It is as it should be."""


@dataclass(frozen=True, slots=True)
class Change:
    """It differs: patch it. `differences` are (field, found, wanted) for the Event that tells of drift."""

    patch: RepositoryPatch
    differences: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not ours to touch."""

    reason: Reason
    message: str


RepositoryPlan = Create | Keep | Change | Refuse


def plan_repository(
    desired: DesiredRepository, observed: ObservedRepository | None, rival: ObjectKey | None
) -> RepositoryPlan:
    """Plan one pass; only fields that the spec sets are compared.

    Args:
        desired: what the object asks for.
        observed: what Artifact Registry has, None when there is none.
        rival: another living object of this cluster whose labels the repository carries or that recorded it.
    """
    if observed is None:
        return Create()
    if not owns(desired.ownership, observed):
        return _refusal(desired, rival)
    if (observed.format, observed.mode) != (PYTHON_FORMAT, STANDARD_MODE):
        found = f"format {observed.format} and mode {observed.mode}"
        message = (
            f"{desired.name} has {found}, and a repository's format and mode cannot change: choose another repositoryId"
        )
        return Refuse(Reason.IMMUTABLE_FIELD_DIFFERS, f"{message} in a new object.")
    if desired.description is not None and desired.description != observed.description:
        difference = ("description", observed.description, desired.description)
        return Change(RepositoryPatch(description=desired.description), (difference,))
    return Keep()


def _refusal(desired: DesiredRepository, rival: ObjectKey | None) -> Refuse:
    if rival is not None:
        message = f"{desired.name} belongs to another PythonRepository of this cluster: choose another repositoryId"
        return Refuse(Reason.OWNED_ELSEWHERE, f"{message} in a new object, or ask its owner for spec.accessFrom.")
    message = f"{desired.name} exists and was not made by this object, so it is left alone: choose another repositoryId"
    return Refuse(Reason.ALREADY_EXISTS, f"{message} in a new object, or delete that repository first.")


def owns(ownership: Ownership, observed: ObservedRepository) -> bool:
    """Whether the repository carries exactly our labels; nothing else may ever be changed or deleted."""
    labels = observed.labels
    return labels.get(CLUSTER_LABEL) == ownership.cluster and labels.get(OBJECT_LABEL) == ownership.digest


def without_ownership(observed: ObservedRepository) -> RepositoryPatch:
    """The patch that lets go of a repository and leaves everything else."""
    labels = {key: value for key, value in observed.labels.items() if key not in {CLUSTER_LABEL, OBJECT_LABEL}}
    return RepositoryPatch(labels=labels)


def poll_delay(elapsed: timedelta) -> float:
    """Seconds until the next look at an operation: a quarter of its age, from 0.2 s to 10 s.

    In every recording of the real service an operation on a repository was done at the first poll.
    """
    return min(10.0, max(0.2, elapsed.total_seconds() / 4))
