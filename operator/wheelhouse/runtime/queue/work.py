"""The work queue: one lane for each unit of work, so that a slow one does not delay the others."""

import asyncio
import time
from collections.abc import Callable, Mapping

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey, TokenKey
from wheelhouse.runtime.queue.clock import Clock
from wheelhouse.runtime.queue.lane import Lane, Observe, Process
from wheelhouse.runtime.queue.line import Rank, as_they_come
from wheelhouse.runtime.supervise import background

UNIT_NAMES: Mapping[type, str] = {
    RepositoryKey: "repository",
    PolicyKey: "policy",
    AccessKey: "access",
    SecretKey: "secret",
    TokenKey: "token",
}
"""The names of the units of work in metrics and logs."""

WORKERS: Mapping[type, int] = {RepositoryKey: 16, PolicyKey: 16, AccessKey: 16, SecretKey: 32, TokenKey: 16}
CHECK_SECONDS = 10.0
"""Seconds between checks of the wall clock."""


class WorkQueue:
    """No duplicates, serial per key, changes before resyncs; it implements the loop's Queue port.

    Args:
        process: one pass for a key; returns the seconds until the next pass, None if only a change can matter.
        observe: called after each pass with the unit, the result, and the seconds.
        wall: POSIX seconds; a forward jump means that the machine slept.
        rank: orders the tokens to mint, of which Google allows a few a second; all other keys keep their order.
    """

    def __init__(
        self,
        process: Process,
        observe: Observe,
        wall: Callable[[], float] = time.time,
        rank: Rank = as_they_come,
    ) -> None:
        clock = Clock(wall)
        self._lanes = {
            unit: Lane(name, process, observe, clock, rank if unit is TokenKey else as_they_come)
            for unit, name in UNIT_NAMES.items()
        }
        self._begun: float | None = None

    def add(self, key: Key) -> None:
        """Process this key now; if it is running, once more afterwards."""
        self._lanes[type(key)].add(key)

    def add_resync(self, key: Key) -> None:
        """Process this key after all changes that wait in its lane."""
        self._lanes[type(key)].add_resync(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Process this key after that time, or earlier if it is added otherwise."""
        self._lanes[type(key)].add_after(key, seconds)

    def add_soon(self, key: Key, least: float, most: float) -> None:
        """Wait `least` seconds for more changes, again with each call, but at most `most` seconds after the first."""
        self._lanes[type(key)].add_soon(key, least, most)

    def depths(self) -> dict[str, int]:
        """Keys waiting for a worker, by unit."""
        return {UNIT_NAMES[unit]: lane.depth for unit, lane in self._lanes.items()}

    def stuck(self) -> float:
        """Seconds since a lane last completed a pass while work waits in it; an error completes a pass too.

        The operator is dead if its queue completes nothing, but not if it is only behind. 0 if nothing waits, and
        before `run`.
        """
        if self._begun is None:
            return 0.0
        running = asyncio.get_running_loop().time() - self._begun
        return min(running, max(lane.stuck for lane in self._lanes.values()))

    async def run(self) -> None:
        """Process keys until canceled.

        Raises:
            TaskFailed: a worker, or the check of the wall clock, ended four times.
        """
        works = {
            f"{UNIT_NAMES[unit]} worker {number}": lane.work
            for unit, lane in self._lanes.items()
            for number in range(WORKERS[unit])
        }
        self._begun = asyncio.get_running_loop().time()
        async with background({**works, "timers": self._check}):
            await asyncio.Event().wait()

    async def _check(self) -> None:
        """Check for timers that are due by the wall clock: the loop's own stop while the machine sleeps."""
        while True:
            for lane in self._lanes.values():
                lane.wake()
            await asyncio.sleep(CHECK_SECONDS)
