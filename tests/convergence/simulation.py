"""The loop over the fakes, in virtual time: crashes lose the memory of the process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from fakes.kubernetes import namespace_body
from fakes.runtime import TICK
from fakes.world import Fakes

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import Key
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import WheelhouseError
from wheelhouse.reconcile.loop import Loop
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.informer import Informer


class Crash(BaseException):
    """The process is killed here."""


@dataclass
class Simulation:
    """One operator over one fake world; `boot` is a start of the process."""

    fakes: Fakes = field(default_factory=Fakes)
    steps: int = 0
    cache: ObjectCache = field(init=False)
    loop: Loop = field(init=False)
    informer: Informer = field(init=False)
    _accounts: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start with an empty memory: lists first, then a pass for everything."""
        self.fakes.restart()
        world = self.fakes.world
        self.cache = self.fakes.cache
        self.loop = Loop(world)
        self.informer = Informer(self.cache, world.queue, world.interests, world.absences, self.loop)
        self.watch()
        self.informer.start()
        self.informer.reconcile_all()

    def watch(self) -> None:
        """Deliver watch events: everything that differs from the cache, including deletions."""
        cluster = self.fakes.cluster
        for name in set(self.cache.namespaces.names()) - set(cluster.namespaces):
            self.informer.seen_namespace({"metadata": {"name": name}}, gone=True)
        for namespace in cluster.namespaces.values():
            self.informer.seen_namespace(namespace_body(namespace))
        for kind in Kind:
            for stored in self.cache.objects(kind):
                body = cluster.objects.get((kind, stored.key))
                if body is None or body["metadata"]["uid"] != stored.uid:
                    self.cache.remove(kind, stored.key, stored.uid)
        for (kind, _), body in list(cluster.objects.items()):
            self.informer.seen(kind, body)
        accounts = {(*key, cluster.google_accounts.get(key, "")) for key in cluster.service_accounts}
        if accounts != self._accounts:
            for namespace, name, _ in accounts ^ self._accounts:
                self.informer.seen_account(Identity(namespace, name))
            self._accounts = accounts

    async def step(self) -> Key | None:
        """Run the next key that is due now; None if none is."""
        self.watch()
        key = self.fakes.queue.pop()
        if key is None:
            return None
        self.steps += 1
        try:
            self.fakes.queue.done(key, await self.loop.reconcile(key))
        except Crash:
            self.boot()
        except WheelhouseError as error:
            self.fakes.queue.done(key, error)
        return key

    async def run(self, seconds: float, limit: int = 5000) -> None:
        """Let virtual time pass; more passes than `limit` mean a busy loop."""
        until = self.fakes.clock.timers() + seconds
        first = self.steps
        while True:
            while await self.step() is not None:
                assert self.steps - first < limit, "the loop spins"
            if self.fakes.clock.timers() >= until - TICK:
                return
            if self.fakes.queue.skip(until) is None:
                self.fakes.clock.advance(until - self.fakes.clock.timers())

    async def settle(self, matched: Callable[[], str | None], seconds: float = 1200.0) -> None:
        """Run until the world is as desired; fails with the difference after this time."""
        for _ in range(int(seconds / 10)):
            await self.run(10.0)
            if matched() is None:
                return
        raise AssertionError(f"not settled: {matched()}")
