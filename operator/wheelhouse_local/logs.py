"""Reads the components' logs, to their end or as they grow."""

from collections.abc import Callable, Iterable
from pathlib import Path

from wheelhouse_local.state import State

_POLL_S = 0.2


class Tail:
    """A log, read from where the last read ended; complete lines only."""

    def __init__(self, path: Path, at_end: bool = False) -> None:
        self._path = path
        self._position = path.stat().st_size if at_end and path.exists() else 0

    def new(self) -> list[str]:
        """The lines that were written since then."""
        if not self._path.exists():
            return []
        if self._path.stat().st_size < self._position:  # the world was purged and started again
            self._position = 0
        with self._path.open("rb") as file:
            file.seek(self._position)
            whole = file.read().rpartition(b"\n")
        self._position += len(whole[0]) + len(whole[1])
        return whole[0].decode(errors="replace").splitlines() if whole[1] else []


def follow(
    state: State, names: Iterable[str], say: Callable[[str], None], wait: Callable[[float], bool], at_end: bool
) -> None:
    """Print each line with its component as a prefix, until `wait` (which takes seconds) returns True."""
    tails = {name: Tail(state.log(name), at_end) for name in names}
    while True:
        for name, tail in tails.items():
            for line in tail.new():
                say(f"{name}: {line}" if len(tails) > 1 else line)
        if wait(_POLL_S):
            return
