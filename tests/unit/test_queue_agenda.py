"""Which key is next: the order against a naive model, and what is kept of idle keys."""

import math
import random
import tracemalloc
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wheelhouse.domain.keys import AccessKey, Key
from wheelhouse.domain.names import ObjectKey
from wheelhouse.runtime.queue.agenda import Agenda
from wheelhouse.runtime.queue.backoff import Next
from wheelhouse.runtime.queue.timers import SPARE, Timers

KEYS = [AccessKey(ObjectKey("n", name)) for name in "abc"]
A, B, C = KEYS
KEY = st.sampled_from([A, A, B, C])
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0, 60.0])


@dataclass
class Asked:
    """What was requested for one key since the start of its last pass, directly by definition."""

    moments: list[float] = field(default_factory=list)
    soon: list[tuple[float, float, float]] = field(default_factory=list)
    floor: float = -math.inf

    def due(self) -> float:
        """When the key must start to wait for a worker, and not before."""
        wanted = list(self.moments)
        if self.soon:
            now, least, _ = self.soon[-1]
            wanted.append(min(now + least, *(since + most for since, _, most in self.soon)))
        return max(min(wanted, default=math.inf), self.floor)


class Model(RuleBasedStateMachine):
    """Random calls, passes and time, on the agenda and on lists."""

    def __init__(self) -> None:
        super().__init__()
        self.agenda = Agenda()
        self.now = 0.0
        self.asked = {key: Asked() for key in KEYS}
        self.changes: list[Key] = []
        self.resyncs: list[Key] = []
        self.running: list[Key] = []
        self.again: dict[Key, bool] = {}
        self.since: dict[Key, float] = {}

    @rule(key=KEY, way=st.sampled_from(["add", "add_resync", "add_after", "add_soon"]), least=SECONDS, most=SECONDS)
    def ask(self, key: Key, way: str, least: float, most: float) -> None:
        more = {"add_after": (least,), "add_soon": (least, most)}.get(way, ())
        getattr(self.agenda, way)(key, self.now, *more)
        asked = self.asked[key]
        if way == "add_after":
            asked.moments.append(self.now + least)
        elif asked.floor > self.now or way == "add":
            asked.moments.append(self.now)
        elif way == "add_soon":
            asked.soon.append((self.now, least, most))
        elif key in self.running:
            self.again.setdefault(key, True)
        elif key not in self.changes + self.resyncs:
            self.resyncs.append(key)
            self.since[key] = self.now
        self.settle(key)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.agenda.wake(self.now)
        for key in sorted(KEYS, key=lambda key: self.asked[key].due()):
            self.settle(key)

    def settle(self, key: Key) -> None:
        """Keys that are due wait for a worker, before all resyncs."""
        if self.asked[key].due() > self.now:
            return
        if key in self.running:
            self.again[key] = False
        elif key not in self.changes:
            self.resyncs = [other for other in self.resyncs if other != key]
            self.changes.append(key)
            self.since[key] = self.now

    @rule()
    def begin(self) -> None:
        found = self.agenda.begin()
        waiting = self.changes or self.resyncs
        if not waiting:
            assert found is None
            return
        assert found is not None
        assert found in waiting
        assert self.since[found] == min(self.since[key] for key in waiting)  # Those of one time come in any order.
        assert self.asked[found].floor <= self.now
        waiting.remove(found)
        self.asked[found] = Asked()
        self.running.append(found)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), seconds=st.none() | SECONDS, floor=st.sampled_from([0.0, 1.0, 5.0]))
    def end(self, data: st.DataObject, seconds: float | None, floor: float) -> None:
        key = data.draw(st.sampled_from(self.running))
        self.running.remove(key)
        then = Next(max(seconds or 0.0, floor), floor) if floor else Next(seconds)
        self.agenda.end(key, self.now, then)
        again, asked = self.again.pop(key, None), self.asked[key]
        if floor:
            asked.floor = self.now + floor
            if again is not None or asked.soon:
                asked.moments.append(self.now)
            asked.soon = []
        elif again:
            self.resyncs.append(key)
            self.since[key] = self.now
        elif again is False:
            asked.moments.append(self.now)
        if then.seconds is not None:
            asked.moments.append(self.now + then.seconds)
        self.settle(key)

    @invariant()
    def the_same_keys_wait(self) -> None:
        assert set(self.agenda._changes) == set(self.changes)
        assert set(self.agenda._resyncs) == set(self.resyncs)
        assert self.agenda._running == set(self.running)
        assert self.agenda._again == self.again
        assert self.agenda.depth == len(self.changes) + len(self.resyncs)
        assert self.agenda.owed == self.agenda.depth + len(self.again)

    @invariant()
    def the_next_timer_is_known(self) -> None:
        awaited = [key for key in KEYS if key not in self.changes and self.again.get(key) is not False]
        planned = [self.asked[key].due() for key in awaited]
        first = min(planned, default=math.inf)
        if first < math.inf:
            assert self.agenda.first is not None
            assert self.agenda.first <= first

    @invariant()
    def a_key_without_a_request_is_forgotten(self) -> None:
        agenda = self.agenda
        kept = {*agenda._later._entries, *agenda._soon._entries, *agenda._latest, *agenda._floors}
        assert kept <= {key for key in KEYS if key in self.changes or self.asked[key].due() < math.inf}


TestModel = Model.TestCase


def test_what_came_first_is_first() -> None:
    """Changes in their order, then resyncs in theirs; a change removes its key from the resyncs."""
    agenda = Agenda()
    for key in KEYS:
        agenda.add_resync(key, 0.0)
    agenda.add(C, 1.0)
    agenda.add_resync(C, 2.0)
    assert [agenda.begin() for _ in range(4)] == [C, A, B, None]


def test_a_resync_does_not_replace_the_delay_of_the_pass() -> None:
    """A key that waits as a resync behind many changes still runs when its pass requested it."""
    agenda = Agenda()
    agenda.add(A, 0.0)
    agenda.begin()
    agenda.add_resync(A, 1.0)
    agenda.end(A, 1.0, Next(5.0))
    agenda.wake(6.0)
    agenda.add(B, 6.0)
    assert [agenda.begin() for _ in range(3)] == [A, B, None]


@pytest.mark.parametrize("way", ["add", "add_resync", "add_soon"])
def test_what_was_asked_for_during_a_pass_comes_at_the_floor(way: str) -> None:
    """Not later, even if the backoff is longer, and not before."""
    agenda = Agenda()
    agenda.add(A, 0.0)
    agenda.begin()
    getattr(agenda, way)(A, 0.0, *((1.0, 2.0) if way == "add_soon" else ()))
    agenda.end(A, 0.0, Next(300.0, 10.0))
    agenda.wake(9.9)
    assert (agenda.depth, agenda.first) == (0, 10.0)
    agenda.wake(10.0)
    assert agenda.begin() == A


def test_timers_fire_in_their_order() -> None:
    """However they were set and moved; equal times keep the order in which they were set."""
    timers = Timers()
    for key, due in ((A, 3.0), (B, 2.0), (C, 3.0), (A, 1.0)):
        timers.set(key, due)
    assert timers.first() == 1.0
    assert [timers.take(3.0) for _ in range(4)] == [A, B, C, None]
    assert timers.first() is None


def test_timers_keep_their_order_when_they_are_tidied() -> None:
    """The heap is rebuilt from the remaining entries, and is a heap again."""
    chance = random.Random(0)
    keys = [AccessKey(ObjectKey("n", str(number))) for number in range(4 * SPARE)]
    dues = {key: chance.random() for key in keys}
    timers = Timers()
    for key, due in dues.items():
        timers.set(key, due)
    for key in keys[SPARE:]:
        timers.cancel(key)
    assert len(timers._heap) < len(keys)
    order = []
    while (first := timers.first()) is not None:
        order.append(first)
        timers.take(first)
    assert order == sorted(dues[key] for key in keys[:SPARE])


def test_moved_and_canceled_timers_leave_nothing() -> None:
    """A timer that is set a thousand times takes the memory of one, and one that is canceled none."""
    timers = Timers()
    for due in range(10_000):
        timers.set(KEYS[due % 3], float(due))
    assert len(timers) == 3
    assert len(timers._heap) <= 2 * 3 + SPARE
    many = [AccessKey(ObjectKey("n", str(number))) for number in range(1000)]
    for key in many:
        timers.set(key, 1e6)
    for key in (*many, *KEYS):
        timers.cancel(key)
    assert (len(timers), timers.first()) == (0, None)
    assert len(timers._heap) <= SPARE


def test_ten_thousand_timers_are_cheap() -> None:
    """Less than 200 bytes for each key with a timer, whatever its delay."""
    many = [AccessKey(ObjectKey("n", str(number))) for number in range(10_000)]
    agenda = Agenda()
    tracemalloc.start()
    try:
        for number, key in enumerate(many):
            agenda.add_after(key, 0.1, 600.0 + number / 7)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / len(many) < 200


@pytest.mark.parametrize("then", [Next(), Next(1.0), Next(30.0, 30.0, 1)])
def test_nothing_is_kept_of_an_idle_key(then: Next) -> None:
    """After its last pass nothing is kept of a key."""
    agenda = Agenda()
    agenda.add(A, 0.0)
    agenda.add_soon(A, 0.0, 1.0, 2.0)
    agenda.add_after(A, 0.0, 5.0)
    agenda.begin()
    agenda.add_soon(A, 0.0, 1.0, 2.0)
    agenda.end(A, 0.0, then)
    agenda.wake(100.0)
    agenda.begin()
    agenda.end(A, 100.0, Next())
    kept = [value for value in vars(agenda).values() if not isinstance(value, Timers) and not callable(value)]
    assert all(not value for value in kept)
    assert (len(agenda._later), len(agenda._soon)) == (0, 0)
