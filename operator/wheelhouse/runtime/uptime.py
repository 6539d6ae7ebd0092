"""Seconds since the machine started."""

import time


def uptime() -> float:
    """Seconds that only grow, whatever the wall clock does, and also while the machine sleeps.

    Linux has such a clock (CLOCK_BOOTTIME, clock_gettime(2)). Where there is none, the seconds of a sleep are missing.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is not None:
        try:
            return time.clock_gettime(clock)
        except OSError:  # A sandbox may not know it.
            pass
    return time.monotonic()
