"""Verification for Ready: one real request to the index with the minted token, per token and page.

If the Secret names another repository for uploads, a second request asks whether the token may upload there.
"""

from dataclasses import dataclass, field

from wheelhouse.domain.findings import Check, Truth, failed, passed, pending
from wheelhouse.domain.keys import SecretKey, TokenKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Refused, Unavailable
from wheelhouse.plan.leases import HeldToken
from wheelhouse.plan.probes import PROPAGATION, probe_delay
from wheelhouse.reconcile.secret.content import Proof
from wheelhouse.reconcile.world import World

OFF = Check(Truth.UNKNOWN, Reason.VERIFICATION_OFF)
SLOW = 60.0
_READS = frozenset({200, 404})
"""The answers of the index to a token that may read."""
_MAY_NOT_UPLOAD = (
    "The ServiceAccount may not upload to the repository of spec.secret.uploadRepositoryRef. Grant it the role Writer "
    "there with a RepositoryAccess of its own. A new grant takes 2 to 7 minutes, and sometimes more."
)
"""It does not name the repository in Google: the message outlives the consent of the repository's owner."""
TIDY_INTERVAL = 600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result: the finding, seconds until the next request, and whether the index did not know the token."""

    check: Check | None
    wait: float | None = None
    mint_again: bool = False


@dataclass(slots=True)
class _Page:
    """One page that is requested with the tokens of one identity; times are elapsed seconds.

    Attributes:
        held: the token of the last request.
        good: when the index last accepted a token.
        refused: since when it denies requests.
        silent: since when it does not answer.
        again: when the next request is due.
        doubted: whether a token was minted because the index did not know the previous one.
        asking: whether a request is in progress.
        waiting: Secrets that wait for the result.
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
    """Sends requests to the index, and remembers its answers.

    Args:
        world: the ports.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._pages: dict[tuple[TokenKey, Proof], _Page] = {}
        self._tidied = 0.0

    def restored(self, token: TokenKey, page: Proof) -> None:
        """A grant was restored: check the index again, and allow time for propagation."""
        known = self._pages.get((token, page))
        if known is not None:
            known.again, known.good, known.refused = 0.0, None, None

    async def check(self, key: SecretKey, token: TokenKey, held: HeldToken, page: Proof) -> Verdict:
        """The index's answer for a token; it is requested for a new token, or after a drift interval.

        Args:
            key: the Secret that needs it; while another pass requests the page, it is woken once that is done.
            token: the identity and lifetime of the token.
            held: the token.
            page: the package page, and where the token must be able to upload.
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

    async def _ask(self, known: _Page, held: HeldToken, page: Proof) -> Verdict:
        barred = False
        try:
            status = await self._world.probe(page.page, held.token)
            if status in _READS and page.uploads_to is not None:
                barred = not await self._world.may_upload(page.uploads_to, held.token)
        except Unavailable as error:
            wait = self._unavailable(known, error)
        except Refused as error:
            known.check, wait = failed(Reason.REFUSED, error.message), SLOW
        else:
            if status == 401 and not known.doubted:
                known.doubted, known.held = True, held
                known.again = self._world.elapsed() + SLOW
                if known.check is None or not known.check.ok:
                    known.check = pending("The index did not accept the token. The operator mints another one.")
                return Verdict(known.check, SLOW, mint_again=True)
            wait = self._barred(known) if barred else self._answered(known, status)
        known.held, known.again = held, self._world.elapsed() + wait
        return Verdict(known.check, wait)

    def _answered(self, known: _Page, status: int) -> float:
        """Record an answer. Seconds until the next request."""
        now, known.silent = self._world.elapsed(), None
        if status in _READS:
            known.good, known.refused, known.doubted = now, None, False
            known.check = passed(Reason.VERIFIED)
            return self._world.options.drift_interval.total_seconds() * (1 + 0.2 * self._world.jitter())
        refused, since = self._denied(known)
        if status == 403 and since < PROPAGATION:
            message = "The grant is not in effect yet. IAM takes 2 to 7 minutes, and sometimes more."
            known.check = failed(Reason.PROPAGATING, message)
            return probe_delay(refused)
        message = (
            f"The index answers {status} for the ServiceAccount's token. Check that its Workload Identity pool is the "
            "cluster's, and that no deny policy or VPC Service Controls perimeter blocks the request."
        )
        known.check = failed(Reason.REFUSED, message)
        return SLOW

    def _barred(self, known: _Page) -> float:
        """Record that the token may read, and may not upload. Seconds until the next request."""
        refused, since = self._denied(known)
        known.check = failed(Reason.PROPAGATING if since < PROPAGATION else Reason.REFUSED, _MAY_NOT_UPLOAD)
        return probe_delay(refused) if since < PROPAGATION else SLOW

    def _denied(self, known: _Page) -> tuple[float, float]:
        """Record a denied request. For how many seconds they are denied, and since when none was accepted."""
        now, known.silent = self._world.elapsed(), None
        known.refused = now if known.refused is None else known.refused
        return now - known.refused, now - (known.refused if known.good is None else known.good)

    def _unavailable(self, known: _Page, error: Unavailable) -> float:
        """Record an outage: a passed finding stays for 15 minutes, since Ready must not flap on a 5xx."""
        now = self._world.elapsed()
        known.silent = now if known.silent is None else known.silent
        if known.check is None or not known.check.ok or now - known.silent >= PROPAGATION:
            known.check = failed(Reason.UNAVAILABLE, f"The index did not answer: {error.message} The operator retries.")
        return max(probe_delay(now - known.silent), error.floor)

    def _tidy(self, now: float) -> None:
        """Delete the pages of tokens that no Secret uses any more."""
        if now - self._tidied < TIDY_INTERVAL:
            return
        self._tidied = now
        for place in [place for place, page in self._pages.items() if not self._world.interests.followers(place[0])]:
            del self._pages[place]
