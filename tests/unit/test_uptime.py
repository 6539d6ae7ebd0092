"""The clock that goes on while the machine sleeps."""

import time

import pytest

from wheelhouse.runtime.uptime import uptime

BOOTTIME = 7


def test_sleep_counts_where_the_platform_tells_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the one of the platform that does not stand still."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", BOOTTIME, raising=False)
    monkeypatch.setattr(time, "clock_gettime", {BOOTTIME: 3600.0}.__getitem__)
    assert uptime() == 3600.0


def unknown(clock: int) -> float:
    raise OSError(22, "Invalid argument")


@pytest.mark.parametrize("named", [False, True])
def test_without_such_a_clock_seconds_grow_all_the_same(monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    """Neither a platform that has no name for it, nor one that knows only the name, stops anything."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", BOOTTIME, raising=False)
    monkeypatch.setattr(time, "clock_gettime", unknown)
    if not named:
        monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= uptime() <= time.monotonic()
