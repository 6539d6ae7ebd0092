"""One unit of work: its keys, and the workers that process them."""

import asyncio
from collections.abc import Awaitable, Callable

from wheelhouse.domain.keys import Key
from wheelhouse.errors import WheelhouseError
from wheelhouse.runtime.queue.agenda import Agenda
from wheelhouse.runtime.queue.backoff import REFUSED_SECONDS, Next
from wheelhouse.runtime.queue.clock import Clock
from wheelhouse.runtime.queue.line import Rank, as_they_come
from wheelhouse.runtime.queue.progress import Progress
from wheelhouse.runtime.queue.troubles import Troubles
from wheelhouse.runtime.supervise import asked_to_end

Process = Callable[[Key], Awaitable[float | None]]
Observe = Callable[[str, str, float], None]

TICK = 0.01
"""The shortest wait after a pass, in seconds: a wait that rounds to 0 must not repeat the pass at once."""
UNFINISHED = Next(REFUSED_SECONDS)
"""What follows if recording the result of a pass fails: the key is still retried."""


class Lane:
    """The keys of one unit of work; `work` is one worker.

    Args:
        name: the unit's name in metrics and logs.
        process: one pass; returns the seconds until the next pass, None if only a change can matter.
        observe: called after each pass with the unit, the result, and the seconds.
        clock: the queue's clock.
        rank: orders the keys that wait.
    """

    def __init__(self, name: str, process: Process, observe: Observe, clock: Clock, rank: Rank = as_they_come) -> None:
        self._name = name
        self._process = process
        self._observe = observe
        self._clock = clock
        self._agenda = Agenda(rank)
        self._progress = Progress()
        self._places = asyncio.Semaphore(0)
        self._offered = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_time = 0.0
        self._troubles = Troubles(name)

    @property
    def depth(self) -> int:
        """Keys waiting for a worker."""
        return self._agenda.depth

    @property
    def stuck(self) -> float:
        """Seconds since a pass last completed while work waits; 0 if none waits."""
        return self._progress.stuck(_time())

    def add(self, key: Key) -> None:
        """Process this key now; if it is running, once more afterwards."""
        self._agenda.add(key, self._clock.now())
        self._settle()

    def add_resync(self, key: Key) -> None:
        """Process this key after all changes that wait."""
        self._agenda.add_resync(key, self._clock.now())
        self._settle()

    def add_after(self, key: Key, seconds: float) -> None:
        """Process this key after that time; the earlier of two times counts."""
        self._agenda.add_after(key, self._clock.now(), seconds)
        self._settle()

    def add_soon(self, key: Key, least: float, most: float) -> None:
        """Wait for more changes before a pass."""
        self._agenda.add_soon(key, self._clock.now(), least, most)
        self._settle()

    def wake(self) -> None:
        """Process keys that are due."""
        self._agenda.wake(self._clock.now())
        self._settle()

    async def work(self) -> None:
        """Take keys and process them, until canceled."""
        while True:
            await self._places.acquire()
            self._offered -= 1
            key = self._agenda.begin()
            self._note()
            if key is not None:
                await self._run(key)
            await asyncio.sleep(0)  # A pass without an await must not keep the others from running.

    async def _run(self, key: Key) -> None:
        then = UNFINISHED
        try:
            then = await self._pass(key)
        finally:
            self._agenda.end(key, self._clock.now(), then)
            self._settle(completed=True)

    async def _pass(self, key: Key) -> Next:
        begun, result = _time(), "ok"
        try:
            seconds = await self._process(key)
            then = Next(None if seconds is None else max(seconds, TICK))
            self._troubles.over(key)
        except WheelhouseError as error:
            result = type(error).__name__.lower()
            then = self._troubles.after(key, error)
        except (Exception, asyncio.CancelledError) as error:
            if asked_to_end():
                raise
            result = "defect"
            then = self._troubles.after(key, error)
        self._observe(self._name, result, _time() - begun)
        return then

    def _note(self, *, completed: bool = False) -> None:
        self._progress.note(waits=self._agenda.owed > 0, now=_time(), completed=completed)

    def _settle(self, *, completed: bool = False) -> None:
        """After every change: offer waiting keys to the workers, set the alarm, record the progress."""
        while self._offered < self._agenda.depth:
            self._places.release()
            self._offered += 1
        self._note(completed=completed)
        due = self._agenda.first
        if due is None:
            return
        when = self._clock.loop_time(due)
        if self._alarm is not None:
            if self._alarm_time <= when:
                return
            self._alarm.cancel()
        self._alarm_time = when
        self._alarm = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake()


def _time() -> float:
    return asyncio.get_running_loop().time()
