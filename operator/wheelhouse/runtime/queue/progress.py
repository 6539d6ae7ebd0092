"""Whether passes complete while work waits: the liveness probe uses it."""


class Progress:
    """Since when work waits and no pass completed."""

    def __init__(self) -> None:
        self._since: float | None = None

    def note(self, *, waits: bool, now: float, completed: bool = False) -> None:
        """Record whether work waits now, and whether a pass has just completed."""
        if not waits:
            self._since = None
        elif completed or self._since is None:
            self._since = now

    def stuck(self, now: float) -> float:
        """Seconds since the last pass completed while work waits; 0 if none waits."""
        return 0.0 if self._since is None else now - self._since
