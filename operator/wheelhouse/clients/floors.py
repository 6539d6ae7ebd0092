"""Servers that asked for patience: no further call until it is over."""

import time
from collections.abc import Callable

from wheelhouse.errors import Unavailable

BUSY = frozenset({429, 503})
"""HTTP statuses whose Retry-After speaks for the whole server and not for one object (RFC 9110, RFC 6585)."""

Place = tuple[str, ...]
"""What is asked not to be called: a host, and a project or method there."""


class Floors:
    """Until when which place takes no call; the places of one client hold up no other's.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[Place, tuple[float, Unavailable]] = {}

    def note(self, outage: Unavailable, *place: str) -> None:
        """Keep the wait that a server asked for, if it did."""
        if outage.floor <= 0:
            return
        now = self._clock()
        self._asked = {known: asked for known, asked in self._asked.items() if asked[0] > now}
        until, _ = self._asked.get(place, (now, outage))
        self._asked[place] = max(until, now + outage.floor), outage

    def check(self, *place: str) -> None:
        """Let a call through, or not.

        Raises:
            Unavailable: the server's last words, with the time that is left.
        """
        until, outage = self._asked.get(place, (0.0, None))
        left = until - self._clock()
        if outage is not None and left > 0:
            raise Unavailable(outage.message, left, outage.reason, outage.retry_limit)
