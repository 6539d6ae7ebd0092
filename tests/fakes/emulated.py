"""The emulated Google in the test's process, and a cluster whose tokens it accepts."""

import base64
import hashlib
import io
import json
import ssl
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import artifactregistry_v1 as ar
from google.iam.v1 import policy_pb2

from wheelhouse_local.constants import ISSUER, LOCATION, POOL, PROJECT
from wheelhouse_local.controlplane import certificates
from wheelhouse_local.google.iam.identities import KIND as TOKEN_KIND
from wheelhouse_local.google.iam.identities import service_account_identity
from wheelhouse_local.google.server import Configuration, Server
from wheelhouse_local.google.transport.faults import Faults

REPOSITORY = f"projects/{PROJECT}/locations/{LOCATION}/repositories/team-wheels"
READER = service_account_identity("team-a", "wheels-reader")
WRITER = service_account_identity("team-a", "wheels-writer")
READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
DENIED = 'Permission "artifactregistry.repositories.{}" denied on resource "{}" (or it may not exist)'
CREDENTIAL = "a token of the API server"


@dataclass(slots=True)
class Cluster:
    """An API server with only its key set: over TLS, for clients with the credential."""

    folder: Path
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    reads: int = 0
    broken: bool = False
    server: str = ""

    @property
    def triple(self) -> tuple[str, Path, Path]:
        """Server, CA file and token file, for the emulated Google."""
        return self.server, self.folder / "ca.pem", self.folder / "token"

    def rotate(self, key_id: str) -> None:
        """Publish another key."""
        self.keys[key_id] = rsa.generate_private_key(65537, 2048)

    def token(self, key_id: str = "first", key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """A ServiceAccount's token from the API server, valid for ten minutes; claims that are None are omitted."""
        now = time.time()
        standard = {"iss": ISSUER, "aud": [POOL], "iat": int(now), "exp": int(now + 600)}
        subject = {"sub": "system:serviceaccount:team-a:wheels-reader"}
        content = {name: value for name, value in {**standard, **subject, **claims}.items() if value is not None}
        return jwt.encode(content, key or self.keys[key_id], algorithm="RS256", headers={"kid": key_id})

    async def _key_set(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {CREDENTIAL}":
            raise web.HTTPUnauthorized
        self.reads += 1
        if self.broken:
            raise web.HTTPServiceUnavailable
        rows = []
        for key_id, key in self.keys.items():
            row = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            rows.append({**row, "kid": key_id, "alg": "RS256", "use": "sig"})
        return web.json_response({"keys": rows})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Cluster"]:
        """Serve until the end of the block."""
        certificates.ensure(self.folder)
        (self.folder / "token").write_text(CREDENTIAL + "\n")
        self.rotate("first")
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._key_set)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server-key.pem")
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.server = f"https://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def basic(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


@dataclass(slots=True)
class Emulated:
    """A running emulated Google, with access to its internals."""

    server: Server
    data: Path
    endpoints: dict[str, str]
    session: aiohttp.ClientSession

    @property
    def owner(self) -> str:
        """The token of the world's owner."""
        return (self.data / "owner-token").read_text()

    @property
    def faults(self) -> Faults:
        """The active faults."""
        return self.server.services.calls.faults

    @property
    def index(self) -> str:
        """The index URL of `team-wheels`, without simple/."""
        return f"{self.endpoints['index']}{LOCATION}-python.pkg.dev/{PROJECT}/team-wheels/"

    def token(self, identity: str, lifetime: float = 600) -> str:
        """A token of an IAM member."""
        return self.server.services.identities.issue(identity, lifetime)

    def long_token(self, identity: str, size: int) -> str:
        """A token of an IAM member with this many bytes; the emulated Google itself issues short ones."""
        store, token = self.server.services.store, self.token(identity)
        longer = token.ljust(size, "x")
        found = store.get(TOKEN_KIND, hashlib.sha256(token.encode()).hexdigest())
        assert found is not None
        store.put(TOKEN_KIND, hashlib.sha256(longer.encode()).hexdigest(), found)
        return longer

    def create(self, repository: str = REPOSITORY) -> None:
        """Create a Python repository."""
        parent, _, name = repository.rpartition("/repositories/")
        wanted = ar.Repository.pb(ar.Repository(format_=ar.Repository.Format.PYTHON))
        self.server.services.registry.create(parent, name, wanted)

    def grant(self, *grants: tuple[str, str], repository: str = REPOSITORY) -> None:
        """Set these (role, member) as the whole policy."""
        bindings = [policy_pb2.Binding(role=role, members=[member]) for role, member in grants]
        self.server.services.policies.plant(repository, policy_pb2.Policy(bindings=bindings))

    def url(self, token: str, path: str = "simple/") -> str:
        """An index URL with credentials."""
        return self.index.replace("http://", f"http://oauth2accesstoken:{token}@") + path

    async def get(self, path: str, token: str | None = None, **kwargs: Any) -> "Reply":
        """GET below the index URL of `team-wheels`, with the complete response."""
        return await self.send("GET", self.index + path, token, **kwargs)

    async def send(self, method: str, url: str, token: str | None = None, **kwargs: Any) -> "Reply":
        """Send with Basic authentication, follow no redirect, and read the complete response."""
        headers = {**kwargs.pop("headers", {}), **({} if token is None else basic("oauth2accesstoken", token))}
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **kwargs) as response:
            return Reply(response.status, response.headers, await response.read())

    async def upload(self, name: str = "demo", version: str = "1.0") -> str:
        """Upload a small wheel as the writer; return its SHA-256."""
        filename, content = wheel(name, version)
        form = upload_form(name, version, filename, content)
        response = await self.send("POST", self.index, self.token(WRITER), data=form)
        assert response.status == 200, response.text
        return hashlib.sha256(content).hexdigest()

    def files(self) -> list[str]:
        """The names of the package files on its disk."""
        return [path.name for path in (self.data / "files").iterdir()]

    def trace(self) -> list[dict[str, Any]]:
        """The recorded requests."""
        return [json.loads(line) for line in (self.data / "requests.jsonl").read_text().splitlines()]


@asynccontextmanager
async def emulated(data: Path, kubernetes: tuple[str, Path, Path], cap: int | None = None) -> AsyncIterator[Emulated]:
    """Serve until the end of the block; `kubernetes` is server, CA file and token file."""
    server = Server(Configuration(data, *kubernetes, cap))
    endpoints = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Emulated(server, data, endpoints, session)
    finally:
        await server.stop()


def wheel(name: str = "demo", version: str = "1.0", requires_python: str = ">=3.8") -> tuple[str, bytes]:
    """Filename and content of a wheel with one module `NAME` that prints its version."""
    module = name.replace("-", "_").replace(".", "_").lower()
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": f'VERSION = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        f"Requires-Python: {requires_python}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return f"{module}-{version}-py3-none-any.whl", buffer.getvalue()


def upload_form(name: str, version: str, filename: str, content: bytes, /, **fields: str) -> aiohttp.FormData:
    """A legacy upload as twine sends it."""
    form = aiohttp.FormData()
    digest = hashlib.sha256(content).hexdigest()
    standard = {":action": "file_upload", "protocol_version": "1", "name": name, "version": version}
    for field_name, value in {**standard, "sha256_digest": digest, "requires_python": ">=3.8", **fields}.items():
        form.add_field(field_name, value)
    form.add_field("content", content, filename=filename, content_type="application/octet-stream")
    return form


Ask = Callable[[str, str, Any], Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def asking(token: str) -> AsyncIterator[Ask]:
    """A client with a bearer token: ask(method, URL, JSON) returns the status and the JSON, or text."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:

        async def ask(method: str, url: str, body: Any) -> tuple[int, Any]:
            async with session.request(method, url, json=body) as response:
                text = await response.text()
                return response.status, json.loads(text) if text.startswith("{") else text

        yield ask
