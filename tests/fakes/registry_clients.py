"""The real clients of Artifact Registry, configured for the emulated one: they can reach nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.cloud import artifactregistry_v1 as ar
from google.cloud.artifactregistry_v1.services.artifact_registry.transports import (
    ArtifactRegistryGrpcAsyncIOTransport,
)
from google.oauth2.credentials import Credentials

from fakes.emulated import Emulated, emulated
from wheelhouse_local.constants import LOCATION, NAMESPACE, OWNER, PROJECT, SERVICE_ACCOUNT
from wheelhouse_local.google.iam.identities import service_account_identity

UNIVERSE = "emu.test"
OWNER_MEMBER = f"user:{OWNER}"
OPERATOR = service_account_identity(NAMESPACE, SERVICE_ACCOUNT)
STRANGER = service_account_identity("team-b", "other")
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
PYTHON = ar.Repository.Format.PYTHON


def credentials(token: str) -> Credentials:
    """A token as credentials of a universe in which google-auth itself makes no calls."""
    return Credentials(token, universe_domain=UNIVERSE)  # type: ignore[no-untyped-call]


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[Emulated]:
    """The emulated Google without a cluster: it exchanges no tokens."""
    async with emulated(folder, ("https://127.0.0.1:1", folder / "none", folder / "none")) as found:
        yield found


def channel(google: Emulated) -> grpc.aio.Channel:
    """A bare channel to the gRPC port; it verifies the certificate with the CA for clients."""
    trusted = grpc.ssl_channel_credentials((google.data / "ca.pem").read_bytes())
    return grpc.aio.secure_channel(google.endpoints["artifactRegistryGrpc"], trusted)


@asynccontextmanager
async def grpc_client(google: Emulated, token: str) -> AsyncIterator[ar.ArtifactRegistryAsyncClient]:
    """The asynchronous gRPC client, with call credentials over TLS."""
    transport = ArtifactRegistryGrpcAsyncIOTransport(
        host=google.endpoints["artifactRegistryGrpc"],
        credentials=credentials(token),
        ssl_channel_credentials=grpc.ssl_channel_credentials((google.data / "ca.pem").read_bytes()),
    )
    client = ar.ArtifactRegistryAsyncClient(transport=transport, client_options={"universe_domain": UNIVERSE})
    try:
        yield client
    finally:
        await transport.close()


def rest_client(google: Emulated, token: str) -> ar.ArtifactRegistryClient:
    """The REST client, which is synchronous: call it in a thread."""
    options = {"api_endpoint": google.endpoints["artifactRegistry"].rstrip("/"), "universe_domain": UNIVERSE}
    return ar.ArtifactRegistryClient(transport="rest", credentials=credentials(token), client_options=options)


async def rest(google: Emulated, method: str, path: str, identity: str | None = OWNER_MEMBER, **kwargs: Any) -> Any:
    """One raw call below /v1/, by an IAM member; `path` may be a whole path."""
    url = google.endpoints["artifactRegistry"].rstrip("/") + (path if path.startswith("/") else f"/v1/{path}")
    headers = {} if identity is None else {"Authorization": f"Bearer {google.token(identity)}"}
    async with google.session.request(method, url, headers=headers, **kwargs) as response:
        await response.read()
        return response


async def body(google: Emulated, method: str, path: str, identity: str | None = OWNER_MEMBER, **kwargs: Any) -> Any:
    """The JSON of a successful raw call."""
    response = await rest(google, method, path, identity, **kwargs)
    assert response.status == 200, await response.text()
    return await response.json()


async def refusal(google: Emulated, method: str, path: str, identity: str | None = OWNER_MEMBER, **kwargs: Any) -> Any:
    """HTTP status, status name and message of a rejected raw call; the form is checked."""
    response = await rest(google, method, path, identity, **kwargs)
    error = (await response.json())["error"]
    assert error.keys() == {"code", "message", "status"}
    assert error["code"] == response.status
    return response.status, error["status"], error["message"]
