"""A thousand accesses of one namespace on one repository, while other repositories get accesses one by one."""

import threading
import time
from datetime import datetime

import bare
import crowd
import declare
from client import Json
from meter import Traffic, settled
from report import Report, Row

from wheelhouse_local import control
from wheelhouse_local.world import World

ACCESSES, OTHERS = 1000, 100
DELAY = 0.05
"""Seconds that Artifact Registry takes for each response."""
PATIENCE = 60.0


def report(size: float) -> Report:
    """Run it; size 1 is the full number."""
    many = crowd.Teams("team", max(20, int(ACCESSES * size)), 1, secrets=False, size=max(20, int(ACCESSES * size)))
    others = crowd.Teams("other", max(5, int(OTHERS * size)), 10, secrets=False, first=1)
    with declare.world() as world:
        declare.prepare(world, crowd.Teams("team", many.accesses, 11, secrets=False, size=many.size))
        last = crowd.Teams("last", 1, 1, secrets=False)
        declare.create(world, *others.ground(), *last.ground())
        control.fault(world.state, {"on": "ArtifactRegistry", "delay": DELAY})
        waits: list[tuple[float, float]] = []
        traffic, begun = Traffic(world), time.time()
        helper = threading.Thread(target=_one_by_one, args=(world, others, waits))
        helper.start()
        declare.create(world, many.requests())
        behind = time.time()
        joined = behind + _one(world, next(last.requests())) - begun
        helper.join()
        if len(waits) < others.accesses:
            raise SystemExit("an access on another repository did not become Ready")
        done = declare.ready(world, "repositoryaccesses", many.accesses + others.accesses + last.accesses)
        settled(world, traffic, done)
        took = _last_ready(world) - begun
        sets = traffic.counts["ArtifactRegistry.SetIamPolicy"] - others.accesses
        left, withdrawals = _relabel(world)
        world.stop("operator")
        alone = bare.run(world, crowd.Teams("bare", many.accesses, 1, secrets=False), next(others.requests()))
    beside = sorted(wait for moment, wait in waits if moment < begun + took)
    if not beside:
        raise SystemExit("the crowd was Ready before another access was")
    about = (
        f"{many.accesses} accesses of one namespace on one repository, created at once; Artifact Registry answers in "
        f"50 ms.\nMeanwhile {others.accesses} accesses are created on 10 other repositories, one after the other. "
        "Those created before the whole\ncrowd is Ready count. One access is created on the crowded repository as soon "
        "as the crowd is declared.\nThen the namespace loses the label that the repository allows.\nBare is a client "
        f"that sends the same requests to the same API server for the {many.accesses}, {bare.WORKERS} at a "
        "time,\nwithout a watch. Its time includes their creation too."
    )
    return Report(
        "A crowd and its neighbors",
        about,
        [
            Row("created to all Ready, s of wall-clock time", took, "≤ 1.5 × bare", alone.whole),
            Row("writes of the crowded policy, at most", sets, "≤ 10"),
            Row("accesses on other repositories that were created meanwhile", len(beside)),
            Row("one of those, median s", beside[len(beside) // 2]),
            Row("one of those, 99th percentile s", beside[-1 - len(beside) // 100], "≤ 2"),
            Row("one more on the crowded repository, s after the crowd", max(0.0, joined - took), "≤ 2"),
            Row("label lost to the last grant revoked, s", left, "≤ 60"),
            Row("writes of the policy for that", withdrawals),
        ],
    )


def _one_by_one(world: World, others: crowd.Teams, waits: list[tuple[float, float]]) -> None:
    """Create them one after the other; for each, the time of day of its creation, and the seconds until it is Ready."""
    waits.extend((time.time(), _one(world, access)) for access in others.requests())


def _one(world: World, access: Json) -> float:
    """Seconds until an access is Ready."""
    begun = time.monotonic()
    declare.create(world, [access])
    while not _ready(world, access):
        if time.monotonic() > begun + PATIENCE:
            raise SystemExit("an access beside the crowd does not become Ready")
        time.sleep(0.02)
    return time.monotonic() - begun


def _ready(world: World, access: Json) -> bool:
    meta = access["metadata"]
    path = f"/apis/{crowd.API_VERSION}/namespaces/{meta['namespace']}/repositoryaccesses/{meta['name']}"
    _, body = world.api().call("GET", path)
    rows = body.get("status", {}).get("conditions", [])
    return any(row["type"] == "Ready" and row["status"] == "True" for row in rows)


def _last_ready(world: World) -> float:
    """When the last access of the crowd became Ready, by its status: in whole seconds since 1970."""
    path = f"/apis/{crowd.API_VERSION}/namespaces/team-0/repositoryaccesses"
    rows = [row for each in declare.pages(world, path) for row in each["status"]["conditions"]]
    times = [row["lastTransitionTime"] for row in rows if row["type"] == "Ready"]
    return datetime.fromisoformat(max(times)).timestamp()


def _relabel(world: World) -> tuple[float, int]:
    """Seconds until no grant is left of a namespace that lost the label, and the writes of its policy."""
    traffic, begun = Traffic(world), time.monotonic()
    world.kubectl("label", "namespace", "team-0", "team-")
    while _members(world):
        if time.monotonic() > begun + 2 * PATIENCE:
            raise SystemExit("grants of a namespace without consent stay")
        time.sleep(0.1)
    took = time.monotonic() - begun
    traffic.read()
    return took, traffic.counts["ArtifactRegistry.SetIamPolicy"]


def _members(world: World) -> int:
    """How many grants the accesses of the namespace have in their ledgers."""
    path = f"/apis/{crowd.API_VERSION}/namespaces/team-0/repositoryaccesses"
    return sum(len(each.get("status", {}).get("grants", ())) for each in declare.pages(world, path))
