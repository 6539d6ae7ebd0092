"""The description of a service's methods, for both gRPC and REST."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from wheelhouse_local.google.transport.caller import Caller

Message = Any  # generated messages carry no types


class Method(NamedTuple):
    """One method; `resource` is the field with its resource, `permission` is None if any token is sufficient."""

    service: str
    request: Message
    response: Message
    resource: str
    permission: str | None
    run: Callable[[Caller, Message], Message | Awaitable[Message]]


class HttpRule(NamedTuple):
    """The HTTP form of a method.

    `body` is the field that the body fills, `*` for all, empty for none.
    """

    verb: str
    path: str
    suffix: str
    method: str
    body: str = ""
    version: str = "v1"
