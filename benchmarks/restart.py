"""A start of the operator in a cluster with many objects, compared with Kopf alone."""

import contextlib
import http.client
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import crowd
import declare
from meter import SWEPT, Traffic, cpu, resident, runnable, settled
from report import Report, Row

from wheelhouse_local.world import World

ACCESSES, REPOSITORIES = 5000, 200
POLL = 0.5
CALM = 4.0
"""Seconds after which a process counts as idle."""
BUSY = 0.25
"""The share of time for which a busy process runs or waits for a core."""
FEW = 5
"""Maximum waiting keys of an idle operator."""


@dataclass(frozen=True)
class Start:
    """A start of a process: seconds of CPU and of wall-clock time until it is idle; its memory then, in kB."""

    cpu: float
    wall: float
    resident: float


@dataclass(frozen=True)
class Moment:
    """The state of a process: wall-clock time, CPU, and time in which it ran or waited for a core, all in seconds."""

    wall: float
    cpu: float
    runnable: float

    @classmethod
    def of(cls, pid: int) -> "Moment":
        """The current state."""
        return cls(time.monotonic(), cpu(pid), runnable(pid))

    def share(self, before: "Moment") -> float:
        """The share of the time since then in which it ran or waited for a core."""
        return (self.runnable - before.runnable) / (self.wall - before.wall)


@dataclass(frozen=True)
class Restart:
    """A start of the operator, with its requests and changes.

    Attributes:
        ready: seconds until its readiness probe succeeds.
        idle: seconds until no key waits.
        rewritten: how many Secrets have another resourceVersion than before.
    """

    ready: Start
    idle: Start
    traffic: Traffic
    rewritten: int


def report(size: float) -> Report:
    """Run it; size 1 is the full number."""
    teams = crowd.Teams("team", max(10, int(ACCESSES * size)), max(1, int(REPOSITORIES * size)), secrets=True)
    with declare.world() as world:
        empty, empty_kopf = restart(world), kopf(world)
        declare.prepare(world, teams)
        traffic = Traffic(world)
        declare.create(world, teams.requests())
        settled(world, traffic, declare.ready(world, "repositoryaccesses", teams.accesses))
        full = restart(world)
        world.stop("operator")
        full_kopf = kopf(world)
    about = (
        f"{teams.accesses} accesses with Secrets on {teams.repositories} repositories, all of them Ready when the "
        "operator is stopped and started again.\nBare is a process that watches the same kinds through Kopf and does "
        "nothing with them.\nFigures for each object or access, and requests, are without those of a start in an empty "
        "cluster."
    )
    return Report("Restart", about, rows(teams, (empty, full), (empty_kopf, full_kopf)))


def rows(teams: crowd.Teams, operator: tuple[Restart, Restart], alone: tuple[Start, Start]) -> list[Row]:
    """The figures from the starts in an empty and in a full cluster."""
    empty, full = operator
    objects = teams.accesses + teams.repositories + teams.namespaces
    kopf_cpu = (alone[1].cpu - alone[0].cpu) / objects * 1e3
    kopf_memory = (alone[1].resident - alone[0].resident) / teams.accesses
    counts, wall = full.traffic.counts - empty.traffic.counts, "s of wall-clock time"
    status = counts["patch repositoryaccesses/status"] + counts["patch pythonrepositories/status"]
    memory = (full.idle.resident - empty.idle.resident) / teams.accesses
    return [
        Row(f"start to ready, {wall}", full.ready.wall),
        Row("start to ready, s of CPU", full.ready.cpu),
        Row(f"start to no key waiting, {wall}", full.idle.wall, bare=alone[1].wall),
        Row("start to no key waiting, s of CPU", full.idle.cpu, bare=alone[1].cpu),
        Row("CPU for each object, ms", (full.idle.cpu - empty.idle.cpu) / objects * 1e3, "≤ 1 + bare", kopf_cpu),
        Row("reads of the policy for each repository", _each(counts["ArtifactRegistry.GetIamPolicy"], teams), "1"),
        Row("reads of each repository", _each(counts["ArtifactRegistry.GetRepository"], teams), "1"),
        Row("writes of the policy", counts["ArtifactRegistry.SetIamPolicy"], "0"),
        Row("writes of status", status, "0"),
        Row("applies of Secrets", counts["patch secrets"], "0"),
        Row("dry runs of the sweep", counts[SWEPT]),
        Row("Secrets that changed", full.rewritten, "0"),
        Row("tokens asked for", counts["create serviceaccounts/token"], "0"),
        Row("resident memory for each access, kB", memory, "≤ 6 + bare", kopf_memory),
        Row("resident memory, MB", full.idle.resident / 1e3, bare=alone[1].resident / 1e3),
    ]


def _each(number: int, teams: crowd.Teams) -> float:
    return number / teams.repositories


def restart(world: World) -> Restart:
    """Stop the operator and start it again."""
    world.stop("operator")
    versions, traffic = _secrets(world), Traffic(world)
    begun = time.monotonic()
    world.start("operator")
    pid = world.pid("operator")
    assert pid is not None
    ready = Start(cpu(pid), time.monotonic() - begun, resident(pid))
    idle = until_idle(pid, begun, lambda: waiting(world))
    traffic.read()
    after = _secrets(world)
    return Restart(ready, idle, traffic, sum(1 for name, version in after.items() if versions.get(name) != version))


def kopf(world: World) -> Start:
    """Start Kopf alone as an administrator, and stop it when it has seen everything."""
    begun = time.monotonic()
    with kopf_alone(world) as pid:
        return until_idle(pid, begun, lambda: 0)


@contextlib.contextmanager
def kopf_alone(world: World) -> Iterator[int]:
    """Run a process that watches the same kinds through Kopf and does nothing with them; its pid."""
    script = Path(__file__).with_name("kopf_alone.py")
    token = world.state.control_plane / "admin-token"
    process = subprocess.Popen([sys.executable, str(script), world.server, str(world.ca), str(token)])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def until_idle(pid: int, begun: float, keys: Callable[[], int]) -> Start:
    """Wait until a process has been idle for a while; return its state when it was last busy.

    Idle does not mean without any work: sweeps continue.
    """
    busy = seen = Moment.of(pid)
    while seen.wall - busy.wall < CALM:
        time.sleep(POLL)
        now = Moment.of(pid)
        if now.share(seen) > BUSY or keys() > FEW:
            busy = now
        seen = now
    return Start(busy.cpu, busy.wall - begun, resident(pid))


def waiting(world: World) -> int:
    """The number of keys that wait for a worker, from the operator's metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", world.state.load().ports["operator"], timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    return sum(int(float(number)) for number in re.findall(r"^wheelhouse_queue_depth\{.*\} (.*)$", text, re.MULTILINE))


def _secrets(world: World) -> dict[str, str]:
    """The resourceVersions of the operator's Secrets, by uid."""
    found = declare.pages(world, "/api/v1/secrets", "type%3Dwheelhouse.dev/pip-config")
    return {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in found}
