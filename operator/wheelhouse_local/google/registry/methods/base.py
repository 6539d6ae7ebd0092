"""Common parts of the tables of methods."""

from collections.abc import Awaitable, Callable

from wheelhouse_local.google.transport.errors import ApiError, unimplemented
from wheelhouse_local.google.transport.method import Message, Method

ARTIFACT_REGISTRY = "google.devtools.artifactregistry.v1.ArtifactRegistry"
"""The gRPC service."""


def method(
    request: Message,
    response: Message,
    resource: str,
    permission: str | None,
    run: Callable[[Message], Message | Awaitable[Message]],
    *,
    service: str = ARTIFACT_REGISTRY,
) -> Method:
    """A method that does not depend on the caller; the permission is without its service."""
    needed = f"artifactregistry.{permission}" if permission else None
    return Method(service, request, response, resource, needed, lambda _, asked: run(asked))


def check_page(asked: Message) -> None:
    """Reject unsupported parameters of a list.

    Raises:
        ApiError: UNIMPLEMENTED, or INVALID_ARGUMENT for a negative size.
    """
    # Packages of Python have neither filter nor order in the proto.
    if getattr(asked, "filter", "") or getattr(asked, "order_by", ""):
        raise unimplemented("A filter or an order of a list")
    if asked.page_size < 0:
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
