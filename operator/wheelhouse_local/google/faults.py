"""Faults on request: a status, a delay, or a reply that is lost after its effect."""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(slots=True)
class Rule:
    """One fault: on which methods (a glob), an HTTP status, how often (None: until cleared), a delay in seconds."""

    on: str
    status: int = 0
    times: int | None = None
    delay: float = 0.0
    drop_reply: bool = False

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Rule":
        """A rule as the control route takes it.

        Raises:
            ValueError: something in it has no meaning.
        """
        unknown = body.keys() - {"on", "status", "times", "delay", "dropReply"}
        if unknown or not isinstance(body.get("on"), str):
            raise ValueError("a fault has `on` (a method or glob), and status, times, delay, dropReply")
        times = body.get("times")
        try:
            rule = cls(
                body["on"],
                int(body.get("status") or 0),
                None if times is None else int(times),
                float(body.get("delay") or 0),
                bool(body.get("dropReply")),
            )
        except TypeError as error:
            raise ValueError(str(error)) from error
        if rule.status and not 400 <= rule.status <= 599:
            raise ValueError(f"status {rule.status} is no error: 400 to 599")
        return rule

    def document(self) -> dict[str, Any]:
        """The rule as `parse` takes it; `times` is what is left."""
        shown = {"on": self.on, "status": self.status, "times": self.times, "delay": self.delay}
        return {**shown, "dropReply": self.drop_reply}


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
            if rule.status or rule.drop_reply:
                return rule
        return None
