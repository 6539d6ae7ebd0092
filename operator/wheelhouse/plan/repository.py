"""One repository, desired × observed → the plan for it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from wheelhouse.domain.modes import Mode, Upstream
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
"""Labels that other tools put on their repositories: Config Connector, the Google provider of Terraform, Crossplane."""

_NEW_ID = "choose another repositoryId in a new object"
_TO_OBSERVE = "spec.managementPolicy to Observe to use it unchanged"


@dataclass(frozen=True, slots=True)
class Create:
    """It does not exist: create it with these settings."""

    settings: RepositorySettings


@dataclass(frozen=True, slots=True)
class Keep:
    """It is as desired."""


@dataclass(frozen=True, slots=True)
class Change:
    """It differs: patch it. `adopts` if it was not ours before."""

    patch: RepositoryPatch
    differences: tuple[Difference, ...]
    adopts: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not ours to change."""

    reason: Reason
    message: str


RepositoryPlan = Create | Keep | Change | Refuse


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What is known about an earlier repository under the same object name.

    Attributes:
        create_time: when the repository that was released, or that this object had, was created.
        released: whether an object of this name released it; otherwise another client removed the labels.
        recent: whether that was a moment ago: then the object is a replacement, and continues to manage it.
    """

    create_time: datetime | None
    released: bool
    recent: bool = False


def plan_repository(
    desired: DesiredRepository,
    upstreams: frozenset[Upstream],
    observed: ObservedRepository | None,
    rival: ObjectKey | None,
    managed: AbstractSet[str] = frozenset(),
    before: Predecessor | None = None,
) -> RepositoryPlan:
    """Plan one pass; only fields that the spec sets, or that this object has set before, are compared.

    Args:
        desired: the object's desired state.
        upstreams: those of a Virtual repository that are permitted now.
        observed: what Artifact Registry has; None if it does not exist.
        rival: another existing object of this cluster whose labels the repository has or that recorded it.
        managed: the ledger of what this object has set on the repository.
        before: what is known about an object of the same name that released the repository, or about this one's past.
    """
    if desired.observe:
        return _observe(desired, observed, rival)
    if observed is None:
        return Create(target(desired, upstreams, RepositorySettings(desired.mode.wire), frozenset()))
    ours = owns(desired.ownership, observed)
    if not ours and (refusal := _adoption_refusal(desired, observed, rival, before)) is not None:
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
        message = (
            f"{desired.name} does not exist, and managementPolicy Observe never creates it. Ask its owner to do so"
        )
        return Refuse(Reason.NOT_FOUND, f"{message}, or set spec.managementPolicy to Full.")
    if rival is not None and not owns(desired.ownership, observed):
        return _elsewhere(desired, rival)
    if observed.format != PYTHON_FORMAT:
        return _differs(desired, "format", observed.format, PYTHON_FORMAT)
    return Keep()


def _adoption_refusal(
    desired: DesiredRepository, observed: ObservedRepository, rival: ObjectKey | None, before: Predecessor | None
) -> Refuse | None:
    """Why a repository without our labels is not changed; None if it may be adopted."""
    if rival is not None:
        return _elsewhere(desired, rival)
    owner = _other_owner(observed, desired.ownership.cluster)
    same = before is not None and before.create_time is not None and before.create_time == observed.create_time
    unlabeled = owner is None and not {CLUSTER_LABEL, OBJECT_LABEL} & observed.labels.keys()
    if desired.adoption is AdoptionPolicy.ALWAYS or (same and unlabeled and before is not None and before.recent):
        return None
    if desired.adoption is AdoptionPolicy.IF_UNMANAGED and owner is None:
        return None
    if desired.adoption is AdoptionPolicy.IF_UNMANAGED or owner is not None:
        message = f"{desired.name} has the labels of {owner}, so the operator does not change it. Set"
        remedy = f"spec.adoptionPolicy to Always once {owner} no longer manages it, or"
        return Refuse(Reason.ALREADY_EXISTS, f"{message} {remedy} {_TO_OBSERVE}.")
    if same and before is not None:
        past = "was released by an object of this name" if before.released else "lost the labels of this object"
        message = f"{desired.name} exists and {past}. Set spec.adoptionPolicy to IfUnmanaged to take it back, or"
        return Refuse(Reason.ALREADY_EXISTS, f"{message} {_TO_OBSERVE}.")
    message = f"{desired.name} exists and was not created by this object, so the operator does not change it. Set"
    remedy = f"spec.adoptionPolicy to IfUnmanaged to take it over, {_TO_OBSERVE}, or {_NEW_ID}"
    return Refuse(Reason.ALREADY_EXISTS, f"{message} {remedy}.")


def _elsewhere(desired: DesiredRepository, rival: ObjectKey) -> Refuse:
    # An object of another namespace is not named: a tenant must not learn of it.
    owner = f"PythonRepository {rival}" if rival.namespace == desired.namespace else "another PythonRepository"
    message = f"{desired.name} belongs to {owner} of this cluster. To resolve this, {_NEW_ID}"
    return Refuse(Reason.OWNED_ELSEWHERE, f"{message}, or ask its owner for spec.accessFrom.")


def _other_owner(observed: ObservedRepository, cluster: str) -> str | None:
    """The other owner of a repository, by its labels; a deleted owner of this cluster does not count."""
    labels = observed.labels
    if OBJECT_LABEL in labels and labels.get(CLUSTER_LABEL) != cluster:
        return f"Wheelhouse in another cluster ({labels.get(CLUSTER_LABEL, 'unnamed')})"
    return next((tool for label, tool in _OTHER_TOOLS.items() if label in labels), None)


def _immutable(desired: DesiredRepository, observed: ObservedRepository) -> Refuse | None:
    found = observed.settings
    if observed.format != PYTHON_FORMAT:
        return _differs(desired, "format", observed.format, PYTHON_FORMAT)
    if found.mode != desired.mode.wire:
        return _differs(desired, "mode", Mode.of(found.mode) or found.mode, desired.mode)
    if desired.kms_key_name is not None and found.kms_key_name != desired.kms_key_name:
        return _differs(desired, "kmsKeyName", found.kms_key_name or "none", desired.kms_key_name)
    if desired.remote is not None and (found.remote is None or not found.remote.same_source(desired.remote)):
        source = found.remote.source if found.remote else "none"
        return _differs(desired, "upstream", source, desired.remote.source)
    return None


def _differs(desired: DesiredRepository, field: str, found: str, wanted: str) -> Refuse:
    message = f"{desired.name} has the {field} {found} instead of {wanted}, and Artifact Registry cannot change it."
    remedy = f"Delete this object and declare it with the {field} {found}, or {_NEW_ID}."
    if field == "format":
        remedy = f"It is not a repository for Python packages: {_NEW_ID}."
    return Refuse(Reason.IMMUTABLE_FIELD_DIFFERS, f"{message} {remedy}")


def owns(ownership: Ownership, observed: ObservedRepository) -> bool:
    """Whether the repository has exactly our labels; nothing else may ever be changed or deleted."""
    labels = observed.labels
    return labels.get(CLUSTER_LABEL) == ownership.cluster and labels.get(OBJECT_LABEL) == ownership.digest


def poll_delay(elapsed: timedelta) -> float:
    """Seconds until the next poll of an operation: a quarter of its age, from 0.2 s to 10 s.

    In every recording of the real service an operation on a repository was done at the first poll.
    """
    return min(10.0, max(0.2, elapsed.total_seconds() / 4))
