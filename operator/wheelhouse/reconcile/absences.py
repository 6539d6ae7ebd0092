"""Since when objects are gone: a replacement is deleted and created within seconds, and must cost its users nothing."""

from collections.abc import Callable

from wheelhouse.domain.names import ObjectKey

FORGOTTEN = 600.0
"""Seconds after which it no longer matters when an object went."""


class Absences:
    """PythonRepositories that are gone, by a clock that only grows.

    Args:
        elapsed: seconds that only grow.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._began = elapsed()
        self._since: dict[ObjectKey, float] = {}

    def listed(self) -> None:
        """The first complete list is there: what it lacks counts as gone from now on."""
        self._began = self._elapsed()

    def gone(self, key: ObjectKey) -> None:
        """An object is gone, or nothing of ours holds it any more."""
        now = self._elapsed()
        self._since = {each: since for each, since in self._since.items() if now - since < FORGOTTEN}
        self._since.setdefault(key, now)

    def back(self, key: ObjectKey) -> None:
        """An object of this name is there."""
        self._since.pop(key, None)

    def seconds(self, key: ObjectKey) -> float:
        """How long the object has been gone; of one that was never seen, since the first complete list."""
        return self._elapsed() - self._since.get(key, self._began)
