"""The earliest of many moments, which are added and removed one at a time."""

import heapq
from datetime import datetime

TICK = 0.01
"""Seconds."""


class Earliest:
    """The earliest of many times that are added and removed; a removed time is dropped when it becomes the first."""

    __slots__ = ("_gone", "_heap")

    def __init__(self) -> None:
        self._heap: list[datetime] = []
        self._gone: dict[datetime, int] = {}

    def add(self, moment: datetime) -> None:
        """Add a time."""
        if not self._was_removed(moment):
            heapq.heappush(self._heap, moment)

    def remove(self, moment: datetime) -> None:
        """Remove a time."""
        self._gone[moment] = self._gone.get(moment, 0) + 1

    def first(self) -> datetime | None:
        """The earliest time."""
        while self._heap and self._was_removed(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _was_removed(self, moment: datetime) -> bool:
        """Whether this time was removed and is still in the heap; it then no longer counts as removed."""
        gone = self._gone.pop(moment, 0)
        if gone > 1:
            self._gone[moment] = gone - 1
        return gone > 0


def soonest(*waits: float | None) -> float | None:
    """The shortest of some waits, None if there is none; at least a tick, so that a rounded clock advances."""
    return min((max(TICK, seconds) for seconds in waits if seconds is not None), default=None)
