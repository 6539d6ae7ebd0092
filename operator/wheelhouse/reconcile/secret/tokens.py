"""Tokens by identity: minted once, refreshed here, shared by every Secret of the identity."""

import math
from dataclasses import dataclass
from datetime import timedelta

import structlog

from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.leases import SLOWEST_RETRY, HeldToken, Moment, held, retry, retry_refused, spacing
from wheelhouse.plan.urgency import FAILURES, deadline, rank
from wheelhouse.reconcile.interests import NamespaceTopic
from wheelhouse.reconcile.world import World

logger = structlog.get_logger(__name__)

ROUNDED = 1e-3
"""Seconds that clocks and timers may differ."""
CROWD = 32
"""More Secrets than this wait for all that is new: their own tokens are still valid."""
REQUEST_SPACING = 30.0
"""Seconds between a mint and one that a person requests."""


@dataclass(slots=True)
class _Tokens:
    """What is known of one identity's tokens; times are elapsed seconds.

    Attributes:
        wanted: whether a token other than the held one is needed now.
        requested: whether a person requested it.
        needed: when the wanted token is needed, by the order of mints.
        failures: how many attempts failed since the last one that succeeded.
        earliest: of the next mint, since mints have a minimum interval.
        retry_at: of the next attempt after a failure.
        floor: before this there is no attempt, even after a change: Retry-After.
        failed_in: the circumstances of the last failure: once they change, the next attempt need not wait.
    """

    held: HeldToken | None = None
    failure: WheelhouseError | None = None
    wanted: bool = False
    requested: bool = False
    needed: float = math.inf
    failures: int = 0
    earliest: float = 0.0
    requestable: float = 0.0
    retry_at: float = 0.0
    floor: float = 0.0
    failed_in: object = None


class TokenUnit:
    """Mints tokens, times their refresh, and wakes the Secrets that follow a TokenKey.

    A key that no Secret follows is deleted.

    Args:
        world: the ports.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[TokenKey, _Tokens] = {}

    def held(self, key: TokenKey) -> HeldToken | None:
        """The token that was minted last; its lease shows whether it is still usable."""
        known = self._known.get(key)
        return known.held if known is not None else None

    def failure(self, key: TokenKey) -> WheelhouseError | None:
        """The error of the last attempt to mint; None if it succeeded."""
        known = self._known.get(key)
        return known.failure if known is not None else None

    def rank(self, key: TokenKey) -> float:
        """The order of mints: the token that replaces the one that expires soonest has the lowest rank."""
        now, known = self._now(), self._known.get(key) or _Tokens()
        left = known.held.lease.left(now) if known.held is not None else None
        needed = known.needed if known.wanted else deadline(now.elapsed, left)
        fails = known.failures >= FAILURES or isinstance(known.failure, NotReady | Refused | Invalid)
        return rank(now.elapsed, needed, fails=fails)

    def ask(
        self, key: TokenKey, instead_of: HeldToken | None, *, request: bool = False, left: float | None = None
    ) -> None:
        """Request a token; the followers of the key are woken once it is minted.

        Args:
            key: the identity and the lifetime.
            instead_of: the token that is not usable; if another one is held by now, nothing is minted.
            request: whether a person requested it, which counts every 30 seconds at most.
            left: seconds until the token that it replaces expires; None if it replaces none.
        """
        known = self._known.setdefault(key, _Tokens())
        needed = deadline(self._world.elapsed(), left)
        if known.held is not instead_of or (known.wanted and needed >= known.needed):
            return
        if not known.wanted:
            known.wanted, known.requested = True, request
        known.needed = needed
        self._world.queue.add(key)

    def overdue(self, key: TokenKey) -> bool:
        """Whether a token should exist by now, even if its timer was lost."""
        known = self._known.get(key)
        if known is None:
            return False
        return known.wanted or (known.held is not None and known.held.lease.due(self._now()) < 0)

    async def reconcile(self, key: TokenKey) -> float | None:
        """Mint when it is due.

        Returns:
            Seconds until the next mint; None if there is none.
        """
        known = self._known.setdefault(key, _Tokens())
        if not self._world.interests.followers(key):
            if not known.wanted:  # The Secret that requested it is about to follow.
                del self._known[key]
            self._world.interests.drop(key)
            return None
        self._world.interests.follow(key, (key.identity, NamespaceTopic(key.identity.namespace)))
        wait = self._wait(key, known)
        if wait is None or wait > ROUNDED:
            return wait
        before = _words(known.failure)
        if await self._mint(key, known) or _words(known.failure) != before:
            self._world.interests.publish(key, crowd=CROWD)
        return self._wait(key, known)

    def _wait(self, key: TokenKey, known: _Tokens) -> float | None:
        now = self._now()
        if not known.wanted and known.held is None:
            return None
        due = 0.0 if known.wanted or known.held is None else known.held.lease.due(now)
        waits = [0.0, due, known.floor - now.elapsed]
        if known.held is None or not known.held.lease.overtaken(now):
            # A clock that was set ahead makes a new token look old: its successor need not keep the distance.
            waits.append(known.earliest - now.elapsed)
        if known.requested:
            waits.append(known.requestable - now.elapsed)
        if known.failure is not None and known.failed_in == self._circumstances(key):
            waits.append(known.retry_at - now.elapsed)
        return max(waits)

    async def _mint(self, key: TokenKey, known: _Tokens) -> bool:
        """Whether there is a new token."""
        asked, circumstances = self._now(), self._circumstances(key)
        try:
            self._exists(key)
            minted = await self._world.tokens.mint(key.identity, timedelta(seconds=key.lifetime), key.impersonate)
            if minted.expires <= minted.issued:
                raise Refused(
                    f"Google returned a token for {key.identity} that had already expired.", Reason.TOKEN_REFUSED
                )
        except WheelhouseError as error:
            self._failed(key, known, error, circumstances)
            return False
        known.held = held(minted, asked, self._world.jitter())
        known.failure, known.failures = None, 0
        known.wanted, known.requested, known.needed = False, False, math.inf
        now = self._world.elapsed()
        known.earliest = now + spacing(key.lifetime, known.held.lease.life)
        known.requestable = now + REQUEST_SPACING
        return True

    def _exists(self, key: TokenKey) -> None:
        """Skip the request for a ServiceAccount that does not exist: the key follows it."""
        if self._world.cache.account(key.identity) is False:
            message = f"ServiceAccount {key.identity} does not exist. Create it, or correct its name in"
            remedy = "spec.secret.serviceAccountName or spec.subjects."
            raise NotReady(f"{message} {remedy}", Reason.SERVICE_ACCOUNT_NOT_FOUND, SLOWEST_RETRY)

    def _failed(self, key: TokenKey, known: _Tokens, error: WheelhouseError, circumstances: object) -> None:
        life = known.held.lease.life if known.held is not None else float(min(key.lifetime, DEFAULT_LIFETIME))
        now, jitter = self._world.elapsed(), self._world.jitter()
        if _words(known.failure) != _words(error):
            logger.info("Could not get a token", identity=str(key.identity), because=error.message)
        known.failure, known.failed_in = error, circumstances
        known.failures += 1
        if isinstance(error, Unavailable):
            delay = retry(life, jitter, error.floor)
            known.floor = now + error.floor
        elif isinstance(error, NotReady):
            delay = error.retry_after
        else:
            delay = retry_refused(life, jitter)
        known.retry_at = now + delay

    def _circumstances(self, key: TokenKey) -> object:
        """What a refusal may depend on, as far as the watches show."""
        cache = self._world.cache
        namespace = cache.namespaces.get(key.identity.namespace)
        return cache.account(key.identity), namespace is not None and namespace.opted_in

    def _now(self) -> Moment:
        return Moment(self._world.now(), self._world.elapsed())


def _words(error: WheelhouseError | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error.message}"
