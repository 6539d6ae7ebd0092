"""When a key is processed again after each error. Pure: `chance` is a random number in [0, 1)."""

import math
from dataclasses import dataclass

from wheelhouse.domain.keys import Key, SecretKey, TokenKey
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable

INVALID_SECONDS = 600.0
"""± 20 %: errors that only an edit can fix are retried too, since a related resource may have changed unnoticed."""
REFUSED_SECONDS = 60.0
SHORTEST_NOT_READY = 1.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a random time up to `base` · 2^failures, at most `limit` seconds."""

    base: float = 2.0
    limit: float = 300.0

    def delay(self, failures: int, chance: float) -> float:
        """Seconds after this many earlier failures; at least a tenth of the bound, to prevent a busy loop."""
        bound = min(self.limit, self.base * 2.0 ** min(failures, 16))
        return bound * (0.1 + 0.9 * chance)


BACKOFF = Backoff()
SECRET_BACKOFF = Backoff(base=5.0, limit=60.0)
CONFLICT_BACKOFF = Backoff(base=0.2, limit=30.0)


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a pass.

    Attributes:
        seconds: until the next pass; None if only a change can matter.
        floor: seconds in which no change causes a pass.
        failures: consecutive outages and defects.
        conflicts: consecutive conflicts.
    """

    seconds: float | None = None
    floor: float = 0.0
    failures: int = 0
    conflicts: int = 0


def after_error(key: Key, error: BaseException, before: Next, chance: float) -> Next:
    """What follows a pass that failed; every key is retried, after any error.

    Args:
        key: the key of the pass.
        error: the exception; one that is not a WheelhouseError is a defect.
        before: what followed the previous pass.
        chance: spreads the load.
    """
    match error:
        case Invalid():
            return Next(min(INVALID_SECONDS * (0.8 + 0.4 * chance), _slowest(key)))
        case Refused():
            return Next(min(REFUSED_SECONDS, _slowest(key)))
        case NotReady():
            return Next(max(error.retry_after, SHORTEST_NOT_READY))
        case Conflict():
            # Google or Kubernetes answered, so an outage is over, and a conflict does not affect the next outage.
            return Next(CONFLICT_BACKOFF.delay(before.conflicts, chance), conflicts=before.conflicts + 1)
    floor = error.floor if isinstance(error, Unavailable) else 0.0
    seconds = max(_backoff(key).delay(before.failures, chance), floor)
    return Next(seconds, floor, failures=before.failures + 1)


def _backoff(key: Key) -> Backoff:
    match key:
        case SecretKey():
            return SECRET_BACKOFF
        case TokenKey():
            # Paced by its lifetime, so that a short-lived token does not expire before the next attempt: from 5 s to
            # 60 s at one hour.
            return Backoff(key.lifetime / 720, key.lifetime / 60)
    return BACKOFF


def _slowest(key: Key) -> float:
    """The maximum of a slow delay: a refusal must not outlast a token."""
    return key.lifetime / 60 if isinstance(key, TokenKey) else math.inf
