"""How long tokens live, when they are minted, and which token may go into which Secret."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wheelhouse.domain.token import MintedToken, Token

REUSABLE_LIFE = 0.75
"""A token goes into another Secret only with at least this part of its lifetime left."""

FLOOR_TOLERANCE = 60.0
"""Seconds by which a token may expire before the one of the same identity and lifetime that it replaces."""

SHORTEST_LIFE = 600
"""Minimum lifetime in seconds of a ServiceAccount's token, even if less is requested (TokenRequest)."""

CLOCKS_APART = 300.0
"""Seconds that the clocks of the operator and of the API server may differ."""

APART = 60.0
"""Seconds that the two clocks of this machine may differ before the wall clock counts as set back, or ahead."""

LEAST_SPACING = 0.5
SLOWEST_RETRY = 60.0
"""Seconds between two attempts that are refused."""
SHORT_SPACING = 30.0
"""Seconds between mints if the tokens live less than a quarter of the requested lifetime."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by two clocks: `wall` (UTC) may jump, and on some platforms `elapsed` stops while a machine sleeps."""

    wall: datetime
    elapsed: float


@dataclass(frozen=True, slots=True)
class Lease:
    """A token's lifetime in seconds from `start`, by both clocks: the clock with the longer elapsed time counts.

    Attributes:
        start: when the token was issued, or when its recorded times were read.
        life: seconds until it expires.
        refresh: seconds until it is replaced.
        alarm: seconds before expiry when an outage starts to be reported.
    """

    start: Moment
    life: float
    refresh: float
    alarm: float

    @property
    def expires(self) -> datetime:
        """When the token expires, by the wall clock."""
        return self.start.wall + timedelta(seconds=self.life)

    @property
    def refreshes(self) -> datetime:
        """When the token is replaced, by the wall clock."""
        return self.start.wall + timedelta(seconds=self.refresh)

    def rebased(self, now: Moment) -> "Lease":
        """The lease with its times computed again, if the wall clock was set back after the start.

        Otherwise users, and the operator after a restart, would read times that lie after the token's end. The new
        start is rounded down to the minute, so that it stays the same from one call to the next.
        """
        elapsed = now.elapsed - self.start.elapsed
        if -self._ahead(now) <= APART:
            return self
        start = (now.wall - timedelta(seconds=elapsed)).replace(second=0, microsecond=0)
        return replace(self, start=Moment(start, self.start.elapsed))

    def overtaken(self, now: Moment) -> bool:
        """Whether the wall clock was set ahead after the start, so that the age may be too high."""
        return self._ahead(now) > APART

    def _ahead(self, now: Moment) -> float:
        """How many seconds more have passed by the wall clock than by the other one since the start."""
        return (now.wall - self.start.wall).total_seconds() - (now.elapsed - self.start.elapsed)

    def age(self, now: Moment) -> float:
        """Seconds since the start, by the clock with the longer elapsed time."""
        return max((now.wall - self.start.wall).total_seconds(), now.elapsed - self.start.elapsed)

    def left(self, now: Moment) -> float:
        """Seconds until the token expires; 0 or less if it has expired."""
        return self.life - self.age(now)

    def due(self, now: Moment) -> float:
        """Seconds until the token is replaced."""
        return self.refresh - self.age(now)


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token that this process minted."""

    token: Token
    lease: Lease

    def fresh(self, now: Moment) -> bool:
        """Whether it may go into another Secret: most of its lifetime is left."""
        left = self.lease.left(now)
        return left > 0 and left >= self.lease.life * REUSABLE_LIFE


def held(minted: MintedToken, asked: Moment, jitter: float) -> HeldToken:
    """A minted token with its timer: it is replaced at half its lifetime, ± 10 % of that time.

    Args:
        minted: the reply.
        asked: the time before the request.
        jitter: in [-1, 1].
    """
    life = max(0.0, (minted.expires - minted.issued).total_seconds())
    start = Moment(minted.issued, asked.elapsed)
    return HeldToken(minted.token, Lease(start, life, life / 2 * (1 + 0.1 * jitter), life / 4))


def recorded(
    expires: datetime | None, refresh: datetime | None, lifetime: int, now: Moment, written: datetime | None = None
) -> Lease | None:
    """The token's times in status, or in an annotation; None if they cannot be true, so that they have no effect.

    No time that an earlier process wrote may be later than a new token could expire: a clock that was ahead must not
    leave an expired token in place.

    Args:
        expires: when it expires.
        refresh: when it is replaced; without it, half a lifetime before it expires.
        lifetime: the requested lifetime in seconds.
        now: when this is read.
        written: when it was written, by another clock, if that is known.
    """
    longest = max(lifetime, SHORTEST_LIFE)
    if expires is None:
        return None
    left = (expires - now.wall).total_seconds()
    due = left - longest / 2 if refresh is None else (refresh - now.wall).total_seconds()
    ahead = written is not None and (expires - written).total_seconds() > longest + CLOCKS_APART
    if left > longest or due > longest * 0.55 or ahead:
        return None
    return Lease(now, left, min(due, left), max(0.0, left - due) / 2)


def replaces(new: HeldToken, standing: Lease | None, now: Moment) -> bool:
    """Whether a token may replace another one of the same identity and lifetime: it does not expire much earlier."""
    return standing is None or new.lease.left(now) >= standing.left(now) - FLOOR_TOLERANCE


def spacing(lifetime: int, life: float) -> float:
    """Seconds between two mints.

    Args:
        lifetime: the requested lifetime in seconds.
        life: the lifetime of the last token in seconds.
    """
    return SHORT_SPACING if life < lifetime / 4 else max(LEAST_SPACING, lifetime / 120)


def capped(lifetime: int, life: float) -> bool:
    """Whether a token lives noticeably shorter than requested: an exchange itself takes some seconds.

    Args:
        lifetime: the requested lifetime in seconds.
        life: the token's lifetime in seconds.
    """
    return life < 0.9 * lifetime


def retry(life: float, jitter: float, floor: float) -> float:
    """Seconds until a retry after an outage: from 1/720 to 1/60 of a token's lifetime.

    Args:
        life: the token's lifetime in seconds.
        jitter: in [-1, 1].
        floor: the wait that the server requested, in seconds.
    """
    share = (jitter + 1) / 2
    wanted = life / 720 + share * (life / 60 - life / 720)
    return max(wanted, LEAST_SPACING, floor)


def retry_refused(life: float, jitter: float) -> float:
    """Seconds until a retry after a refusal: a minute, and less for tokens that live less than an hour.

    A refusal must not outlast a token: an API server that has just started denies everything for a moment, until it has
    read its RBAC objects.

    Args:
        life: the token's lifetime in seconds.
        jitter: in [-1, 1].
    """
    return min(SLOWEST_RETRY, max(life / 60, LEAST_SPACING)) * (1 + 0.2 * jitter)
