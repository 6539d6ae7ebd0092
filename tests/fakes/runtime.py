"""The queue in virtual time."""

import random

from fakes.clock import Clock
from wheelhouse.domain.keys import Key
from wheelhouse.errors import WheelhouseError
from wheelhouse.runtime.queue.agenda import Agenda
from wheelhouse.runtime.queue.backoff import Next, after_error
from wheelhouse.runtime.queue.line import Rank, as_they_come

TICK = 1e-5
"""Seconds by which a clock of microseconds may differ from a float."""


class FakeQueue:
    """The Queue port in virtual time: one lane of the real queue's order, and the real delays.

    Args:
        clock: the virtual time.
        rank: another order of the keys that wait in a namespace, as several lanes and workers may cause it.
    """

    def __init__(self, clock: Clock, rank: Rank = as_they_come) -> None:
        self._clock = clock
        self._agenda = Agenda(rank)
        self._troubles: dict[Key, Next] = {}
        self._chance = random.Random(0)

    def add(self, key: Key) -> None:
        self._agenda.add(key, self._now())

    def add_after(self, key: Key, seconds: float) -> None:
        self._agenda.add_after(key, self._now(), _later(seconds))

    def add_soon(self, key: Key, least: float, most: float) -> None:
        self._agenda.add_soon(key, self._now(), least, most)

    def add_resync(self, key: Key) -> None:
        self._agenda.add_resync(key, self._now())

    def pop(self) -> Key | None:
        """Start the pass of the next key; None if none is due now."""
        self._agenda.wake(self._now() + TICK)
        return self._agenda.begin()

    def done(self, key: Key, answer: float | WheelhouseError | None) -> None:
        """End the pass of a key: with the seconds until the next pass, or the error."""
        if isinstance(answer, WheelhouseError):
            then = after_error(key, answer, self._troubles.get(key, Next()), self._chance.random())
            self._troubles[key] = then
        else:
            then = Next(None if answer is None else _later(answer))
            self._troubles.pop(key, None)
        self._agenda.end(key, self._now(), then)

    def skip(self, until: float | None = None) -> float | None:
        """Let time pass until the next key is due, at most to `until`; the seconds, or None if nothing waits."""
        due = self._now() if self._agenda.depth else self._agenda.first
        if due is None:
            return None
        seconds = max(0.0, (due if until is None else min(due, until)) - self._now())
        self._clock.advance(seconds)
        return seconds

    def _now(self) -> float:
        return self._clock.timers()


def _later(seconds: float) -> float:
    """A timer that is slightly early in floats is not due yet: time must pass first."""
    return max(seconds, 2 * TICK) if seconds > 0 else seconds
