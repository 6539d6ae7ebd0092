"""Seconds that also count while the machine sleeps."""

import asyncio
from collections.abc import Callable

TOLERANCE = 1.0
"""Seconds by which two clocks may differ if they are read one after the other."""


class Clock:
    """The event loop's time, plus each forward jump of the wall clock.

    The loop's clock stops while a machine sleeps (CLOCK_MONOTONIC, clock_gettime(2)), but tokens still expire. A wall
    clock that is set forward looks the same: everything happens early, which is harmless. One that is set back changes
    nothing.

    Args:
        wall: POSIX seconds.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lead: float | None = None
        self._skipped = 0.0

    def now(self) -> float:
        """Monotonic seconds."""
        time = asyncio.get_running_loop().time()
        lead = self._wall() - time
        if self._lead is None or lead < self._lead:
            self._lead = lead
        elif lead > self._lead + TOLERANCE:
            self._skipped += lead - self._lead
            self._lead = lead
        return time + self._skipped

    def loop_time(self, moment: float) -> float:
        """A time of this clock in the loop's time, if the wall clock jumps no further."""
        return moment - self._skipped
