"""The cost of one access for a client that only sends the requests, without watch, queue or decisions.

The bodies are those that the operator wrote for its own access, with the names changed, so that the API server has the
same work.
"""

import asyncio
import json
import time
from dataclasses import dataclass

from client import APPLY, MERGE, METADATA, Client, Json, collection, in_parallel, place
from crowd import Teams
from meter import Sample

from wheelhouse_local.constants import POOL
from wheelhouse_local.world import World

WORKERS = 16
"""Accesses at a time; the operator has the same number of workers for them."""
DRY_RUNS, A_SECOND = 200, 20
STATUS = "fieldManager=wheelhouse-operator"


@dataclass(frozen=True)
class Pattern:
    """What the operator wrote for one access: its status, the Secret (if it requests one) and the Event."""

    access: Json
    secret: Json | None
    event: Json

    @classmethod
    async def of(cls, admin: Client, access: Json) -> "Pattern":
        """Read it back, as an administrator."""
        namespace, name = access["metadata"]["namespace"], access["metadata"]["name"]
        found = await admin.send("GET", place(access))
        events = await admin.send("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        event = next(each for each in events["items"] if each["regarding"].get("name") == name)
        event |= {"apiVersion": "events.k8s.io/v1", "kind": "Event"}  # Lists omit them.
        event["metadata"] = {"namespace": namespace, "name": event["metadata"]["name"]}
        wanted = access["spec"].get("secret")
        secret = None
        if wanted:
            secret = await admin.send("GET", f"/api/v1/namespaces/{namespace}/secrets/{wanted['name']}")
        return cls(found, secret, event)

    def for_access(self, access: Json) -> "Pattern":
        """The same for another access, in the form in which it was created."""
        mine, other = self.access["metadata"], access["metadata"]
        names = [(mine[key], other[key]) for key in ("uid", "namespace", "name")]

        def renamed(body: Json) -> Json:
            text = json.dumps(body)
            for old, new in names:
                text = text.replace(old, new)
            result: Json = json.loads(text)
            return result

        secret = renamed(self.secret) if self.secret is not None else None
        return Pattern(access | {"status": renamed(self.access["status"])}, secret, renamed(self.event))


@dataclass(frozen=True)
class Bare:
    """The cost of all accesses together: seconds of the client's CPU, of wall-clock time and of the API server's CPU.

    Attributes:
        creation: the cost of the creation of the accesses before that, which is not the operator's work.
    """

    client: float
    took: Sample
    creation: Sample

    @property
    def whole(self) -> float:
        """Seconds of wall-clock time with the creation: the operator's time to Ready starts with it too."""
        return self.creation.wall + self.took.wall


def run(world: World, teams: Teams, like: Json, dry_runs: float = 0.0) -> Bare:
    """Create accesses while no operator runs, and send an operator's requests for them.

    Args:
        world: its operator is stopped.
        teams: the teams with the accesses.
        like: an access, as it was created, that the operator has finished.
        dry_runs: how often the sweep checked each Secret meanwhile.
    """
    return asyncio.run(_run(world, teams, like, dry_runs))


def dry_run(world: World, access: Json) -> float:
    """Seconds of the client's CPU for one dry run of an access's Secret, sent 20 times a second like the sweep does.

    Args:
        world: its operator is stopped.
        access: an access, as it was created, whose Secret exists.
    """
    return asyncio.run(_dry_run(world, access))


async def _run(world: World, teams: Teams, like: Json, dry_runs: float) -> Bare:
    admin_token = world.state.control_plane / "admin-token"
    # Only the operator's ServiceAccount may write status, and its requests pass the same admission policies.
    operator_token = world.state.token / "token"
    async with Client(world.server, world.ca, admin_token) as admin:
        for layer in teams.ground():
            await admin.create(layer)
        pattern = await Pattern.of(admin, like)
        begun = Sample.of(world)
        accesses = await admin.create(teams.requests())
        created = Sample.of(world)
    mine = [pattern.for_access(access) for access in accesses]
    checks = [int((number + 1) * dry_runs) - int(number * dry_runs) for number in range(len(mine))]
    async with Client(world.server, world.ca, operator_token) as operator:
        begun_client, begun_serving = time.process_time(), Sample.of(world)
        await in_parallel(lambda each: _serve(operator, *each), zip(mine, checks, strict=True), WORKERS)
        client = time.process_time() - begun_client
    return Bare(client, Sample.of(world).since(begun_serving), created.since(begun))


async def _dry_run(world: World, access: Json) -> float:
    async with Client(world.server, world.ca, world.state.token / "token") as operator:
        begun = time.process_time()
        for _ in range(DRY_RUNS):
            await _check(operator, access)
            await asyncio.sleep(1 / A_SECOND)
        return (time.process_time() - begun) / DRY_RUNS


async def _check(operator: Client, access: Json) -> None:
    """One dry run of an access's Secret, which shows whether it is still there."""
    wanted, labels = access["spec"]["secret"]["name"], {"app.kubernetes.io/managed-by": "wheelhouse"}
    meta = {"namespace": access["metadata"]["namespace"], "name": wanted, "labels": labels}
    body = {"apiVersion": "v1", "kind": "Secret", "type": "wheelhouse.dev/pip-config", "metadata": meta}
    path = f"{place(body)}?fieldManager=wheelhouse-release&force=false&dryRun=All"
    await operator.send("PATCH", path, body, APPLY, METADATA)


async def _serve(operator: Client, mine: Pattern, checks: int) -> Json:
    """All requests for one access, and so many checks of its Secret."""
    access = mine.access
    finalizers = {"resourceVersion": access["metadata"]["resourceVersion"], "finalizers": ["wheelhouse.dev/finalizer"]}
    held = await operator.send("PATCH", place(access), {"metadata": finalizers}, MERGE)
    recorded = await _status(operator, held, _recorded(access["status"]))
    if mine.secret is not None:
        await _token(operator, access)
        await _secret(operator, access, mine.secret)
    reported = await _status(operator, recorded, access["status"])
    await operator.send("POST", collection(mine.event), mine.event)
    for _ in range(checks):
        await _check(operator, access)
    return reported


def _recorded(status: Json) -> Json:
    """The status before the grant is made."""
    rows = [row | {"status": "False", "reason": "Pending"} for row in status["conditions"]]
    grants = [grant | {"state": "Recorded"} for grant in status["grants"]]
    return status | {"conditions": rows, "grants": grants}


async def _status(operator: Client, access: Json, status: Json) -> Json:
    body = {"metadata": {"resourceVersion": access["metadata"]["resourceVersion"]}, "status": status}
    return await operator.send("PATCH", f"{place(access)}/status?{STATUS}", body, MERGE)


async def _token(operator: Client, access: Json) -> None:
    namespace, account = access["metadata"]["namespace"], access["spec"]["subjects"][0]["name"]
    spec = {"audiences": [POOL], "expirationSeconds": 3600}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    await operator.send("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body)


async def _secret(operator: Client, access: Json, secret: Json) -> None:
    meta = secret["metadata"]
    kept = {key: meta[key] for key in ("namespace", "name", "labels", "annotations", "ownerReferences") if key in meta}
    body = {key: secret[key] for key in ("apiVersion", "kind", "type", "data")} | {"metadata": kept}
    query = f"fieldManager=wheelhouse.{access['metadata']['uid']}&force=false"
    await operator.send("PATCH", f"{place(body)}?{query}", body, APPLY, METADATA)
