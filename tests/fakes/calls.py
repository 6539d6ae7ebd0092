"""The call log and the hooks around every port call."""

import functools
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., Coroutine[Any, Any, Any]])


@dataclass(frozen=True, slots=True)
class PortCall:
    """One call of a port: `name` is like `repositories.get`; with its arguments."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


class Calls:
    """Every port call in order; `before` and `after` may raise (a fault, or a crash of the process)."""

    def __init__(self) -> None:
        self.log: list[PortCall] = []
        self.changes: list[str] = []
        """Real changes of a resourceVersion, a policy or a repository, in order: an idle loop adds none."""
        self.before: Callable[[PortCall], None] | None = None
        self.after: Callable[[PortCall], None] | None = None

    def count(self) -> Counter[str]:
        """The number of calls of each port method."""
        return Counter(call.name for call in self.log)

    def clear(self) -> None:
        """Delete the log; the hooks stay."""
        self.log.clear()
        self.changes.clear()


class _Port(Protocol):
    calls: Calls
    PORT: str


def port_call(method: Method) -> Method:
    """Log a method of a fake, and run the hooks before and after it."""

    @functools.wraps(method)
    async def run(self: _Port, *args: Any, **kwargs: Any) -> Any:
        call = PortCall(f"{self.PORT}.{method.__name__}", args, kwargs)
        self.calls.log.append(call)
        if self.calls.before is not None:
            self.calls.before(call)
        result = await method(self, *args, **kwargs)
        if self.calls.after is not None:
            self.calls.after(call)
        return result

    return cast("Method", run)
