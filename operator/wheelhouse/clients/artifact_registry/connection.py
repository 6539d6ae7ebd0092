"""The gRPC client: where it connects, how long it waits, and what its errors mean."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import grpc
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials
from google.cloud.artifactregistry_v1.services.artifact_registry import ArtifactRegistryAsyncClient
from google.cloud.artifactregistry_v1.services.artifact_registry.transports import ArtifactRegistryGrpcAsyncIOTransport
from google.rpc import error_details_pb2

from wheelhouse.clients.http import LONGEST_WAIT, MEBIBYTE, Stopwatch, reduced
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, Refused, Unavailable, WheelhouseError

Answer = TypeVar("Answer")

Observe = Callable[[str, str, float], None]
"""Told of each call: method (`ArtifactRegistry.GetRepository`), gRPC code name, seconds."""

TIMEOUT = 20.0
"""Seconds for one call: the client itself has no default timeout and no retry (gcp-facts 4.3)."""

_LONGEST_ANSWER = 4 * MEBIBYTE
_PLUGIN_FAILED = re.compile(r"metadata from plugin failed", re.IGNORECASE)


def unobserved(_method: str, _code: str, _seconds: float) -> None:
    """Tell nobody."""


class ArtifactRegistry:
    """One channel to Artifact Registry; made in the event loop that uses it.

    Args:
        credentials: the operator's own; they are refreshed in gRPC's threads.
        universe: the universe domain of endpoint and credentials.
        endpoint: `host:port` (TLS), for emulators and private endpoints; None for the universe's own.
        observe: told of each call.
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
        self.client = ArtifactRegistryAsyncClient(
            credentials=credentials,
            transport=partial(ArtifactRegistryGrpcAsyncIOTransport, channel=_channel),
            client_options=ClientOptions(universe_domain=universe, api_endpoint=endpoint),
        )
        self._observe = observe
        self._timeout = timeout

    async def close(self) -> None:
        """Close the channel."""
        await self.client.transport.close()  # type: ignore[no-untyped-call] # the library has no annotation here

    async def call(self, method: str, run: Callable[..., Awaitable[Answer]], request: object, project: str) -> Answer:
        """One call with a timeout and without retries.

        Args:
            method: its name, for metrics and messages.
            run: the client's method.
            request: its request.
            project: whose quota and rights it is about, for messages.

        Raises:
            NotFound: of google.api_core; the caller makes a value of it.
            WheelhouseError: everything else, translated.
        """
        watch, code = Stopwatch(), "OK"
        try:
            return await run(request=request, timeout=self._timeout)
        except exceptions.NotFound:
            code = "NOT_FOUND"
            raise
        except exceptions.GoogleAPICallError as error:
            code = code_name(error)
            raise translated(method, error, project) from None
        except (exceptions.GoogleAPIError, grpc.RpcError) as error:
            code = "UNKNOWN"
            raise Unavailable(f"Google did not answer to {method}: {type(error).__name__}.") from None
        finally:
            self._observe(f"ArtifactRegistry.{method}", code, watch.seconds)


def gone(name: RepositoryName) -> Conflict:
    """What a write to a repository that is not there (any more) means: observe again."""
    return Conflict(f"{name} is not there.")


def code_name(error: exceptions.GoogleAPICallError) -> str:
    """The gRPC code's name, UNKNOWN when the error has none."""
    code = error.grpc_status_code
    return str(code.name) if code is not None else "UNKNOWN"


def translated(method: str, error: exceptions.GoogleAPICallError, project: str) -> WheelhouseError:
    """Google's error as ours, by what happens next; its text is reduced to one safe line."""
    words = reduced(error.message)
    message = f"Google answered {code_name(error)} to {method}: {words}"
    match error.grpc_status_code:
        case grpc.StatusCode.ALREADY_EXISTS:
            return AlreadyExists(message)
        case grpc.StatusCode.ABORTED:
            return Conflict(message)
        case grpc.StatusCode.PERMISSION_DENIED:
            return _denied(message, error, project)
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.FAILED_PRECONDITION | grpc.StatusCode.OUT_OF_RANGE:
            return Invalid(message)
        case grpc.StatusCode.UNAUTHENTICATED:
            # The operator's own credentials: a refresh or their propagation mends it, no user can.
            return Unavailable(f"Google did not accept the operator's own credentials: {words}")
    if _PLUGIN_FAILED.search(words):
        return Unavailable("The operator's own Google credentials could not be obtained.")
    return Unavailable(message, _retry_delay(error))


def _denied(message: str, error: exceptions.GoogleAPICallError, project: str) -> WheelhouseError:
    if error.reason == "SERVICE_DISABLED":
        command = f"gcloud services enable artifactregistry.googleapis.com --project={project}"
        return Invalid(
            f"The Artifact Registry API is not enabled in project {project}. Run: {command}", Reason.API_DISABLED
        )
    return Refused(f"{message} The operator's Google identity needs its role on project {project}.")


def _retry_delay(error: exceptions.GoogleAPICallError) -> float | None:
    """Seconds of a google.rpc.RetryInfo detail."""
    for detail in error.details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            seconds = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
            return float(min(max(0.0, seconds), LONGEST_WAIT))
    return None


def _channel(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
    """The library's own channel, but answers are bounded, and a connection that died is noticed."""
    kwargs["options"] = [
        ("grpc.max_receive_message_length", _LONGEST_ANSWER),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.max_reconnect_backoff_ms", 10_000),
    ]
    return ArtifactRegistryGrpcAsyncIOTransport.create_channel(*args, **kwargs)
