"""The GKE metadata server as a pod of one ServiceAccount sees it.

https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#metadata_server
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from wheelhouse_local.errors import LocalError

_FLAVOR = {"Metadata-Flavor": "Google"}
Mint = Callable[[], dict[str, Any]]
"""Returns a new token of the pod's own identity: `accessToken` and `expiresIn`."""


class PodMetadata:
    """Takes the facts of the cluster from the world's metadata server, and never its tokens: those are the operator's.

    Args:
        facts: the URL of the world's metadata server.
        mint: mints a token of the pod.
    """

    def __init__(self, facts: str, mint: Mint) -> None:
        self._facts = facts
        self._mint = mint

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.router.add_get("/computeMetadata/v1/instance/service-accounts/{account}/token", self._token)
        app.router.add_get("/{path:.*}", self._fact)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text="Missing required header 'Metadata-Flavor': 'Google'", headers=_FLAVOR)
        try:
            minted = await asyncio.to_thread(self._mint)
        except LocalError as error:
            return web.Response(status=503, text=str(error), headers=_FLAVOR)
        body = {
            "access_token": minted["accessToken"],
            "expires_in": minted["expiresIn"],
            "token_type": "Bearer",
        }
        return web.json_response(body, headers=_FLAVOR)

    async def _fact(self, request: web.Request) -> web.Response:
        if "token" in request.path.lower():
            return web.Response(status=404, text="not found", headers=_FLAVOR)
        kept = {name: value for name, value in request.headers.items() if name.lower() == "metadata-flavor"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._facts.rstrip("/") + request.path_qs, headers=kept) as reply,
        ):
            return web.Response(
                status=reply.status, body=await reply.read(), content_type=reply.content_type, headers=_FLAVOR
            )
