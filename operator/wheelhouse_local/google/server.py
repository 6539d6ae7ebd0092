"""The whole emulated Google in one process: its services over REST and gRPC, metadata server, index."""

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from wheelhouse_local.google.control import Control
from wheelhouse_local.google.iam.keys import KeySet
from wheelhouse_local.google.iam.sts import TokenService
from wheelhouse_local.google.services import Services
from wheelhouse_local.google.transport import rpc
from wheelhouse_local.google.transport.sites import STOP_GRACE, Sites, free_port
from wheelhouse_local.google.transport.tls import https_context
from wheelhouse_local.state import write_private


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration: its data folder, the API server that signs tokens, and the maximum lifetime of tokens (s)."""

    data: Path
    kubernetes_server: str
    kubernetes_ca: Path
    kubernetes_token_file: Path
    token_lifetime: int | None = None


class Server:
    """Starts everything, and writes endpoints.json when it is ready."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.data.mkdir(parents=True, exist_ok=True)
        self._configuration = configuration
        self._public = ""
        self.services = Services(configuration.data, lambda: self._public, configuration.token_lifetime)
        self._sites = Sites()

    async def start(self) -> dict[str, str]:
        """Serve on ports of 127.0.0.1; the same ones as at the last start if they are free."""
        data, services = self._configuration.data, self.services
        services.prepare()
        before = _read(data / "endpoints.json")
        api = await self._sites.serve(self._api(), before.get("artifactRegistry"))
        metadata = await self._sites.serve(services.metadata(), before.get("metadata"))
        index = await self._sites.serve(services.index(), before.get("index"))
        self._public = await self._sites.serve(services.public_index(), before.get("publicIndex"))
        # Over TLS too, because a Remote's own URL must be https.
        public_tls = await self._sites.serve(services.public_index(), before.get("publicIndexTls"), https_context(data))
        wanted = free_port(before.get("artifactRegistryGrpc"))
        self._grpc, grpc_port = await rpc.serve(services.calls, services.rpcs(), data, wanted)
        endpoints = {
            "artifactRegistry": api,
            "artifactRegistryGrpc": f"127.0.0.1:{grpc_port}",
            "sts": api,
            # One port serves all of these; the gRPC port also has Resource Manager.
            **dict.fromkeys(("resourceManager", "serviceUsage", "secretManager", "kms", "iam", "iamCredentials"), api),
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
        await self._sites.close()
        await self.services.close()

    def _api(self) -> web.Application:
        """One port for all services over REST, for token exchange and for the world's own control routes."""
        settings, services = self._configuration, self.services
        keys = KeySet(settings.kubernetes_server, settings.kubernetes_ca, settings.kubernetes_token_file)
        app = web.Application()
        app.add_routes(Control(services, settings.token_lifetime).routes())
        app.add_routes(TokenService(services.calls, services.identities, keys, settings.token_lifetime).routes())
        app.add_routes(services.routes())
        return app


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
