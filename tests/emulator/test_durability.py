"""An answered change is durable, and an unanswered one is complete or absent, wherever the process dies."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.emulated import READER, REPOSITORY
from google.cloud import artifactregistry_v1 as ar
from google.iam.v1 import policy_pb2

from wheelhouse_local.constants import LOCATION, PROJECT
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.registry.repositories import PACKAGE, Registry
from wheelhouse_local.google.store import Document, Store

SOURCE = Path(__file__).parents[2] / "operator"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
READ = "roles/artifactregistry.reader"
WRITERS = 4


class CrashError(Exception):
    """The process dies here."""


class DyingStore(Store):
    """Dies before the write with this number; None: never."""

    left: int | None = None

    def put(self, kind: str, name: str, document: Document) -> None:
        self._count()
        super().put(kind, name, document)

    def delete(self, kind: str, name: str) -> None:
        self._count()
        super().delete(kind, name)

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise CrashError


def contents(path: Path) -> list[Any]:
    """All that another process finds in the file."""
    store = Store(path)
    try:
        return [store.list(kind) for kind in ("repository", "policy", "operation", PACKAGE)]
    finally:
        store.close()


def _create(registry: Registry, _policies: Policies) -> None:
    wanted = ar.Repository.pb(ar.Repository(format_=ar.Repository.Format.PYTHON))
    registry.create(PARENT, "new", wanted)


def _update(registry: Registry, _policies: Policies) -> None:
    registry.update(ar.Repository.pb(ar.Repository(name=REPOSITORY, description="after")), ["description"])


def _delete(registry: Registry, _policies: Policies) -> None:
    registry.delete(REPOSITORY)


def _grant(_registry: Registry, policies: Policies) -> None:
    policies.replace(REPOSITORY, policy_pb2.Policy(bindings=[policy_pb2.Binding(role=READ, members=[READER])]))


@pytest.mark.parametrize("mutation", [_create, _update, _delete, _grant])
def test_a_mutation_is_whole_or_absent(tmp_path: Path, mutation: Any) -> None:
    """However many of its writes were done when the process died, another process finds all of them or none."""
    path = tmp_path / "google.sqlite"
    store = DyingStore(path)
    policies = Policies(store, Directory(store))
    registry = Registry(store, policies)
    wanted = ar.Repository.pb(ar.Repository(format_=ar.Repository.Format.PYTHON))
    registry.create(PARENT, REPOSITORY.rpartition("/")[2], wanted)
    policies.replace(REPOSITORY, policy_pb2.Policy(bindings=[policy_pb2.Binding(role=READ, members=["allUsers"])]))
    store.put(PACKAGE, f"{REPOSITORY}/demo", {"files": {}})
    before = contents(path)
    for writes in itertools.count():
        store.left = writes
        try:
            mutation(registry, policies)
        except CrashError:
            assert contents(path) == before
            continue
        break
    assert writes >= 1
    assert contents(path) != before
    store.close()


@asynccontextmanager
async def process(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, aiohttp.ClientSession]]:
    """The emulated Google as a process; its REST address, and a session with the owner's token."""
    nowhere = ("--kubernetes-server=https://127.0.0.1:1", "--kubernetes-ca=none", "--kubernetes-token-file=none")
    found = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wheelhouse_local.google", f"--data={data}", *nowhere),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert found.stdout is not None
        async with asyncio.timeout(30):
            await found.stdout.readline()
        address = json.loads((data / "endpoints.json").read_text())["artifactRegistry"] + "v1/"
        token = (data / "owner-token").read_text()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            yield found, address, session
    finally:
        if found.returncode is None:
            found.kill()
        await found.wait()


class Writer:
    """Creates, reads, grants and deletes its own repositories, and remembers the answers."""

    def __init__(self, number: int, session: aiohttp.ClientSession, address: str, answered: asyncio.Semaphore) -> None:
        self._call_parts = (session, address, answered)
        self._number = number
        self.operations: list[str] = []
        self.expected: dict[str, dict[str, Any] | None] = {}

    async def run(self) -> None:
        """Run until the process is gone."""
        try:
            for turn in itertools.count():
                await self._life(f"{PARENT}/repositories/w{self._number}-{turn}", keep=turn % 2 == 0)
        except aiohttp.ClientError:
            return

    async def _life(self, name: str, *, keep: bool) -> None:
        parent, _, short = name.rpartition("/")
        made = await self._call("POST", f"{parent}?repositoryId={short}", {"format": "PYTHON"}, name)
        self.operations.append(made["name"])
        self.expected[name] = {}
        await self._call("PATCH", f"{name}?updateMask=description", {"description": short}, name)
        self.expected[name] = {"description": short}
        policy = {"bindings": [{"role": READ, "members": [f"user:{short}@acme.example"]}]}
        written = await self._call("POST", f"{name}:setIamPolicy", {"policy": policy}, name)
        self.expected[name] = {"description": short, "policy": written}
        if not keep:
            self.operations.append((await self._call("DELETE", name, None, name))["name"])
            self.expected[name] = None

    async def _call(self, method: str, path: str, body: Any, name: str) -> dict[str, Any]:
        session, address, answered = self._call_parts
        standing = self.expected.pop(name, None)  # During the request either state may be found.
        async with session.request(method, address + path, json=body) as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json()
        if standing is not None:
            self.expected[name] = standing
        answered.release()
        return found


@pytest.mark.parametrize("kill_after", [3, 40, 111])
async def test_what_was_answered_survives_a_kill(tmp_path: Path, kill_after: int) -> None:
    """Killed during four writers' work: repositories, policies with their etags and operations match the answers."""
    answered = asyncio.Semaphore(0)
    async with process(tmp_path) as (running, address, session):
        writers = [Writer(number, session, address, answered) for number in range(WRITERS)]
        async with asyncio.TaskGroup() as group:
            for writer in writers:
                group.create_task(writer.run())
            for _ in range(kill_after):
                await answered.acquire()
            running.send_signal(signal.SIGKILL)
    async with process(tmp_path) as (_, address, session):
        for name, expected in itertools.chain.from_iterable(writer.expected.items() for writer in writers):
            async with session.get(address + name) as response:
                assert response.status == (404 if expected is None else 200), name
                found = await response.json()
            if expected:
                assert found["description"] == expected["description"]
            if expected and "policy" in expected:
                async with session.get(f"{address}{name}:getIamPolicy") as response:
                    assert await response.json() == expected["policy"]
        operations = [operation for writer in writers for operation in writer.operations]
        assert operations
        for operation in operations:
            async with session.get(address + operation) as response:
                assert (await response.json())["done"] is True
