"""Ten thousand accesses with Secrets: until all are Ready, a restart, and then nothing to do."""

import statistics
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import bare
import crowd
import declare
import restart
from client import Json
from meter import SWEPT, Sample, Traffic, cpu, resident, settled
from report import Report, Row

from wheelhouse_local.world import World

ACCESSES, REPOSITORIES = 10_000, 500
RESYNC, DRIFT = 300, 600
"""Seconds between two resyncs, and between two checks of what Google has, the defaults of the operator."""
SHORTEST_DRIFT = 60
CHECK = "Index.Simple"
PATIENCE = 120.0
SAMPLE = 5.0
"""Seconds for which CPU time is measured at once in the idle time."""
MEBI = 1024**2 / 1000
"""The kB of a MiB."""
STATUS = ("patch repositoryaccesses/status", "patch pythonrepositories/status")


@dataclass(frozen=True)
class Share:
    """Shares of a core in the idle time: of what runs all the time, and of the rest."""

    always: float
    rest: float

    @property
    def whole(self) -> float:
        """The share of everything."""
        return self.always + self.rest


def report(size: float) -> Report:
    """Run it; size 1 is the full number."""
    teams = crowd.Teams("team", max(20, int(ACCESSES * size)), max(1, int(REPOSITORIES * size)), secrets=True)
    # Nothing is due again before all accesses are Ready, and during the idle time after the restart.
    drift = max(SHORTEST_DRIFT, int(DRIFT * size))
    resync = drift * RESYNC // DRIFT
    settings = {"WHEELHOUSE_RESYNC_INTERVAL": str(resync), "WHEELHOUSE_DRIFT_INTERVAL": str(drift)}
    with declare.world(**settings) as world:
        empty = restart.kopf(world)
        declare.prepare(world, teams)
        traffic, begun = Traffic(world), Sample.of(world)
        declare.create(world, teams.requests())
        took = settled(world, traffic, declare.ready(world, "repositoryaccesses", teams.accesses)).since(begun)
        counts, memory = Counter(traffic.counts), resident(world.pid("operator"))
        declare.say(f"all Ready after {took.wall:.1f} s, with {memory / MEBI:.1f} MiB")
        # The first checks are due a fifth before the interval has passed.
        checked, busy = _checks(world, begun.wall + 0.8 * drift - time.monotonic(), resync)
        again, first = _restart(world, teams), _first_effect(world)
        quiet, share = _idle(world, resync)
        world.stop("operator")
        kopf, like = restart.kopf(world), next(teams.requests())
        sweep = bare.dry_run(world, like)
        checks = counts[SWEPT] / teams.accesses
        alone = bare.run(world, _like(teams, "bare"), like, checks)
        declare.say(f"the bare client took {alone.whole:.1f} s")
        with restart.kopf_alone(world):
            watched = bare.run(world, _like(teams, "watched"), like, checks)
    bare_share = sweep * quiet.counts[SWEPT] / resync
    rows = [
        *_served(teams, took, counts, memory, alone, watched),
        Row("restart: writes of policies and statuses", _writes(again.traffic), "0"),
        Row("restart: reads of the policy for each repository", _reads(again.traffic, teams), "1"),
        Row("restart: start to no key waiting, s", again.idle.wall, bare=kopf.wall),
        Row("restart: resident memory, MiB", again.idle.resident / MEBI, bare=kopf.resident / MEBI),
        Row(
            "restart: resident memory of Kopf alone because of the objects, MiB",
            (kopf.resident - empty.resident) / MEBI,
        ),
        Row("restart: start to an effect for a new access, s", first, "≤ 10"),
        Row("idle: writes of policies and statuses", _writes(quiet), "0"),
        Row("idle: share of a core for the sweep, %", share.always * 100, bare=bare_share * 100),
        Row("idle: share of a core for all else, %", share.rest * 100, "≤ 2"),
        Row("checks at Google: pages of the index (Verified)", checked.counts[CHECK]),
        Row("checks at Google: share of a core, %", (busy - share.whole) * 100),
        Row("checks at Google: CPU for each page, ms", (busy - share.whole) * resync * 1e3 / checked.counts[CHECK]),
        Row("idle: dry runs of the sweep", quiet.counts[SWEPT]),
        Row("idle: checks of the index and tokens", quiet.counts["create serviceaccounts/token"]),
    ]
    return Report("Ten thousand accesses", _about(teams, resync), rows)


def _about(teams: crowd.Teams, resync: float) -> str:
    return (
        f"{teams.accesses} accesses with Secrets on {teams.repositories} repositories in {teams.namespaces} "
        "namespaces, created at once.\nThen the operator checks tokens, policies and repositories at Google again, as "
        f"every 10 minutes: measured for {resync} s.\nIt is restarted, and is left alone for one resync of {resync} s."
        f"\nBare is a client that sends the same requests to the same API server, {bare.WORKERS} accesses at a time, "
        "without a watch.\nIt sends the dry runs of the sweep too, and asks nothing of Google. Its time includes the "
        "creation of the\naccesses too. Bare with Kopf is that client beside a process that watches the "
        "same kinds through\nKopf and does nothing with them. After a restart, bare is that process alone. In the idle "
        "time, bare is a client\nthat sends only the dry runs of the sweep. The share of the sweep is the median of "
        f"samples of {SAMPLE:.0f} s. The checks at Google\nare measured before the restart, because a start "
        "has no tokens to check the index with, and without the shares of the\nsweep and of all else in the idle time."
    )


def _like(teams: crowd.Teams, prefix: str) -> crowd.Teams:
    """As many accesses of other teams."""
    return crowd.Teams(prefix, teams.accesses, teams.repositories, teams.secrets)


def _served(
    teams: crowd.Teams, took: Sample, counts: "Counter[str]", memory: float, alone: bare.Bare, watched: bare.Bare
) -> list[Row]:
    verbs = ("create", "patch", "update")
    writes = sum(number for method, number in counts.items() if method.startswith(verbs) and method != SWEPT)
    sets = counts["ArtifactRegistry.SetIamPolicy"] / teams.repositories
    return [
        Row("created to all Ready, s of wall-clock time", took.wall, "≤ 1.5 × bare", alone.whole),
        Row("the same, and bare with Kopf", took.wall, bare=watched.whole),
        Row("the same, and bare without the creation", took.wall, bare=alone.took.wall),
        Row("CPU of the emulated Google for each access, ms", took.google / teams.accesses * 1e3),
        Row(
            "operator CPU for each access, ms",
            took.operator / teams.accesses * 1e3,
            "≤ 10",
            alone.client * 1e3 / teams.accesses,
        ),
        Row("writes of the policy for each repository", sets, "≤ 3"),
        Row("writes to Kubernetes for each access", writes / teams.accesses, "6", 6),
        Row(
            "dry runs of the sweep for each access", counts[SWEPT] / teams.accesses, bare=counts[SWEPT] / teams.accesses
        ),
        Row("resident memory, MiB", memory / MEBI, "≤ 320"),
    ]


def _writes(traffic: Traffic) -> int:
    return traffic.counts["ArtifactRegistry.SetIamPolicy"] + sum(traffic.counts[method] for method in STATUS)


def _reads(traffic: Traffic, teams: crowd.Teams) -> float:
    return traffic.counts["ArtifactRegistry.GetIamPolicy"] / teams.repositories


def _restart(world: World, teams: crowd.Teams) -> restart.Restart:
    found = restart.restart(world)
    declare.say(f"restarted with {teams.accesses} accesses")
    return found


def _first_effect(world: World) -> float:
    """Seconds from a start until an access that was created while the operator was down is Ready."""
    world.stop("operator")
    probe = next(crowd.Teams("probe", 1, 1, secrets=False).requests())
    declare.create(world, *crowd.Teams("probe", 1, 1, secrets=False).ground(), [probe])
    begun = time.monotonic()
    world.start("operator")
    while time.monotonic() < begun + PATIENCE:
        if _is_ready(world, probe):
            return time.monotonic() - begun
        time.sleep(0.1)
    raise SystemExit("an access that was created during a restart does not become Ready")


def _is_ready(world: World, access: Json) -> bool:
    meta = access["metadata"]
    path = f"/apis/{crowd.API_VERSION}/namespaces/{meta['namespace']}/repositoryaccesses/{meta['name']}"
    _, body = world.api().call("GET", path)
    rows = body.get("status", {}).get("conditions", [])
    return any(row["type"] == "Ready" and row["status"] == "True" for row in rows)


def _checks(world: World, until: float, lasting: float) -> tuple[Traffic, float]:
    """The requests, and the share of a core, while tokens, policies and repositories are checked at Google.

    Args:
        world: the world.
        until: seconds until the first checks are due.
        lasting: for how many seconds to measure.
    """
    pid = world.pid("operator")
    assert pid is not None
    declare.say(f"checks begin in {until:.0f} s, and are measured for {lasting} s")
    time.sleep(max(0.0, until))
    traffic, before, begun = Traffic(world), cpu(pid), time.monotonic()
    time.sleep(lasting)
    share = (cpu(pid) - before) / (time.monotonic() - begun)
    traffic.read()
    if not traffic.counts[CHECK]:
        raise SystemExit("no token was checked with the index")
    return traffic, share


def _idle(world: World, resync: float) -> tuple[Traffic, Share]:
    """The requests and the shares of a core during one resync, after the operator has come to rest."""
    pid = world.pid("operator")
    assert pid is not None
    restart.until_idle(pid, time.monotonic(), lambda: restart.waiting(world))
    traffic, samples, begun = Traffic(world), [cpu(pid)], time.monotonic()
    declare.say(f"idle for {resync} s")
    while (left := begun + resync - time.monotonic()) > 0:
        time.sleep(min(SAMPLE, left))
        samples.append(cpu(pid))
    lasted = time.monotonic() - begun
    traffic.read()
    # The sweep runs all the time, and the resync for some seconds.
    always = statistics.median(after - before for before, after in pairwise(samples)) / SAMPLE
    return traffic, Share(always, (samples[-1] - samples[0]) / lasted - always)
