"""Events and lists → cache → keys: who must look when something changes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, Kind
from wheelhouse.errors import Unavailable
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.queue import WorkQueue

REPOSITORY, ACCESS = ObjectKey("owners", "wheels"), ObjectKey("team-a", "pull")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
READY = {"repository": NAME.full, "indexURL": "https://x/simple/", "conditions": [{"type": "Ready", "status": "True"}]}


class Woken(WorkQueue):
    """A queue that nobody works off: it remembers what was asked for."""

    def __init__(self) -> None:
        self.now: set[Key] = set()
        self.later: set[Key] = set()

    def add(self, key: Key) -> None:
        self.now.add(key)

    def add_resync(self, key: Key) -> None:
        self.later.add(key)


@dataclass
class Lists:
    """The API server's complete lists; `broken` is the one that fails after its first object."""

    namespaces: Sequence[Mapping[str, Any]] = field(default_factory=list)
    objects: Mapping[Kind, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    broken: Kind | str | None = None

    async def list_all(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]:
        for body in self.objects.get(kind, []):
            yield body
            if self.broken is kind:
                raise Unavailable("page 2: 500")

    async def list_namespaces(self) -> AsyncIterator[Mapping[str, Any]]:
        for body in self.namespaces:
            yield body
            if self.broken == "namespaces":
                raise Unavailable("page 2: 500")


class Rig:
    """An informer over a real cache; `woken` hands out the keys since it was last asked."""

    def __init__(self) -> None:
        self.cache, self.queue = ObjectCache(), Woken()
        self.informer = Informer(self.cache, self.queue)
        self._version = 0

    def body(self, key: ObjectKey, status: Mapping[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
        self._version += 1
        base = {"namespace": key.namespace, "name": key.name, "uid": str(key), "generation": 1}
        spec = {"repositoryRef": {"name": REPOSITORY.name, "namespace": REPOSITORY.namespace}}
        metadata = base | {"resourceVersion": str(self._version)} | meta
        return {"metadata": metadata, "spec": spec, "status": dict(status or {})}

    def repository(self, status: Mapping[str, Any] | None = None, **meta: Any) -> set[Key]:
        self.informer.seen(Kind.REPOSITORY, self.body(REPOSITORY, status, **meta))
        return self.woken()

    def access(self, status: Mapping[str, Any] | None = None, **meta: Any) -> set[Key]:
        self.informer.seen(Kind.ACCESS, self.body(ACCESS, status, **meta))
        return self.woken()

    def namespace(self, name: str, **meta: Any) -> set[Key]:
        self.informer.seen_namespace({"metadata": {"name": name} | meta})
        return self.woken()

    def woken(self) -> set[Key]:
        keys, self.queue.now = self.queue.now, set()
        return keys


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def seen(rig: Rig) -> Rig:
    """Both objects and their namespaces are known already."""
    rig.namespace("owners")
    rig.namespace("team-a")
    rig.repository(READY)
    rig.access()
    return rig


def test_a_new_object_is_looked_at(rig: Rig) -> None:
    """Each new object wakes its own key, and a new repository the accesses that wait for it."""
    assert rig.access() == {AccessKey(ACCESS)}
    assert rig.repository() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS)}


@pytest.mark.parametrize(
    "meta", [{"generation": 2}, {"deletionTimestamp": "t", "finalizers": [FINALIZER]}, {"finalizers": [FINALIZER]}]
)
def test_a_changed_object_is_looked_at(seen: Rig, meta: dict[str, Any]) -> None:
    """A new generation, a deletion and our finalizer coming or going wake the object's own key."""
    assert AccessKey(ACCESS) in seen.access(**meta)
    assert RepositoryKey(REPOSITORY) in seen.repository(READY, **meta)


def test_our_own_status_writes_wake_nobodys_own_key(seen: Rig) -> None:
    """What only the ledger writes does not bring its object back, or the loop would feed itself."""
    assert seen.access({"repository": NAME.full, "grantSummary": "x"}) == set()
    assert RepositoryKey(REPOSITORY) not in seen.repository({**READY, "indexURL": "https://y/simple/"})


@pytest.mark.parametrize(
    "status",
    [
        {**READY, "repository": None},
        {**READY, "indexURL": "https://y/simple/"},
        {**READY, "uploadURL": "https://y/"},
        {**READY, "observedGeneration": 7},
        {**READY, "conditions": [{"type": "Ready", "status": "False"}]},
        {**READY, "conditions": None},
        {},
    ],
)
def test_what_accesses_see_of_a_repository_wakes_them(seen: Rig, status: dict[str, Any]) -> None:
    """Name, URLs, observed generation and Ready of a repository concern its accesses, and no one else."""
    assert seen.repository(status) == {AccessKey(ACCESS)}


def test_what_accesses_do_not_see_wakes_nobody(seen: Rig) -> None:
    """Another condition, a message or a count in a repository's status is nobody's business."""
    rows = [{"type": "Ready", "status": "True", "message": "x"}, {"type": "Synced", "status": "False"}]
    assert seen.repository({**READY, "conditions": rows, "accessSummary": {"accesses": 3}}) == set()


def test_a_repository_that_goes_wakes_its_accesses(seen: Rig) -> None:
    """No repository object, no access: they withdraw."""
    seen.informer.seen(Kind.REPOSITORY, seen.body(REPOSITORY), gone=True)
    assert seen.woken() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS)}


def test_an_access_that_goes_wakes_its_secret_too(seen: Rig) -> None:
    """What its units remember of it is forgotten."""
    seen.informer.seen(Kind.ACCESS, seen.body(ACCESS), gone=True)
    assert seen.woken() == {AccessKey(ACCESS), SecretKey(ACCESS, "team-a")}


def test_the_end_of_a_predecessor_wakes_nobody(seen: Rig) -> None:
    """A late deletion event with another uid leaves the successor alone."""
    seen.informer.seen(Kind.ACCESS, seen.body(ACCESS, uid="other"), gone=True)
    assert seen.woken() == set()
    assert seen.cache.access(ACCESS) is not None


@pytest.mark.parametrize(
    "meta",
    [
        {"labels": {"wheelhouse.dev/credentials": "enabled"}},
        {"labels": {"team": "a"}},
        {"annotations": {"wheelhouse.dev/projects": "acme"}},
        {"deletionTimestamp": "t"},
    ],
)
def test_a_changed_namespace_wakes_its_objects(seen: Rig, meta: dict[str, Any]) -> None:
    """Labels, projects and deletion concern the objects in the namespace, and those of no other."""
    assert seen.namespace("team-a", **meta) == {AccessKey(ACCESS)}
    assert seen.namespace("owners", **meta) == {RepositoryKey(REPOSITORY)}


def test_an_unchanged_namespace_wakes_nobody(seen: Rig) -> None:
    """Annotations that Wheelhouse does not read, and events that repeat, are no news."""
    assert seen.namespace("team-a", annotations={"x": "y"}) == set()


def test_a_namespace_that_goes_wakes_its_objects(seen: Rig) -> None:
    """Objects of a namespace that is no longer there are looked at once more."""
    seen.informer.seen_namespace({"metadata": {"name": "team-a"}}, gone=True)
    assert seen.woken() == {AccessKey(ACCESS)}
    assert seen.cache.namespace("team-a") is None


@pytest.mark.parametrize("body", [{}, {"metadata": {}}, {"metadata": None}, {"metadata": {"name": "x"}}])
def test_an_object_without_metadata_is_passed_over(rig: Rig, body: dict[str, Any]) -> None:
    """A malformed object wakes nobody and stops nothing."""
    rig.informer.seen(Kind.ACCESS, body)
    assert rig.woken() == set()


def test_a_start_looks_at_everything(seen: Rig) -> None:
    """Objects and the policies that their statuses name are looked at once, whatever was known."""
    seen.access({"repository": "projects/other-project/locations/us/repositories/old"})
    seen.informer.start()
    old = RepositoryName("other-project", "us", "old")
    assert seen.woken() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS), PolicyKey(NAME), PolicyKey(old)}


def test_a_resync_stands_behind_what_changed(seen: Rig) -> None:
    """The regular look at all accesses goes to the back of the queue."""
    seen.informer.resync()
    assert seen.woken() == set()
    assert AccessKey(ACCESS) in seen.queue.later


async def test_a_sync_finds_what_the_watches_missed(rig: Rig) -> None:
    """Objects and namespaces of a complete list that were not known are taken, and looked at."""
    lists = Lists(
        [{"metadata": {"name": "team-a", "labels": {"team": "a"}}}],
        {Kind.REPOSITORY: [rig.body(REPOSITORY, READY)], Kind.ACCESS: [rig.body(ACCESS)]},
    )
    await rig.informer.sync(lists)
    assert rig.woken() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS)}
    namespace = rig.cache.namespace("team-a")
    assert namespace is not None
    assert namespace.labels == {"team": "a"}


async def test_a_sync_finds_what_has_gone_unseen(seen: Rig) -> None:
    """What a complete list lacks is gone, and those whom it concerns are woken."""
    await seen.informer.sync(
        Lists([{"metadata": {"name": "owners"}}], {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)]})
    )
    assert seen.cache.access(ACCESS) is None
    assert seen.cache.namespace("team-a") is None
    assert seen.woken() == {AccessKey(ACCESS), SecretKey(ACCESS, "team-a")}


async def test_a_sync_of_what_is_known_wakes_nobody(seen: Rig) -> None:
    """Lists that say nothing new cost nothing."""
    lists = Lists(
        [{"metadata": {"name": name}} for name in ("owners", "team-a")],
        {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [seen.body(ACCESS)]},
    )
    await seen.informer.sync(lists)
    assert seen.woken() == set()


@pytest.mark.parametrize("broken", ["namespaces", Kind.REPOSITORY, Kind.ACCESS], ids=str)
async def test_an_incomplete_list_takes_nothing_away(seen: Rig, broken: Kind | str) -> None:
    """A list that fails half-way is an error, and what it did not reach stays known."""
    everywhere = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    objects = {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [seen.body(ACCESS)]}
    other = ObjectKey("team-a", "other")
    lists = Lists(everywhere, objects, broken)
    if broken == "namespaces":
        lists.namespaces = everywhere[:1]
    elif isinstance(broken, Kind):
        seen.informer.seen(broken, seen.body(other))
    with pytest.raises(Unavailable):
        await seen.informer.sync(lists)
    assert seen.cache.repository(REPOSITORY)
    assert seen.cache.access(ACCESS)
    assert seen.cache.namespace("team-a")
    if isinstance(broken, Kind):
        assert other in {stored.key for stored in seen.cache.objects(broken)}
