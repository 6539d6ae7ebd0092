"""Faults on request: a status, a delay, or a reply that is lost after its effect."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from google.rpc import code_pb2

_OPTIONS = ("resource", "status", "times", "delay", "dropReply", "retryAfter", "operationDelay", "operationError")


@dataclass(slots=True)
class Rule:
    """One fault: the methods (a glob), an HTTP status, the number of times (None: until cleared), a delay in seconds.

    `resource` is a glob too, for the resource of the call as the trace shows it. `retry_after` is the wait in seconds
    that the error requests. `operation_delay` is the seconds until an operation of the call takes effect, and
    `operation_error` the google.rpc.Code of its failure instead.
    """

    on: str
    status: int = 0
    times: int | None = None
    delay: float = 0.0
    drop_reply: bool = False
    retry_after: float = 0.0
    operation_delay: float = 0.0
    operation_error: str = ""
    resource: str = "*"

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Rule":
        """A rule in the form of the control route.

        Raises:
            ValueError: part of it is invalid.
        """
        unknown = body.keys() - {"on", *_OPTIONS}
        if unknown or not isinstance(body.get("on"), str):
            raise ValueError(f"a fault has `on` (a method or glob), and {', '.join(_OPTIONS)}")
        times = body.get("times")
        try:
            rule = cls(
                body["on"],
                int(body.get("status") or 0),
                None if times is None else int(times),
                float(body.get("delay") or 0),
                bool(body.get("dropReply")),
                float(body.get("retryAfter") or 0),
                float(body.get("operationDelay") or 0),
                str(body.get("operationError") or ""),
                str(body.get("resource") or "*"),
            )
        except TypeError as error:
            raise ValueError(str(error)) from error
        if rule.status and not 400 <= rule.status <= 599:
            raise ValueError(f"status {rule.status} is not an error: 400 to 599")
        if rule.operation_error and rule.operation_error not in set(code_pb2.Code.keys()):
            raise ValueError(f"operationError {rule.operation_error} is not a name of google.rpc.Code")
        return rule

    def document(self) -> dict[str, Any]:
        """The rule in the form for `parse`; `times` is the remaining number."""
        shown = {"on": self.on, "status": self.status, "times": self.times, "delay": self.delay}
        more = {"retryAfter": self.retry_after, "operationDelay": self.operation_delay}
        where = {} if self.resource == "*" else {"resource": self.resource}
        return {**shown, "dropReply": self.drop_reply, **more, "operationError": self.operation_error, **where}

    def concerns(self, method: str, resource: str) -> bool:
        """Whether it applies to a call now."""
        return self.times != 0 and fnmatchcase(method, self.on) and fnmatchcase(resource, self.resource)


CURRENT: ContextVar[Rule | None] = ContextVar("CURRENT", default=None)
"""The fault of the current call: it may delay the operation that the call starts, or make it fail."""


@dataclass(slots=True)
class Faults:
    """The active faults."""

    rules: list[Rule] = field(default_factory=list)

    async def apply(self, method: str, resource: str) -> Rule | None:
        """Wait as long as matching rules require; return the first with a status or a lost reply, for the transport."""
        for rule in tuple(self.rules):
            if not rule.concerns(method, resource):
                continue
            if rule.times is not None:
                rule.times -= 1
            if rule.delay:
                await asyncio.sleep(rule.delay)
            if rule.status or rule.drop_reply or rule.operation_delay or rule.operation_error:
                return rule
        return None
