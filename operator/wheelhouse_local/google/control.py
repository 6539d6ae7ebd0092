"""What the owner of the world may ask that Google has no call for: tokens, planted policies, groups, faults."""

from typing import Any

from aiohttp import web
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.constants import OWNER
from wheelhouse_local.google.calls import Google
from wheelhouse_local.google.errors import ApiError
from wheelhouse_local.google.identities import identity_of
from wheelhouse_local.google.store import Store

TOKEN_LIFE = 3600


class Control:
    """Routes under /control/, for whoever holds the owner's token."""

    def __init__(self, google: Google, store: Store, cap: int | None) -> None:
        self._google = google
        self._store = store
        self._lifetime = min(TOKEN_LIFE, cap or TOKEN_LIFE)

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        return [
            web.post("/control/token", self._token),
            web.post("/control/policy", self._policy),
            web.post("/control/group", self._group),
            web.get("/control/fault", self._faults),
            web.post("/control/fault", self._fault),
            web.delete("/control/fault", self._clear),
        ]

    def _owner(self, request: web.Request) -> None:
        caller = self._google.caller(request.headers.get("Authorization", ""))
        if caller is None or caller.identity != f"user:{OWNER}":
            raise web.HTTPForbidden(text="Only the owner of the world may ask this.\n")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self._owner(request)
        body = await request.json()
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="Expected a JSON object.\n")
        return body

    async def _token(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        identity = identity_of(str(body.get("as", "")))
        if identity is None:
            return web.json_response({"error": "as: expected ksa:NS/NAME, user:EMAIL or gsa:EMAIL"}, status=400)
        if identity.startswith("serviceAccount:"):
            self._store.put("service-account", identity.partition(":")[2], {})
        token = self._google.identities.issue(identity, self._lifetime)
        return web.json_response({"accessToken": token, "expiresIn": self._lifetime})

    async def _policy(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        try:
            policy = json_format.ParseDict(body.get("policy", {}), policy_pb2.Policy())
            written = self._google.policies.plant(str(body.get("resource", "")), policy)
        except (ApiError, json_format.ParseError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(json_format.MessageToDict(written))

    async def _group(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        members = [str(member) for member in body.get("members", [])]
        self._store.put("group", str(body["group"]).lower(), {"members": members})
        return web.json_response({})

    async def _faults(self, request: web.Request) -> web.Response:
        self._owner(request)
        return web.json_response({"faults": self._google.faults.listed()})

    async def _fault(self, request: web.Request) -> web.Response:
        self._google.faults.add(await self._body(request))
        return web.json_response({})

    async def _clear(self, request: web.Request) -> web.Response:
        self._owner(request)
        self._google.faults.rules.clear()
        return web.json_response({})
