"""Since when nothing disturbs the operator's work on an object, so that time limits apply to it."""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

EVERYTHING = ""


@dataclass(slots=True)
class Disturbance:
    """A disturbance of the work on `about` (EVERYTHING: on all objects)."""

    about: str
    until: float = inf


class Calm:
    """All disturbances so far."""

    def __init__(self) -> None:
        self._disturbances: list[Disturbance] = []

    def begin(self, about: str = EVERYTHING) -> Disturbance:
        """A disturbance starts now."""
        disturbance = Disturbance(about)
        self._disturbances.append(disturbance)
        return disturbance

    def once(self, now: float, heals: float, about: str = EVERYTHING) -> None:
        """A disturbance at this time; after `heals` seconds it must have no effect any more."""
        self._disturbances.append(Disturbance(about, now + heals))

    def since(self, words: Collection[str]) -> float:
        """Since when none of these is disturbed; infinite if one is now."""
        concerned = (each.until for each in self._disturbances if each.about == EVERYTHING or each.about in words)
        return max(concerned, default=-inf)

    def disturbed(self, word: str, since: float) -> bool:
        """Whether a disturbance of exactly this object was active at that time, or later."""
        return any(each.about == word and each.until > since for each in self._disturbances)
