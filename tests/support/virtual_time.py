"""Virtual time for asyncio: timers fire in order, and hours pass in a moment.

The loop's clock stops while anything can run and jumps to the next timer when nothing can. A test that reads time from
the loop (sleep, timeout, call_later, `loop.time`) runs unchanged; threads and processes take no virtual time.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")

START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 5.0
"""Real seconds that a loop without a timer waits for a thread or a socket."""


class Deadlock(Exception):
    """Everything waits for an event that never happens."""


class _Selector(selectors.DefaultSelector):
    """Lets virtual time pass instead of waiting."""

    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self._loop.pass_time(timeout)
            return ready
        ready = super().select(PATIENCE)
        if not ready:
            raise Deadlock("No timer is set, and no task can run.")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; it starts at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let virtual time pass at once."""
        self._now += seconds


class Wall:
    """A wall clock that may be set, next to the loop's time: `wall()` in POSIX seconds, `wall.now()` as a datetime.

    A machine that sleeps is a forward jump: the loop's monotonic clock stops meanwhile.
    """

    def __init__(self, start: datetime = START) -> None:
        self._offset = start.timestamp()

    def __call__(self) -> float:
        return self._offset + asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """The time (UTC)."""
        return datetime.fromtimestamp(self(), UTC)

    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back with negative seconds."""
        self._offset += seconds


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine in its own virtual loop; tasks that are still running are canceled.

    Raises:
        Deadlock: it waits for an event that never happens.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def in_virtual_time(
    test: Callable[Arguments, Coroutine[Any, Any, Answer]],
) -> Callable[Arguments, Answer]:
    """Make a test of an async function: each call, and each example of hypothesis, has its own virtual loop."""

    @functools.wraps(test)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return run(test(*args, **kwargs))

    return call
