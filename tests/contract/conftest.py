"""What the contract tests share: a wire to the small Google, and clients over it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes.google_server import GoogleServer, Wire, serve
from google.oauth2.credentials import Credentials

from wheelhouse.clients.artifact_registry import connection
from wheelhouse.clients.artifact_registry.connection import ArtifactRegistry
from wheelhouse_local.controlplane import certificates

TOKEN = "ya29.operator"


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    certificates.ensure(folder)
    return folder


@pytest.fixture
async def wire(tls: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """The real client over TLS: only the CA is given by the test, since gRPC reads it from the environment once."""
    state = GoogleServer()
    server, port = await serve(state, tls)
    channel = connection._channel

    def trusting(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
        kwargs["ssl_credentials"] = grpc.ssl_channel_credentials((tls / "ca.pem").read_bytes())
        return channel(*args, **kwargs)

    monkeypatch.setattr(connection, "_channel", trusting)
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
