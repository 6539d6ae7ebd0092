"""One running operator: the only module that knows how the engine is assembled.

Loop(world), Informer(cache, queue, …) and WorkQueue(process, observe), as bootstrap/operator.py wires them.
"""

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convergence.interleaved.ports import Line, Slow
from convergence.interleaved.watches import Lists, Watch

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import Key
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.token import MintedToken
from wheelhouse.errors import WheelhouseError
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.loop import Loop
from wheelhouse.reconcile.world import World
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.queue.work import WorkQueue

if TYPE_CHECKING:
    from convergence.interleaved.cluster import Body, Topic
    from convergence.interleaved.site import Site

RESYNC = 300.0
RETRY = 2.0


class Process:
    """An operator from its start to its end; its memory ends with it."""

    def __init__(self, site: "Site", name: str) -> None:
        self.name = name
        self.site = site
        self.synced = 0
        """Complete lists that were compared with the cache."""
        self._line = Line(site, name, self.kill)
        self._random = random.Random(f"{site.seed} {name}")
        self.cache = ObjectCache(any_project=False, account=site.cluster.account)
        self.queue = WorkQueue(self._process, self._observe, lambda: site.shown().timestamp())
        world = self._world()
        self._loop = Loop(world)
        self.informer = Informer(self.cache, self.queue, world.interests, world.absences, self._loop)
        self._lists = Lists(site.cluster, self._line)
        self.watches = [Watch(topic, self) for topic in (None, *Kind)]
        self._work = asyncio.create_task(self._run())
        self._work.add_done_callback(self._ended)

    @property
    def dead(self) -> bool:
        """Whether it was killed."""
        return self._line.dead

    def kill(self) -> None:
        """End it at once: none of its work continues."""
        self._line.dead = True
        for watch in self.watches:
            watch.close()
        self._work.cancel()

    async def ended(self) -> None:
        """Wait for the last of its tasks."""
        await asyncio.gather(self._work, return_exceptions=True)

    def deliver(self, topic: "Topic", body: "Body", *, gone: bool) -> None:
        """Deliver a watch event."""
        if topic is None:
            self.informer.seen_namespace(body, gone=gone)
        else:
            self.informer.seen(topic, body, gone=gone)

    def _world(self) -> World:
        fakes, site = self.site.fakes, self.site
        names = ("repositories", "projects", "policies", "tokens", "secrets", "objects")
        slow: dict[str, Any] = {name: Slow(self._line, name, getattr(fakes, name)) for name in names}
        slow["tokens"] = Slow(self._line, "tokens", _Skewed(site, fakes.tokens))
        return replace(
            fakes.world,
            cache=self.cache,
            queue=self.queue,
            interests=Interests(self.queue),
            absences=Absences(lambda: site.seconds),
            elapsed=lambda: site.uptime,
            probe=Slow(self._line, "index", fakes.index).probe,
            may_upload=Slow(self._line, "index", fakes.index).may_upload,
            now=site.shown,
            jitter=lambda: self._random.uniform(-1.0, 1.0),
            **slow,
        )

    async def _run(self) -> None:
        while True:
            if await self._sync():
                break
            await asyncio.sleep(RETRY)
        self.informer.start()
        self.informer.reconcile_all()
        for watch in self.watches:
            watch.open()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run())
            group.create_task(self._resync())
            group.create_task(self._accounts())

    async def _accounts(self) -> None:
        """The watch of ServiceAccounts, which is delayed too."""
        known: set[tuple[str, str]] = set()
        while True:
            await asyncio.sleep(self._random.uniform(0.1, 2.0))
            found = set(self.site.cluster.service_accounts)
            for namespace, name in sorted(found ^ known):
                self.informer.seen_account(Identity(namespace, name))
            known = found

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC)
            if await self._sync():
                self.informer.resync()

    async def _sync(self) -> bool:
        try:
            await self.informer.sync(self._lists)
        except WheelhouseError:
            return False
        self.synced += 1
        return True

    async def _process(self, key: Key) -> float | None:
        return await self._loop.reconcile(key)

    def _observe(self, unit: str, result: str, seconds: float) -> None:
        if self.dead:
            return  # Its calls end as the kill requires.
        self.site.passes += 1
        self.site.count()
        if result == "defect":
            self.site.complain("defect", f"a pass of the {unit} unit failed: {self.site.trace()}")

    def _ended(self, work: "asyncio.Task[None]") -> None:
        if not self.dead:
            error = None if work.cancelled() else work.exception()
            self.site.complain("ended", f"the operator ended by itself: {error!r}")


class _Skewed:
    """Tokens with times by the operator's clock, as the client computes them from `expires_in`."""

    def __init__(self, site: "Site", tokens: object) -> None:
        self._site = site
        self._tokens = tokens

    async def mint(self, *args: object, **kwargs: object) -> MintedToken:
        minted: MintedToken = await self._tokens.mint(*args, **kwargs)  # type: ignore[attr-defined]  # FakeTokens
        skew = self._site.skew
        return replace(minted, issued=minted.issued + skew, expires=minted.expires + skew)
