"""All of the emulated Google in one process: its services over REST and gRPC, metadata server, index."""

import asyncio
import json
import signal
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from wheelhouse_local.constants import OWNER, PROJECT
from wheelhouse_local.google.control import Control
from wheelhouse_local.google.dependencies import Dependencies
from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.metadata import MetadataServer
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.sts import KeySet, TokenService
from wheelhouse_local.google.index.fetch import Fetcher
from wheelhouse_local.google.index.library import Library
from wheelhouse_local.google.index.public import PublicIndex
from wheelhouse_local.google.index.remote import RemoteProxy
from wheelhouse_local.google.index.repositories import Index
from wheelhouse_local.google.projects import project
from wheelhouse_local.google.projects.kms import KeyManagement
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.secret_manager import SecretManager
from wheelhouse_local.google.registry import contents
from wheelhouse_local.google.registry.contents import Contents
from wheelhouse_local.google.registry.methods import methods
from wheelhouse_local.google.registry.packages import Packages
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport import json_api, rest, rpc
from wheelhouse_local.google.transport.calls import Google
from wheelhouse_local.google.transport.faults import Faults
from wheelhouse_local.google.transport.tls import server_credentials
from wheelhouse_local.google.transport.trace import Trace
from wheelhouse_local.state import write_private

OWNER_TOKEN_LIFE = 10 * 365 * 24 * 3600
STOP_GRACE = 1.0
"""Seconds that calls in flight get when the process is told to stop."""
SERVICE_ACCOUNTS = ("ci", "analytics")
"""Google service accounts that exist in the project from the beginning."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the process is told: its data folder, the API server that signs tokens, and a cap on token lives (s)."""

    data: Path
    kubernetes_server: str
    kubernetes_ca: Path
    kubernetes_token_file: Path
    token_lifetime: int | None = None


class Server:
    """Starts everything, and writes endpoints.json when it serves."""

    def __init__(self, configuration: Configuration) -> None:
        data = configuration.data
        data.mkdir(parents=True, exist_ok=True)
        self._configuration = configuration
        self._store = Store(data / "google.sqlite")
        policies, identities = Policies(self._store), Identities(self._store, time.time)
        projects = Projects(self._store, policies)
        secrets = SecretManager(self._store, projects, policies, identities)
        keys = KeyManagement(self._store, projects, policies, identities)
        self.registry = registry = Registry(self._store, policies)
        self._packages = Packages(self._store, data / "files")
        self._fetcher = Fetcher(data / "ca.pem")
        self._public = ""
        proxy = RemoteProxy(self._store, self._packages, secrets, self._fetcher, lambda: f"{self._public}simple/")
        self._library = Library(self._store, self._packages, proxy, projects, policies, identities.acting)
        table = methods(registry, policies, Dependencies(projects, keys, secrets, self._library.problem))
        self.google = Google(
            methods={**table, **contents.methods(Contents(self._store, registry))},
            policies=policies,
            identities=identities,
            faults=Faults(),
            trace=Trace(data / "requests.jsonl"),
            projects=projects,
            secrets=secrets,
            keys=keys,
        )
        self._runners: list[web.AppRunner] = []

    async def start(self) -> dict[str, str]:
        """Serve on ports of 127.0.0.1; the same ones as at the last start where they are free."""
        data, google, cap = self._configuration.data, self.google, self._configuration.token_lifetime
        google.identities.sweep()
        google.projects.ensure_first()
        for name in SERVICE_ACCOUNTS:
            self._store.put(project.ACCOUNT, f"{name}@{PROJECT}.iam.gserviceaccount.com", {})
        self._owner_token()
        keys = KeySet(
            self._configuration.kubernetes_server,
            self._configuration.kubernetes_ca,
            self._configuration.kubernetes_token_file,
        )
        before = _read(data / "endpoints.json")
        app = web.Application()
        app.add_routes(Control(google, self._store, cap).routes())
        app.add_routes(TokenService(google, keys, cap).routes())
        app.add_routes(json_api.routes(google, self._store))
        app.add_routes(rest.routes(google))
        api = await self._serve(app, before.get("artifactRegistry"))
        metadata = await self._serve(MetadataServer(google).app(), before.get("metadata"))
        pages = Index(google, self._store, self._packages, self._library).app()
        index = await self._serve(pages, before.get("index"))
        self._public, public_tls = await self._serve_public(before)
        wanted = _free(_port(before.get("artifactRegistryGrpc")))
        self._grpc, grpc_port = await rpc.serve(google, data, wanted)
        endpoints = {
            "artifactRegistry": api,
            "artifactRegistryGrpc": f"127.0.0.1:{grpc_port}",
            "sts": api,
            # One port serves all of these; gRPC's has Resource Manager besides.
            **dict.fromkeys(("resourceManager", "serviceUsage", "secretManager", "kms"), api),
            "metadata": metadata,
            "index": index,
            "publicIndex": self._public,
            "publicIndexTls": public_tls,
        }
        write_private(data / "endpoints.json", json.dumps(endpoints, indent=2) + "\n")
        return endpoints

    async def stop(self) -> None:
        """Stop serving and close the files."""
        await self._grpc.stop(grace=STOP_GRACE)
        for runner in self._runners:
            await runner.cleanup()
        await self._fetcher.close()
        self._store.close()
        self.google.trace.close()

    async def _serve(self, app: web.Application, before: str | None) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_GRACE)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", _free(_port(before)))
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}/"

    async def _serve_public(self, before: dict[str, str]) -> tuple[str, str]:
        """The public index, in the clear and over TLS, since a Remote's own URL has to be https."""
        data = self._configuration.data
        server_credentials(data)
        app = PublicIndex(self.google, self._packages, data).app()
        plain = await self._serve(app, before.get("publicIndex"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(data / "server.pem", data / "server-key.pem")
        port = _free(_port(before.get("publicIndexTls")))
        site = web.TCPSite(self._runners[-1], "127.0.0.1", port, ssl_context=context)
        await site.start()
        return plain, f"https://localhost:{self._runners[-1].addresses[-1][1]}/"

    def _owner_token(self) -> None:
        path = self._configuration.data / "owner-token"
        if not path.exists() or self.google.identities.resolve(path.read_text().strip()) is None:
            write_private(path, self.google.identities.issue(f"user:{OWNER}", OWNER_TOKEN_LIFE))


async def run(configuration: Configuration) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = Server(configuration)
    endpoints = await server.start()
    print("The emulated Google serves on", ", ".join(sorted(set(endpoints.values()))), flush=True)
    await stopped.wait()
    await server.stop()


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _port(address: str | None) -> int:
    text = (address or "").rstrip("/").rpartition(":")[2]
    return int(text) if text.isdigit() else 0


def _free(port: int) -> int:
    """The port if nobody listens there, else 0: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
