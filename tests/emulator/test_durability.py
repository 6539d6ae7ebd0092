"""An answered change is durable, and an unanswered one is complete or absent, wherever the process dies."""

import asyncio
import itertools
import json
import os
import signal
import sys
import time
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
from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.principals import Principals
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
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


KINDS = ("repository", "policy", "operation", PACKAGE)
IAM_KINDS = ("policy", "propagation", "setting", "service-account", "deleted-service-account", "token", "group")
RUNNER = f"ci-runner@{PROJECT}.iam.gserviceaccount.com"


def contents(path: Path, kinds: tuple[str, ...] = KINDS) -> list[Any]:
    """All that another process finds in the file."""
    store = Store(path)
    try:
        return [store.list(kind) for kind in kinds]
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


class Iam:
    """Policies with a delay, and a service account with a grant, a pending revocation, a token and a group."""

    def __init__(self, store: Store) -> None:
        self.policies = Policies(store, Directory(store))
        self.identities = Identities(store, time.time)
        self.accounts = Accounts(store, time.time)
        self.principals = Principals(store, self.policies, self.identities, self.accounts)
        self.account = self.accounts.add(RUNNER, PROJECT)
        for name in (REPOSITORY, f"{REPOSITORY}-two"):
            store.put("repository", name, {})
            self.set(name, self.account.member, READER)
        self.policies.propagation.set_world(60)
        self.set(REPOSITORY, self.account.member)
        self.identities.issue(self.account.member, 600)
        self.identities.set_group("team@acme.example", [self.account.member])

    def set(self, name: str, *members: str) -> None:
        """Set one binding as the whole policy."""
        self.policies.replace(name, policy_pb2.Policy(bindings=[policy_pb2.Binding(role=READ, members=members)]))


@pytest.mark.parametrize(
    "mutation",
    [
        lambda iam: iam.principals.delete_account(iam.account),
        lambda iam: iam.principals.delete("group:team@acme.example"),
        lambda iam: iam.policies.propagation.clear(),
        lambda iam: iam.policies.propagation.set_world(0),
        lambda iam: iam.set(REPOSITORY, READER),
        lambda iam: iam.policies.plant(REPOSITORY, policy_pb2.Policy()),
    ],
    ids=["delete", "delete group", "clear", "no delay", "set", "plant"],
)
def test_a_change_of_iam_is_whole_or_absent(tmp_path: Path, mutation: Any) -> None:
    """Accounts, tombstones in all policies, tokens, groups and pending changes are written together."""
    path = tmp_path / "google.sqlite"
    store = DyingStore(path)
    iam = Iam(store)
    before = contents(path, IAM_KINDS)
    for writes in itertools.count():
        store.left = writes
        try:
            mutation(iam)
        except CrashError:
            assert contents(path, IAM_KINDS) == before
            continue
        break
    assert writes >= 2
    assert contents(path, IAM_KINDS) != before
    store.close()


def test_a_restoration_is_whole_or_absent(tmp_path: Path) -> None:
    """The account and its grants come back together."""
    path = tmp_path / "google.sqlite"
    store = DyingStore(path)
    iam = Iam(store)
    iam.principals.delete_account(iam.account)
    before = contents(path, IAM_KINDS)
    for writes in itertools.count():
        store.left = writes
        try:
            iam.principals.restore_account(iam.account)
        except CrashError:
            assert contents(path, IAM_KINDS) == before
            continue
        break
    assert writes >= 3
    members = iam.policies.get(f"{REPOSITORY}-two").bindings[0].members
    assert list(members) == [iam.account.member, READER]
    store.close()


async def test_settings_of_iam_survive_a_kill(tmp_path: Path) -> None:
    """Delays, limits, the organization policy and deleted principals are there after SIGKILL."""
    account = f"projects/{PROJECT}/serviceAccounts/ci@{PROJECT}.iam.gserviceaccount.com"
    settings = {
        "limits": {"principals": 7, "groups": 3, "bytes": 4000},
        "org-policy": {"project": PROJECT, "allowedDomains": ["acme.example"]},
        "propagation": {"seconds": 90, "member": READER},
        "principal": {"member": "user:ada@acme.example", "action": "delete"},
    }
    async with process(tmp_path) as (running, address, session):
        control = address.removesuffix("v1/") + "control/"
        for what, wanted in settings.items():
            async with session.post(control + what, json=wanted) as response:
                assert response.status == 200, await response.text()
        async with session.delete(address + account) as response:
            assert response.status == 200
        running.send_signal(signal.SIGKILL)
    async with process(tmp_path) as (_, address, session):
        control = address.removesuffix("v1/") + "control/"
        async with session.post(control + "limits", json={}) as response:
            assert await response.json() == settings["limits"]
        async with session.post(control + "org-policy", json={"project": PROJECT}) as response:
            assert await response.json() == {"allowedDomains": ["acme.example"]}
        async with session.get(control + "fault") as response:
            assert (await response.json())["propagationByMember"] == {READER: 90}
        async with session.post(control + "principal", json=settings["principal"]) as response:
            assert "was deleted before" in (await response.json())["error"]
        async with session.get(address + account) as response:
            assert response.status == 404  # Neither does a start create it again.


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
