"""The cost of a world's processes, and the operator's requests: read from the kernel and from the servers' own logs.

Neither affects the measured processes. CPU time is user and system time of a process: unlike wall-clock time, it hardly
depends on other load on the machine.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheelhouse_local.world import World

POLL = 0.5
QUIET = 5.0
"""Seconds without a write after which the benchmark checks whether all work is done."""
PATIENCE = 120.0
"""Seconds without a write after which the benchmark fails."""
READS = ("get", "list", "watch")
SWEPT = "patch secrets (dry run)"
"""The sweep checks Secrets all the time: that does not count as work."""


def cpu(pid: int | None) -> float:
    """Seconds of CPU that a process has used so far; 0 if it does not exist."""
    if pid is None:
        return 0.0
    # Field 2 is the name in parentheses; fields 14 and 15 are user and system time in clock ticks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def runnable(pid: int) -> float:
    """Seconds for which the main thread of a process ran, or waited for a core that another process used."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return (int(ran) + int(waited)) / 1e9


def resident(pid: int | None) -> float:
    """The resident set of a process in kB (1,000 bytes)."""
    assert pid is not None, "the process has ended"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1.024


@dataclass(frozen=True)
class Sample:
    """A point in time: wall-clock seconds, and seconds of CPU of three processes until then.

    Attributes:
        google: the CPU of the emulated Google.
    """

    wall: float
    operator: float
    apiserver: float
    google: float

    @classmethod
    def of(cls, world: World) -> "Sample":
        """The current time."""
        return cls(time.monotonic(), *(cpu(world.pid(name)) for name in ("operator", "apiserver", "google")))

    def since(self, begun: "Sample") -> "Sample":
        """The cost between two points in time."""
        return Sample(
            self.wall - begun.wall,
            self.operator - begun.operator,
            self.apiserver - begun.apiserver,
            self.google - begun.google,
        )


class Traffic:
    """Counts the operator's requests by method, from now on, with the names of `wheelhouse local requests`.

    Dry runs have names of their own.
    """

    def __init__(self, world: World) -> None:
        audit, google = world.state.control_plane / "audit.jsonl", world.state.google / "requests.jsonl"
        self._logs = {audit: _size(audit), google: _size(google)}
        self.counts: Counter[str] = Counter()

    def read(self) -> bool:
        """Count new requests; return whether any of them was work: a write, or a token."""
        work = False
        for log in self._logs:
            for method in self._methods(log):
                self.counts[method] += 1
                work = work or _is_work(method)
        return work

    def _methods(self, log: Path) -> list[str]:
        with log.open("rb") as file:
            file.seek(self._logs[log])
            # The last line may be incomplete: it is read the next time.
            complete = file.read().rpartition(b"\n")[0]
        if complete:
            self._logs[log] += len(complete) + 1
        rows = [json.loads(line) for line in complete.splitlines()]
        return [method for row in rows if (method := _method(row))]


def settled(world: World, traffic: Traffic, done: Callable[[], bool]) -> Sample:
    """Wait until there are no more writes and all is done; return the time of the last work.

    Raises:
        SystemExit: it takes too long.
    """
    last = checked = Sample.of(world)
    while (now := Sample.of(world)).wall < last.wall + PATIENCE:
        if traffic.read():
            last = checked = now
        elif now.wall - checked.wall > QUIET:
            if done():
                return last
            checked = now
        time.sleep(POLL)
    raise SystemExit(
        f"nothing was written for {PATIENCE:.0f} s and it is not done; asked for so far: {dict(traffic.counts)}"
    )


def _method(row: Mapping[str, Any]) -> str:
    """`verb resource/subresource` of an audit event, `Service.Method` of a line about Google; empty for neither."""
    if "auditID" not in row:
        return "" if row["service"] == "Metadata" else str(row["method"])
    if row["stage"] != "ResponseComplete" or row["verb"] == "watch":
        return ""
    reference = row.get("objectRef", {})
    names = (reference.get("resource"), reference.get("subresource"))
    dry = " (dry run)" if "dryRun=" in row["requestURI"] else ""
    return f"{row['verb']} {'/'.join(name for name in names if name)}{dry}"


def _is_work(method: str) -> bool:
    verb, _, resource = method.partition(" ")
    if resource:
        return verb not in READS and method != SWEPT
    call = method.partition(".")[2]
    return call == "Token" or call.startswith(("Set", "Create", "Update", "Delete"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
