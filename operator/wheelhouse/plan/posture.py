"""What suspend, Observe and a release allow of a plan. What has lost its consent is always removed."""

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


def removals_only(plan: RepositoryPlan, observed: ObservedRepository | None, allowed: Allowed) -> RepositoryPlan:
    """The plan of a suspended object, or of one that does not parse: only removals."""
    if observed is None or isinstance(plan, Create):
        return Keep()
    if not isinstance(plan, Change | Keep):
        return plan
    return _patched(observed, withdrawn(observed.settings, allowed))


def waits(plan: RepositoryPlan, filtered: RepositoryPlan) -> bool:
    """Whether a filter removed something from the plan."""
    return plan != filtered and not isinstance(plan, Keep)


def withdrawn(found: RepositorySettings, allowed: Allowed) -> RepositorySettings:
    """The settings as found, without those that have lost their consent.

    Google does not validate the upstream in this change: without its password, the upstream would reject the request.
    """
    remote = found.remote
    if remote is not None and remote.credentials is not None and not allowed.credentials:
        remote = replace(remote, credentials=None, validate=False)
    upstreams = frozenset(upstream for upstream in found.upstreams if upstream.repository in allowed.upstreams)
    return replace(found, upstreams=upstreams, remote=remote)


def release_patch(observed: ObservedRepository, foreign: AbstractSet[str]) -> RepositoryPatch:
    """The patch for a repository that is no longer managed: it removes our labels, and upstreams of other namespaces.

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
