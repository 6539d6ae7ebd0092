"""The public index of the world: it replaces PyPI for Remote repositories, and has a mirror that needs a password."""

import base64
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from wheelhouse_local.google.index.pages import Link, write
from wheelhouse_local.google.index.upload import LARGEST, receive
from wheelhouse_local.google.registry.packages import DuplicateError, Packages, normalized
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.plain import Line, observed
from wheelhouse_local.state import write_private

REPOSITORY = "public"
"""Its packages are stored under this name, which no repository has."""
USER = "mirror"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PublicIndex:
    """Pages, files and uploads without permissions; `/private/` is the same for clients with the mirror's password."""

    def __init__(self, calls: Calls, packages: Packages, data: Path) -> None:
        self._calls = calls
        self._packages = packages
        path = data / "mirror-password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        self._password = path.read_text()

    def app(self) -> web.Application:
        """The web application."""
        app = web.Application(client_max_size=LARGEST)
        for prefix, guarded in (("", False), ("/private", True)):
            app.router.add_get(f"{prefix}/simple/", self._route("PublicIndex.Simple", self._root, guarded=guarded))
            app.router.add_get(
                f"{prefix}/simple/{{name}}/", self._route("PublicIndex.Simple", self._page, guarded=guarded)
            )
            file = self._route("PublicIndex.File", self._file, guarded=guarded)
            app.router.add_get(f"{prefix}/{{name}}/{{filename}}", file)
        app.router.add_post("/legacy/", self._route("PublicIndex.Upload", self._upload, guarded=False))
        return app

    def _route(self, method: str, run: Handler, *, guarded: bool) -> Handler:
        async def route(request: web.Request) -> web.StreamResponse:
            async def answer(line: Line) -> web.StreamResponse:
                line.caller = self._user(request)
                if guarded and line.caller != USER:
                    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="mirror"'})
                return await run(request)

            return await observed(self._calls, request, method, request.path, answer)

        return route

    def _user(self, request: web.Request) -> str:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:  # not base64, not UTF-8, or not even ASCII
            return ""
        good = kind.lower() == "basic" and secrets.compare_digest(password, self._password)
        return user if good else ""

    async def _root(self, _request: web.Request) -> web.Response:
        return web.Response(text="<!DOCTYPE html>\n<html><body></body></html>\n", content_type="text/html")

    async def _page(self, request: web.Request) -> web.Response:
        name = normalized(request.match_info["name"])
        rows = self._packages.files(REPOSITORY, name)
        if rows is None:
            return web.Response(status=404, text="Not Found")
        links = {f: Link(row["sha256"], row["requires_python"], "") for f, row in rows.items()}
        return web.Response(text=write(name, links), content_type="text/html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        rows = self._packages.files(REPOSITORY, normalized(request.match_info["name"])) or {}
        row = rows.get(request.match_info["filename"])
        if row is None:
            return web.Response(status=404, text="Not Found")
        return web.FileResponse(self._packages.path(row["sha256"]))

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            async with receive(request, self._packages.folder) as upload:
                self._packages.add(REPOSITORY, upload)
        except (DuplicateError, ValueError) as error:
            return web.Response(status=400, text=str(error) or "The file already exists.")
        return web.Response(text="OK")
