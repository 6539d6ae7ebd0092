"""Results that are computed again only if something that they depend on has changed."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED = 256


class Memo(Generic[K, V]):
    """The last result for each key; the result for the key that was asked for the longest ago is forgotten first.

    A fan-out has a pass for each of its namespaces, and each pass needs the decision about the whole access.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[K, tuple[tuple[object, ...], V]] = OrderedDict()

    def get(self, key: K, inputs: tuple[object, ...], compute: Callable[[], V]) -> V:
        """The result for a key.

        Args:
            key: what the result is about.
            inputs: all that it depends on. Objects that are the same are not compared.
            compute: computes it.
        """
        known = self._known.get(key)
        if known is not None and known[0] == inputs:
            self._known.move_to_end(key)
            return known[1]
        found = compute()
        self._known[key] = inputs, found
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found
