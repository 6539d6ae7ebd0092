"""Keys whose last pass failed: how often in a row, and which error was logged."""

import random

import structlog

from wheelhouse.domain.keys import Key
from wheelhouse.errors import Conflict, WheelhouseError
from wheelhouse.runtime.queue.backoff import Next, after_error

logger = structlog.get_logger(__name__)


class Troubles:
    """Remembers a key from its first error to its next successful pass.

    Args:
        unit: the unit of work, for logs.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._known: dict[Key, tuple[Next, int]] = {}

    def after(self, key: Key, error: BaseException) -> Next:
        """What follows an error; it is logged at INFO or above only if its message is new for this key."""
        before, last = self._known.get(key, (Next(), 0))
        then = after_error(key, error, before, random.random())  # noqa: S311 - spreads load, guards nothing
        if not isinstance(error, WheelhouseError):
            logger.error("A pass failed", unit=self._unit, key=str(key), seconds=then.seconds, exc_info=error)
        elif isinstance(error, Conflict):
            self._log("debug", key, error, then)  # Never shown to the user: the next pass resolves it.
        else:
            words = hash(error.message)
            self._log("debug" if words == last else "info", key, error, then)
            last = words
        self._known[key] = then, last
        return then

    def over(self, key: Key) -> None:
        """A pass succeeded."""
        self._known.pop(key, None)

    def _log(self, level: str, key: Key, error: WheelhouseError, then: Next) -> None:
        log = logger.debug if level == "debug" else logger.info
        log("Will retry", unit=self._unit, key=str(key), because=error.message, seconds=then.seconds)
