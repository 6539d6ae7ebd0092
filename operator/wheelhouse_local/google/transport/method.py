"""What a service says of its methods, for gRPC and REST to serve alike."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from wheelhouse_local.google.transport.caller import Caller

Message = Any  # generated messages carry no types


class Method(NamedTuple):
    """One method; `resource` is the field that says what it is called on, `permission` None where any token will do."""

    service: str
    request: Message
    response: Message
    resource: str
    permission: str | None
    run: Callable[[Caller, Message], Message | Awaitable[Message]]


class HttpRule(NamedTuple):
    """How a method is called over HTTP.

    `body` is the field that the body fills, `*` all, empty none; `refused` are fields of the body that the real service
    keeps, and the protos have not.
    """

    verb: str
    path: str
    suffix: str
    method: str
    body: str = ""
    version: str = "v1"
    refused: tuple[str, ...] = ()
