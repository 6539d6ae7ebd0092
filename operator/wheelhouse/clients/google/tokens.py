"""The Tokens port: a ServiceAccount's token exchanged at the Security Token Service, always as the tenant."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from wheelhouse.clients.echoes import masked
from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.google.credentials import SCOPE, IamCredentials
from wheelhouse.clients.google.lives import believed
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.http import MEBIBYTE, Stopwatch, json_object, read_bounded, reduced, retry_after
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.lifetime import SHORTEST_LIFETIME
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import MintedToken, Token, usable_token
from wheelhouse.errors import Refused, Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
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
    """Mints tokens: one TokenRequest and one exchange each, and one generateAccessToken for a Google service account.

    Args:
        service_accounts: requests tokens from the API server.
        session: sends the exchange; the caller closes it.
        rate: the rate of exchanges; a 429 slows it.
        endpoint: the Security Token Service's base URL with a trailing slash.
        federation: how Google identifies this cluster.
        credentials: issues tokens of Google service accounts.
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
        credentials: IamCredentials,
        observe: Callable[[str, str, float], None] = lambda _method, _code, _seconds: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service_accounts = service_accounts
        self._session = session
        self._url = f"{endpoint}v1/token"
        self._federation = federation
        self._credentials = credentials
        self._observe = observe
        self._now = now
        self._rate = rate
        self._floors = Floors()

    async def mint(self, identity: Identity, lifetime: timedelta, impersonate: str = "") -> MintedToken:
        """A token of a ServiceAccount, or of the Google service account that it acts as.

        A federated token expires with the token that it was exchanged for. The exchange itself takes no lifetime.

        Args:
            identity: the ServiceAccount.
            lifetime: the requested lifetime.
            impersonate: the e-mail of the Google service account; empty for the ServiceAccount itself.

        Raises:
            NotReady: ServiceAccountNotFound.
            Refused: NotOptedIn, or TokenRefused with the message of Kubernetes or Google.
            Unavailable: no token and no refusal. After a Retry-After, nothing is requested until it is over.
        """
        self._floors.check(self._url)
        if impersonate:
            self._credentials.check()
        await self._rate.turn()
        self._floors.check(self._url)
        seconds = SHORTEST_LIFETIME if impersonate else int(lifetime.total_seconds())
        subject = await self._service_accounts.request(identity, seconds)
        issued = self._now()
        body = await self._exchange(identity, subject)
        token = usable_token(body.get("access_token"))
        if token is None:
            raise Unavailable("The Security Token Service answered without a usable token.")
        if impersonate:
            issued = self._now()
            token, life = await self._credentials.generate(identity, impersonate, token, lifetime)
        else:
            life = believed(body.get("expires_in"), lifetime, str(identity))
        return MintedToken(token, issued, issued + life)

    async def _exchange(self, identity: Identity, subject: Token) -> dict[str, Any]:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": self._federation.exchange,
            "scope": SCOPE,
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
            words = masked(str(body.get("error_description") or body.get("error") or status), subject.value)
            raise Refused(f"Google denied a token for {identity}: {reduced(words)}", Reason.TOKEN_REFUSED)
        if status == 429:
            self._rate.slow(wait or PAUSE)
        if status != 200:
            outage = Unavailable(f"The Security Token Service answered {status}.", wait)
            if status in BUSY:
                self._floors.note(outage, self._url)
            raise outage
        self._rate.quicken()
        return body
