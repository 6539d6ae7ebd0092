"""Earlier repositories under an object's name: a replacement continues with what its predecessor released."""

from dataclasses import dataclass
from datetime import datetime

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.plan.repository import Predecessor
from wheelhouse.reconcile.world import World

RECENT_S = 600.0
"""Seconds in which an object of the same name may continue with what was released."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Released:
    name: RepositoryName
    create_time: datetime | None
    at: float


class Past:
    """Remembers Orphan releases; a restart loses them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._released: dict[ObjectKey, _Released] = {}

    def release(self, key: ObjectKey, name: RepositoryName, create_time: datetime | None) -> None:
        """Record that an object released its repository."""
        self._released.pop(key, None)
        self._released[key] = _Released(name, create_time, self._world.elapsed())
        if len(self._released) > REMEMBERED:
            del self._released[next(iter(self._released))]

    def of(self, key: ObjectKey, name: RepositoryName, recorded: datetime | None) -> Predecessor | None:
        """What is known about an earlier repository under this object's name.

        Args:
            key: the object.
            name: the repository that it manages.
            recorded: when the repository that exactly this object had was created; None if it had none.
        """
        released = self._released.get(key)
        if released is not None and released.name == name:
            recent = self._world.elapsed() - released.at < RECENT_S
            return Predecessor(released.create_time, released=True, recent=recent)
        return Predecessor(recorded, released=False) if recorded is not None else None

    def taken_up(self, key: ObjectKey) -> None:
        """The object manages the repository again."""
        self._released.pop(key, None)
