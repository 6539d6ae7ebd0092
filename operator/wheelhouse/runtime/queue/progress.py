"""Whether work is completed while work waits: what the liveness probe asks."""


class Progress:
    """Since when work waits and none was completed."""

    def __init__(self) -> None:
        self._since: float | None = None

    def note(self, *, waits: bool, now: float, completed: bool = False) -> None:
        """Something moved: whether work waits now, and whether a pass has just ended."""
        if not waits:
            self._since = None
        elif completed or self._since is None:
            self._since = now

    def stuck(self, now: float) -> float:
        """Seconds since the last pass ended while work waits; 0 when none waits."""
        return 0.0 if self._since is None else now - self._since
