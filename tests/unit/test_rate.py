"""The rate of requests: never faster than configured, and slower after a 429 from Google."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.clients.google.rate import LONGEST_PAUSE, SLOWEST, Rate
from wheelhouse.settings import Settings

BOUNDS = [1.0, 20.0, 60.0]


class Time:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def turns(rate: Rate, time: Time, seconds: float) -> Iterator[float]:
    """The times of all turns within this many seconds, for a client that always waits for one."""
    until = time.now + seconds
    while time.now <= until:
        wait = rate.take()
        if wait == 0:
            yield time.now
        time.now += wait


def test_the_default_is_twenty_a_second() -> None:
    """A third of the quota, because other clusters share it."""
    assert Settings.model_fields["exchange_rate"].default == 20.0


@pytest.mark.parametrize("rate", BOUNDS)
def test_exchanges_keep_under_the_quota(rate: float) -> None:
    """However many start at once, 61 seconds contain at most the rate and its burst: less than 6,000."""
    time = Time()
    taken = len(list(turns(Rate(rate, clock=time), time, 61.0)))
    assert 61 * rate <= taken <= 61 * rate + 11
    assert taken < 6000


def test_a_burst_goes_at_once_and_comes_back_with_time() -> None:
    """After a pause ten go at once, never more."""
    time = Time()
    rate = Rate(20.0, clock=time)
    for _ in range(2):
        assert [rate.take() == 0 for _ in range(11)] == [True] * 10 + [False]
        time.now += 1000


def test_asking_takes_nothing() -> None:
    """A client that must wait has no turn yet, so a 429 meanwhile slows it too."""
    time = Time()
    rate = Rate(20.0, burst=1, clock=time)
    assert rate.take() == 0
    assert rate.take() == rate.take() == pytest.approx(0.05)
    rate.slow(7.0)
    assert rate.take() == pytest.approx(7.0)


def test_each_429_halves_the_rate_and_answers_bring_it_back() -> None:
    """At least one a second, and after about thirty answers the full rate."""
    time = Time()
    rate = Rate(20.0, burst=1, clock=time)
    gaps = []
    for _ in range(7):
        rate.slow(0.0)
        first, second = list(turns(rate, time, 2 * SLOWEST))[:2]
        gaps.append(second - first)
    assert gaps == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])
    for _ in range(30):
        rate.quicken()
    taken = list(turns(rate, time, 10.0))
    assert len(taken) == pytest.approx(200, abs=2)


def test_a_rate_of_one_is_not_made_faster_by_a_429() -> None:
    """The slowest possible rate stays unchanged."""
    time = Time()
    rate = Rate(1.0, burst=1, clock=time)
    rate.slow(0.0)
    first, second = list(turns(rate, time, 3.0))[:2]
    assert second - first == pytest.approx(1.0)


def test_a_pause_is_bounded() -> None:
    """A Retry-After of a day is a minute."""
    time = Time()
    rate = Rate(20.0, clock=time)
    rate.slow(86400.0)
    assert rate.take() == pytest.approx(LONGEST_PAUSE)


@given(
    st.sampled_from(BOUNDS),
    st.lists(st.one_of(st.just("quicken"), st.floats(0, 100), st.tuples(st.floats(0, 3))), max_size=30),
)
def test_no_history_lets_more_through(speed: float, history: list[object]) -> None:
    """For any answers and any pauses: never more than the rate and its burst."""
    time = Time()
    rate = Rate(speed, clock=time)
    for each in history:
        if each == "quicken":
            rate.quicken()
        elif isinstance(each, float):
            rate.slow(each)
        elif isinstance(each, tuple):
            time.now += each[0]
            rate.take()
    assert len(list(turns(rate, time, 5.0))) <= 5 * speed + 11


async def test_who_waits_in_line_is_slowed_by_a_429() -> None:
    """Three wait and a 429 arrives: none of them goes before its pause is over, and they go in order of arrival."""
    rate = Rate(50.0, burst=1)
    order: list[int] = []

    async def go(number: int) -> None:
        await rate.turn()
        order.append(number)

    await rate.turn()
    begun = asyncio.get_running_loop().time()
    waiting = [asyncio.create_task(go(number)) for number in range(3)]
    await asyncio.sleep(0)
    rate.slow(0.1)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert asyncio.get_running_loop().time() - begun >= 0.1
