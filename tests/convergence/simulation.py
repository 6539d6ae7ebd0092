"""The loop over the fakes, in virtual time: crashes lose what only the process knew."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from fakes.runtime import TICK, FakeQueue
from fakes.world import Fakes

from wheelhouse.domain.keys import Key
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.reconcile.loop import Loop
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.queue import WorkQueue


class Crash(BaseException):
    """The process is killed here."""


class _Lanes:
    """FakeQueue with the one method more that the informer uses."""

    def __init__(self, queue: FakeQueue) -> None:
        self.add = queue.add
        self.add_after = queue.add_after
        self.add_resync = queue.add


@dataclass
class Simulation:
    """One operator over one fake world; `boot` is a start of the process."""

    fakes: Fakes = field(default_factory=Fakes)
    steps: int = 0
    cache: ObjectCache = field(init=False)
    loop: Loop = field(init=False)
    informer: Informer = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start with an empty memory: lists first, then a look at everything."""
        self.fakes.restart()
        self.cache = ObjectCache()
        self.informer = Informer(self.cache, cast("WorkQueue", _Lanes(self.fakes.queue)))
        self.loop = Loop(replace(self.fakes.world, cache=self.cache))
        self.watch()
        self.informer.start()

    def watch(self) -> None:
        """What the watches bring: everything that differs from the cache, deletions too."""
        cluster = self.fakes.cluster
        for name in set(self.cache.namespaces()) - set(cluster.namespaces):
            self.informer.seen_namespace({"metadata": {"name": name}}, gone=True)
        for namespace in cluster.namespaces.values():
            self.informer.seen_namespace(_namespace_body(namespace))
        for kind in Kind:
            for stored in self.cache.objects(kind):
                body = cluster.objects.get((kind, stored.key))
                if body is None or body["metadata"]["uid"] != stored.uid:
                    self.cache.remove(kind, stored.key, stored.uid)
        for (kind, _), body in list(cluster.objects.items()):
            self.informer.seen(kind, body)

    async def step(self) -> Key | None:
        """Run the next key that is due now; None when none is."""
        self.watch()
        key = self.fakes.queue.pop()
        if key is None:
            return None
        self.steps += 1
        try:
            seconds = await self.loop.reconcile(key)
        except Crash:
            self.boot()
        except WheelhouseError as error:
            seconds = _delay(error)
            if seconds is not None:
                self.fakes.queue.add_after(key, seconds)
        else:
            if seconds is not None:
                self.fakes.queue.add_after(key, seconds)
        return key

    async def run(self, seconds: float, limit: int = 5000) -> None:
        """Let virtual time pass; more passes than `limit` mean that the loop spins."""
        until = self.fakes.clock.now().timestamp() + seconds
        first = self.steps
        while True:
            while await self.step() is not None:
                assert self.steps - first < limit, "the loop spins"
            if self.fakes.clock.now().timestamp() >= until - TICK:
                return
            if self.fakes.queue.skip(until) is None:
                self.fakes.clock.advance(until - self.fakes.clock.now().timestamp())

    async def settle(self, matched: Callable[[], str | None], seconds: float = 1200.0) -> None:
        """Run until the world is as it was asked for; fails with what differs when it takes too long."""
        for _ in range(int(seconds / 10)):
            await self.run(10.0)
            if matched() is None:
                return
        raise AssertionError(f"not settled: {matched()}")


def _namespace_body(namespace: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": namespace.name,
        "labels": dict(namespace.labels),
        "annotations": {
            "wheelhouse.dev/projects": ", ".join(namespace.projects),
            "wheelhouse.dev/upstreams": ", ".join(namespace.upstreams),
            "wheelhouse.dev/upstream-secrets": ", ".join(namespace.upstream_secrets),
        },
    }
    if namespace.deleting:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": meta}


def _delay(error: WheelhouseError) -> float | None:
    match error:
        case Invalid():
            return None
        case Refused():
            return 60.0
        case NotReady():
            return error.retry_after
        case Conflict():
            return 0.1
        case Unavailable():
            return error.retry_after or 2.0
    return 5.0
