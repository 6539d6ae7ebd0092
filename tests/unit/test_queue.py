"""The work queue in virtual time: serial per key, floors, coalescing, backoff, and changes before resyncs."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.virtual_time import Wall, in_virtual_time

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable
from wheelhouse.runtime.queue import UNIT_NAMES, WORKERS, WorkQueue
from wheelhouse.runtime.queue.work import CHECK_SECONDS
from wheelhouse.runtime.supervise import TaskFailed

pytestmark = pytest.mark.timeout(60)

A, B = AccessKey(ObjectKey("n", "a")), AccessKey(ObjectKey("n", "b"))
REPOSITORY, POLICY = RepositoryKey(A.object), PolicyKey(RepositoryName("p", "us", "r"))
SECRET, TOKEN = SecretKey(A.object, "n"), TokenKey(Identity("n", "a"), 3600)
UNITS: list[Key] = [REPOSITORY, POLICY, A, SECRET, TOKEN]
MOMENT = 0.001


@pytest.fixture(autouse=True)
def _the_same_chances() -> None:
    """The queue's jitter is the same in each run."""
    random.seed(0)


def accesses(count: int, namespace: str = "many") -> list[Key]:
    return [AccessKey(ObjectKey(namespace, str(number))) for number in range(count)]


def now() -> float:
    return asyncio.get_running_loop().time()


class Work:
    """A queue whose passes take `takes` seconds and return `answer`; all starts are recorded."""

    def __init__(self, takes: float = 0.0) -> None:
        self.takes = takes
        self.answer: Callable[[Key], float | None] = lambda _key: None
        self.before: Callable[[Key], Awaitable[None]] | None = None
        self.begun: list[tuple[Key, float]] = []
        self.running: list[Key] = []
        self.observed: list[tuple[str, str]] = []
        self.wall = Wall()
        self.queue = WorkQueue(self.process, self.observe, self.wall)

    async def process(self, key: Key) -> float | None:
        assert key not in self.running, "serial per key"
        self.begun.append((key, now()))
        self.running.append(key)
        try:
            if self.before is not None:
                await self.before(key)
            if self.takes:
                await asyncio.sleep(self.takes)
        finally:
            self.running.remove(key)
        return self.answer(key)

    def observe(self, unit: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((unit, result))

    def of(self, key: Key) -> list[float]:
        """When the passes of a key started."""
        return [moment for found, moment in self.begun if found == key]

    @property
    def keys(self) -> list[Key]:
        return [key for key, _ in self.begun]

    def fail(self, *errors: BaseException) -> None:
        """Return these errors in turn, and succeed after them."""
        left = list(errors)

        def answer(_key: Key) -> float | None:
            if left:
                raise left.pop(0)
            return None

        self.answer = answer

    @asynccontextmanager
    async def run(self) -> AsyncIterator[WorkQueue]:
        task = asyncio.create_task(self.queue.run())
        await asyncio.sleep(MOMENT)
        try:
            yield self.queue
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@in_virtual_time
async def test_a_key_that_waits_is_not_queued_twice() -> None:
    """However often a key is added before its turn, it gets one pass."""
    work = Work()
    for _ in range(5):
        work.queue.add(A)
        work.queue.add_resync(A)
        work.queue.add_soon(A, 1.0, 2.0)
        work.queue.add_after(A, 5.0)
    assert work.queue.depths()["access"] == 1
    async with work.run():
        await asyncio.sleep(100)
    assert work.keys == [A]


@pytest.mark.parametrize("way", ["add", "add_resync", "add_soon", "add_after"])
@in_virtual_time
async def test_a_key_asked_for_while_it_runs_runs_once_more(way: str) -> None:
    """It waits for the end of its pass, and then runs once more, not twice."""
    work = Work(takes=10.0)
    ask: Callable[..., None] = getattr(work.queue, way)
    more = {"add_soon": (1.0, 2.0), "add_after": (3.0,)}.get(way, ())
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(1)
        for _ in range(3):
            ask(A, *more)
        await asyncio.sleep(100)
    assert work.of(A) == pytest.approx([MOMENT, 10 + MOMENT])


@in_virtual_time
async def test_other_keys_run_side_by_side() -> None:
    """Two keys of a unit, and all units, do not wait for each other."""
    work = Work(takes=1.0)
    async with work.run() as queue:
        for key in (*UNITS, B):
            queue.add(key)
        await asyncio.sleep(0.5)
        assert len(work.running) == 6
        await asyncio.sleep(1)
    assert {unit for unit, _ in work.observed} == set(UNIT_NAMES.values())


@in_virtual_time
async def test_a_slow_unit_delays_no_other() -> None:
    """If every worker of one unit hangs, a key of another is processed at once."""
    work = Work()
    work.before = lambda key: asyncio.sleep(1e6 if isinstance(key, SecretKey) else 0)
    async with work.run() as queue:
        for number in range(WORKERS[SecretKey] + 3):
            queue.add(SecretKey(ObjectKey("n", str(number)), "n"))
        await asyncio.sleep(1)
        assert len(work.running) == WORKERS[SecretKey]
        assert queue.depths() == {"repository": 0, "policy": 0, "access": 0, "secret": 3, "token": 0}
        queue.add(A)
        await asyncio.sleep(1)
        assert A in work.keys


@pytest.mark.parametrize("key", UNITS, ids=lambda key: UNIT_NAMES[type(key)])
@in_virtual_time
async def test_changes_go_before_resyncs(key: Key) -> None:
    """In every lane: changes first, in their order, then resyncs; a change replaces the resync of its key."""
    work = Work()
    async with work.run() as queue:
        for resync in accesses(5):
            queue.add_resync(resync)
        queue.add_resync(key)
        queue.add(B)
        queue.add(key)
        await asyncio.sleep(1)
    if isinstance(key, AccessKey):
        assert work.keys == [B, key, *accesses(5)]
    assert work.keys.count(key) == 1


@in_virtual_time
async def test_a_resync_of_a_running_key_stays_behind_changes() -> None:
    """A resync that is added while the key runs does not count as a change."""
    work = Work(takes=1.0)
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(0.5)
        queue.add_resync(A)
        for key in accesses(3 * WORKERS[AccessKey]):
            queue.add(key)
        await asyncio.sleep(100)
    assert work.keys[-1] == A
    assert work.keys.count(A) == 2


@in_virtual_time
async def test_the_seconds_of_a_pass_bring_the_key_back() -> None:
    """A pass that returns a delay is repeated after it, and one that returns none is not."""
    work, answers = Work(), iter([600.0, None])
    work.answer = lambda _key: next(answers)
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(5000)
    assert work.of(A) == pytest.approx([MOMENT, 600 + MOMENT])


@pytest.mark.parametrize("delays", [(5.0, 60.0), (60.0, 5.0)], ids=["earlier first", "earlier last"])
@in_virtual_time
async def test_the_earlier_of_two_times_wins(delays: tuple[float, float]) -> None:
    """Two delays for a key result in one pass, at the earlier time."""
    work = Work()
    async with work.run() as queue:
        for delay in delays:
            queue.add_after(A, delay)
        assert queue.depths()["access"] == 0
        await asyncio.sleep(1000)
    assert work.of(A) == pytest.approx([5 + MOMENT])


@in_virtual_time
async def test_a_pass_makes_a_delay_that_waits_needless() -> None:
    """A key that is processed now is not processed again for an older delay."""
    work = Work()
    async with work.run() as queue:
        queue.add_after(A, 5.0)
        queue.add_soon(A, 1.0, 2.0)
        queue.add(A)
        await asyncio.sleep(100)
    assert work.keys == [A]


@in_virtual_time
async def test_no_delay_is_now() -> None:
    """Zero and negative delays add the key at once."""
    work = Work()
    work.queue.add_after(A, 0)
    work.queue.add_after(B, -1)
    work.queue.add_soon(A, 0, 10)
    work.queue.add_soon(AccessKey(ObjectKey("n", "c")), 10, 0)
    assert work.queue.depths()["access"] == 3


def test_a_delay_that_is_over_is_served_in_real_time() -> None:
    """The queue sets its alarm again after a time that has passed."""

    async def serve() -> set[Key]:
        work = Work()
        async with work.run() as queue:
            for key in (A, B):
                queue.add_after(key, 1e-9)
            await asyncio.sleep(0.1)
        return set(work.keys)

    assert asyncio.run(serve()) == {A, B}


@given(
    gaps=st.lists(st.floats(0.01, 0.3), max_size=40),
    least=st.sampled_from([0.1, 0.2]),
    most=st.sampled_from([0.5, 2.0]),
)
@in_virtual_time
async def test_company_is_waited_for(gaps: list[float], least: float, most: float) -> None:
    """Calls in quick succession are one pass, `least` after the last of them and at most `most` after the first."""
    work, calls = Work(), []
    async with work.run() as queue:
        for gap in [0.0, *gaps]:
            await asyncio.sleep(gap)
            calls.append(now())
            queue.add_soon(A, least, most)
        await asyncio.sleep(10)
    begun = work.of(A)
    assume(not set(begun) & set(calls))  # A call at exactly the time of a pass may come before it or after it.
    # Each pass covers the calls before it: the first of them started the wait, the last of them extended it.
    for number, moment in enumerate(begun):
        previous = begun[number - 1] if number else -1.0
        answered = [call for call in calls if previous <= call < moment]
        assert moment == pytest.approx(min(answered[-1] + least, answered[0] + most))
    assert begun[-1] > calls[-1]


@pytest.mark.parametrize("way", ["add", "add_resync", "add_soon", "add_after"])
@pytest.mark.parametrize(("limit", "floor"), [(60.0, 30.0), (60.0, 60.0), (300.0, 300.0)])
@in_virtual_time
async def test_no_change_cuts_a_retry_after_short(way: str, limit: float, floor: float) -> None:
    """Whatever is added meanwhile, the key waits until its floor, runs right then, and delays no other."""
    work = Work()
    work.fail(Unavailable("429", retry_after=1e6 if floor == limit else floor, retry_limit=limit))
    ask: Callable[..., None] = getattr(work.queue, way)
    more = {"add_soon": (0.2, 2.0), "add_after": (0.1,)}.get(way, ())
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(MOMENT)
        while now() < floor - 1:
            ask(A, *more)
            queue.add(B)
            await asyncio.sleep(0.7)
        assert queue.depths()["access"] == 0
        assert work.keys.count(A) == 1
        assert work.keys.count(B) > floor
        await asyncio.sleep(500)
    assert work.of(A) == pytest.approx([MOMENT, MOMENT + floor])


@in_virtual_time
async def test_a_change_during_the_refused_pass_waits_too() -> None:
    """Changes during the Retry-After do not shorten it, and are processed when it is over."""
    work = Work(takes=1.0)
    work.fail(*[Unavailable("503")] * 12, Unavailable("429", retry_after=10.0))
    async with work.run() as queue:
        for _ in range(13):  # Until the backoff would be minutes.
            queue.add(A)
            await asyncio.sleep(0.5)
        while len(work.of(A)) < 13:
            queue.add(A)
            await asyncio.sleep(0.1)
        last = work.of(A)[-1]
        queue.add(A)
        await asyncio.sleep(100)
    assert work.of(A)[13:] == pytest.approx([last + 11])


@pytest.mark.parametrize(
    ("error", "low", "high"),
    [
        (Invalid("edit it"), 480, 720),
        (Refused("403"), 60, 60),
        (NotReady("not yet", Reason.PENDING, retry_after=7.0), 7, 7),
        (Conflict("etag"), 0.02, 0.2),
        (Unavailable("503"), 0.2, 2),
        (ValueError("a defect"), 0.2, 2),
        (asyncio.CancelledError(), 0.2, 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
@in_virtual_time
async def test_no_answer_drops_a_key(error: BaseException, low: float, high: float) -> None:
    """After every error the key is processed again without a change, even after a defect in what the pass awaited."""
    work = Work()
    work.fail(error)
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(3600)
    first, second = work.of(A)
    assert low - MOMENT <= second - first <= high + MOMENT


@in_virtual_time
async def test_a_success_forgets_the_failures() -> None:
    """After a successful pass the next failure is the first again."""
    work = Work()
    failing = [True] * 12 + [False, True, False]

    def answer(_key: Key) -> float | None:
        if failing.pop(0):
            raise Unavailable("503")
        return None

    work.answer = answer
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(5000)
        assert len(work.of(A)) == 13
        queue.add(A)
        await asyncio.sleep(5000)
    assert work.of(A)[-1] - work.of(A)[-2] <= 2


@in_virtual_time
async def test_a_change_during_a_failing_pass_is_processed_at_once() -> None:
    """Changes while a pass failed do not wait for its backoff."""
    work = Work(takes=1.0)
    work.fail(Refused("403"))
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(0.5)
        queue.add(A)
        await asyncio.sleep(100)
    assert work.of(A) == pytest.approx([MOMENT, 1 + MOMENT])


@in_virtual_time
async def test_a_defect_stops_no_other_key() -> None:
    """Unexpected exceptions in more passes than there are workers do not stop the unit, and are logged."""
    work = Work()
    work.takes = 1.0

    def answer(key: Key) -> float | None:
        if key != A:
            raise RuntimeError("a defect") if key.object.name != "1" else asyncio.CancelledError  # type: ignore[union-attr]
        return None

    work.answer = answer
    count = WORKERS[AccessKey] * 2
    with capture_logs() as logs:
        async with work.run() as queue:
            for key in accesses(count):
                queue.add(key)
            await asyncio.sleep(2.05)
            queue.add(A)
            await asyncio.sleep(30)
    assert ("access", "ok") in work.observed
    assert work.observed.count(("access", "defect")) >= 2 * count
    told = [entry for entry in logs if entry["log_level"] == "error" and entry["exc_info"]]
    assert len(told) == work.observed.count(("access", "defect"))


@in_virtual_time
async def test_a_worker_that_breaks_loses_no_key() -> None:
    """If recording the result of a pass fails, the worker is restarted and its key is processed again."""
    work = Work()
    broken = [True, True, False, False]

    def observe(unit: str, result: str, seconds: float) -> None:
        if broken.pop(0):
            raise RuntimeError("the metrics are broken")

    queue = WorkQueue(work.process, observe, work.wall)
    work.queue = queue
    with capture_logs() as logs:
        async with work.run():
            queue.add(A)
            await asyncio.sleep(600)
    assert work.of(A) == pytest.approx([MOMENT, 60 + MOMENT, 120 + MOMENT], abs=0.1)
    assert [entry["event"] for entry in logs] == ["A background task failed"] * 2


@in_virtual_time
async def test_workers_that_break_for_good_end_the_queue() -> None:
    """A worker is restarted three times; then `run` ends with a message, and so does the process."""

    def observe(_unit: str, _result: str, _seconds: float) -> None:
        raise RuntimeError("the metrics are broken")

    work = Work()
    work.queue = queue = WorkQueue(work.process, observe, work.wall)
    with capture_logs():
        running = asyncio.create_task(queue.run())
        while not running.done():
            for key in accesses(100):
                queue.add(key)
            await asyncio.sleep(0.5)
    with pytest.raises(TaskFailed, match="access worker"):
        await running


@in_virtual_time
async def test_passes_that_await_nothing_let_others_run() -> None:
    """A thousand passes from the cache alone delay neither probes nor watches."""
    work = Work()
    work.before = lambda key: asyncio.sleep(1e6 if key in accesses(WORKERS[AccessKey] - 1) else 0)
    async with work.run() as queue:
        for key in accesses(WORKERS[AccessKey] - 1):
            queue.add(key)
        await asyncio.sleep(1)
        work.before, done = None, [len(work.begun)]
        for key in accesses(1000, "cached"):
            queue.add(key)
        while work.keys.count(A) == 0:
            queue.add(A)
            await asyncio.sleep(0)
            done.append(len(work.begun))
    assert max(later - earlier for earlier, later in pairwise(done)) <= 1


@in_virtual_time
async def test_canceling_stops_every_worker() -> None:
    """A stop ends passes that hang, and nothing is processed after it."""
    work = Work(takes=1e6)
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(1)
    work.queue.add(B)
    await asyncio.sleep(1e7)
    assert (work.keys, work.running, work.observed) == ([A], [], [])


@in_virtual_time
async def test_a_machine_that_slept_looks_at_what_is_due() -> None:
    """The loop's clock stopped: keys due by the wall clock run within ten seconds, and others that much earlier."""
    work = Work()
    async with work.run() as queue:
        queue.add_after(A, 1800)
        queue.add_after(B, 7200)
        await asyncio.sleep(60)
        work.wall.jump(3600)
        queue.add_after(SECRET, 600)  # Added after the sleep: its delay is not shortened.
        await asyncio.sleep(7200)
    assert 60 <= work.of(A)[0] <= 60 + CHECK_SECONDS
    assert work.of(B) == pytest.approx([3600 + MOMENT])
    assert work.of(SECRET) == pytest.approx([660 + MOMENT])


@pytest.mark.parametrize("jumps", [[-7200.0], [-7200.0, -7200.0], [0.4, -0.4] * 50], ids=["back", "twice", "noise"])
@in_virtual_time
async def test_a_clock_that_goes_back_changes_nothing(jumps: list[float]) -> None:
    """Nor does the noise between two clocks that are read one after the other."""
    work = Work()
    async with work.run() as queue:
        queue.add_after(A, 1800)
        for jump in jumps:
            await asyncio.sleep(10)
            work.wall.jump(jump)
            queue.add_after(B, 1e6)
        await asyncio.sleep(1800)
    assert work.of(A) == pytest.approx([1800 + MOMENT])


@in_virtual_time
async def test_a_clock_corrected_after_a_jump_back_still_sees_sleep() -> None:
    """A clock that was wrong at the start and set back does not hide a later sleep of the machine."""
    work = Work()
    async with work.run() as queue:
        await asyncio.sleep(60)
        work.wall.jump(-86400)
        queue.add_after(A, 1800)
        await asyncio.sleep(60)
        work.wall.jump(3600)
        await asyncio.sleep(60)
        assert len(work.of(A)) == 1


@in_virtual_time
async def test_a_clock_of_1970_is_corrected() -> None:
    """A jump of half a century rounds times, but no timer is missed or causes a busy loop."""
    work = Work()
    delays = [number / 7 for number in range(1, 200)]
    async with work.run() as queue:
        work.wall.jump(1.7e9)
        for key, delay in zip(accesses(200), delays, strict=False):
            queue.add_after(key, delay)
        await asyncio.sleep(100)
    assert [moment for _, moment in work.begun] == pytest.approx([MOMENT + delay for delay in delays], abs=1e-5)


@in_virtual_time
async def test_liveness_asks_whether_work_is_completed() -> None:
    """Seconds since a lane last completed a pass while work waits in it, whatever the other lanes do."""
    work = Work()
    stuck, slow = asyncio.Event(), 40.0
    work.before = lambda key: stuck.wait() if isinstance(key, SecretKey) else asyncio.sleep(slow)
    secrets = [SecretKey(ObjectKey("n", str(number)), "n") for number in range(WORKERS[SecretKey])]
    async with work.run() as queue:
        for key in secrets:
            queue.add(key)
        await asyncio.sleep(10_000)
        assert queue.stuck() == 0, "all run, none waits"
        queue.add(SECRET)
        for key in accesses(100 * WORKERS[AccessKey]):
            queue.add(key)  # An hour of work: behind, but alive.
        await asyncio.sleep(390)
        assert queue.stuck() == pytest.approx(390)
        stuck.set()
        await asyncio.sleep(5)
        assert 0 < queue.stuck() <= slow
        await asyncio.sleep(10_000)
        assert queue.stuck() == 0


@in_virtual_time
async def test_a_pass_that_takes_long_is_not_stuck() -> None:
    """While it runs and nothing waits, and when the next key comes, which waits only from then on."""
    work = Work(takes=1e6)
    async with work.run() as queue:
        await asyncio.sleep(1)
        for key in accesses(WORKERS[AccessKey]):
            queue.add(key)
        for _ in range(1000):
            await asyncio.sleep(1)
            assert queue.stuck() == 0
        queue.add(A)
        await asyncio.sleep(1)
        assert queue.stuck() == pytest.approx(1)


@in_virtual_time
async def test_a_hanging_pass_that_is_asked_for_again_is_stuck() -> None:
    """The only key of a lane hangs and is added again: nothing completes while work waits."""
    work = Work(takes=1e6)
    async with work.run() as queue:
        queue.add(A)
        await asyncio.sleep(100)
        queue.add(A)
        await asyncio.sleep(100)
        assert queue.stuck() == pytest.approx(100)


@in_virtual_time
async def test_an_answer_with_an_error_is_completed_work() -> None:
    """An outage of Google is no reason to restart the operator."""
    work = Work(takes=10.0)

    def answer(_key: Key) -> float | None:
        raise Unavailable("503")

    work.answer = answer
    async with work.run() as queue:
        for key in accesses(1000):
            queue.add(key)
        for _ in range(100):
            await asyncio.sleep(10)
            assert queue.stuck() <= 10 + MOMENT


@in_virtual_time
async def test_liveness_waits_for_the_start() -> None:
    """Keys of lists that are still being read wait for `run`, which does not count as stuck."""
    work = Work()
    work.queue.add(A)
    await asyncio.sleep(10_000)
    assert work.queue.stuck() == 0
    async with work.run() as queue:
        assert queue.stuck() <= MOMENT
    assert work.keys == [A]


@in_virtual_time
async def test_the_log_says_what_is_new() -> None:
    """A line at INFO if the message of a key is new, at DEBUG if it repeats, and always for conflicts."""
    work = Work()
    work.fail(Refused("no"), Refused("no"), Conflict("etag"), Refused("no"), Refused("other"))
    with capture_logs() as logs:
        async with work.run() as queue:
            queue.add(A)
            await asyncio.sleep(3600)
            work.fail(Refused("other"))
            queue.add(A)
            await asyncio.sleep(30)
    told = [(entry["log_level"], entry["because"]) for entry in logs]
    assert told == [
        ("info", "no"),
        ("debug", "no"),
        ("debug", "etag"),
        ("debug", "no"),
        ("info", "other"),
        ("info", "other"),
    ]
    assert {(entry["event"], entry["unit"], entry["key"]) for entry in logs} == {("Will retry", "access", str(A))}
    assert all(entry["seconds"] > 0 for entry in logs)


@in_virtual_time
async def test_nothing_is_kept_of_keys_that_are_done() -> None:
    """Whatever error a key had, after a successful pass the lane keeps nothing of it."""
    work = Work()
    errors: list[BaseException] = [Refused("no"), Conflict("etag"), ValueError("a defect"), Unavailable("429", 5.0)]
    left = {key: list(errors) for key in accesses(50)}

    def answer(key: Key) -> float | None:
        if left[key]:
            raise left[key].pop()
        return None

    work.answer = answer
    with capture_logs():
        async with work.run() as queue:
            for key in left:
                queue.add(key)
            await asyncio.sleep(3600)
            lane = queue._lanes[AccessKey]
            assert not lane._troubles._known
            assert (lane._agenda.owed, lane._agenda.first, lane._agenda._floors) == (0, None, {})
    assert len(work.begun) == 5 * 50


Step = tuple[str, int, float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add_resync", "add_soon", "add_after", "sleep", "sleep"]),
        st.integers(0, 3),
        st.floats(0.0, 20.0),
    ),
    max_size=60,
)


@given(steps=STEPS, seed=st.integers(0, 1 << 16))
@in_virtual_time
async def test_nothing_is_lost_and_no_floor_is_broken(steps: list[Step], seed: int) -> None:
    """Any calls, passes of any length and any results: after each call its key is processed, and in time."""
    chance, work = random.Random(seed), Work()
    keys = [*accesses(2, "a"), *accesses(2, "b")]
    asked: dict[Key, float] = {}
    floors: dict[Key, float] = {}

    async def before(key: Key) -> None:
        asked.pop(key, None)
        assert now() >= floors.pop(key, 0.0) - MOMENT
        await asyncio.sleep(chance.expovariate(0.5))

    def answer(key: Key) -> float | None:
        kind = chance.randrange(6)
        if kind == 0:
            floor = chance.uniform(1, 60)
            floors[key] = now() + floor
            raise Unavailable("429", retry_after=floor)
        if kind == 1:
            raise chance.choice([Unavailable("503"), Conflict("409"), Invalid("i"), ValueError("a defect")])
        return None if kind < 5 else chance.uniform(1, 100)

    work.before, work.answer = before, answer
    with capture_logs():
        async with work.run() as queue:
            for way, number, seconds in steps:
                key = keys[number]
                if way == "sleep":
                    await asyncio.sleep(seconds)
                    continue
                more = {"add_soon": (0.2, 2.0), "add_after": (seconds,)}.get(way, ())
                getattr(queue, way)(key, *more)
                asked.setdefault(key, now())
            # The longest sequence: a pass, a floor after it, and the delay.
            await asyncio.sleep(60 + 20 + 60)
            assert {key for key, since in asked.items() if now() - since > 130} - set(work.running) == set()
            work.answer = lambda _key: None
            await asyncio.sleep(1000)
            assert asked == {}
            assert queue._lanes[AccessKey]._agenda.first is None
