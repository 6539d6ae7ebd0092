"""Time that only a test moves."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The world's time; `local` is the operator's own clock, `elapsed` is monotonic seconds."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.start = start
        self.time = start
        self.skew = timedelta()
        """How far the operator's clock is ahead of the world's."""
        self._slept = 0.0
        self._ahead = 0.0

    def now(self) -> datetime:
        """The current time (UTC)."""
        return self.time

    def local(self) -> datetime:
        """The time of the operator's clock (UTC)."""
        return self.time + self.skew

    def elapsed(self) -> float:
        """Seconds since the start, without those in which the operator's machine was suspended."""
        return (self.time - self.start).total_seconds() - self._slept

    def uptime(self) -> float:
        """Seconds since the beginning, with those that the operator's machine was suspended."""
        return self.elapsed() + self._slept

    def timers(self) -> float:
        """The time of the operator's queue: it includes each forward jump of the wall clock."""
        return self.elapsed() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)

    def suspend(self, seconds: float, *, set_back: bool = False) -> None:
        """Let time pass while the operator's machine is suspended; its clock may show none of it afterwards."""
        self.advance(seconds)
        self._slept += seconds
        if set_back:
            self.skew -= timedelta(seconds=seconds)
        else:
            self._ahead += seconds

    def set_ahead(self, skew: timedelta) -> None:
        """Set the operator's clock."""
        self._ahead += max(0.0, (skew - self.skew).total_seconds())
        self.skew = skew
