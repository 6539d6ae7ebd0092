"""One repository, desired × observed → what to do about it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta

from wheelhouse.domain.modes import Upstream
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    PYTHON_FORMAT,
    AdoptionPolicy,
    DesiredRepository,
    ObservedRepository,
    Ownership,
    RepositoryPatch,
    RepositorySettings,
)
from wheelhouse.plan.settings import Difference, differences, mask, target

_OTHER_TOOLS = {
    "managed-by-cnrm": "Config Connector",
    "goog-terraform-provisioned": "Terraform",
    "crossplane-kind": "Crossplane",
    "crossplane-name": "Crossplane",
}
"""Labels that other tools put on what they manage: Config Connector, the Google provider of Terraform, Crossplane."""

_NEW_ID = "choose another repositoryId in a new object"


@dataclass(frozen=True, slots=True)
class Create:
    """There is none: create it with these settings."""

    settings: RepositorySettings


@dataclass(frozen=True, slots=True)
class Keep:
    """It is as it should be."""


@dataclass(frozen=True, slots=True)
class Change:
    """It differs: patch it. `adopts` when it was not ours until now."""

    patch: RepositoryPatch
    differences: tuple[Difference, ...]
    adopts: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not ours to touch."""

    reason: Reason
    message: str


RepositoryPlan = Create | Keep | Change | Refuse


def plan_repository(
    desired: DesiredRepository,
    upstreams: frozenset[Upstream],
    observed: ObservedRepository | None,
    rival: ObjectKey | None,
    managed: AbstractSet[str] = frozenset(),
) -> RepositoryPlan:
    """Plan one pass; only fields that the spec sets, or that this object has set before, are compared.

    Args:
        desired: what the object asks for.
        upstreams: those of a Virtual repository that may be there now.
        observed: what Artifact Registry has, None when there is none.
        rival: another living object of this cluster whose labels the repository carries or that recorded it.
        managed: the ledger of what this object has set on the repository.
    """
    if desired.observe:
        return _observe(desired, observed, rival)
    if observed is None:
        return Create(target(desired, upstreams, RepositorySettings(desired.mode.wire), frozenset()))
    ours = owns(desired.ownership, observed)
    if not ours and (refusal := _stranger(desired, observed, rival)) is not None:
        return refusal
    if (fixed := _immutable(desired, observed)) is not None:
        return fixed
    wanted = target(desired, upstreams, observed.settings, managed)
    found = differences(observed.settings, wanted)
    if not found:
        return Keep()
    return Change(RepositoryPatch(wanted, mask(observed.settings, wanted)), found, adopts=not ours)


def _observe(
    desired: DesiredRepository, observed: ObservedRepository | None, rival: ObjectKey | None
) -> RepositoryPlan:
    if observed is None:
        message = f"{desired.name} does not exist, and managementPolicy Observe never creates it: have its keeper do so"
        return Refuse(Reason.NOT_FOUND, f"{message}, or set spec.managementPolicy to Full.")
    if rival is not None and not owns(desired.ownership, observed):
        return _elsewhere(desired)
    if observed.format != PYTHON_FORMAT:
        return _differs(desired, "format", observed.format, PYTHON_FORMAT)
    return Keep()


def _stranger(desired: DesiredRepository, observed: ObservedRepository, rival: ObjectKey | None) -> Refuse | None:
    """Why a repository that does not carry our labels is left alone; None when it may be adopted."""
    if rival is not None:
        return _elsewhere(desired)
    keeper = _keeper(observed, desired.ownership.cluster)
    if desired.adoption is AdoptionPolicy.ALWAYS:
        return None
    if desired.adoption is AdoptionPolicy.IF_UNMANAGED and keeper is None:
        return None
    if desired.adoption is AdoptionPolicy.IF_UNMANAGED:
        message = f"{desired.name} carries the labels of {keeper}, so adoptionPolicy IfUnmanaged leaves it alone:"
        remedy = "set spec.adoptionPolicy to Always once that no longer manages it, or to use it as it is set"
        return Refuse(Reason.ALREADY_EXISTS, f"{message} {remedy} spec.managementPolicy to Observe.")
    message = f"{desired.name} exists and was not made by this object, so it is left alone: to take it over set"
    remedy = "spec.adoptionPolicy to IfUnmanaged, to use it as it is set spec.managementPolicy to Observe, or"
    return Refuse(Reason.ALREADY_EXISTS, f"{message} {remedy} {_NEW_ID}.")


def _elsewhere(desired: DesiredRepository) -> Refuse:
    message = f"{desired.name} belongs to another PythonRepository of this cluster: {_NEW_ID}"
    return Refuse(Reason.OWNED_ELSEWHERE, f"{message}, or ask its owner for spec.accessFrom.")


def _keeper(observed: ObservedRepository, cluster: str) -> str | None:
    """Who else manages a repository, by its labels; a dead owner of this cluster counts as nobody."""
    labels = observed.labels
    if OBJECT_LABEL in labels and labels.get(CLUSTER_LABEL) != cluster:
        return f"Wheelhouse in another cluster ({labels.get(CLUSTER_LABEL, 'unnamed')})"
    return next((tool for label, tool in _OTHER_TOOLS.items() if label in labels), None)


def _immutable(desired: DesiredRepository, observed: ObservedRepository) -> Refuse | None:
    found = observed.settings
    if observed.format != PYTHON_FORMAT:
        return _differs(desired, "format", observed.format, PYTHON_FORMAT)
    if found.mode != desired.mode.wire:
        return _differs(desired, "mode", found.mode, desired.mode.wire)
    if desired.kms_key_name is not None and found.kms_key_name != desired.kms_key_name:
        return _differs(desired, "kmsKeyName", found.kms_key_name or "none", desired.kms_key_name)
    if desired.remote is not None and (found.remote is None or not found.remote.same_source(desired.remote)):
        source = found.remote.source if found.remote else "none"
        return _differs(desired, "upstream", source, desired.remote.source)
    return None


def _differs(desired: DesiredRepository, field: str, found: str, wanted: str) -> Refuse:
    message = (
        f"{desired.name} has the {field} {found} and not {wanted}, which Artifact Registry cannot change: correct the "
        f"spec in a new object, or {_NEW_ID}."
    )
    return Refuse(Reason.IMMUTABLE_FIELD_DIFFERS, message)


def owns(ownership: Ownership, observed: ObservedRepository) -> bool:
    """Whether the repository carries exactly our labels; nothing else may ever be changed or deleted."""
    labels = observed.labels
    return labels.get(CLUSTER_LABEL) == ownership.cluster and labels.get(OBJECT_LABEL) == ownership.digest


def without_ownership(observed: ObservedRepository) -> RepositoryPatch:
    """The patch that lets go of a repository and leaves everything else."""
    labels = {key: value for key, value in observed.labels.items() if key not in {CLUSTER_LABEL, OBJECT_LABEL}}
    return RepositoryPatch(replace(observed.settings, labels=labels), ("labels",))


def poll_delay(elapsed: timedelta) -> float:
    """Seconds until the next look at an operation: a quarter of its age, from 0.2 s to 10 s.

    In every recording of the real service an operation on a repository was done at the first poll.
    """
    return min(10.0, max(0.2, elapsed.total_seconds() / 4))
