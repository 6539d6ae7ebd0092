"""Waits that servers request with Retry-After: no further call is sent until they are over."""

import time
from collections.abc import Callable

from wheelhouse.errors import Unavailable

BUSY = frozenset({429, 503})
"""HTTP statuses whose Retry-After applies to the whole server and not to one object (RFC 9110, RFC 6585)."""

Place = tuple[str, ...]
"""What must not be called during a wait: a host, and a project or method there."""


class Floors:
    """How long each place accepts no call. The wait of one place does not delay the others of the client.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[Place, tuple[float, Unavailable]] = {}

    def note(self, outage: Unavailable, *place: str) -> None:
        """Record the wait that a server requested, if it did."""
        if outage.floor <= 0:
            return
        now = self._clock()
        self._asked = {known: asked for known, asked in self._asked.items() if asked[0] > now}
        until, _ = self._asked.get(place, (now, outage))
        self._asked[place] = max(until, now + outage.floor), outage

    def check(self, *place: str) -> None:
        """Check that a call is allowed.

        Raises:
            Unavailable: the server's last message, with the remaining time.
        """
        until, outage = self._asked.get(place, (0.0, None))
        left = until - self._clock()
        if outage is not None and left > 0:
            raise Unavailable(outage.message, left, outage.reason, outage.retry_limit)
