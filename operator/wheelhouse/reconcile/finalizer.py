"""The finalizer: added before the object's first effect, removed after the last one is undone."""

from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind
from wheelhouse.reconcile.world import World


async def add_finalizer(world: World, kind: Kind, stored: CustomObject) -> CustomObject | None:
    """Add the finalizer, if it is missing; None if the object does not exist.

    Raises:
        Conflict: the object changed since it was read.
    """
    if stored.finalized:
        return stored
    return await _write(world, kind, stored, (*stored.finalizers, FINALIZER))


async def remove_finalizer(world: World, kind: Kind, stored: CustomObject) -> None:
    """Remove the finalizer, once the operator has removed everything else.

    Raises:
        Conflict: the object changed since it was read.
    """
    await _write(world, kind, stored, tuple(name for name in stored.finalizers if name != FINALIZER))


async def _write(world: World, kind: Kind, stored: CustomObject, names: tuple[str, ...]) -> CustomObject | None:
    written = await world.objects.set_finalizers(kind, stored, names)
    if written is not None:
        world.cache.store(kind, written)
    return written
