"""Starts and stops a world's components, and records them in its state directory."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wheelhouse_local import ports, processes
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import Process, State

_POLL_S = 0.05
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Component:
    """How to start one part of the world, and how to check that it is ready."""

    name: str
    argv: list[str]
    env: Mapping[str, str]
    ready: Callable[[], bool]


class Supervisor:
    """The processes of one world; the caller holds `State.lock`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def running(self, name: str) -> Process | None:
        """The component's process, if it is running."""
        process = self._state.load().processes.get(name)
        return process if process and processes.alive(process) else None

    def claim_ports(self, names: Iterable[str]) -> dict[str, int]:
        """Return a port for each of the names: its previous one, or a free one if it has none or lost it."""
        record = self._state.load()
        for name in names:
            had = record.ports.get(name)
            if had is None or (not self.running(name) and not ports.is_free(had)):
                record.ports[name] = ports.choose(set(record.ports.values()))
        self._state.save(record)
        return record.ports

    def start(self, component: Component) -> None:
        """Start it unless it is running, and wait until it is ready.

        Raises:
            LocalError: it ended, or was not ready within a minute; with the last lines of its log.
        """
        if self.running(component.name):
            return
        log = self._state.log(component.name)
        size = log.stat().st_size if log.exists() else 0
        with _uninterrupted():  # otherwise a Ctrl-C at this point would leave a process that is in no record
            try:
                process = processes.spawn(component.argv, component.env, log)
            except OSError as error:
                raise LocalError(f"{component.name} cannot be started: {error}") from error
            record = self._state.load()
            record.processes[component.name] = process
            self._state.save(record)
        self._await(component, process, log, size)

    def kill(self, name: str) -> None:
        """Kill it at once (SIGKILL), as a crash would; it stays in the record, so that `status` reports its end."""
        process = self._state.load().processes.get(name)
        if process:
            processes.send(process, signal.SIGKILL)
            processes.wait(process, 10)

    def end(self, names: Iterable[str]) -> None:
        """Stop these components one after the other, in this order, and delete their records."""
        for name in names:
            process = self._state.load().processes.get(name)
            if process is None:
                continue
            processes.end(process)
            record = self._state.load()
            record.processes.pop(name, None)
            self._state.save(record)

    def _await(self, component: Component, process: Process, log: Path, size: int) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not component.ready():
            if not processes.alive(process):
                raise LocalError(f"{component.name} ended while it started.{tail(log, size)}")
            if time.monotonic() > deadline:
                raise LocalError(f"{component.name} is not ready after {_PATIENCE_S:.0f} s.{tail(log, size)}")
            time.sleep(_POLL_S)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay signals that stop a command until the block is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def tail(log: Path, since: int = 0, lines: int = 15) -> str:
    """The last lines of a log, from byte `since` on, with a heading that names the file."""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 64 * 1024))
        last = file.read().decode(errors="replace").splitlines()[-lines:]
    return f" The end of {log}:\n" + "\n".join(f"  {line}" for line in last)
