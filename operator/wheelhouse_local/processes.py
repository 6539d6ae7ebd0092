"""Processes that outlive the command that started them, and are stopped only by their own id.

An id alone is not sufficient, because the system reuses it. So each id is stored with the start time of its process,
and no signal is sent to a process with another start time.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from wheelhouse_local.state import Process

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_POLL_S = 0.02


def spawn(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Start a program in its own session, with its output appended to `log`.

    Raises:
        OSError: the program cannot be started.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        dict(env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
    )
    return Process(pid, _started(pid) or "gone")


def alive(process: Process) -> bool:
    """Whether exactly this process is still running; neither a zombie nor another process with its id counts."""
    # Ours to reap if this process started it; init's otherwise.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return _started(process.pid) == process.started


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal, unless the process has ended."""
    if alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def wait(process: Process, seconds: float) -> bool:
    """Wait for its end; return False if it is still running after that time."""
    deadline = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def end(process: Process, grace: float = 10.0) -> None:
    """Send SIGTERM, and SIGKILL if it is still running after `grace` seconds."""
    send(process, signal.SIGTERM)
    if not wait(process, grace):
        send(process, signal.SIGKILL)
        wait(process, grace)


def _started(pid: int) -> str | None:
    """The start time of a process, as a text that no later process with this id has; None if it does not exist."""
    try:
        # Field 2 is the name in parentheses and may contain anything; field 3 is the state, and field 22 is the start
        # in clock ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A zombie's other threads (field 20) may still hold its ports for a moment.
        gone = fields[0] in "ZX" and int(fields[17]) <= 1
        return None if gone else f"{_BOOT_ID.read_text().strip()}/{fields[19]}"
    except (FileNotFoundError, ProcessLookupError):
        return None if _BOOT_ID.exists() else _started_by_ps(pid)


def _started_by_ps(pid: int) -> str | None:
    """The same on systems without /proc (macOS)."""
    argv = ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)]
    reply = subprocess.run(argv, capture_output=True, text=True, check=False)
    state, _, started = reply.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
