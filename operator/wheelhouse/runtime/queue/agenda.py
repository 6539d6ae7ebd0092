"""Which keys wait, which run, and which come later."""

from wheelhouse.domain.keys import Key
from wheelhouse.runtime.queue.backoff import Next
from wheelhouse.runtime.queue.line import Line, Rank, as_they_come
from wheelhouse.runtime.queue.timers import Timers


class Agenda:
    """The order of one lane's keys; a key that neither waits, runs, nor has a timer takes no memory.

    It reads no clock: `now` is an argument, in monotonic seconds.

    Args:
        rank: orders the keys that wait.
    """

    def __init__(self, rank: Rank = as_they_come) -> None:
        self._rank = rank
        self._changes = Line()
        self._resyncs = Line()
        self._running: set[Key] = set()
        self._again: dict[Key, bool] = {}  # Added while they run; True if only by a resync.
        self._later = Timers()
        self._soon = Timers()
        self._latest: dict[Key, float] = {}  # How long a key of `_soon` may wait for more changes.
        self._floors: dict[Key, float] = {}

    @property
    def depth(self) -> int:
        """Keys waiting for a worker."""
        return len(self._changes) + len(self._resyncs)

    @property
    def owed(self) -> int:
        """Keys that wait for a worker, or for the end of their own pass."""
        return self.depth + len(self._again)

    @property
    def first(self) -> float | None:
        """When the first timer is due; None without any."""
        return min((due for due in (self._later.first(), self._soon.first()) if due is not None), default=None)

    def add(self, key: Key, now: float) -> None:
        """Process this key now; if it is running, once more afterwards."""
        if not self._rests(key, now):
            self._enqueue(key, resync=False)

    def add_resync(self, key: Key, now: float) -> None:
        """Process this key after all changes that wait."""
        if not self._rests(key, now):
            self._enqueue(key, resync=True)

    def add_after(self, key: Key, now: float, seconds: float) -> None:
        """Process this key after that time; the earlier of two times counts."""
        if key in self._changes:
            return
        due = max(now + seconds, self._floors.get(key, now))
        if due <= now:
            self._enqueue(key, resync=False)
            return
        planned = self._later.due(key)
        if planned is None or due < planned:
            self._later.set(key, due)

    def add_soon(self, key: Key, now: float, least: float, most: float) -> None:
        """Wait `least` seconds for more changes, again with each call, but at most `most` seconds after the first."""
        if key in self._changes or self._rests(key, now):
            return
        latest = min(self._latest.get(key, now + most), now + most)
        due = min(now + least, latest)
        if due <= now:
            self._enqueue(key, resync=False)
            return
        self._latest[key] = latest
        self._soon.set(key, due)

    def wake(self, now: float) -> None:
        """Move keys that are due to the ones that wait for a worker."""
        for timers in (self._later, self._soon):
            while (key := timers.take(now)) is not None:
                self._enqueue(key, resync=False)

    def begin(self) -> Key | None:
        """Take the next key: its pass covers everything that was added before."""
        waiting = self._changes or self._resyncs
        key = waiting.pop()
        if key is None:
            return None
        self._unplan(key)
        self._running.add(key)
        return key

    def end(self, key: Key, now: float, then: Next) -> None:
        """A pass completed: the key returns if it was added meanwhile, or if the pass requests it."""
        self._running.discard(key)
        again = self._again.pop(key, None)
        if then.floor > 0:
            self._rest(key, now, then, wanted=again is not None or self._soon.due(key) is not None)
            return
        if again is not None:
            self._enqueue(key, resync=again)
        if then.seconds is not None:
            self.add_after(key, now, then.seconds)

    def _rest(self, key: Key, now: float, then: Next, *, wanted: bool) -> None:
        """Hold the key until its floor. If it is added meanwhile, it runs at that time."""
        floor = now + then.floor
        planned = now + (then.seconds or 0.0)
        earlier = self._later.due(key)
        if earlier is not None:
            planned = min(planned, earlier)
        self._unplan(key)
        self._floors[key] = floor
        self._later.set(key, floor if wanted else max(floor, planned))

    def _rests(self, key: Key, now: float) -> bool:
        """Whether the key has a floor; then it is recorded that the key was added."""
        floor = self._floors.get(key, now)
        if floor <= now:
            return False
        if self._later.due(key) != floor:
            self._later.set(key, floor)
        return True

    def _enqueue(self, key: Key, *, resync: bool) -> None:
        if key in self._running:
            self._again[key] = resync and self._again.get(key, True)
        elif not resync:
            self._resyncs.discard(key)  # A change replaces the resync.
            self._changes.add(key, self._rank(key))
        elif key not in self._changes:
            self._resyncs.add(key, self._rank(key))

    def _unplan(self, key: Key) -> None:
        """Delete the key's timers and its floor."""
        self._later.cancel(key)
        self._soon.cancel(key)
        self._latest.pop(key, None)
        self._floors.pop(key, None)
