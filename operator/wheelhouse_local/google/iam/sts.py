"""The Security Token Service: a ServiceAccount's token in, a federated token out (RFC 8693).

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token; the error codes are those of RFC 6749 and
8693, the words of the descriptions are ours.
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
from wheelhouse_local.google.iam.identities import service_account_identity
from wheelhouse_local.google.transport.calls import Google
from wheelhouse_local.google.transport.plain import Line, observed

AUDIENCE = f"identitynamespace:{POOL}:{ISSUER}"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type, not a credential
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a credential
LONGEST = 3600
"""Seconds; a federated token never lives longer."""
FETCH_PAUSE = 2.0
"""Seconds after the keys were read in which an unknown key id does not make us read them again."""
_SUBJECT = re.compile(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)")


class Refusal(Exception):
    """An exchange is refused, by an OAuth error code."""

    def __init__(self, error: str, description: str, status: int = web.HTTPBadRequest.status_code) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    def response(self) -> web.Response:
        """The refusal as OAuth has it."""
        return web.json_response({"error": self.error, "error_description": str(self)}, status=self.status)


class KeySet:
    """The API server's own keys, read when a token names one that is not known."""

    def __init__(self, server: str, ca: Path, token_file: Path) -> None:
        self._url = f"{server.rstrip('/')}/openid/v1/jwks"
        self._ca = ca
        self._token_file = token_file
        self._keys: dict[str, jwt.PyJWK] = {}
        self._rest_until = 0.0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key of this id; None when the API server does not know it either.

        Raises:
            Refusal: the API server did not answer.
        """
        async with self._lock:
            if key_id not in self._keys and time.monotonic() >= self._rest_until:
                try:
                    self._keys = await self._fetch()
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
                    problem = f"The key set of the cluster cannot be read: {type(error).__name__}."
                    status = web.HTTPServiceUnavailable.status_code
                    raise Refusal("temporarily_unavailable", problem, status) from error
                self._rest_until = time.monotonic() + FETCH_PAUSE
        return self._keys.get(key_id)

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        context = ssl.create_default_context(cafile=str(self._ca))
        token = await asyncio.to_thread(self._token_file.read_text)
        headers = {"Authorization": f"Bearer {token.strip()}"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(self._url, headers=headers, ssl=context) as reply,
        ):
            reply.raise_for_status()
            body = await reply.json(content_type=None)
        return {str(raw["kid"]): jwt.PyJWK(raw) for raw in body["keys"]}


class TokenService:
    """Exchanges tokens; `cap` seconds shorten what it gives (the world's --token-lifetime)."""

    def __init__(self, google: Google, keys: KeySet, cap: int | None) -> None:
        self._google = google
        self._keys = keys
        self._cap = cap

    def routes(self) -> list[web.RouteDef]:
        """The one route."""
        return [web.post("/v1/token", self._token)]

    async def _token(self, request: web.Request) -> web.StreamResponse:
        async def answer(line: Line) -> web.StreamResponse:
            form = {key: str(value) for key, value in (await request.post()).items()}
            try:
                line.caller, lifetime = await self._exchange(form)
            except Refusal as refusal:
                return refusal.response()
            reply = {
                "access_token": self._google.identities.issue(line.caller, lifetime),
                "issued_token_type": ACCESS_TOKEN_TYPE,
                "token_type": "Bearer",
                "expires_in": lifetime,
            }
            return web.json_response(reply)

        return await observed(self._google, request, "Sts.Token", POOL, answer)

    async def _exchange(self, form: dict[str, str]) -> tuple[str, int]:
        """Whose token is asked for, and how many seconds it may live."""
        _check(form)
        claims = await self._verify(form["subject_token"])
        subject = _SUBJECT.fullmatch(str(claims["sub"]))
        if subject is None:
            raise Refusal("invalid_grant", "The subject of the token is no ServiceAccount.")
        # A federated token ends with the token that it was exchanged for.
        lifetime = int(min(claims["exp"] - time.time(), LONGEST, self._cap or LONGEST))
        if lifetime < 1:
            raise Refusal("invalid_grant", "The subject token ends within this second.")
        return service_account_identity(subject[1], subject[2]), lifetime

    async def _verify(self, token: str) -> dict[str, Any]:
        try:
            key = await self._keys.key(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Refusal(
                    "invalid_grant", "The subject token is signed by a key that the cluster does not publish."
                )
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256", "ES256"],
                audience=POOL,
                issuer=ISSUER,
                options={"require": ["exp", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Refusal("invalid_grant", f"The subject token is refused: {error}.") from None
        return claims


def _check(form: dict[str, str]) -> None:
    """What can be refused before the token is looked at.

    Raises:
        Refusal: with the OAuth code for what is wrong.
    """
    for field in ("grant_type", "audience", "subject_token_type", "subject_token"):
        if not form.get(field):
            raise Refusal("invalid_request", f"The parameter {field} is missing.")
    if form["grant_type"] != GRANT_TYPE:
        raise Refusal("unsupported_grant_type", f"The grant_type must be {GRANT_TYPE}.")
    if form["audience"] != AUDIENCE:
        raise Refusal("invalid_target", 'The target service indicated by the "audience" parameters is invalid.')
    if form["subject_token_type"] != TOKEN_TYPE:
        raise Refusal("invalid_request", f"The subject_token_type must be {TOKEN_TYPE}.")
    if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
        raise Refusal("invalid_request", f"The requested_token_type must be {ACCESS_TOKEN_TYPE}.")
