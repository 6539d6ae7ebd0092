"""Since when nothing disturbs the operator's work on something: what it is then allowed to take its time for."""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

EVERYTHING = ""


@dataclass(slots=True)
class Disturbance:
    """Something that holds up the work on what is named `about` (EVERYTHING: on all)."""

    about: str
    until: float = inf


class Calm:
    """The disturbances there were."""

    def __init__(self) -> None:
        self._disturbances: list[Disturbance] = []

    def begin(self, about: str = EVERYTHING) -> Disturbance:
        """Something goes wrong from now on."""
        disturbance = Disturbance(about)
        self._disturbances.append(disturbance)
        return disturbance

    def once(self, now: float, heals: float, about: str = EVERYTHING) -> None:
        """Something went wrong at this moment; after `heals` seconds its traces must be gone."""
        self._disturbances.append(Disturbance(about, now + heals))

    def since(self, words: Collection[str]) -> float:
        """The moment since when none of these is disturbed; infinite while one is."""
        concerned = (each.until for each in self._disturbances if each.about == EVERYTHING or each.about in words)
        return max(concerned, default=-inf)

    def disturbed(self, word: str, since: float) -> bool:
        """Whether something about just this disturbed it at that moment, or later."""
        return any(each.about == word and each.until > since for each in self._disturbances)
