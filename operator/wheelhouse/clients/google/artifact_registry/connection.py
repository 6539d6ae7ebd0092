"""The gRPC client and its endpoint."""

from functools import partial
from typing import Any

import grpc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials
from google.cloud.artifactregistry_v1.services.artifact_registry import ArtifactRegistryAsyncClient
from google.cloud.artifactregistry_v1.services.artifact_registry.transports import ArtifactRegistryGrpcAsyncIOTransport

from wheelhouse.clients.google.rpc import CHANNEL_OPTIONS, TIMEOUT, Caller, Observe, unobserved
from wheelhouse.domain.names import RepositoryName
from wheelhouse.errors import Conflict


class ArtifactRegistry(Caller):
    """One channel to Artifact Registry; create it in the event loop that uses it.

    Args:
        credentials: the operator's own; they are refreshed in gRPC's threads.
        universe: the universe domain of endpoint and credentials.
        endpoint: `host:port` (TLS), for emulators and private endpoints; None for the universe's own.
        observe: called after each request.
        timeout: seconds for one call.
    """

    def __init__(
        self,
        credentials: Credentials,
        universe: str,
        endpoint: str | None = None,
        observe: Observe = unobserved,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__("ArtifactRegistry", observe, timeout)
        self.client = ArtifactRegistryAsyncClient(
            credentials=credentials,
            transport=partial(ArtifactRegistryGrpcAsyncIOTransport, channel=_channel),
            client_options=ClientOptions(universe_domain=universe, api_endpoint=endpoint),
        )

    async def close(self) -> None:
        """Close the channel."""
        await self.client.transport.close()  # type: ignore[no-untyped-call] # the library has no annotation here


def gone(name: RepositoryName) -> Conflict:
    """The error for a write to a repository that does not exist (any more): observe again."""
    return Conflict(f"{name} does not exist.")


def _channel(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
    kwargs["options"] = CHANNEL_OPTIONS
    return ArtifactRegistryGrpcAsyncIOTransport.create_channel(*args, **kwargs)
