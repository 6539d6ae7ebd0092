"""Settings of Python's garbage collector: it runs less often, and ignores long-lived objects."""

import gc

THRESHOLDS = (20_000, 20, 20)
"""Allocations before a collection of each generation (Python's defaults: 700, 10, 10)."""


def exclude_existing() -> None:
    """Exclude all existing objects from later collections. Objects without reference cycles are still freed."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
