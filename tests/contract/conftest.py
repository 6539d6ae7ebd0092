"""Common parts of the contract tests: a connection to the small Google, and clusters, fake and real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes.bench import Bench, FakeBench, RealBench, until
from fakes.google_server import GoogleServer, Wire, serve
from google.oauth2.credentials import Credentials

from wheelhouse.clients.google.artifact_registry import connection as registry
from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.clients.kubernetes.admission import enforcement
from wheelhouse.clients.kubernetes.connection import Connection
from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.login import Login
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.objects import Kind
from wheelhouse_local.controlplane import certificates
from wheelhouse_local.world import World

TOKEN = "ya29.operator"
DEFINITIONS = [f"crd/{kind.value}.wheelhouse.dev" for kind in Kind]


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificates.ensure(folder)
    return folder


@pytest.fixture
async def wire(tls: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """The real client over TLS: the test only supplies the CA, because gRPC reads it from the environment only once."""
    state = GoogleServer()
    server, port = await serve(state, tls)
    channel = registry._channel

    def trusting(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
        kwargs["ssl_credentials"] = grpc.ssl_channel_credentials((tls / "ca.pem").read_bytes())
        return channel(*args, **kwargs)

    monkeypatch.setattr(registry, "_channel", trusting)
    seen: list[tuple[str, str]] = []
    google = ArtifactRegistry(
        Credentials(TOKEN, universe_domain="emu.test"),  # type: ignore[no-untyped-call]
        "emu.test",
        f"127.0.0.1:{port}",
        lambda method, code, _: seen.append((method, code)),
        timeout=5.0,
    )
    try:
        yield Wire(state, google, seen)
    finally:
        await google.close()
        await server.stop(None)


@pytest.fixture(scope="session")
def installed(control_plane: World) -> World:
    """The control plane with our CRDs, and an operator with permissions and enforced admission policies."""
    root = Path(__file__).parents[2]
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(root / "crds"))
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", *DEFINITIONS)
    control_plane.kubectl("apply", "-f", str(Path(__file__).with_name("cluster.yaml")))
    return control_plane


def login(world: World, user: str | None) -> Login:
    """As an administrator, or with a token of a ServiceAccount (namespace/name)."""
    if user is None:
        token = (world.state.control_plane / "admin-token").read_text()
    else:
        namespace, _, name = user.partition("/")
        token = world.kubectl("create", "token", "-n", namespace, name).stdout.strip()
    return Login(world.server, f"Bearer {token}", str(world.ca))


async def _transport(stack: AsyncExitStack, world: World, user: str | None) -> Transport:
    found = await asyncio.to_thread(login, world, user)
    connection = Connection(lambda: found)
    await connection.open()
    session = await stack.enter_async_context(connection.session())
    return Transport(session, connection.server)


@pytest.fixture
async def admin(installed: World) -> AsyncIterator[Transport]:
    async with AsyncExitStack() as stack:
        yield await _transport(stack, installed, None)


@pytest.fixture
async def operator(installed: World) -> AsyncIterator[Transport]:
    """As the operator, once its admission policies are enforced."""
    async with AsyncExitStack() as stack:
        transport = await _transport(stack, installed, "contract-system/operator")

        async def enforced() -> bool:
            return await enforcement(transport, "contract-system", "operator") is None

        await until(enforced)
        yield transport


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A cluster to change: the fakes, or a real API server."""
    if request.param == "fake":
        return FakeBench()
    transport = request.getfixturevalue("operator")
    objects = KubernetesObjects(transport, Events(transport, "contract-pod"))
    return RealBench(request.getfixturevalue("admin"), KubernetesSecrets(transport), objects)
