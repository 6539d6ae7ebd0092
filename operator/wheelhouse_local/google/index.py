"""The package index of Standard repositories: simple pages, files, uploads, by the policy at the token's identity.

HTML only (PEP 503), no metadata files and no JSON, as the real one; the root is 404 to everyone.
"""

import base64
import binascii
import hashlib
import html
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from wheelhouse_local.google.calls import Google
from wheelhouse_local.google.identities import Caller
from wheelhouse_local.google.registry import PACKAGE
from wheelhouse_local.google.store import Store

BASE = "/{location:[a-z0-9-]+}-python.pkg.dev/{project}/{repository}"
FILE = "file"
LARGEST = 512 * 1024 * 1024
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}\.(whl|tar\.gz|zip)")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Artifact Registry"'}

Handler = Callable[[web.Request, str, Caller | None], Awaitable[web.StreamResponse]]


def normalized(name: str) -> str:
    """A project's name as paths have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Index:
    """Serves and takes packages; files lie in a folder by their SHA-256, the rest in the store."""

    def __init__(self, google: Google, store: Store, files: Path) -> None:
        self._google = google
        self._store = store
        self._files = files
        files.mkdir(parents=True, exist_ok=True)

    def app(self) -> web.Application:
        """The application of its port."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get(f"{BASE}/simple/", self._traced("Index.Root", self._root, open_to_all=True))
        app.router.add_get(f"{BASE}/simple/{{name}}", self._traced("Index.Simple", self._page))
        app.router.add_get(f"{BASE}/simple/{{name}}/", self._traced("Index.Simple", self._page))
        app.router.add_get(f"{BASE}/{{name}}/{{filename}}", self._traced("Index.File", self._file))
        upload = self._traced("Index.Upload", self._upload, permission="uploadArtifacts")
        app.router.add_post(f"{BASE}/", upload)
        app.router.add_post(BASE, upload)
        return app

    def _traced(
        self, method: str, run: Handler, *, permission: str = "downloadArtifacts", open_to_all: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            began = time.monotonic()
            resource = "projects/{project}/locations/{location}/repositories/{repository}".format(**request.match_info)
            caller = self._caller(request)
            fault = await self._google.faults.apply(method)
            response: web.StreamResponse
            if fault is not None and fault.status:
                response = web.Response(status=fault.status, text="Injected by the test.")
            else:
                refusal = None if open_to_all else self._refusal(caller, resource, permission)
                response = refusal or await run(request, resource, caller)
            identity = caller.identity if caller else ""
            self._google.trace.record(identity, method, request.path, str(response.status), began)
            return response

        return answer

    def _caller(self, request: web.Request) -> Caller | None:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._google.identities.resolve(value)
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._google.identities.resolve(password) if user == "oauth2accesstoken" else None

    def _refusal(self, caller: Caller | None, resource: str, permission: str) -> web.Response | None:
        """401 before 403: pip and uv ask their keyring only on 401."""
        name = f"artifactregistry.repositories.{permission}"
        if self._google.policies.allowed(caller, resource, name):
            return None
        if caller is None:
            return web.Response(status=401, text="Unauthenticated request.\n", headers=_CHALLENGE)
        text = f'Permission "{name}" denied on resource "{resource}" (or it may not exist)\n'
        return web.Response(status=403, text=text)

    async def _root(self, _request: web.Request, _resource: str, _caller: Caller | None) -> web.Response:
        return web.Response(status=404, text="Not Found\n")

    async def _page(self, request: web.Request, resource: str, _caller: Caller | None) -> web.Response:
        name = normalized(request.match_info["name"])
        if self._store.get(PACKAGE, f"{resource}/{name}") is None:
            # Inferred: an unknown package, for those who may read.
            return web.Response(status=404, text="Requested entity was not found.\n")
        rows = [found for _, found in self._store.list(FILE, f"{resource}/{name}/")]
        links = "".join(_link(name, row) for row in rows)
        text = f"<!DOCTYPE html>\n<html><head><title>Links for {name}</title></head><body>\n{links}</body></html>\n"
        return web.Response(text=text, content_type="text/html")

    async def _file(self, request: web.Request, resource: str, _caller: Caller | None) -> web.StreamResponse:
        name, filename = normalized(request.match_info["name"]), request.match_info["filename"]
        found = self._store.get(FILE, f"{resource}/{name}/{filename}")
        if found is None:
            return web.Response(status=404, text="Requested entity was not found.\n")
        return web.FileResponse(self._files / found["sha256"], headers={"Content-Type": "application/octet-stream"})

    async def _upload(self, request: web.Request, resource: str, _caller: Caller | None) -> web.Response:
        if self._store.get("repository", resource) is None:
            return web.Response(status=404, text="Requested entity was not found.\n")
        if not request.content_type.startswith("multipart/"):
            return web.Response(status=400, text="An upload is a multipart form.\n")
        fields: dict[str, str] = {}
        upload: tuple[str, Path, str] | None = None
        reader = await request.multipart()
        try:
            while (part := await reader.next()) is not None:
                if isinstance(part, BodyPartReader) and part.name == "content":
                    upload = (part.filename or "", *await self._receive(part))
                elif isinstance(part, BodyPartReader) and part.name:
                    fields[part.name] = (await part.read()).decode(errors="replace")
            return self._keep(resource, fields, upload)
        finally:
            if upload is not None:
                upload[1].unlink(missing_ok=True)

    async def _receive(self, part: BodyPartReader) -> tuple[Path, str]:
        handle, name = tempfile.mkstemp(dir=self._files, prefix=".upload-")
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file:
            while chunk := await part.read_chunk(1 << 20):
                digest.update(chunk)
                file.write(chunk)
        return Path(name), digest.hexdigest()

    def _keep(self, resource: str, fields: dict[str, str], upload: tuple[str, Path, str] | None) -> web.Response:
        name = normalized(fields.get("name", ""))
        if fields.get(":action") != "file_upload" or upload is None or not name:
            return web.Response(status=400, text="Expected a legacy upload with name and content.\n")
        filename, path, digest = upload
        if not _FILENAME.fullmatch(filename):
            return web.Response(status=400, text="Invalid filename.\n")
        if fields.get("sha256_digest", digest) != digest:
            return web.Response(status=400, text="The sha256_digest does not match the content.\n")
        if self._store.get(FILE, f"{resource}/{name}/{filename}") is not None:
            return web.Response(status=400, reason="Bad Request", text="Requested entity already exists.\n")
        path.replace(self._files / digest)
        row: dict[str, Any] = {"filename": filename, "sha256": digest, "version": fields.get("version", "")}
        row["requires_python"] = fields.get("requires_python", "")
        with self._store.transaction():
            self._store.put(PACKAGE, f"{resource}/{name}", {"name": fields["name"]})
            self._store.put(FILE, f"{resource}/{name}/{filename}", row)
        return web.Response(text="OK\n")


def _link(name: str, row: dict[str, Any]) -> str:
    requires = row.get("requires_python")
    attribute = f' data-requires-python="{html.escape(requires)}"' if requires else ""
    filename = html.escape(row["filename"])
    return f'<a href="../../{name}/{filename}#sha256={row["sha256"]}"{attribute}>{filename}</a><br>\n'
