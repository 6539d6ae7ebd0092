"""The Tokens port: a ServiceAccount's token exchanged at the Security Token Service, always as the tenant."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import structlog

from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.http import MEBIBYTE, Stopwatch, json_object, read_bounded, reduced, retry_after
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import MintedToken, Token, is_access_token
from wheelhouse.errors import Refused, Unavailable

logger = structlog.get_logger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
DOUBTED_LIFE = timedelta(minutes=5)
"""The assumed lifetime of a token if the reply has no valid one; it is never unlimited."""
LONGEST_LIFE_S = 12 * 3600
LONGEST_TOKEN = 16 * 1024
PAUSE = 1.0
"""Seconds without an exchange after a 429 without a Retry-After."""


@dataclass(frozen=True, slots=True)
class Federation:
    """How Google identifies this cluster: `audience` of the ServiceAccount's token, `exchange` of the STS."""

    audience: str
    exchange: str

    @classmethod
    def gke(cls, pool: str, cluster: str) -> "Federation":
        """Workload Identity Federation for GKE; `cluster` is `projects/P/locations/L/clusters/C`."""
        return cls(pool, f"identitynamespace:{pool}:https://container.googleapis.com/v1/{cluster}")

    @classmethod
    def provider(cls, name: str) -> "Federation":
        """A provider by its full resource name (`projects/N/locations/global/workloadIdentityPools/…/providers/…`)."""
        return cls(f"https://iam.googleapis.com/{name}", f"//iam.googleapis.com/{name}")


class FederatedTokens:
    """Mints tokens: one TokenRequest and one exchange each.

    Args:
        service_accounts: requests tokens from the API server.
        session: sends the exchange; the caller closes it.
        rate: the rate of exchanges; a 429 slows it.
        endpoint: the Security Token Service's base URL with a trailing slash.
        federation: how Google identifies this cluster.
        observe: called after each exchange with the method, HTTP status as text, and seconds.
        now: the clock (UTC).
    """

    def __init__(
        self,
        service_accounts: ServiceAccountTokens,
        session: aiohttp.ClientSession,
        rate: Rate,
        endpoint: str,
        federation: Federation,
        observe: Callable[[str, str, float], None] = lambda _method, _code, _seconds: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service_accounts = service_accounts
        self._session = session
        self._url = f"{endpoint}v1/token"
        self._federation = federation
        self._observe = observe
        self._now = now
        self._rate = rate
        self._floors = Floors()

    async def mint(self, identity: Identity, lifetime: timedelta) -> MintedToken:
        """A federated token of a ServiceAccount; it expires with the token that it was exchanged for.

        Raises:
            NotReady: ServiceAccountNotFound.
            Refused: NotOptedIn, or TokenRefused with the message of Kubernetes or Google.
            Unavailable: no token and no refusal. After a Retry-After, nothing is requested until it is over.
        """
        self._floors.check(self._url)
        await self._rate.turn()
        self._floors.check(self._url)
        subject = await self._service_accounts.request(identity, int(lifetime.total_seconds()))
        issued = self._now()
        body = await self._exchange(identity, subject)
        token = body.get("access_token")
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN or not is_access_token(token):
            raise Unavailable("The Security Token Service answered without a usable token.")
        return MintedToken(Token(token), issued, issued + _life(body.get("expires_in"), identity))

    async def _exchange(self, identity: Identity, subject: Token) -> dict[str, Any]:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": self._federation.exchange,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": subject.value,
        }
        watch, status = Stopwatch(), 0
        try:
            async with self._session.post(self._url, data=form, timeout=TIMEOUT, allow_redirects=False) as response:
                status = response.status
                wait = retry_after(response.headers)
                body = json_object(await read_bounded(response, MEBIBYTE))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"The Security Token Service did not answer: {type(error).__name__}.") from None
        finally:
            self._observe("Sts.Token", str(status), watch.seconds)
        if status in {400, 401, 403}:
            words = reduced(body.get("error_description") or body.get("error") or status)
            message = f"Google denied a token for {identity}: {words.replace(subject.value, '***')}"
            raise Refused(message, Reason.TOKEN_REFUSED)
        if status == 429:
            self._rate.slow(wait or PAUSE)
        if status != 200:
            outage = Unavailable(f"The Security Token Service answered {status}.", wait)
            if status in BUSY:
                self._floors.note(outage, self._url)
            raise outage
        self._rate.quicken()
        return body


def _life(expires_in: object, identity: Identity) -> timedelta:
    """The reply's lifetime, if it is valid. True is an int in Python, but not a number of seconds."""
    if isinstance(expires_in, int | float) and expires_in is not True and 0 < expires_in <= LONGEST_LIFE_S:
        return timedelta(seconds=expires_in)
    logger.warning("The Security Token Service returned no valid expiry: assuming five minutes", identity=str(identity))
    return DOUBTED_LIFE
