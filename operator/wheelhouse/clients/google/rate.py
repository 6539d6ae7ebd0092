"""How fast requests may follow each other, so that quotas of Google are not met."""

import time
from collections.abc import Callable


class Rate:
    """Lets `rate` a second through, `burst` of them at once; the others wait their turn."""

    def __init__(self, rate: float, burst: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1.0 / rate
        self._credit = burst * self._gap
        self._clock = clock
        self._next = 0.0

    def reserve(self) -> float:
        """Take the next turn; the seconds until it."""
        now = self._clock()
        turn = max(self._next, now - self._credit)
        self._next = turn + self._gap
        return max(0.0, turn - now)
