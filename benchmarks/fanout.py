"""One access whose Secret goes into many namespaces, compared with a client that only applies the Secrets."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import crowd
import declare
from client import APPLY, METADATA, Client, Json, in_parallel, place
from meter import Sample, Traffic, cpu, resident, settled
from report import Report, Row

from wheelhouse_local.world import World

NAMESPACES, MANY = 1000, 5000
WORKERS = 32
"""Applies at a time; the operator has the same number of workers for Secrets."""
LATE = 2
"""Namespaces that join."""
FAN, SECRET = "fan", "pip"
PATIENCE = 300.0
WATCH_SETTLES = 10.0
"""Seconds until the watch has delivered the Secrets' first events, and their checks are over."""
STATUS = "patch repositoryaccesses/status"
LABELS = {"fan": "yes", "wheelhouse.dev/credentials": "enabled"}


def report(size: float) -> Report:
    """1,000 namespaces, with everything that happens to them; size 1 is the full number."""
    count = max(10, int(NAMESPACES * size))
    with declare.world() as world:
        _prepare(world, count)
        held = resident(world.pid("operator"))
        shared = _spread(world, count, "AccessNamespace")
        memory = resident(world.pid("operator")) - held
        idle = _joins(world, "late-idle")
        update, during, same = _update(world)
        back = _deleted(world)
        minted, changed = _restarted(world)
        gone = _removed(world)
        own = _spread(world, count + LATE, "TargetNamespace")
        bare, again = _bare(world, count)
    watched = _watched(count)
    about = (
        f"One access, whose Secret goes into {count} namespaces.\nBare is a client that sends the same server-side "
        f"applies to the same API server, {WORKERS} at a time, and nothing else. "
        "For the update,\nit applies all of them again, with another token."
    )
    rows = [
        *_costs(count, shared, "AccessNamespace", bare),
        Row("resident memory for each namespace, kB", memory / count),
        Row("a new namespace while idle, s", idle, "≤ 0.5"),
        Row("update of all Secrets with a new token, s", update, "≤ 1.5 × bare", again.wall),
        Row("a new namespace during that update, s", during, "≤ 0.5"),
        Row("of these, Secrets without the new token", 1 - same, "0"),
        Row("a deleted Secret is back, s", back, "≤ 120"),
        Row("with the component secret-watch, s", watched, "≤ 0.2"),
        Row("restart: mints", minted, "0"),
        Row("restart: Secrets that changed", changed, "0"),
        Row("all Secrets removed with the access, s", gone),
        *_costs(count + LATE, own, "TargetNamespace", None),
    ]
    return Report("Fan-out", about, rows)


def many(size: float) -> Report:
    """5,000 namespaces: time and CPU must grow only linearly."""
    counts = [max(10, int(MANY * size) // part) for part in (5, 1)]
    rows: list[Row] = []
    for count in counts:
        with declare.world() as world:
            _prepare(world, count)
            found = _spread(world, count, "AccessNamespace")
            whole = resident(world.pid("operator"))
        rows += [
            Row(f"{count} namespaces: declared to Ready, ms for each", found.wall / count * 1e3),
            Row(f"{count} namespaces: operator CPU, ms for each", found.operator / count * 1e3),
            Row(f"{count} namespaces: resident memory of the operator, MB", whole / 1e3, "≤ 200"),
        ]
    return Report("Fan-out to 5,000", f"One access, with {counts[0]} and with {counts[1]} namespaces.", rows)


@dataclass(frozen=True)
class Cost:
    """What a fan-out cost: seconds of wall-clock time and of CPU, and requests by method."""

    wall: float
    operator: float
    apiserver: float
    requests: dict[str, int]


def _costs(count: int, found: Cost, whose: str, bare: Cost | None) -> Iterator[Row]:
    mints = 1 if whose == "AccessNamespace" else count
    wall, client = (bare.wall, bare.operator) if bare is not None else (None, None)
    yield Row(f"{whose}: declared to Ready, s", found.wall, "≤ 1.5 × bare" if bare is not None else "", wall)
    yield Row(f"{whose}: operator CPU, s", found.operator, "≤ 1.5" if bare is not None else "", client)
    yield Row(f"{whose}: requests for each Secret", found.requests.get("patch secrets", 0) / count, "1")
    yield Row(f"{whose}: mints", found.requests.get("Sts.Token", 0), str(mints))
    yield Row(f"{whose}: writes of status", found.requests.get(STATUS, 0), "≤ 2 + 1 each 5 s")


def _prepare(world: World, count: int) -> None:
    """A repository, and the namespaces with a ServiceAccount each."""
    traffic = Traffic(world)
    namespace, repository = list(crowd.repositories(1))
    namespace["metadata"]["labels"] = {"wheelhouse.dev/credentials": "enabled"}
    names = [f"{FAN}-{number}" for number in range(count)]
    accounts = [_account(name) for name in (*names, crowd.PLATFORM)]
    declare.create(world, [namespace], [repository], [_namespace(name) for name in names], accounts)
    settled(world, traffic, declare.ready(world, "pythonrepositories", 1))


def _spread(world: World, count: int, whose: str) -> Cost:
    """Declare the access, and wait until it is Ready."""
    traffic, begun = Traffic(world), Sample.of(world)
    spec: Json = {
        "repositoryRef": {"name": "wheels-0"},
        "secret": {
            "name": SECRET,
            "serviceAccountName": "reader",
            "namespaceSelector": {"matchLabels": {"fan": "yes"}},
            "identityFrom": whose,
        },
    }
    metadata = {"name": FAN, "namespace": crowd.PLATFORM}
    access = {"apiVersion": crowd.API_VERSION, "kind": "RepositoryAccess", "metadata": metadata, "spec": spec}
    declare.create(world, [access])
    _until(lambda: _ready(world), "the access to be Ready")
    took = Sample.of(world).since(begun)
    traffic.read()
    declare.say(f"{whose}: {count} Secrets in {took.wall:.1f} s")
    return Cost(took.wall, took.operator, took.apiserver, dict(traffic.counts))


def _joins(world: World, name: str) -> float:
    """Seconds from the creation of a namespace until it has the Secret, by the API server's log."""
    start, created = _logged(world), time.time()
    declare.create(world, [_namespace(name)])
    _until(lambda: _secret(world, name) is not None, f"the Secret of {name}")
    declare.create(world, [_account(name)])  # For the access with an identity in each namespace.
    return next(_time(row) for row in _audit(world, start) if _writes(row, name)) - created


def _update(world: World) -> tuple[float, float, float]:
    """A new token: seconds from its request until all have it, and how a namespace fares that joins meanwhile.

    Returns:
        The seconds, those until the new namespace has its Secret, and 1 if that Secret has the new token.
    """
    before, start, begun = _metadata(world), _logged(world), time.time()
    world.kubectl("annotate", "repositoryaccess", FAN, "-n", crowd.PLATFORM, f"wheelhouse.dev/requested-at={begun}")
    first = next(iter(before))
    _until(lambda: any(_writes(row, since=begun) for row in _audit(world, start)), "the first of the new tokens")
    joined = _joins(world, "late-busy")
    left = set(before)

    def all_written() -> bool:
        rows = _audit(world, start)
        left.difference_update(row["objectRef"]["namespace"] for row in rows if _writes(row, since=begun))
        return not left

    _until(all_written, "all Secrets to have the new token")
    last = max(_time(row) for row in _audit(world, start) if _writes(row, since=begun))
    new = _secret(world, "late-busy") == _secret(world, first)
    # A request waits until 30 s after the last mint.
    rows = (row for row in _audit(world, start) if _is(row, "create", "serviceaccounts"))
    minted = next(_time(row) for row in rows if _time(row) > begun)
    return last - minted, joined, float(new)


def _deleted(world: World) -> float:
    """Seconds until a Secret that a person deleted is back."""
    world.kubectl("delete", "secret", SECRET, "-n", f"{FAN}-0")
    begun = time.monotonic()
    _until(lambda: _secret(world, f"{FAN}-0") is not None, "the deleted Secret")
    return time.monotonic() - begun


def _watched(count: int) -> float:
    """Seconds until a deleted Secret is back, with the component secret-watch, by the API server's log."""
    component = Path(__file__).parents[1] / "manifests" / "components" / "secret-watch"
    with declare.world(WHEELHOUSE_WATCH_SECRETS="true") as world:
        world.kubectl("apply", "--server-side", "-f", str(component / "rbac.yaml"))
        world.stop("operator")  # The watch would wait for a minute until it tries again.
        world.start("operator")
        _prepare(world, count)
        _spread(world, count, "AccessNamespace")
        time.sleep(WATCH_SETTLES)
        begun, place = time.time(), f"{FAN}-0"
        world.api().call("DELETE", f"/api/v1/namespaces/{place}/secrets/{SECRET}")
        _until(lambda: any(_writes(row, place, begun) for row in _audit(world)), "the deleted Secret")
        return min(_time(row) for row in _audit(world) if _writes(row, place, begun)) - begun


def _restarted(world: World) -> tuple[int, int]:
    """The mints, and the Secrets that changed, in the first half minute of another process."""
    before = _metadata(world)
    world.stop("operator")
    traffic = Traffic(world)
    world.start("operator")
    pid = world.pid("operator")
    time.sleep(30)
    traffic.read()
    declare.say(f"restarted: {cpu(pid):.1f} s of CPU")
    after = _metadata(world)
    return traffic.counts["Sts.Token"], sum(after[name] != version for name, version in before.items())


def _removed(world: World) -> float:
    """Seconds until the access, and all its Secrets, are gone."""
    begun = time.monotonic()
    world.kubectl("delete", "repositoryaccess", FAN, "-n", crowd.PLATFORM, "--wait=false")
    _until(lambda: _access(world) is None, "the access to be gone")
    left = _metadata(world)
    if left:
        raise SystemExit(f"{len(left)} Secrets are left")
    return time.monotonic() - begun


def _bare(world: World, count: int) -> tuple[Cost, Cost]:
    """The same applies by a client that does nothing else, while no operator runs: new Secrets, and another token."""
    names = [f"bare-{number}" for number in range(count)]
    _, like = world.api().call("GET", f"/api/v1/namespaces/{FAN}-1/secrets/{SECRET}")
    access = _access(world)
    assert access is not None
    world.stop("operator")
    declare.create(world, [_namespace(name) | {"metadata": {"name": name, "labels": LABELS}} for name in names])
    query = f"fieldManager=wheelhouse.{access['metadata']['uid']}&force=false"
    meta = {key: like["metadata"][key] for key in ("name", "labels", "annotations")}
    bodies = [
        {"apiVersion": "v1", "kind": "Secret", "type": like["type"], "data": like["data"]}
        | {"metadata": {**meta, "namespace": name}}
        for name in names
    ]

    async def run() -> tuple[Cost, Cost]:
        token = world.state.token / "token"
        async with Client(world.server, world.ca, token) as operator:

            async def one(body: Json) -> Json:
                return await operator.send("PATCH", f"{place(body)}?{query}", body, APPLY, METADATA)

            async def all_of_them() -> Cost:
                client, begun = time.process_time(), Sample.of(world)
                await in_parallel(one, bodies, WORKERS)
                took = Sample.of(world).since(begun)
                return Cost(took.wall, time.process_time() - client, took.apiserver, {})

            created = await all_of_them()
            for body in bodies:
                body["data"] = {**body["data"], "netrc": _another_token(body["data"]["netrc"])}
            return created, await all_of_them()

    return asyncio.run(run())


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": LABELS}}


def _account(namespace: str) -> Json:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": namespace}}


def _until(check: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > until:
            raise SystemExit(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.1)


def _access(world: World) -> Json | None:
    path = f"/apis/{crowd.API_VERSION}/namespaces/{crowd.PLATFORM}/repositoryaccesses/{FAN}"
    status, body = world.api().call("GET", path)
    return body if status == 200 else None


def _ready(world: World) -> bool:
    rows = (_access(world) or {}).get("status", {}).get("conditions", [])
    return any(row["type"] == "Ready" and row["status"] == "True" for row in rows)


def _secret(world: World, namespace: str) -> Json | None:
    """The data of a Secret."""
    status, body = world.api().call("GET", f"/api/v1/namespaces/{namespace}/secrets/{SECRET}")
    return body["data"] if status == 200 else None


def _metadata(world: World) -> dict[str, str]:
    """The resourceVersions of all Secrets by their namespaces."""
    found = declare.pages(world, "/api/v1/secrets", f"metadata.name={SECRET}")
    return {each["metadata"]["namespace"]: each["metadata"]["resourceVersion"] for each in found}


def _another_token(netrc: str) -> str:
    """A netrc of the same size with another password."""
    text = base64.b64decode(netrc).decode()
    token = text.split()[-1]
    return base64.b64encode(text.replace(token, token[::-1]).encode()).decode()


def _logged(world: World) -> int:
    """The size of the API server's log, to read it from there: reading all of it takes a part of a core.

    The API server begins a new log at 100 MB, which these runs do not reach.
    """
    return (world.state.control_plane / "audit.jsonl").stat().st_size


def _audit(world: World, start: int = 0) -> Iterator[Json]:
    """The API server's log, from a size that it had."""
    with (world.state.control_plane / "audit.jsonl").open() as log:
        log.seek(start)
        for line in log:
            if line.endswith("\n"):
                yield json.loads(line)


def _is(row: Json, verb: str, resource: str) -> bool:
    reference = row.get("objectRef", {})
    return (row["verb"], reference.get("resource"), row["stage"]) == (verb, resource, "ResponseComplete")


def _writes(row: Json, namespace: str = "", since: float = 0.0) -> bool:
    """Whether it is an apply of a Secret, and not a dry run."""
    if not _is(row, "patch", "secrets") or "dryRun" in row["requestURI"]:
        return False
    return (not namespace or row["objectRef"]["namespace"] == namespace) and _time(row) > since


def _time(row: Json) -> float:
    return datetime.fromisoformat(row["stageTimestamp"]).timestamp()
