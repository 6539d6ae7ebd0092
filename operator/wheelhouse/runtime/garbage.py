"""Python's search for garbage in cycles: less often, and not among what stays for good."""

import gc

THRESHOLDS = (20_000, 20, 20)
"""New objects before the first search, and searches before one that looks further (Python's own: 700, 10, 10)."""


def stays() -> None:
    """All objects that there are now stay: no later search looks at them; without a cycle they are freed as ever."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
