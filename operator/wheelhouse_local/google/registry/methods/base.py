"""Common parts of the tables of methods."""

import base64
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


def page_after(asked: Message, collection: str) -> str:
    """Check the parameters of a list, and return the name after which the page begins; the token's form is ours.

    Raises:
        ApiError: UNIMPLEMENTED, or INVALID_ARGUMENT for a negative size or a token of another list.
    """
    # Packages of Python have neither filter nor order in the proto.
    if getattr(asked, "filter", "") or getattr(asked, "order_by", ""):
        raise unimplemented("A filter or an order of a list")
    try:
        after = base64.b64decode(asked.page_token, altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64, or not UTF-8
        after = ""
    parent, _, item = after.rpartition("/")
    known = not asked.page_token or (parent == f"{asked.parent}/{collection}" and item)
    if asked.page_size < 0 or not known:
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
    return after


def token_of(name: str) -> str:
    """The token of the page that begins after this name; empty without a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()
