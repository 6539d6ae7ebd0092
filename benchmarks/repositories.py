"""Five hundred repositories at once, with an Artifact Registry that takes 50 ms for each response."""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from first_install import resident

from wheelhouse_local import control, trace
from wheelhouse_local.state import Options
from wheelhouse_local.world import World

COUNT = 500
PROJECTS = [f"bench-project-{number}" for number in range(5)]
LOCATIONS = ["us-central1", "us-east1", "europe-west1", "europe-west4", "asia-east1"]
DELAY = 0.05
DRIFT_INTERVAL = 60.0
PATIENCE = 600.0
READS = {"ArtifactRegistry.GetRepository", "Operations.GetOperation", "ResourceManager.GetProject"}


def section() -> str:
    """Run everything; return the section for the results."""
    with tempfile.TemporaryDirectory(prefix="wheelhouse-bench-") as name:
        world = World(Path(name) / "world", say=lambda line: print(f"  {line}", file=sys.stderr, flush=True))
        world.up(Options(settings={"WHEELHOUSE_DRIFT_INTERVAL": str(DRIFT_INTERVAL)}))
        try:
            rows = measure(world)
        finally:
            world.down(purge=True)
    pairs = len(PROJECTS) * len(LOCATIONS)
    about = (
        f"benchmarks/repositories.py: {COUNT} repositories over {pairs} pairs of project and location, declared at\n"
        "once; Artifact Registry answers in 50 ms. One create in 2 s for each pair is the pace (`create_interval`),\n"
        f"so {COUNT // pairs} rounds of 2 s are the least. A resync period is {DRIFT_INTERVAL:.0f} s here."
    )
    lines = [
        "## Five hundred repositories",
        "",
        about,
        "",
        "| figure | value | aim |",
        "|---|---|---|",
        *(f"| {name} | {value:.2f} | {aim} |" for name, value, aim in rows),
    ]
    return "\n".join(lines) + "\n"


def measure(world: World) -> list[tuple[str, float, str]]:
    """All figures with their targets."""
    for project in PROJECTS:
        control.project(world.state, project, api=True, operatorRights=True)
    for service in ("ArtifactRegistry.*", "Operations.*"):
        control.fault(world.state, {"on": service, "delay": DELAY})
    apply(world, [namespace(project) for project in PROJECTS])
    begun = time.perf_counter()
    apply(world, [repository(number) for number in range(COUNT)])
    until(lambda: ready(world) == COUNT)
    rows = [("declared to all Ready, s", time.perf_counter() - begun, "")]
    made = requests(world, 0)
    polls = made.pop("Operations.GetOperation", 0)
    rows.append(("requests for each repository besides polling", sum(made.values()) / COUNT, "≤ 4"))
    rows.append(("polls of operations for each repository", polls / COUNT, ""))
    rows.append(("operator resident memory, MB", resident(world), ""))
    time.sleep(2)
    since, begun = len(lines(world)), time.perf_counter()
    apply(world, [repository(0, description="changed")])
    until(lambda: any(row["method"].endswith("UpdateRepository") for row in lines(world)[since:]))
    until(lambda: ready(world) == COUNT)
    took = time.perf_counter() - begun
    mine = [row for row in lines(world)[since:] if row["resource"].endswith("/wheels-0")]
    rows.append(("one description changed to Synced, s", took, ""))
    rows.append(("requests for that change", float(len(mine)), "2"))
    print("  idle for two resync periods", file=sys.stderr, flush=True)
    time.sleep(DRIFT_INTERVAL)
    since = len(lines(world))
    time.sleep(DRIFT_INTERVAL)
    idle = Counter(row["method"] for row in lines(world)[since:] if row["service"] != "Metadata")
    rows.append(
        ("GETs for each repository in an idle resync period", idle["ArtifactRegistry.GetRepository"] / COUNT, "1")
    )
    rows.append(("writes in an idle resync period", float(sum(n for m, n in idle.items() if m not in READS)), "0"))
    return rows


def namespace(project: str) -> dict[str, Any]:
    """One for each project."""
    annotations = {"wheelhouse.dev/projects": project}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": project, "annotations": annotations}}


def repository(number: int, **spec: str) -> dict[str, Any]:
    """A repository; projects and locations alternate."""
    project, location = PROJECTS[number % 5], LOCATIONS[number // 5 % 5]
    return {
        "apiVersion": "wheelhouse.dev/v1alpha1",
        "kind": "PythonRepository",
        "metadata": {"name": f"wheels-{number}", "namespace": project},
        "spec": {"location": location, **spec},
    }


def apply(world: World, objects: list[dict[str, Any]]) -> None:
    """As GitOps tools do."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def ready(world: World) -> int:
    """The number of repositories that are Ready in their current generation."""
    _, body = world.api().call("GET", "/apis/wheelhouse.dev/v1alpha1/pythonrepositories")
    return sum(1 for each in body["items"] if _ready(each))


def _ready(body: dict[str, Any]) -> bool:
    status = body["status"]
    conditions = {row["type"]: row["status"] for row in status.get("conditions", ())}
    return status["observedGeneration"] == body["metadata"]["generation"] and conditions.get("Ready") == "True"


def requests(world: World, since: int) -> Counter[str]:
    """The operator's requests to Google, by method."""
    return Counter(row["method"] for row in lines(world)[since:])


def lines(world: World) -> list[dict[str, Any]]:
    """The operator's lines of the trace."""
    rows = trace.google(world.state)
    return [row for row in rows if row["service"] in {"ArtifactRegistry", "Operations", "ResourceManager"}]


def until(holds: Callable[[], bool]) -> None:
    """Check twice a second until `holds` is true."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise SystemExit("it took too long")
        time.sleep(0.5)
