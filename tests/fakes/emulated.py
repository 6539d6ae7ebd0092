"""The emulated Google in the process of a test, a cluster whose tokens it believes, and real clients beside it."""

import asyncio
import base64
import hashlib
import io
import json
import os
import ssl
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
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
from wheelhouse_local.google.identities import service_account_identity
from wheelhouse_local.google.server import Configuration, Server

REPOSITORY = f"projects/{PROJECT}/locations/{LOCATION}/repositories/team-wheels"
READER = service_account_identity("team-a", "wheels-reader")
WRITER = service_account_identity("team-a", "wheels-writer")
CREDENTIAL = "a token of the API server"


@dataclass(slots=True)
class Cluster:
    """An API server as far as its key set goes: over TLS, for those who show the credential."""

    folder: Path
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    reads: int = 0
    broken: bool = False
    server: str = ""

    @property
    def triple(self) -> tuple[str, Path, Path]:
        """Server, CA file and token file, as the emulated Google is told."""
        return self.server, self.folder / "ca.pem", self.folder / "token"

    def rotate(self, key_id: str) -> None:
        """Publish one more key."""
        self.keys[key_id] = rsa.generate_private_key(65537, 2048)

    def token(self, key_id: str = "first", key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """A ServiceAccount's token as the API server signs it, for ten minutes; claims of None are left out."""
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
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()


@dataclass(slots=True)
class Emulated:
    """A running emulated Google, from the inside and from the outside."""

    server: Server
    data: Path
    endpoints: dict[str, str]
    session: aiohttp.ClientSession

    @property
    def index(self) -> str:
        """The index URL of `team-wheels`, without simple/."""
        return f"{self.endpoints['index']}{LOCATION}-python.pkg.dev/{PROJECT}/team-wheels/"

    def token(self, identity: str, lifetime: float = 600) -> str:
        """A token of an IAM member."""
        return self.server.google.identities.issue(identity, lifetime)

    def create(self, repository: str = REPOSITORY) -> None:
        """Create a Python repository."""
        parent, _, name = repository.rpartition("/repositories/")
        wanted = ar.Repository.pb(ar.Repository(format_=ar.Repository.Format.PYTHON))
        self.server.google.registry.create(parent, name, wanted)

    def grant(self, *grants: tuple[str, str], repository: str = REPOSITORY) -> None:
        """Make these (role, member) the whole policy."""
        bindings = [policy_pb2.Binding(role=role, members=[member]) for role, member in grants]
        self.server.google.policies.plant(repository, policy_pb2.Policy(bindings=bindings))

    def url(self, token: str, path: str = "simple/") -> str:
        """An index URL with credentials in it."""
        return self.index.replace("http://", f"http://oauth2accesstoken:{token}@") + path

    async def get(self, path: str, token: str | None = None, **kwargs: Any) -> "Reply":
        """GET below the index URL of `team-wheels`, read whole."""
        return await self.send("GET", self.index + path, token, **kwargs)

    async def send(self, method: str, url: str, token: str | None = None, **kwargs: Any) -> "Reply":
        """Send with Basic authentication, follow no redirect, and read the answer whole."""
        headers = {**kwargs.pop("headers", {}), **({} if token is None else basic("oauth2accesstoken", token))}
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **kwargs) as response:
            return Reply(response.status, response.headers, await response.read())

    async def upload(self, name: str = "demo", version: str = "1.0") -> str:
        """Upload a small wheel as the writer; its SHA-256."""
        filename, content = wheel(name, version)
        form = upload_form(name, version, filename, content)
        response = await self.send("POST", self.index, self.token(WRITER), data=form)
        assert response.status == 200, response.text
        return hashlib.sha256(content).hexdigest()

    def trace(self) -> list[dict[str, Any]]:
        """What was recorded."""
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
    """Filename and content of a wheel with one module `NAME`, that says its version."""
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


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    output: str


@dataclass(slots=True)
class Clients:
    """Real pip, uv, twine and Python as subprocesses in an empty home: they reach this machine and nothing else."""

    home: Path
    proxy: str
    strayed: list[bytes] = field(default_factory=list)

    def environment(self, **extra: str) -> dict[str, str]:
        """Nothing of the caller's settings; whatever is not on 127.0.0.1 goes to the trap."""
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), self.proxy)
        quiet = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "UV_NO_CONFIG": "1",
            "UV_NO_CACHE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return {**base, **proxies, **quiet, **extra}

    async def run(self, *argv: str | Path, **extra: str) -> Ran:
        """Run to the end, with these variables besides."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=self.environment(**extra),
            cwd=self.home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(process.returncode or 0, output.decode(errors="replace"))

    async def pip(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run pip."""
        return await self.run(sys.executable, "-m", "pip", *arguments, **extra)

    async def uv(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run uv."""
        return await self.run(Path(sys.executable).with_name("uv"), *arguments, **extra)

    async def twine(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run twine."""
        options = ("--non-interactive", "--disable-progress-bar")
        return await self.run(sys.executable, "-m", "twine", "upload", *options, *arguments, **extra)

    def wheel(self, name: str = "demo", version: str = "1.0") -> Path:
        """A wheel on disk, to upload."""
        filename, content = wheel(name, version)
        path = self.home / filename
        path.write_bytes(content)
        return path


@asynccontextmanager
async def clients(home: Path) -> AsyncIterator[Clients]:
    """Clients whose every request to another host would end in a trap, and fail the test."""
    found = Clients(home, "")

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.strayed.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(trap, "127.0.0.1", 0)
    found.proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
    assert not found.strayed, found.strayed
