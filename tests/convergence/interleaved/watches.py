"""Watches that are delayed but keep their order, one of each kind, and paged lists."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from convergence.interleaved.cluster import Body, Topic, WatchedCluster
from convergence.interleaved.ports import Line

from wheelhouse.domain.objects import Kind

if TYPE_CHECKING:
    from convergence.interleaved.process import Process

LAG = 0.1
"""Average seconds that an event takes."""
STALL, STALLS = 10.0, 0.02
"""A watch that hangs: the maximum seconds, and the rate."""
PAGE = 3
"""Objects on a page of a list."""
AFTERWARDS = 1e-6


class Watch:
    """One watch of one topic: it delivers changes later, in order."""

    def __init__(self, topic: Topic, process: "Process") -> None:
        self._topic = topic
        self._cluster = process.site.cluster
        self._process = process
        self._random = random.Random(f"{process.site.seed} {process.name} {topic}")
        self._due = 0.0
        self._connection = 0

    def __str__(self) -> str:
        return f"{self._process.name} on {self._topic or 'namespaces'}"

    @property
    def dead(self) -> bool:
        """Whether its process was killed."""
        return self._process.dead

    def open(self) -> None:
        """Connect (again): list the existing objects, then deliver changes; deletions in between are not delivered."""
        self._connection += 1
        for body in self._cluster.bodies(self._topic):
            self._hand_on(body, gone=False)
        if self._hear not in self._cluster.watchers:
            self._cluster.watchers.append(self._hear)

    def close(self) -> None:
        """Stop delivering changes."""
        self._connection += 1
        if self._hear in self._cluster.watchers:
            self._cluster.watchers.remove(self._hear)

    def _hear(self, topic: Topic, body: Body, gone: bool) -> None:
        if topic is self._topic:
            self._hand_on(body, gone=gone)

    def _hand_on(self, body: Body, *, gone: bool) -> None:
        loop = asyncio.get_running_loop()
        lag = self._random.uniform(0.0, STALL) if self._random.random() < STALLS else self._random.expovariate(1 / LAG)
        self._due = max(self._due + AFTERWARDS, loop.time() + lag)
        loop.call_at(self._due, self._arrive, self._connection, body, gone)

    def _arrive(self, connection: int, body: Body, gone: bool) -> None:
        if connection == self._connection:
            self._process.deliver(self._topic, body, gone=gone)


class Lists:
    """The Lister of the informer: pages of the objects at the start of the list."""

    def __init__(self, cluster: WatchedCluster, line: Line) -> None:
        self._cluster = cluster
        self._line = line

    def list_all(self, kind: Kind) -> AsyncIterator[Body]:
        """All objects of a kind."""
        return self._pages(kind)

    def list_namespaces(self) -> AsyncIterator[Body]:
        """All Namespaces."""
        return self._pages(None)

    async def _pages(self, topic: Topic) -> AsyncIterator[Body]:
        bodies = self._cluster.bodies(topic)
        for first in range(0, max(1, len(bodies)), PAGE):
            await self._line.page()
            for body in bodies[first : first + PAGE]:
                yield body
