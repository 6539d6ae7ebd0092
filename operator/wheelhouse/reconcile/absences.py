"""How long objects have been missing: a replacement takes seconds and must not affect the users of the object."""

from collections.abc import Callable

from wheelhouse.domain.names import ObjectKey

FORGOTTEN = 600.0
"""Seconds after which the time of a deletion no longer matters."""


class Absences:
    """PythonRepositories that do not exist, by a monotonic clock.

    Args:
        elapsed: monotonic seconds.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._began = elapsed()
        self._since: dict[ObjectKey, float] = {}

    def listed(self) -> None:
        """The first complete list is available: objects that it lacks count as missing from now on."""
        self._began = self._elapsed()

    def gone(self, key: ObjectKey) -> None:
        """An object does not exist, or no longer has our finalizer."""
        now = self._elapsed()
        self._since = {each: since for each, since in self._since.items() if now - since < FORGOTTEN}
        self._since.setdefault(key, now)

    def back(self, key: ObjectKey) -> None:
        """An object of this name exists."""
        self._since.pop(key, None)

    def seconds(self, key: ObjectKey) -> float:
        """How long the object has been missing; for one that was never seen, since the first complete list."""
        return self._elapsed() - self._since.get(key, self._began)
