"""The work queue: no duplicates, serial per key, backoff by error, changes ahead of resyncs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, NotReady, Refused, Unavailable
from wheelhouse.runtime.queue import UNIT_NAMES, WORKERS, Backoff, Lane, WorkQueue

pytestmark = pytest.mark.timeout(10)

A, B = AccessKey(ObjectKey("n", "a")), AccessKey(ObjectKey("n", "b"))
SECRET = SecretKey(ObjectKey("n", "a"), "n")
SHORT = 0.02


class Work:
    """Processes keys: logs their beginnings and ends, waits while `gate` is shut, and answers what `answer` says."""

    def __init__(self) -> None:
        self.begun: list[Key] = []
        self.ended: list[Key] = []
        self.running = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Callable[[Key], float | None] = lambda _key: None
        self.observed: list[tuple[str, str]] = []
        self._moved = asyncio.Condition()

    async def __call__(self, key: Key) -> float | None:
        self.begun.append(key)
        self.running += 1
        self.most = max(self.most, self.running)
        await self._notify()
        await self.gate.wait()
        self.running -= 1
        self.ended.append(key)
        await self._notify()
        return self.answer(key)

    def observe(self, unit: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.observed.append((unit, result))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._moved:
            await asyncio.wait_for(self._moved.wait_for(condition), timeout=5)

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()


@asynccontextmanager
async def running(coroutine: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def idle() -> None:
    """Let everything that can run now run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
async def queue(work: Work) -> WorkQueue:
    return WorkQueue(work, work.observe)


async def test_a_key_that_waits_is_not_queued_twice(queue: WorkQueue, work: Work) -> None:
    """However often a key is asked for before its turn, it is one pass."""
    for _ in range(5):
        queue.add(A)
        queue.add_resync(A)
    assert queue.depths()["access"] == 1
    async with running(queue.run()):
        await idle()
    assert work.ended == [A]


async def test_a_key_never_runs_twice_at_once(queue: WorkQueue, work: Work) -> None:
    """A key asked for while it runs waits for its end, and then runs once more, not twice."""
    work.gate.clear()
    async with running(queue.run()):
        queue.add(A)
        await work.until(lambda: work.running == 1)
        for _ in range(3):
            queue.add(A)
        await idle()
        assert work.begun == [A]
        work.gate.set()
        await work.until(lambda: len(work.ended) == 2)
        await idle()
    assert work.ended == [A, A]
    assert work.most == 1


async def test_other_keys_run_side_by_side(queue: WorkQueue, work: Work) -> None:
    """Two keys of a unit, and two units, do not wait for each other."""
    work.gate.clear()
    async with running(queue.run()):
        for key in (A, B, SECRET, RepositoryKey(A.object), PolicyKey(RepositoryName("p", "us", "r"))):
            queue.add(key)
        await work.until(lambda: work.running == 5)
        work.gate.set()
        await work.until(lambda: len(work.ended) == 5)
        await idle()
    assert {unit for unit, _ in work.observed} == set(UNIT_NAMES.values())


async def test_a_slow_unit_delays_no_other(queue: WorkQueue, work: Work) -> None:
    """With every worker of one unit stuck, a key of another is processed at once."""
    work.gate.clear()
    async with running(queue.run()):
        for number in range(WORKERS[SecretKey] + 3):
            queue.add(SecretKey(ObjectKey("n", str(number)), "n"))
        await work.until(lambda: work.running == WORKERS[SecretKey])
        assert queue.depths()["secret"] == 3
        queue.add(A)
        await work.until(lambda: A in work.begun)
        assert queue.depths()["access"] == 0


async def test_changes_go_before_resyncs(work: Work) -> None:
    """What changed is processed before what is merely looked at again, in the order in which it came."""
    lane = Lane(AccessKey, work, work.observe)
    resyncs = [AccessKey(ObjectKey("r", str(number))) for number in range(5)]
    for key in resyncs:
        lane.add(key, resync=True)
    lane.add(B)
    lane.add(A)
    async with running(lane.work()):
        await work.until(lambda: len(work.ended) == 7)
    assert work.ended == [B, A, *resyncs]


async def test_the_seconds_of_a_pass_bring_the_key_back(queue: WorkQueue, work: Work) -> None:
    """A pass that names a delay comes back after it, and one that names none does not."""
    answers = iter([SHORT, None])
    work.answer = lambda _key: next(answers)
    async with running(queue.run()):
        queue.add(A)
        await work.until(lambda: len(work.ended) == 2)
        await asyncio.sleep(3 * SHORT)
    assert work.ended == [A, A]


@pytest.mark.parametrize("delays", [(SHORT, 60.0), (60.0, SHORT)], ids=["earlier first", "earlier last"])
async def test_the_earlier_of_two_times_wins(queue: WorkQueue, work: Work, delays: tuple[float, float]) -> None:
    """Two delays for a key are one pass, at the earlier time."""
    async with running(queue.run()):
        for delay in delays:
            queue.add_after(A, delay)
        assert queue.depths()["access"] == 0
        await work.until(lambda: work.ended == [A])
        await asyncio.sleep(2 * SHORT)
    assert work.ended == [A]


async def test_a_pass_makes_a_delay_that_waits_needless(queue: WorkQueue, work: Work) -> None:
    """A key that is looked at now is not looked at again for an older delay."""
    async with running(queue.run()):
        queue.add_after(A, SHORT)
        queue.add(A)
        await work.until(lambda: work.ended == [A])
        await asyncio.sleep(3 * SHORT)
    assert work.ended == [A]


async def test_no_delay_is_now(queue: WorkQueue) -> None:
    """Zero and negative delays queue at once."""
    queue.add_after(A, 0)
    queue.add_after(B, -1)
    assert queue.depths()["access"] == 2


class Delays(Lane):
    """A lane that remembers the delays instead of waiting for them."""

    def __init__(self, unit: type, work: Work) -> None:
        super().__init__(unit, work, work.observe)
        self.delays: list[float] = []

    def add_after(self, key: Key, seconds: float) -> None:
        self.delays.append(seconds)


async def delays_after(error: Exception, times: int = 1, key: Key = A) -> tuple[list[float], Work]:
    """The delays that so many failures in a row bring."""
    work = Work()

    def fail(_key: Key) -> float | None:
        raise error

    work.answer = fail
    lane = Delays(type(key), work)
    async with running(lane.work()):
        for number in range(times):
            lane.add(key)
            await work.until(lambda number=number: len(work.ended) == number + 1)  # type: ignore[misc]
            await idle()
    return lane.delays, work


@pytest.mark.parametrize(
    ("error", "key", "low", "high"),
    [
        (Refused("403"), A, 60.0, 60.0),
        (NotReady("not yet", Reason.PENDING, retry_after=7.0), A, 7.0, 7.0),
        (Conflict("etag"), A, 0.02, 0.2),
        (AlreadyExists("409"), A, 0.02, 0.2),
        (Unavailable("503"), A, 0.2, 2.0),
        (Unavailable("503"), SECRET, 0.5, 5.0),
        (Unavailable("429", retry_after=30.0), A, 30.0, 30.0),
        (Unavailable("429", retry_after=0.0), A, 0.2, 2.0),
        (ValueError("a defect"), A, 0.2, 2.0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_each_error_has_its_delay(error: Exception, key: Key, low: float, high: float) -> None:
    """Errors are named by what happens next: when the key comes back after the first of them."""
    (delay,), _ = await delays_after(error, key=key)
    assert low <= delay <= high


async def test_what_the_user_must_edit_does_not_come_back() -> None:
    """Invalid waits for another generation."""
    delays, work = await delays_after(Invalid("spec.role: edit it"))
    assert delays == []
    assert work.observed == [("access", "invalid")]


@pytest.mark.parametrize(("error", "limit"), [(Unavailable("503"), 300.0), (Conflict("etag"), 30.0)])
async def test_failures_in_a_row_wait_longer_up_to_a_limit(error: Exception, limit: float) -> None:
    """Backoff doubles with each failure and never gives up."""
    delays, _ = await delays_after(error, times=40)
    assert len(delays) == 40
    assert limit / 10 <= delays[-1] <= limit
    assert max(delays) <= limit


async def test_a_success_forgets_the_failures(work: Work) -> None:
    """After a good pass the next failure is the first again."""
    lane = Delays(AccessKey, work)
    failing = [True] * 12 + [False, True]

    def answer(_key: Key) -> float | None:
        if failing.pop(0):
            raise Unavailable("503")
        return None

    work.answer = answer
    async with running(lane.work()):
        for number in range(14):
            lane.add(A)
            await work.until(lambda number=number: len(work.ended) == number + 1)  # type: ignore[misc]
            await idle()
    assert lane.delays[-1] <= 2.0


async def test_a_defect_stops_no_other_key(queue: WorkQueue, work: Work) -> None:
    """An unexpected exception in as many passes as there are workers leaves the unit working."""

    def answer(key: Key) -> float | None:
        if key != A:
            raise RuntimeError("a defect")
        return None

    work.answer = answer
    with capture_logs() as logs:
        async with running(queue.run()):
            for number in range(WORKERS[AccessKey] + 1):
                queue.add(AccessKey(ObjectKey("bad", str(number))))
            await work.until(lambda: len(work.ended) == WORKERS[AccessKey] + 1)
            queue.add(A)
            await work.until(lambda: A in work.ended)
            await idle()
    assert work.observed.count(("access", "defect")) == WORKERS[AccessKey] + 1
    assert ("access", "ok") in work.observed
    assert sum(entry["log_level"] == "error" for entry in logs) == WORKERS[AccessKey] + 1


async def test_a_change_during_a_failing_pass_is_looked_at_at_once(queue: WorkQueue, work: Work) -> None:
    """News that came while a pass failed is not made to wait for its backoff."""
    answers: list[Exception | None] = [Refused("403"), None]

    def answer(_key: Key) -> float | None:
        error = answers.pop(0)
        if error:
            raise error
        return None

    work.answer = answer
    work.gate.clear()
    async with running(queue.run()):
        queue.add(A)
        await work.until(lambda: work.running == 1)
        queue.add(A)
        work.gate.set()
        await work.until(lambda: len(work.ended) == 2)


async def test_the_age_of_the_oldest_key_is_known(queue: WorkQueue) -> None:
    """A queue that does not move shows: the longest wait grows, and an empty queue has none."""
    assert queue.oldest() == 0
    queue.add(A)
    await asyncio.sleep(SHORT)
    queue.add(B)
    assert SHORT * 0.9 <= queue.oldest() < 5


async def test_canceling_stops_every_worker(queue: WorkQueue, work: Work) -> None:
    """A stop ends passes that hang, and nothing is processed after it."""
    work.gate.clear()
    async with running(queue.run()):
        queue.add(A)
        await work.until(lambda: work.running == 1)
    queue.add(B)
    work.gate.set()
    await idle()
    assert work.begun == [A]
    assert work.ended == []


@given(failures=st.integers(min_value=0, max_value=10_000))
def test_backoff_stays_within_its_bounds(failures: int) -> None:
    """Full jitter between a tenth of the bound and the bound, for any number of failures."""
    bound = min(300.0, 2.0 * 2 ** min(failures, 16))
    assert bound / 10 <= Backoff().delay(failures) <= bound
