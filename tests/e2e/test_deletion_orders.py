"""Deleting in any order on a real API server: nothing hangs, and nothing of ours is left in Google or in Kubernetes."""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from support.deletions import SETTINGS, Remains, Thing, remains
from support.kube import ACCESSES, GROUP, REPOSITORIES, Kube, await_that, principal

from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL
from wheelhouse_local import control
from wheelhouse_local.installation import sources
from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROUNDS, AT_ONCE = 4, 5
"""20 orders. Those of a round run at the same time, and the definitions are deleted once for all of them."""
ORDERS = random.Random(0).sample(list(itertools.permutations(Thing)), ROUNDS * AT_ONCE)
HURRY = 0.5
"""Maximum seconds between two deletions."""
PATIENCE = 90.0
"""Seconds in which everything is deleted: a repository's absence counts after 30 s."""
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REPOSITORY, ACCESS, ACCOUNT, SECRET = "wheels", "one", "pull", "pip-config"
READER, WRITER = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
FOREIGN = "group:data@acme.example"


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """A world of its own, because its CustomResourceDefinitions are deleted all the time."""
    world = World(tmp_path_factory.mktemp("doomed"))
    world.up(Options())
    try:
        yield Kube(world)
    finally:
        world.down(purge=True)


class Scene:
    """One access with a Secret on one repository, in a project and Namespaces of their own."""

    def __init__(self, kube: Kube, number: int) -> None:
        self.kube = kube
        self.moments = random.Random(number)
        self.order = ORDERS[number]
        self.setting = setting = self.moments.choice(SETTINGS)
        self.project = f"order-{number:04d}"
        self.full = f"projects/{self.project}/locations/us-central1/repositories/{REPOSITORY}"
        self.owners, self.team = f"owners-{number}", f"team-{number}"
        inside = setting.inside
        self.home = self.owners if Thing.REPOSITORY in inside else self.team
        """The Namespace that is deleted."""
        self.place = self.owners if inside >= {Thing.ACCESS, Thing.REPOSITORY} else self.team
        """The Namespace of the access."""

    def declare(self) -> None:
        """Reach the state that the deletions begin with."""
        kube, policy = self.kube, self.setting.policy
        control.project(kube.world.state, self.project, api=True, operatorRights=True)
        kube.namespace(self.owners, projects=self.project)
        kube.namespace(self.team, projects="")
        spec = {"deletionPolicy": policy, "accessFrom": {"namespaces": [self.team]}}
        kube.repository(self.owners, REPOSITORY, **spec)
        kube.reader(self.place, ACCESS, REPOSITORY, ACCOUNT, secret=SECRET, of=self.owners)
        kube.await_ready(REPOSITORIES, self.owners, REPOSITORY)
        kube.await_ready(ACCESSES, self.place, ACCESS)
        _, found = self._ask(f"v1/{self.full}:getIamPolicy")
        found["bindings"].append({"role": WRITER, "members": [FOREIGN]})
        assert kube.google("POST", f"v1/{self.full}:setIamPolicy", {"policy": found})[0] == 200
        assert self.remains() == remains((), self.setting)

    def delete(self, thing: Thing) -> None:
        """Delete one object, as a person or an administrator, without waiting for it."""
        api, kube = self.kube.world.api(), self.kube
        match thing:
            case Thing.ACCESS:
                kube.delete(ACCESSES, self.place, ACCESS)
            case Thing.REPOSITORY:
                kube.delete(REPOSITORIES, self.owners, REPOSITORY)
            case Thing.ACCOUNT:
                api.call("DELETE", f"/api/v1/namespaces/{self.place}/serviceaccounts/{ACCOUNT}")
            case Thing.NAMESPACE:
                api.call("DELETE", f"/api/v1/namespaces/{self.home}")
            case Thing.PROJECT:
                control.project(kube.world.state, self.project, action="delete")
            case Thing.DEFINITIONS:
                raise AssertionError("all scenes share the definitions")

    def before(self) -> None:
        """The deletions that come before that of the definitions."""
        self._delete_all(self.order[: self.order.index(Thing.DEFINITIONS)])

    def after(self) -> None:
        """The others; everything is gone in the end."""
        self._delete_all(self.order[self.order.index(Thing.DEFINITIONS) + 1 :])
        await_that(lambda: not self.objects() and not self.secret(), f"the end of {self}", PATIENCE)

    def _delete_all(self, things: Sequence[Thing]) -> None:
        """Before the project alone the operator has time: afterwards it can change nothing there."""
        for thing in things:
            if thing is Thing.PROJECT:
                deleted = self.order[: self.order.index(thing)]
                await_that(lambda: self.is_left_by(deleted), f"what {deleted} leave of {self}", PATIENCE)  # noqa: B023 - called before the next turn
            self.delete(thing)
            time.sleep(self.moments.uniform(0.0, HURRY))  # The time is random here.

    def is_left_by(self, deleted: Sequence[Thing]) -> bool:
        """Whether exactly that exists which these deletions leave."""
        expected, found = remains(deleted, self.setting), self.remains()
        if self.setting.policy != "Orphan":  # The definitions may be deleted before the repository is.
            expected = replace(expected, created=found.created)
        return found == expected

    def __str__(self) -> str:
        return f"{self.setting}: {', '.join(self.order)}"

    def remains(self) -> Remains:
        """What exists now; Google cannot tell it of a deleted project."""
        _, found = self._ask(f"v1/{self.full}")
        created, policy = self._ask(f"v1/{self.full}:getIamPolicy")
        labels = found.get("labels", {}).keys() & {CLUSTER_LABEL, OBJECT_LABEL}
        assert len(labels) != 1, labels
        members = {each["role"]: each["members"] for each in policy.get("bindings", ())}
        assert not created or members.pop(WRITER) == [FOREIGN], members
        assert members in ({}, {READER: [principal(self.place, ACCOUNT)]}), members
        return Remains(self.objects(), self.secret(), created, bool(created and labels), bool(members))

    def objects(self) -> frozenset[Thing]:
        """What exists in Kubernetes."""
        paths = {
            Thing.ACCESS: f"{GROUP}/namespaces/{self.place}/{ACCESSES}/{ACCESS}",
            Thing.REPOSITORY: f"{GROUP}/namespaces/{self.owners}/{REPOSITORIES}/{REPOSITORY}",
            Thing.NAMESPACE: f"/api/v1/namespaces/{self.home}",
        }
        return frozenset(thing for thing, path in paths.items() if exists(self.kube, path))

    def secret(self) -> bool:
        """Whether the access's Secret exists."""
        return self.kube.secret(self.place, SECRET) is not None

    def _ask(self, path: str) -> tuple[bool, dict[str, Any]]:
        status, answer = self.kube.google("GET", path)
        assert status in {200, 404}, answer
        return status == 200, answer


def exists(kube: Kube, path: str) -> bool:
    """Whether an object exists."""
    status, answer = kube.world.api().call("GET", path)
    assert status in {200, 404}, answer
    return status == 200


def install(kube: Kube) -> None:
    """Install the CustomResourceDefinitions, as an administrator does."""
    crds = str(sources() / "crds")
    names = kube.world.kubectl("apply", "--server-side", "-o", "name", "-k", crds).stdout.split()
    kube.world.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_any_order(doomed: Kube, number: int) -> None:
    """Objects, Secret and Namespace are gone, and Google has what a pure function of the order says."""
    install(doomed)
    scenes = [Scene(doomed, seed) for seed in range(number * AT_ONCE, (number + 1) * AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(Scene.declare, scenes))
        list(pool.map(Scene.before, scenes))
        for plural in (REPOSITORIES, ACCESSES):
            doomed.world.api().call("DELETE", f"{CRDS}/{plural}.wheelhouse.dev")
        list(pool.map(Scene.after, scenes))
    for plural in (REPOSITORIES, ACCESSES):
        path = f"{CRDS}/{plural}.wheelhouse.dev"
        await_that(lambda path=path: not exists(doomed, path), f"the definition of {plural} to be deleted")
    for scene in scenes:
        control.project(doomed.world.state, scene.project, action="undelete")
        assert scene.is_left_by(scene.order), (str(scene), scene.remains())
        control.project(doomed.world.state, scene.project, action="purge")
    assert doomed.world.died() == []
