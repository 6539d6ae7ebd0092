"""The work queue: no duplicates, serial per key, backoff with full jitter, changes ahead of resyncs.

Every unit of work has workers of its own, so that a slow one delays no other.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable, WheelhouseError

logger = structlog.get_logger(__name__)

Process = Callable[[Key], Awaitable[float | None]]
Observe = Callable[[str, str, float], None]

UNIT_NAMES: Mapping[type, str] = {
    RepositoryKey: "repository",
    PolicyKey: "policy",
    AccessKey: "access",
    SecretKey: "secret",
}
"""Units of work as metrics and logs name them."""

WORKERS: Mapping[type, int] = {RepositoryKey: 16, PolicyKey: 16, AccessKey: 16, SecretKey: 32}
REFUSED_DELAY = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a random time up to `base` · 2^failures, at most `limit` seconds."""

    base: float = 2.0
    limit: float = 300.0

    def delay(self, failures: int) -> float:
        """Seconds after this many failures in a row; never less than a tenth of the bound, so that nothing spins."""
        bound = min(self.limit, self.base * 2 ** min(failures, 16))
        return random.uniform(bound / 10, bound)  # noqa: S311 - spreads load, guards nothing


BACKOFF = Backoff()
SECRET_BACKOFF = Backoff(base=5.0, limit=60.0)
CONFLICT_BACKOFF = Backoff(base=0.2, limit=30.0)


class Lane:
    """The keys of one unit of work, and its workers."""

    def __init__(self, unit: type, process: Process, observe: Observe) -> None:
        self._unit = unit
        self._name = UNIT_NAMES[unit]
        self._process = process
        self._observe = observe
        self._ready: deque[Key] = deque()
        self._resync: deque[Key] = deque()
        self._lazy: set[Key] = set()
        self._waiting: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._semaphore = asyncio.Semaphore(0)

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    def oldest(self, now: float) -> float:
        """Seconds that the longest-waiting key has waited."""
        return max((now - since for since in self._waiting.values()), default=0.0)

    def add(self, key: Key, *, resync: bool = False) -> None:
        """Queue a key; one that runs is run again afterwards."""
        self._cancel_timer(key)
        if key in self._running:
            self._again.add(key)
            return
        if key in self._waiting:
            if key in self._lazy and not resync:
                self._lazy.discard(key)  # A change overtakes the resync; its old place is passed over.
                self._ready.append(key)
            return
        self._waiting[key] = time.monotonic()
        if resync:
            self._lazy.add(key)
        (self._resync if resync else self._ready).append(key)
        self._semaphore.release()

    def add_after(self, key: Key, seconds: float) -> None:
        """Queue a key later; the earlier of two times wins."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= due:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_at(due, self._fire, key)

    async def work(self) -> None:
        """Take keys and process them, until canceled."""
        while True:
            await self._semaphore.acquire()
            key = self._next()
            self._waiting.pop(key, None)
            self._running.add(key)
            try:
                await self._one(key)
            finally:
                self._running.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    def _next(self) -> Key:
        if self._ready:
            return self._ready.popleft()
        while (key := self._resync.popleft()) not in self._lazy:
            pass
        self._lazy.discard(key)
        return key

    async def _one(self, key: Key) -> None:
        begun = time.monotonic()
        result = "ok"
        try:
            seconds = await self._process(key)
            self._failures.pop(key, None)
        except WheelhouseError as error:
            result = type(error).__name__.lower()
            seconds = self._delay(key, error)
            logger.info("Will come back", unit=self._name, key=str(key), because=error.message, seconds=seconds)
        except Exception:
            result = "defect"
            seconds = BACKOFF.delay(self._count(key))
            logger.exception("A pass failed", unit=self._name, key=str(key))
        self._observe(self._name, result, time.monotonic() - begun)
        if seconds is not None and key not in self._again:
            self.add_after(key, seconds)

    def _delay(self, key: Key, error: WheelhouseError) -> float | None:
        if isinstance(error, Invalid | Refused | NotReady):
            self._failures.pop(key, None)  # An answer, not a failure.
        match error:
            case Invalid():
                return None
            case Refused():
                return REFUSED_DELAY
            case NotReady():
                return error.retry_after
            case Conflict():
                return CONFLICT_BACKOFF.delay(self._count(key))
            case Unavailable():
                backoff = SECRET_BACKOFF if self._unit is SecretKey else BACKOFF
                return max(backoff.delay(self._count(key)), error.retry_after or 0.0)
        return BACKOFF.delay(self._count(key))

    def _count(self, key: Key) -> int:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return failures

    def _fire(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


class WorkQueue:
    """One lane per unit of work; it satisfies the loop's Queue port."""

    def __init__(self, process: Process, observe: Observe) -> None:
        self._lanes = {unit: Lane(unit, process, observe) for unit in UNIT_NAMES}

    def add(self, key: Key) -> None:
        """Look at this now."""
        self._lanes[type(key)].add(key)

    def add_resync(self, key: Key) -> None:
        """Look at this when nothing that changed waits."""
        self._lanes[type(key)].add(key, resync=True)

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this after that time, or earlier when something asks for it."""
        self._lanes[type(key)].add_after(key, seconds)

    def depths(self) -> dict[str, int]:
        """Waiting keys per unit."""
        return {UNIT_NAMES[unit]: lane.depth for unit, lane in self._lanes.items()}

    def oldest(self) -> float:
        """Seconds that the longest-waiting key has waited: a queue that does not move is a dead operator."""
        now = time.monotonic()
        return max(lane.oldest(now) for lane in self._lanes.values())

    async def run(self) -> None:
        """Process keys until canceled."""
        async with asyncio.TaskGroup() as group:
            for unit, lane in self._lanes.items():
                for _ in range(WORKERS[unit]):
                    group.create_task(lane.work())
