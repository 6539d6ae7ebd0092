"""The Security Token Service: a ServiceAccount's token in, a federated token out (RFC 8693).

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
"""

import asyncio
import re
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from wheelhouse_local.constants import ISSUER, POOL
from wheelhouse_local.google.calls import Google
from wheelhouse_local.google.errors import HTTP_STATUS
from wheelhouse_local.google.identities import service_account_identity

AUDIENCE = f"identitynamespace:{POOL}:{ISSUER}"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type, not a credential
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a credential
LONGEST = 3600
_SUBJECT = re.compile(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)")
_FETCH_PAUSE = 2.0


class Refusal(Exception):
    """An exchange is refused, by an OAuth error code."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class KeySet:
    """The API server's own keys, fetched when a token names one that is not known."""

    def __init__(self, server: str, ca: Path, token_file: Path) -> None:
        self._server = server
        self._ca = ca
        self._token_file = token_file
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = 0.0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key of this id; None when the API server does not know it either."""
        async with self._lock:
            if key_id not in self._keys and time.monotonic() - self._fetched > _FETCH_PAUSE:
                await self._fetch()
                self._fetched = time.monotonic()
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        context = ssl.create_default_context(cafile=str(self._ca))
        token = await asyncio.to_thread(self._token_file.read_text)
        headers = {"Authorization": f"Bearer {token.strip()}"}
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self._server.rstrip('/')}/openid/v1/jwks", headers=headers, ssl=context) as reply,
        ):
            reply.raise_for_status()
            body = await reply.json(content_type=None)
        self._keys = {str(raw["kid"]): jwt.PyJWK(raw) for raw in body["keys"]}


class TokenService:
    """Exchanges tokens; `cap` seconds shorten what it gives (the world's --token-lifetime)."""

    def __init__(self, google: Google, keys: KeySet, cap: int | None) -> None:
        self._google = google
        self._keys = keys
        self._cap = cap

    def routes(self) -> list[web.RouteDef]:
        """The one route."""
        return [web.post("/v1/token", self._token)]

    async def _token(self, request: web.Request) -> web.Response:
        began = time.monotonic()
        identity, status = "", "OK"
        try:
            fault = await self._google.faults.apply("Sts.Token")
            if fault is not None and fault.status:
                status = str(fault.status)
                return web.json_response({"error": "internal_failure"}, status=fault.status)
            identity, lifetime = await self._exchange(
                {key: str(value) for key, value in (await request.post()).items()}
            )
            token = self._google.identities.issue(identity, lifetime)
            return web.json_response(
                {
                    "access_token": token,
                    "issued_token_type": ACCESS_TOKEN_TYPE,
                    "token_type": "Bearer",
                    "expires_in": lifetime,
                }
            )
        except Refusal as refusal:
            status = "INVALID_ARGUMENT"
            body = {"error": refusal.error, "error_description": refusal.description}
            return web.json_response(body, status=HTTP_STATUS[status])
        finally:
            self._google.trace.record(identity, "Sts.Token", POOL, status, began)

    async def _exchange(self, form: dict[str, str]) -> tuple[str, int]:
        if form.get("grant_type") != GRANT_TYPE:
            raise Refusal("unsupported_grant_type", "Invalid grant_type.")
        if form.get("audience") != AUDIENCE:
            raise Refusal("invalid_target", 'The target service indicated by the "audience" parameters is invalid.')
        if form.get("subject_token_type") != TOKEN_TYPE:
            raise Refusal("invalid_request", "Invalid subject_token_type.")
        claims = await self._verify(form.get("subject_token", ""))
        subject = _SUBJECT.fullmatch(str(claims.get("sub", "")))
        if subject is None:
            raise Refusal("invalid_grant", "The subject of the token is no ServiceAccount.")
        # A federated token ends with the token that it was exchanged for.
        lifetime = int(min(claims["exp"] - time.time(), LONGEST, self._cap or LONGEST))
        return service_account_identity(subject[1], subject[2]), lifetime

    async def _verify(self, token: str) -> dict[str, Any]:
        try:
            key = await self._keys.key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Refusal("invalid_grant", "The token is signed by a key that the cluster does not publish.")
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=["RS256", "ES256"], audience=POOL, issuer=ISSUER, options={"require": ["exp"]}
            )
        except jwt.PyJWTError as error:
            raise Refusal("invalid_grant", f"Error code invalid_grant: {type(error).__name__}.") from None
        return claims
