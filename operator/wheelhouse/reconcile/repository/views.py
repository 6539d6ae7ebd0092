"""How others see a PythonRepository: its accesses, and the Virtual repositories that it is an upstream of."""

from wheelhouse.desired import desired_access_from, suspended
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.outcome import Truth
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.plan.consent import RepositoryView
from wheelhouse.reconcile.ports import World
from wheelhouse.status.conditions import by_type


def view(world: World, key: ObjectKey) -> RepositoryView | None:
    """A living PythonRepository as its status tells it; None when it is absent or being deleted."""
    stored = world.cache.repository(key)
    if stored is None or stored.deleting:
        return None
    status = stored.status
    ready = by_type(status).get(ConditionType.READY, {}).get("status") == Truth.TRUE
    # A suspended one stays as it was, and nobody waits for its new generation.
    current = status.get("observedGeneration") == stored.generation or suspended(stored)
    return RepositoryView(
        key=key,
        access_from=desired_access_from(stored),
        ready=ready and current,
        name=RepositoryName.parse(str(status.get("repository"))),
        index_url=status.get("indexURL"),
        upload_url=status.get("uploadURL"),
        mode=next((mode for mode in Mode if mode == status.get("mode")), None),
    )
