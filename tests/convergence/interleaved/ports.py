"""Ports whose calls take time and fail, and that return nothing more once their process is dead."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from convergence.interleaved.faults import about

from wheelhouse.errors import Unavailable, WheelhouseError

if TYPE_CHECKING:
    from convergence.interleaved.site import Site

MEAN = 0.04
"""Average seconds that a request, or a reply, takes."""
SLOW, SLOWLY = 8.0, 0.01
"""A call that hangs: the maximum seconds, and the rate."""

GOOGLE = frozenset({"repositories", "policies", "projects", "tokens"})
"""The ports that send requests to Google."""
UNDER_WAY = 10.0
"""Seconds that a pass may continue which had started before the service requested a wait."""


class Line:
    """The connection of one process to the outside."""

    def __init__(self, site: "Site", name: str, killed: Callable[[], None]) -> None:
        self.site = site
        self.dead = False
        self._random = random.Random(f"{site.seed} line {name}")
        self._killed = killed
        self._waits: dict[tuple[str, str], tuple[float, float]] = {}

    async def call(self, method: str, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """One call: travel, fail or take effect, travel back, fail again."""
        words = about(args, kwargs)
        faults = self.site.faults
        self.site.count()
        self._patient(method, words)
        await self._travel()
        self._die(method)
        if (error := faults.before(method, words)) is not None:
            self._asked_to_wait(method, words, error)
            raise error
        self.site.effects.before(method, args, kwargs)
        reply = await function(*args, **kwargs)
        self.site.effects.after(method, args, kwargs, reply)
        self._die(method)
        await self._travel()
        if (error := faults.after(method, words)) is not None:
            raise error
        return reply

    def _asked_to_wait(self, method: str, words: str, error: WheelhouseError) -> None:
        if method.partition(".")[0] in GOOGLE and isinstance(error, Unavailable) and error.retry_after:
            now = self.site.seconds
            self._waits[method, words] = (now + UNDER_WAY, now + error.retry_after - UNDER_WAY)

    def _patient(self, method: str, words: str) -> None:
        """A call after a wait that Google requested does not come too early, whatever else happens to the object.

        Other calls of that service are up to the clients, which the fakes replace.
        """
        begin, end = self._waits.get((method, words), (0.0, 0.0))
        if begin < self.site.seconds < end:
            self.site.complain(
                "hurry", f"{method} {words} {end - self.site.seconds:.0f} s before it may be asked again"
            )

    async def page(self) -> None:
        """One page of a list."""
        await self._travel()
        if (error := self.site.faults.before("list", "")) is not None:
            raise error

    def _die(self, method: str) -> None:
        if not self.dead and self.site.faults.kills(method):
            self._killed()
        if self.dead:
            raise asyncio.CancelledError

    async def _travel(self) -> None:
        if self.dead:
            raise asyncio.CancelledError
        slow = self._random.random() < SLOWLY
        await asyncio.sleep(self._random.uniform(0, SLOW) if slow else self._random.expovariate(1 / MEAN))
        if self.dead:
            raise asyncio.CancelledError


class Slow:
    """A port at the other end of a line."""

    def __init__(self, line: Line, name: str, port: object) -> None:
        self._line = line
        self._name = name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method, function = f"{self._name}.{name}", getattr(self._port, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._line.call(method, function, *args, **kwargs)

        self.__dict__[name] = call
        return call
