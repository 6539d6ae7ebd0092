"""The keys that wait for a worker, in their order."""

import heapq
from collections.abc import Callable, Iterator

from wheelhouse.domain.keys import Key

Rank = Callable[[Key], float]


def as_they_come(_key: Key) -> float:
    """Give all keys the same rank."""
    return 0.0


class Line:
    """Keys that wait, each of them once: the lowest rank first, and keys of one rank in the order of their arrival."""

    def __init__(self) -> None:
        self._places: dict[Key, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._places)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def add(self, key: Key, rank: float) -> None:
        """Add a key. One that waits already moves forward if its rank is lower now."""
        place = self._places.get(key)
        if place is not None and place[0] <= rank:
            return
        self._arrivals += 1
        self._places[key] = rank, self._arrivals
        heapq.heappush(self._heap, (rank, self._arrivals, key))

    def discard(self, key: Key) -> None:
        """Remove a key, if it waits."""
        if self._places.pop(key, None) is not None and not self._places:
            self._heap.clear()

    def pop(self) -> Key | None:
        """Remove and return the first key; None if none waits."""
        while self._heap:
            rank, arrival, key = heapq.heappop(self._heap)
            if self._places.get(key) == (rank, arrival):  # Otherwise it was removed, or it moved forward.
                del self._places[key]
                return key
        return None
