"""Seconds since the machine started."""

import time


def uptime() -> float:
    """Return seconds that never decrease when the wall clock changes, and that include sleep of the machine.

    Linux has such a clock (CLOCK_BOOTTIME, clock_gettime(2)). On other platforms, sleep is not included.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is not None:
        try:
            return time.clock_gettime(clock)
        except OSError:  # Some sandboxes do not support it.
            pass
    return time.monotonic()
