"""Pacing: repositories are created and deleted one at a time, at an interval, in each project and location.

Google's older quota page allows one create or delete per 2 s; the newest no longer says so. A worker
never waits here: an object whose turn is later gets a later pass.
"""

from wheelhouse.domain.names import ObjectKey
from wheelhouse.reconcile.world import World


class Turns:
    """Assigns turns; a restart loses them, and every object gets a new one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next: dict[str, float] = {}
        self._turns: dict[ObjectKey, float] = {}

    def left(self, key: ObjectKey) -> float | None:
        """Seconds until this object's turn, 0 if it has come; None without one."""
        turn = self._turns.get(key)
        return None if turn is None else max(0.0, turn - self._world.elapsed())

    def draw(self, key: ObjectKey, parent: str) -> float:
        """Seconds until this object's turn in `projects/P/locations/L`; a second call keeps the first turn."""
        if key not in self._turns:
            now = self._world.elapsed()
            self._forget(now)
            turn = max(now, self._next.get(parent, now))
            self._turns[key] = turn
            self._next[parent] = turn + self._world.options.create_interval.total_seconds()
        return self.left(key) or 0.0

    def use(self, key: ObjectKey) -> None:
        """The turn is used, or no longer needed."""
        self._turns.pop(key, None)

    def _forget(self, now: float) -> None:
        self._next = {parent: due for parent, due in self._next.items() if due > now}
