"""Time that moves only when told."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The injected clock: `clock.now` is a port's `now`."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.time = start

    def now(self) -> datetime:
        """The current time (UTC)."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)
