"""When tokens are minted and reused, and what an answer about a Secret means."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from wheelhouse.domain.pip import MintedToken
from wheelhouse.domain.secret import MANAGER_PREFIX, Applied, Clash, SecretReply

REUSABLE_LIFE = 0.75
"""A token goes into another Secret only with at least this part of its life left."""

PROPAGATION = timedelta(minutes=15)
"""IAM changes take 2 to 7 minutes and more (https://cloud.google.com/iam/docs/access-change-propagation)."""


def refresh_at(minted: MintedToken, jitter: float) -> datetime:
    """When to replace a token: at half its life, ± 10 % of that time; `jitter` in [-1, 1]."""
    half = (minted.expires - minted.issued) / 2
    return minted.issued + half * (1 + 0.1 * jitter)


def reusable(minted: MintedToken, now: datetime, replaces: datetime | None) -> bool:
    """Whether a token may go into another Secret: most of its life left, and no less than what it replaces."""
    life = minted.expires - minted.issued
    fresh = minted.expires - now >= life * REUSABLE_LIFE
    return fresh and (replaces is None or minted.expires >= replaces)


def tolerable(expires: datetime | None, refresh: datetime | None, now: datetime) -> bool:
    """Whether an outage may still go unsaid: the Secret's token has more than a quarter of its life left.

    Refresh stands at about half the life, so a quarter of the life is half the time between refresh and expiry.
    """
    if expires is None or refresh is None:
        return False
    return expires - now > max(timedelta(), (expires - refresh) / 2)


def probe_delay(elapsed: timedelta) -> float:
    """Seconds until a refused index is asked again: from 5 s to 60 s, a quarter of the time it has taken so far."""
    return min(60.0, max(5.0, elapsed.total_seconds() / 4))


class Step(Enum):
    """What to do after an apply was answered."""

    DONE = auto()
    FORCE = auto()
    TAKE_OVER = auto()
    REPLACE = auto()
    CONFLICT = auto()
    ABSENT = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step; `others` are the managers that it is about (people for FORCE, dead accesses for TAKE_OVER)."""

    step: Step
    others: tuple[str, ...] = ()


def judge(reply: SecretReply, own: str, living: Collection[str]) -> Verdict:
    """Read the answer to an unforced apply as manager `own`; `living` are the uids of all accesses there are.

    Somebody else's Secret is never forced; a dead access's is taken over; a person's edit is put back.
    """
    if isinstance(reply, Applied):
        return Verdict(Step.DONE)
    if not isinstance(reply, Clash):
        return Verdict(Step.ABSENT)
    if reply.foreign_type:
        return Verdict(Step.CONFLICT, reply.managers)
    # Our own name stands there as an Update when a person edited with it: that is a person's edit.
    ours = tuple(m for m in reply.managers if m.startswith(MANAGER_PREFIX) and m != own)
    if any(manager.removeprefix(MANAGER_PREFIX) in living for manager in ours):
        return Verdict(Step.CONFLICT, reply.managers)
    if reply.immutable:
        return Verdict(Step.REPLACE, reply.managers)
    if ours:
        return Verdict(Step.TAKE_OVER, ours)
    return Verdict(Step.FORCE, reply.managers)
