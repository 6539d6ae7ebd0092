"""The Security Token Service: exchanges a ServiceAccount's token for a federated token (RFC 8693).

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token; the error codes are those of RFC 6749 and 8693,
and the descriptions are ours.
"""

import re
import time
from typing import Any

import jwt
from aiohttp import web

from wheelhouse_local.constants import ISSUER, POOL, PROVIDER
from wheelhouse_local.google.iam.identities import Identities, federated_identity, service_account_identity
from wheelhouse_local.google.iam.keys import KeySet, UnreadableError
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.plain import Line, observed

AUDIENCE = f"identitynamespace:{POOL}:{ISSUER}"
PROVIDER_AUDIENCE = f"//iam.googleapis.com/{PROVIDER}"
"""Outside GKE. A token's own audience is the provider's default, the same name as an https URL
(https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers#Oidc)."""
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type, not a credential
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type, not a credential
LONGEST = 3600
"""Seconds; a federated token never lives longer."""
_SUBJECT = re.compile(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)")


class Refusal(Exception):
    """An exchange is denied, with an OAuth error code."""

    def __init__(self, error: str, description: str, status: int = web.HTTPBadRequest.status_code) -> None:
        super().__init__(description)
        self.error = error
        self.status = status

    def response(self) -> web.Response:
        """The response in OAuth's form."""
        return web.json_response({"error": self.error, "error_description": str(self)}, status=self.status)


class TokenService:
    """Exchanges tokens; `cap` seconds limit their lifetime (the world's --token-lifetime)."""

    def __init__(self, calls: Calls, identities: Identities, keys: KeySet, cap: int | None) -> None:
        self._calls = calls
        self._identities = identities
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
                "access_token": self._identities.issue(line.caller, lifetime),
                "issued_token_type": ACCESS_TOKEN_TYPE,
                "token_type": "Bearer",
                "expires_in": lifetime,
            }
            return web.json_response(reply)

        return await observed(self._calls, request, "Sts.Token", POOL, answer)

    async def _exchange(self, form: dict[str, str]) -> tuple[str, int]:
        """The requested identity, and the seconds that the token may live."""
        _check(form)
        outside = form["audience"] == PROVIDER_AUDIENCE
        claims = await self._verify(form["subject_token"], f"https:{PROVIDER_AUDIENCE}" if outside else POOL)
        subject = _SUBJECT.fullmatch(str(claims["sub"]))
        if subject is None:
            raise Refusal("invalid_grant", "The subject of the token is not a ServiceAccount.")
        # A federated token expires with the token that it was exchanged for.
        lifetime = int(min(claims["exp"] - time.time(), LONGEST, self._cap or LONGEST))
        if lifetime < 1:
            raise Refusal("invalid_grant", "The subject token expires within this second.")
        identity = federated_identity if outside else service_account_identity
        return identity(subject[1], subject[2]), lifetime

    async def _verify(self, token: str, audience: str) -> dict[str, Any]:
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
                audience=audience,
                issuer=ISSUER,
                options={"require": ["exp", "sub"]},
            )
        except UnreadableError as error:
            problem = f"The key set of the cluster cannot be read: {error}."
            raise Refusal("temporarily_unavailable", problem, web.HTTPServiceUnavailable.status_code) from error
        except jwt.PyJWTError as error:
            raise Refusal("invalid_grant", f"The subject token was rejected: {error}.") from None
        return claims


def _check(form: dict[str, str]) -> None:
    """Check what can be checked before the token is parsed.

    Raises:
        Refusal: with the OAuth code for the problem.
    """
    for field in ("grant_type", "audience", "subject_token_type", "subject_token"):
        if not form.get(field):
            raise Refusal("invalid_request", f"The parameter {field} is missing.")
    if form["grant_type"] != GRANT_TYPE:
        raise Refusal("unsupported_grant_type", f"The grant_type must be {GRANT_TYPE}.")
    if form["audience"] not in {AUDIENCE, PROVIDER_AUDIENCE}:
        raise Refusal("invalid_target", 'The target service indicated by the "audience" parameters is invalid.')
    if form["subject_token_type"] != TOKEN_TYPE:
        raise Refusal("invalid_request", f"The subject_token_type must be {TOKEN_TYPE}.")
    if form.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
        raise Refusal("invalid_request", f"The requested_token_type must be {ACCESS_TOKEN_TYPE}.")
