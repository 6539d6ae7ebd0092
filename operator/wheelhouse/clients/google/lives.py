"""How long a token lives, by the reply that contains it."""

from datetime import timedelta

import structlog

from wheelhouse.domain.lifetime import LONGEST_LIFETIME, SHORTEST_LIFETIME

logger = structlog.get_logger(__name__)

DOUBTED_LIFE = timedelta(minutes=5)
"""The assumed lifetime of a token if the reply has no valid one; it is never unlimited."""


def believed(seconds: object, lifetime: timedelta, whose: str) -> timedelta:
    """The lifetime in a reply, if it is valid, but not more than requested: clocks and status then stay consistent.

    Args:
        seconds: what the reply has. True is an int in Python, but not a number of seconds.
        lifetime: the requested lifetime. ServiceAccounts have no token for less than ten minutes.
        whose: the identity, for the log.
    """
    if isinstance(seconds, int | float) and seconds is not True and 0 < seconds <= LONGEST_LIFETIME:
        return min(timedelta(seconds=seconds), max(lifetime, timedelta(seconds=SHORTEST_LIFETIME)))
    logger.warning("Google returned no valid expiry: assuming five minutes", identity=whose)
    return DOUBTED_LIFE
