"""What suspend, Observe and a release let through: filters on what would be done. Lost consent always withdraws."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    ObservedRepository,
    RepositoryPatch,
    RepositorySettings,
)
from wheelhouse.plan.repository import Change, Create, Keep, RepositoryPlan
from wheelhouse.plan.settings import differences, mask


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may stay on a repository: full names of upstreams, and whether the upstream's password may be sent."""

    upstreams: AbstractSet[str]
    credentials: bool = True


def resting(plan: RepositoryPlan, observed: ObservedRepository | None, allowed: Allowed) -> RepositoryPlan:
    """The plan of a suspended object, or of one that does not parse: nothing but withdrawals."""
    if observed is None or isinstance(plan, Create):
        return Keep()
    if not isinstance(plan, Change | Keep):
        return plan
    return _patched(observed, withdrawn(observed.settings, allowed))


def waits(plan: RepositoryPlan, filtered: RepositoryPlan) -> bool:
    """Whether a filter kept something from being done."""
    return plan != filtered and not isinstance(plan, Keep)


def withdrawn(found: RepositorySettings, allowed: Allowed) -> RepositorySettings:
    """The settings as found, without what consent no longer allows.

    The upstream is not validated: one that asks for a password would refuse that it is taken away.
    """
    remote = found.remote
    if remote is not None and remote.credentials is not None and not allowed.credentials:
        remote = replace(remote, credentials=None, validate=False)
    upstreams = frozenset(upstream for upstream in found.upstreams if upstream.repository in allowed.upstreams)
    return replace(found, upstreams=upstreams, remote=remote)


def parting(observed: ObservedRepository, foreign: AbstractSet[str]) -> RepositoryPatch:
    """The patch that leaves a repository to itself: our labels go, and what other namespaces consented to.

    Args:
        observed: the repository.
        foreign: full names of upstreams that belong to other namespaces.
    """
    own = {upstream.repository for upstream in observed.settings.upstreams} - foreign
    settings = withdrawn(observed.settings, Allowed(own, credentials=False))
    labels = {key: value for key, value in settings.labels.items() if key not in {CLUSTER_LABEL, OBJECT_LABEL}}
    settings = replace(settings, labels=labels)
    return RepositoryPatch(settings, mask(observed.settings, settings))


def _patched(observed: ObservedRepository, wanted: RepositorySettings) -> RepositoryPlan:
    found = differences(observed.settings, wanted)
    if not found:
        return Keep()
    return Change(RepositoryPatch(wanted, mask(observed.settings, wanted)), found)
