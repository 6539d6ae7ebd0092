"""A world for large numbers of objects, and the declarations in it."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import crowd
from client import Client, Json
from meter import Traffic, settled

from wheelhouse_local.state import Options
from wheelhouse_local.world import World

SETTINGS = {
    # The benchmark does not measure the pace that the operator keeps for Google's quotas.
    "WHEELHOUSE_CREATE_INTERVAL": "0",
    "WHEELHOUSE_EXCHANGE_RATE": "60",
    # Periodic checks of everything would count as work for the accesses.
    "WHEELHOUSE_DRIFT_INTERVAL": "86400",
    "WHEELHOUSE_RESYNC_INTERVAL": "3600",
}
PAGE = 500


def say(line: str) -> None:
    """Print progress for a person."""
    print(f"  {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def world(**settings: str) -> Iterator[World]:
    """A new world, which is removed afterwards; with settings of the operator besides those of every benchmark."""
    with tempfile.TemporaryDirectory(prefix="wheelhouse-bench-") as name:
        made = World(Path(name) / "world", say)
        made.up(Options(settings=SETTINGS | settings))
        try:
            yield made
        finally:
            made.down(purge=True)


def create(world: World, *layers: Iterable[Json]) -> None:
    """Create objects as an administrator, one layer after the other."""

    async def run() -> None:
        token = world.state.control_plane / "admin-token"
        async with Client(world.server, world.ca, token) as admin:
            for layer in layers:
                await admin.create(layer)

    asyncio.run(run())


def prepare(world: World, teams: crowd.Teams) -> None:
    """Make the repositories Ready, and the teams' namespaces and ServiceAccounts."""
    traffic = Traffic(world)
    objects = list(crowd.repositories(teams.repositories))
    create(world, objects[:1], objects[1:], *teams.ground())
    settled(world, traffic, ready(world, "pythonrepositories", teams.repositories))


def ready(world: World, plural: str, count: int) -> Callable[[], bool]:
    """Whether all objects of a kind exist, and are Ready in their current generation."""

    def check() -> bool:
        bodies = list(pages(world, f"/apis/{crowd.API_VERSION}/{plural}"))
        waiting = [each for each in bodies if not _ready(each)]
        say(f"{len(bodies) - len(waiting)} of {count} {plural} are Ready")
        if waiting:
            meta, rows = waiting[0]["metadata"], waiting[0].get("status", {}).get("conditions", [])
            say(
                f"for example {meta['namespace']}/{meta['name']}: {next((row['message'] for row in rows), 'no status')}"
            )
        return len(bodies) == count and not waiting

    return check


def pages(world: World, path: str, selector: str = "") -> Iterator[Json]:
    """All objects of a list, by a field selector."""
    token = ""
    while True:
        _, body = world.api().call("GET", f"{path}?limit={PAGE}&fieldSelector={selector}&continue={token}")
        yield from body["items"]
        token = body["metadata"].get("continue", "")
        if not token:
            return


def _ready(body: Json) -> bool:
    status = body.get("status", {})
    conditions = {row["type"]: row["status"] for row in status.get("conditions", ())}
    current = status.get("observedGeneration") == body["metadata"]["generation"]
    return current and conditions.get("Ready") == "True"
