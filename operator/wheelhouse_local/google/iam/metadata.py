"""The GKE metadata server, as the operator's pod sees it.

https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#metadata_server
"""

from aiohttp import web

from wheelhouse_local.constants import (
    CLUSTER,
    LOCATION,
    NAMESPACE,
    POOL,
    PROJECT,
    PROJECT_NUMBER,
    SERVICE_ACCOUNT,
)
from wheelhouse_local.google.iam.identities import Identities, service_account_identity
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.plain import Line, observed

UNIVERSE = "emu.test"
"""Not googleapis.com: in that universe google-auth itself would call the real iamcredentials."""
TOKEN_LIFE = 3600
SCOPES = ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"]
_HEADERS = {"Metadata-Flavor": "Google", "Server": "GKE Metadata Server"}
# A ServiceAccount without a Google service account answers with the pool's name.
EMAIL = POOL
_TEXTS = {
    "project/project-id": PROJECT,
    "project/numeric-project-id": PROJECT_NUMBER,
    "instance/attributes/cluster-name": CLUSTER,
    "instance/attributes/cluster-location": LOCATION,
    "universe/universe-domain": UNIVERSE,
    "instance/service-accounts/default/email": EMAIL,
    "instance/service-accounts/default/scopes": "\n".join(SCOPES),
}


class MetadataServer:
    """Returns plain facts, and tokens of the operator's own identity."""

    def __init__(self, calls: Calls, identities: Identities) -> None:
        self._calls = calls
        self._identities = identities
        self._identity = service_account_identity(NAMESPACE, SERVICE_ACCOUNT)

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application()
        app.router.add_get("/", self._root)
        app.router.add_get("/computeMetadata/v1/{path:.*}", self._answer)
        return app

    async def _root(self, _request: web.Request) -> web.Response:
        return web.Response(text="computeMetadata/\n", headers=_HEADERS)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"].rstrip("/").replace(f"service-accounts/{EMAIL}", "service-accounts/default")

        async def answer(line: Line) -> web.StreamResponse:
            line.caller = self._identity
            return self._found(request, path)

        return await observed(self._calls, request, "Metadata.Get", path, answer)

    def _found(self, request: web.Request, path: str) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(
                status=403, text="Missing required header 'Metadata-Flavor': 'Google'", headers=_HEADERS
            )
        if path in _TEXTS:
            return web.Response(text=_TEXTS[path], headers={**_HEADERS, "Content-Type": "application/text"})
        if path == "instance/service-accounts/default":
            if request.query.get("recursive", "").lower() != "true":
                return web.Response(text="aliases\nemail\nscopes\ntoken\n", headers=_HEADERS)
            body = {"aliases": ["default"], "email": EMAIL, "scopes": SCOPES}
            return web.json_response(body, headers=_HEADERS)
        if path == "instance/service-accounts/default/token":
            token = self._identities.issue(self._identity, TOKEN_LIFE)
            issued = {"access_token": token, "expires_in": TOKEN_LIFE, "token_type": "Bearer"}
            return web.json_response(issued, headers=_HEADERS)
        return web.Response(status=404, text="not found", headers=_HEADERS)
