"""Ready is verified: the index is really asked with the really minted token, once per token and page."""

from dataclasses import dataclass, field

from wheelhouse.domain.findings import Check, Truth, failed, passed, pending
from wheelhouse.domain.keys import SecretKey, TokenKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Refused, Unavailable
from wheelhouse.plan.leases import HeldToken
from wheelhouse.plan.probes import PROPAGATION, probe_delay
from wheelhouse.reconcile.world import World

OFF = Check(Truth.UNKNOWN, Reason.VERIFICATION_OFF)
SLOW = 60.0
TIDY_INTERVAL = 600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the index says: the finding, seconds until it is asked again, and whether it did not know the token."""

    check: Check | None
    wait: float | None = None
    mint_again: bool = False


@dataclass(slots=True)
class _Page:
    """One page asked for with the tokens of one identity; times are elapsed seconds.

    Attributes:
        held: the token that it was asked for with last.
        good: when the index last let it in.
        refused: since when it refuses.
        silent: since when it does not answer.
        again: when it is asked for again.
        doubted: whether a token was minted because the one before was not known to the index.
        asking: whether it is being asked for.
        waiting: Secrets that want to know.
    """

    held: HeldToken | None = None
    check: Check | None = None
    good: float | None = None
    refused: float | None = None
    silent: float | None = None
    again: float = 0.0
    doubted: bool = False
    asking: bool = False
    waiting: set[SecretKey] = field(default_factory=set)


class Verifier:
    """Asks the index, and remembers what it said.

    Args:
        world: the ports.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._pages: dict[tuple[TokenKey, str], _Page] = {}
        self._tidied = 0.0

    def restored(self, token: TokenKey, page: str) -> None:
        """A grant was put back: the index is asked again, and may take its time."""
        known = self._pages.get((token, page))
        if known is not None:
            known.again, known.good, known.refused = 0.0, None, None

    async def look(self, key: SecretKey, token: TokenKey, held: HeldToken, page: str) -> Verdict:
        """What the index says to a token; it is asked when it was not for this token, or not for a drift interval.

        Args:
            key: the Secret that wants to know; while another pass asks, it is woken once that is done.
            token: whose token.
            held: the token.
            page: the package page's URL.
        """
        now = self._world.elapsed()
        self._tidy(now)
        known = self._pages.setdefault((token, page), _Page())
        if known.asking:
            known.waiting.add(key)
            return Verdict(known.check)
        if known.held is held and now < known.again:
            return Verdict(known.check, known.again - now)
        known.asking = True
        try:
            return await self._ask(known, held, page)
        finally:
            known.asking = False
            for waiting in known.waiting:
                self._world.queue.add(waiting)
            known.waiting.clear()

    async def _ask(self, known: _Page, held: HeldToken, page: str) -> Verdict:
        try:
            status = await self._world.probe(page, held.token)
        except Unavailable as error:
            wait = self._unavailable(known, error)
        except Refused as error:
            known.check, wait = failed(Reason.REFUSED, error.message), SLOW
        else:
            if status == 401 and not known.doubted:
                known.doubted, known.held = True, held
                known.again = self._world.elapsed() + SLOW
                if known.check is None or not known.check.ok:
                    known.check = pending("The index did not accept the token: the operator mints another one.")
                return Verdict(known.check, SLOW, mint_again=True)
            wait = self._answered(known, status)
        known.held, known.again = held, self._world.elapsed() + wait
        return Verdict(known.check, wait)

    def _answered(self, known: _Page, status: int) -> float:
        """Note an answer. Seconds until the index is asked again."""
        now, known.silent = self._world.elapsed(), None
        if status in {200, 404}:
            known.good, known.refused, known.doubted = now, None, False
            known.check = passed(Reason.VERIFIED)
            return self._world.options.drift_interval.total_seconds() * (1 + 0.2 * self._world.jitter())
        known.refused = now if known.refused is None else known.refused
        begun = known.refused if known.good is None else known.good
        if status == 403 and now - begun < PROPAGATION:
            message = "The grant is not in force yet: IAM takes 2 to 7 minutes and sometimes more."
            known.check = failed(Reason.PROPAGATING, message)
            return probe_delay(now - known.refused)
        message = (
            f"The index answers {status} for the ServiceAccount's token: check that its Workload Identity pool is the "
            "cluster's, and that no deny policy or VPC Service Controls perimeter stands in the way."
        )
        known.check = failed(Reason.REFUSED, message)
        return SLOW

    def _unavailable(self, known: _Page, error: Unavailable) -> float:
        """Note an outage: a finding that was good stays for 15 minutes, since Ready must not flap on a 5xx."""
        now = self._world.elapsed()
        known.silent = now if known.silent is None else known.silent
        if known.check is None or not known.check.ok or now - known.silent >= PROPAGATION:
            known.check = failed(Reason.UNAVAILABLE, f"The index did not answer: {error.message} The operator retries.")
        return max(probe_delay(now - known.silent), error.floor)

    def _tidy(self, now: float) -> None:
        """Forget the pages of tokens that no Secret uses any more."""
        if now - self._tidied < TIDY_INTERVAL:
            return
        self._tidied = now
        for place in [place for place, page in self._pages.items() if not self._world.interests.followers(place[0])]:
            del self._pages[place]
