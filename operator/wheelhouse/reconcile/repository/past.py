"""What became of repositories under an object's name: a replacement takes up what its predecessor released."""

from dataclasses import dataclass
from datetime import datetime

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.plan.repository import Predecessor
from wheelhouse.reconcile.world import World

LATELY = 600.0
"""Seconds that an object of the same name may take up what was released."""
REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class _Released:
    name: RepositoryName
    create_time: datetime | None
    at: float


class Past:
    """Remembers Orphan releases; a restart forgets them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._released: dict[ObjectKey, _Released] = {}

    def release(self, key: ObjectKey, name: RepositoryName, create_time: datetime | None) -> None:
        """An object leaves its repository to itself."""
        self._released.pop(key, None)
        self._released[key] = _Released(name, create_time, self._world.elapsed())
        if len(self._released) > REMEMBERED:
            del self._released[next(iter(self._released))]

    def of(self, key: ObjectKey, name: RepositoryName, recorded: datetime | None) -> Predecessor | None:
        """What is known of a repository's past under this object's name.

        Args:
            key: the object.
            name: the repository that it stands for.
            recorded: when Google made the repository that this very object had; None when it had none.
        """
        released = self._released.get(key)
        if released is not None and released.name == name:
            lately = self._world.elapsed() - released.at < LATELY
            return Predecessor(released.create_time, released=True, lately=lately)
        return Predecessor(recorded, released=False) if recorded is not None else None

    def taken_up(self, key: ObjectKey) -> None:
        """The repository is this object's again."""
        self._released.pop(key, None)
