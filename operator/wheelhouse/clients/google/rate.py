"""The rate of requests, which keeps them below Google's quotas."""

import asyncio
import time
from collections.abc import Callable

SLOWEST = 1.0
"""Maximum seconds between two requests, however often Google reports that they are too frequent."""
LONGEST_PAUSE = 60.0


class Rate:
    """Allows `rate` requests a second, `burst` of them at once; the others wait, first come, first served."""

    def __init__(self, rate: float, burst: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self._shortest = self._gap = 1.0 / rate
        self._burst = burst
        self._clock = clock
        self._next = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for a turn, and take it."""
        async with self._line:
            wait = self.take()
            while wait > 0:
                await asyncio.sleep(wait)
                wait = self.take()  # Google may have answered 429 meanwhile.

    def take(self) -> float:
        """Take a turn and return 0, or return the seconds until the next one."""
        now = self._clock()
        turn = max(self._next, now - (self._burst - 1) * self._gap)
        if turn > now:
            return turn - now
        self._next = turn + self._gap
        return 0.0

    def slow(self, pause: float) -> None:
        """Slow down after a 429: nothing for `pause` seconds, then half as fast as before."""
        self._gap = max(self._gap, min(2 * self._gap, SLOWEST))
        self._next = max(self._next, self._clock() + min(pause, LONGEST_PAUSE))

    def quicken(self) -> None:
        """Speed up after a success: a tenth faster, up to the full rate."""
        self._gap = max(self._shortest, 0.9 * self._gap)
