"""The keys that wait for a worker, in their order."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator

from wheelhouse.domain.keys import AccessKey, Key, RepositoryKey, SecretKey

Rank = Callable[[Key], float]


def as_they_come(_key: Key) -> float:
    """Give all keys the same rank."""
    return 0.0


class Line:
    """Keys that wait, each of them once; namespaces take turns, so that no object waits for all of another team.

    Within a namespace, the lowest rank is first, and keys of one rank keep the order of their arrival. Keys that
    objects share take turns as if they were one namespace.
    """

    def __init__(self) -> None:
        self._places: dict[Key, tuple[float, int]] = {}
        self._heaps: OrderedDict[str, list[tuple[float, int, Key]]] = OrderedDict()  # In the order of their turns.
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
        heapq.heappush(self._heaps.setdefault(_namespace(key), []), (rank, self._arrivals, key))

    def discard(self, key: Key) -> None:
        """Remove a key, if it waits."""
        if self._places.pop(key, None) is not None and not self._places:
            self._heaps.clear()

    def pop(self) -> Key | None:
        """Remove and return the first key; None if none waits."""
        while self._heaps:
            namespace, heap = next(iter(self._heaps.items()))
            key = self._first(heap)
            if heap:
                self._heaps.move_to_end(namespace)
            else:
                del self._heaps[namespace]
            if key is not None:
                return key
        return None

    def _first(self, heap: list[tuple[float, int, Key]]) -> Key | None:
        """Remove and return the first key of a namespace; None if it has no key any more."""
        while heap:
            rank, arrival, key = heapq.heappop(heap)
            if self._places.get(key) == (rank, arrival):  # Otherwise it was removed, or it moved forward.
                del self._places[key]
                return key
        return None


def _namespace(key: Key) -> str:
    """The namespace of a key's object, and for a Secret that of its access; empty for a key that objects share."""
    match key:
        case RepositoryKey() | AccessKey():
            return key.object.namespace
        case SecretKey():
            return key.access.namespace
    return ""
