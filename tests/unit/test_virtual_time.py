"""Virtual time is a tool of the tests: it must keep the order of real time."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import virtual_time
from support.virtual_time import Deadlock, Wall, in_virtual_time, run


@in_virtual_time
async def test_a_day_takes_no_time() -> None:
    """Timers fire when they are due, and in order, without any waiting."""
    loop, begun = asyncio.get_running_loop(), time.monotonic()
    fired: list[tuple[str, float]] = []
    loop.call_later(86400 * 30, lambda: fired.append(("month", loop.time())))
    loop.call_later(3600, lambda: fired.append(("hour", loop.time())))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(86400):
            await asyncio.Event().wait()
    assert loop.time() == 86400
    await asyncio.sleep(86400 * 30)
    assert fired == [("hour", 3600), ("month", 86400 * 30)]
    assert time.monotonic() - begun < 5


@given(delays=st.lists(st.integers(0, 10**12).map(lambda microseconds: microseconds / 1e6), max_size=20))
@in_virtual_time
async def test_sleepers_wake_in_order(delays: list[float]) -> None:
    """A longer sleep ends later, each at its own time."""
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        assert asyncio.get_running_loop().time() == pytest.approx(seconds)
        woken.append(seconds)

    await asyncio.gather(*(sleep(seconds) for seconds in delays))
    assert woken == pytest.approx(sorted(delays))


def test_waiting_forever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that waits for an event that never happens fails instead of hanging."""
    monkeypatch.setattr(virtual_time, "PATIENCE", 0.01)

    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(wait())


@in_virtual_time
async def test_a_thread_is_waited_for() -> None:
    """A thread takes real time, and no virtual time."""
    await asyncio.to_thread(time.sleep, 0.01)
    assert asyncio.get_running_loop().time() == 0


@in_virtual_time
async def test_the_wall_clock_goes_on_and_may_be_set() -> None:
    """Virtual time moves it, and a jump moves only the wall clock."""
    wall = Wall()
    before = wall()
    await asyncio.sleep(10)
    wall.jump(-3)
    assert wall() - before == 7
    assert (wall.now() - virtual_time.START).total_seconds() == 7
    assert asyncio.get_running_loop().time() == 10
