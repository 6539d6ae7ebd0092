"""The package index of all repositories: simple pages, files, uploads, by the policy for the token's identity.

HTML only (PEP 503), no metadata files and no JSON, as in the real one; the root is 404 to everyone.
docs/decisions/0004-own-index-server.md explains why this index is our own.
"""

import base64
from collections.abc import Awaitable, Callable

from aiohttp import web

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.index.fetch import UpstreamError
from wheelhouse_local.google.index.library import Library
from wheelhouse_local.google.index.pages import write
from wheelhouse_local.google.index.upload import LARGEST, receive
from wheelhouse_local.google.registry.packages import DuplicateError, Packages, normalized
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.plain import Line, observed

BASE = "/{location:[a-z0-9-]+}-python.pkg.dev/{project}/{repository}"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Artifact Registry"'}  # The real realm is not known.

Handler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


class Index:
    """Serves and accepts packages."""

    def __init__(self, calls: Calls, policies: Policies, packages: Packages, library: Library) -> None:
        self._calls = calls
        self._policies = policies
        self._packages = packages
        self._library = library

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get(f"{BASE}/simple/", self._route("Index.Root", None, _root))
        page = self._route("Index.Simple", "downloadArtifacts", self._page)
        app.router.add_get(f"{BASE}/simple/{{name}}", page)
        app.router.add_get(f"{BASE}/simple/{{name}}/", page)
        app.router.add_get(f"{BASE}/{{name}}/{{filename}}", self._route("Index.File", "downloadArtifacts", self._file))
        upload = self._route("Index.Upload", "uploadArtifacts", self._upload)
        app.router.add_post(f"{BASE}/", upload)
        app.router.add_post(BASE, upload)
        return app

    def _route(
        self, method: str, permission: str | None, run: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def route(request: web.Request) -> web.StreamResponse:
            resource = "projects/{project}/locations/{location}/repositories/{repository}".format(**request.match_info)

            async def answer(line: Line) -> web.StreamResponse:
                caller = self._caller(request)
                line.caller = caller.identity if caller else ""
                refusal = None if permission is None else self._refusal(caller, resource, permission)
                return refusal or await run(request, resource)

            return await observed(self._calls, request, method, request.path, answer)

        return route

    def _caller(self, request: web.Request) -> Caller | None:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":  # Documented for other formats, inferred for Python.
            return self._calls.authenticate(value)
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:  # not base64, not UTF-8, or not even ASCII
            return None
        return self._calls.authenticate(password) if user == "oauth2accesstoken" else None

    def _refusal(self, caller: Caller | None, resource: str, permission: str) -> web.Response | None:
        """401 before 403: pip uses its keyring only on 401."""
        name = f"artifactregistry.repositories.{permission}"
        if self._library.knows(resource) and self._policies.allowed(caller, resource, name):
            return None
        if caller is None:
            return web.Response(status=401, text="Unauthenticated request.", headers=_CHALLENGE)
        text = f'Permission "{name}" denied on resource "{resource}" (or it may not exist)'
        return web.Response(status=403, text=text)

    async def _page(self, request: web.Request, resource: str) -> web.Response:
        asked = request.match_info["name"]
        name = normalized(asked)
        if name != asked or not request.path.endswith("/"):
            # PEP 503 has one URL for a page. What the real index does is not known. The URL is relative, since a proxy
            # may serve this index below a path of its own.
            raise web.HTTPMovedPermanently(f"../{name}/" if request.path.endswith("/") else f"{name}/")
        try:
            links = await self._library.links(resource, name)
        except UpstreamError as error:
            return _bad_gateway(error)
        if links is None:
            return _missing()
        return web.Response(text=write(name, links), content_type="text/html")

    async def _file(self, request: web.Request, resource: str) -> web.StreamResponse:
        name, filename = normalized(request.match_info["name"]), request.match_info["filename"]
        try:
            path = await self._library.file(resource, name, filename)
        except UpstreamError as error:
            return _bad_gateway(error)
        if path is None:
            return _missing()
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})

    async def _upload(self, request: web.Request, resource: str) -> web.Response:
        """Accept one file; all error messages except for a duplicate are ours."""
        if not self._library.writable(resource):
            return web.Response(status=400, text="Only standard repositories accept uploads.")
        try:
            async with receive(request, self._packages.folder) as upload:
                self._packages.add(resource, upload)
        except DuplicateError:
            return web.Response(status=400, text="Requested entity already exists.")
        except ValueError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(text="OK")


async def _root(_request: web.Request, _resource: str) -> web.Response:
    return web.Response(status=404, text="Not Found")


def _missing() -> web.Response:
    """An unknown package or file, for readers: inferred."""
    return web.Response(status=404, text="Requested entity was not found.")


def _bad_gateway(error: UpstreamError) -> web.Response:
    """An upstream does not return a file that is not cached: inferred."""
    return web.Response(status=502, text=f"The upstream does not answer: {error}")
