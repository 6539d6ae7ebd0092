"""Faults on request: a status, a delay, or a reply that is lost after its effect."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from google.rpc import code_pb2

_OPTIONS = ("status", "times", "delay", "dropReply", "retryAfter", "operationDelay", "operationError")


@dataclass(slots=True)
class Rule:
    """One fault: on which methods (a glob), an HTTP status, how often (None: until cleared), a delay in seconds.

    `retry_after` are the seconds that a refusal tells the caller to wait. `operation_delay` are the seconds until an
    operation that the call starts has its effect, `operation_error` is the google.rpc.Code that it ends with instead.
    """

    on: str
    status: int = 0
    times: int | None = None
    delay: float = 0.0
    drop_reply: bool = False
    retry_after: float = 0.0
    operation_delay: float = 0.0
    operation_error: str = ""

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Rule":
        """A rule as the control route takes it.

        Raises:
            ValueError: something in it has no meaning.
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
            )
        except TypeError as error:
            raise ValueError(str(error)) from error
        if rule.status and not 400 <= rule.status <= 599:
            raise ValueError(f"status {rule.status} is no error: 400 to 599")
        if rule.operation_error and rule.operation_error not in set(code_pb2.Code.keys()):
            raise ValueError(f"operationError {rule.operation_error} is no name of google.rpc.Code")
        return rule

    def document(self) -> dict[str, Any]:
        """The rule as `parse` takes it; `times` is what is left."""
        shown = {"on": self.on, "status": self.status, "times": self.times, "delay": self.delay}
        more = {"retryAfter": self.retry_after, "operationDelay": self.operation_delay}
        return {**shown, "dropReply": self.drop_reply, **more, "operationError": self.operation_error}


CURRENT: ContextVar[Rule | None] = ContextVar("CURRENT", default=None)
"""The fault of the call that is being answered: it may say what becomes of the operation that this starts."""


@dataclass(slots=True)
class Faults:
    """The faults that are in force."""

    rules: list[Rule] = field(default_factory=list)

    async def apply(self, method: str) -> Rule | None:
        """Wait as long as matching rules say; the first that has a status or loses the reply, for the edge to obey."""
        for rule in tuple(self.rules):
            if rule.times == 0 or not fnmatchcase(method, rule.on):
                continue
            if rule.times is not None:
                rule.times -= 1
            if rule.delay:
                await asyncio.sleep(rule.delay)
            if rule.status or rule.drop_reply or rule.operation_delay or rule.operation_error:
                return rule
        return None
