"""Faults on request: a status, a delay, or a reply that is lost after its effect."""

import asyncio
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(slots=True)
class Rule:
    """One fault: on which methods (a glob), what, and how often (None: until it is cleared)."""

    on: str
    status: int = 0
    times: int | None = None
    delay: float = 0.0
    drop_reply: bool = False


@dataclass(slots=True)
class Faults:
    """The faults that are in force."""

    rules: list[Rule] = field(default_factory=list)

    async def apply(self, method: str) -> Rule | None:
        """Wait if a rule says so; the first rule that matches, for the edge to answer with."""
        for rule in self.rules:
            if rule.times == 0 or not fnmatchcase(method, rule.on):
                continue
            if rule.times is not None:
                rule.times -= 1
            if rule.delay:
                await asyncio.sleep(rule.delay)
            return rule if rule.status or rule.drop_reply else None
        return None

    def add(self, body: dict[str, Any]) -> None:
        """Add a rule as the control route takes it."""
        times = body.get("times")
        self.rules.append(
            Rule(
                on=str(body["on"]),
                status=int(body.get("status", 0)),
                times=None if times is None else int(times),
                delay=float(body.get("delay", 0)),
                drop_reply=bool(body.get("dropReply", False)),
            )
        )

    def listed(self) -> list[dict[str, Any]]:
        """The rules as JSON."""
        return [asdict(rule) for rule in self.rules]
