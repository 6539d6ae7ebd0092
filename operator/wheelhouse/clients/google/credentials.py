"""IAM Credentials: a token of a Google service account, for a ServiceAccount that may act as it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from wheelhouse.clients.echoes import masked
from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.google.lives import believed
from wheelhouse.clients.google.rpc import Observe, unobserved
from wheelhouse.clients.http import MEBIBYTE, Stopwatch, json_object, read_bounded, reduced, retry_after
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import Token, usable_token
from wheelhouse.errors import Refused, Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_METHOD = "IamCredentials.GenerateAccessToken"
_DENIED = frozenset({400, 401, 403, 404})


class IamCredentials:
    """Calls generateAccessToken with a tenant's own token: Google itself checks that the tenant may.

    Args:
        session: sends the requests; the caller closes it.
        endpoint: the base URL of IAM Credentials with a trailing slash.
        observe: called after each request with the method, HTTP status as text, and seconds.
    """

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, observe: Observe = unobserved) -> None:
        self._session = session
        self._endpoint = endpoint
        self._observe = observe
        self._floors = Floors()

    def check(self) -> None:
        """Check that IAM Credentials accepts requests.

        Raises:
            Unavailable: a Retry-After is not over.
        """
        self._floors.check(self._endpoint)

    async def generate(
        self, identity: Identity, email: str, federated: Token, lifetime: timedelta
    ) -> tuple[Token, timedelta]:
        """A token of a Google service account, and how long it lives.

        More than an hour needs an organization policy; without it, Google rejects the request with 400
        (https://cloud.google.com/iam/docs/create-short-lived-credentials-direct), and an hour is requested.

        Args:
            identity: the ServiceAccount, for messages.
            email: the Google service account.
            federated: the token of the ServiceAccount.
            lifetime: the requested lifetime.

        Raises:
            Refused: TokenRefused: the ServiceAccount may not act as it, or it does not exist.
            Unavailable: no token and no refusal.
        """
        hour = timedelta(seconds=DEFAULT_LIFETIME)
        status, body, headers = await self._send(email, federated, lifetime)
        if status == 400 and lifetime > hour:
            status, body, headers = await self._send(email, federated, hour)
        if status in _DENIED:
            raise Refused(_refusal(identity, email, body, federated), Reason.TOKEN_REFUSED)
        if status != 200:
            outage = Unavailable(f"IAM Credentials answered {status}.", retry_after(headers))
            if status in BUSY:
                self._floors.note(outage, self._endpoint)
            raise outage
        token = usable_token(body.get("accessToken"))
        if token is None:
            raise Unavailable("IAM Credentials answered without a usable token.")
        return token, believed(_seconds(body.get("expireTime"), headers), lifetime, f"{identity} as {email}")

    async def _send(
        self, email: str, federated: Token, lifetime: timedelta
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        url = f"{self._endpoint}v1/projects/-/serviceAccounts/{quote(email, safe='@')}:generateAccessToken"
        wanted = {"scope": [SCOPE], "lifetime": f"{math.floor(lifetime.total_seconds())}s"}
        sent = {"Authorization": f"Bearer {federated.value}"}
        watch, status = Stopwatch(), 0
        try:
            async with self._session.post(
                url, json=wanted, headers=sent, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                status = response.status
                return status, json_object(await read_bounded(response, MEBIBYTE)), response.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"IAM Credentials did not answer: {type(error).__name__}.") from None
        finally:
            self._observe(_METHOD, str(status), watch.seconds)


def _refusal(identity: Identity, email: str, body: Mapping[str, Any], federated: Token) -> str:
    error = body.get("error")
    told = str(error.get("message", "")) if isinstance(error, Mapping) else ""
    words = reduced(masked(told, federated.value))
    return (
        f"Google does not let ServiceAccount {identity} act as {email}: "
        f"{words or 'without a message.'} Grant the ServiceAccount the role "
        "roles/iam.workloadIdentityUser on that Google service account, or correct the ServiceAccount's annotation "
        f"{GOOGLE_ACCOUNT_ANNOTATION}."
    )


def _seconds(expires: object, headers: Mapping[str, str]) -> float | None:
    """Seconds until a time in the reply, by Google's own clock if the reply has its time; None without a valid one."""
    try:
        end = datetime.fromisoformat(expires) if isinstance(expires, str) else None
        if end is None or end.tzinfo is None:
            return None
        return (end - _now(headers)).total_seconds()
    except (ValueError, OverflowError):
        return None


def _now(headers: Mapping[str, str]) -> datetime:
    """The time of a reply (RFC 9110, 6.6.1); the operator's clock may be wrong."""
    try:
        found = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return datetime.now(UTC)
    return found.replace(tzinfo=found.tzinfo or UTC)
