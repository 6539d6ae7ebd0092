"""Events and lists → cache → keys: which keys are reconciled after a change."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes.clock import Clock

from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind
from wheelhouse.errors import Unavailable
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests
from wheelhouse.runtime.cache import AnyDeclared, ObjectCache
from wheelhouse.runtime.informer import CORRECTION, ROUNDS, Informer

REPOSITORY, ACCESS = ObjectKey("owners", "wheels"), ObjectKey("team-a", "pull")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
READY = {"repository": NAME.full, "indexURL": "https://x/simple/"}
PASSED = {"observedGeneration": 1}
"""The status after a pass of the first generation."""


class Woken:
    """A queue without workers: it remembers the added keys."""

    def __init__(self) -> None:
        self.now: set[Key] = set()
        self.soon: set[Key] = set()
        self.later: set[Key] = set()

    def add(self, key: Key) -> None:
        self.now.add(key)

    def add_after(self, key: Key, seconds: float) -> None:
        raise AssertionError(f"{key} in {seconds} s")

    def add_soon(self, key: Key, least: float, most: float) -> None:
        assert (least, most) == CORRECTION
        self.soon.add(key)

    def add_resync(self, key: Key) -> None:
        self.later.add(key)


class Remembered:
    """The loop's memory: which objects disappeared, and whose status another client wrote."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.foreign = False

    def vanished(self, declared: AnyDeclared) -> None:
        self.gone.append(declared.stored.uid)

    def seen(self, kind: Kind, stored: CustomObject) -> bool:
        return self.foreign


@dataclass
class Lists:
    """The API server's complete lists; `broken` is the one that fails after its first object."""

    namespaces: Sequence[Mapping[str, Any]] = field(default_factory=list)
    objects: Mapping[Kind, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    broken: Kind | str | None = None

    def list_all(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]:
        return pages(self.objects.get(kind, []), broken=self.broken is kind)

    def list_namespaces(self) -> AsyncIterator[Mapping[str, Any]]:
        return pages(self.namespaces, broken=self.broken == "namespaces")


async def pages(bodies: Sequence[Mapping[str, Any]], *, broken: bool) -> AsyncIterator[Mapping[str, Any]]:
    for body in bodies:
        yield body
        if broken:
            raise Unavailable("page 2: 500")


class Rig:
    """An informer over a real cache; `woken` returns the keys since its last call."""

    def __init__(self) -> None:
        self.cache = ObjectCache(any_project=False, account=lambda _identity: True)
        self.queue, self.clock, self.memory = Woken(), Clock(), Remembered()
        self.interests, self.absences = Interests(self.queue), Absences(self.clock.elapsed)
        self.informer = Informer(self.cache, self.queue, self.interests, self.absences, self.memory)
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
    """An informer that has started without objects."""
    rig = Rig()
    rig.informer.start()
    return rig


@pytest.fixture
def seen(rig: Rig) -> Rig:
    """Both objects and their namespaces are already known."""
    rig.namespace("owners")
    rig.namespace("team-a")
    rig.repository(READY)
    rig.access()
    return rig


def test_a_new_object_is_reconciled(rig: Rig) -> None:
    """Each new object wakes its own key, and a new repository the accesses that follow it."""
    assert rig.access() == {AccessKey(ACCESS)}
    rig.interests.follow(AccessKey(ACCESS), [REPOSITORY])
    assert rig.repository() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS)}


@pytest.mark.parametrize(
    "meta",
    [
        {"generation": 2},
        {"deletionTimestamp": "t", "finalizers": [FINALIZER]},
        {"finalizers": [FINALIZER]},
        {"annotations": {"wheelhouse.dev/requested-at": "now"}},
    ],
)
def test_a_changed_object_is_reconciled(seen: Rig, meta: dict[str, Any]) -> None:
    """A new generation, a deletion, our finalizer and a request wake the object's own key."""
    assert AccessKey(ACCESS) in seen.access(**meta)
    assert RepositoryKey(REPOSITORY) in seen.repository(READY, **meta)


def test_our_own_status_writes_wake_no_key(seen: Rig) -> None:
    """A write by the ledger alone does not wake its object, because otherwise the loop would feed itself."""
    assert seen.access({"repository": NAME.full, "grantSummary": "x"}) == set()
    assert seen.repository({**READY, "indexURL": "https://y/simple/"}) == set()


def test_a_status_from_another_client_is_reconciled(seen: Rig) -> None:
    """A person, a restore or a second operator changed the record: it is corrected soon, and never in a hot loop."""
    seen.memory.foreign = True
    assert seen.access({"repository": NAME.full}) == set()
    assert seen.repository({}) == set()
    assert seen.queue.soon == {AccessKey(ACCESS), RepositoryKey(REPOSITORY)}


def test_a_repository_that_changes_wakes_its_followers(seen: Rig) -> None:
    """Accesses, readers and the loser of its name follow a repository and are reconciled."""
    reader, loser = RepositoryKey(ObjectKey("team-a", "all")), RepositoryKey(ObjectKey("team-b", "wheels"))
    seen.interests.follow(AccessKey(ACCESS), [REPOSITORY])
    seen.interests.follow(reader, [REPOSITORY])
    seen.interests.follow(loser, [NAME])
    assert seen.repository(READY, generation=2) == {RepositoryKey(REPOSITORY), AccessKey(ACCESS), reader, loser}
    seen.informer.seen(Kind.REPOSITORY, seen.body(REPOSITORY), gone=True)
    assert seen.woken() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS), reader, loser}


def test_absence_begins_when_nothing_of_ours_holds_the_object(seen: Rig) -> None:
    """An object without our finalizer that is being deleted is missing, and exists again when it is created again."""
    seen.clock.advance(100)
    seen.repository(READY, deletionTimestamp="t", finalizers=["someone/else"])
    seen.clock.advance(7)
    assert seen.absences.seconds(REPOSITORY) == 7.0
    seen.informer.seen(Kind.REPOSITORY, seen.body(REPOSITORY), gone=True)
    assert seen.absences.seconds(REPOSITORY) == 7.0
    seen.repository(uid="new")
    seen.informer.seen(Kind.REPOSITORY, seen.body(REPOSITORY, uid="new"), gone=True)
    assert seen.absences.seconds(REPOSITORY) == 0.0


def test_the_loop_hears_of_disappeared_objects(seen: Rig) -> None:
    """The deletion of an object, even by a replacement with its name, is reported with its last known state."""
    seen.informer.seen(Kind.ACCESS, seen.body(ACCESS), gone=True)
    assert seen.woken() == {AccessKey(ACCESS)}
    seen.access(uid="one")
    seen.access(uid="two")
    assert seen.memory.gone == [str(ACCESS), "one"]


def test_the_end_of_a_predecessor_wakes_no_key(seen: Rig) -> None:
    """A late deletion event with another uid does not affect the successor."""
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
    """Labels, projects and deletion affect the objects in the namespace, and no others."""
    assert seen.namespace("team-a", **meta) == {AccessKey(ACCESS)}
    assert seen.namespace("owners", **meta) == {RepositoryKey(REPOSITORY)}


def test_an_unchanged_namespace_wakes_no_key(seen: Rig) -> None:
    """Annotations that Wheelhouse does not read, and repeated events, wake nothing."""
    assert seen.namespace("team-a", annotations={"x": "y"}) == set()


def test_a_namespace_that_goes_wakes_its_objects(seen: Rig) -> None:
    """Objects of a deleted namespace are reconciled once more."""
    seen.informer.seen_namespace({"metadata": {"name": "team-a"}}, gone=True)
    assert seen.woken() == {AccessKey(ACCESS)}
    assert seen.cache.namespaces.get("team-a") is None


@pytest.mark.parametrize("body", [{}, {"metadata": {}}, {"metadata": None}, {"metadata": {"name": "x"}}])
def test_an_object_without_metadata_is_passed_over(rig: Rig, body: dict[str, Any]) -> None:
    """A malformed object wakes no key and stops nothing."""
    rig.informer.seen(Kind.ACCESS, body)
    assert rig.woken() == set()


def test_nothing_is_reconciled_before_the_start() -> None:
    """Until all lists are complete nothing is decided; the start reconciles everything."""
    rig = Rig()
    assert rig.access() | rig.repository() | rig.namespace("team-a", labels={"a": "b"}) == set()


def test_a_start_looks_at_everything(seen: Rig) -> None:
    """Objects and the policies in their statuses are reconciled once, whatever was known."""
    seen.queue.later.clear()
    seen.repository(READY | PASSED, finalizers=[FINALIZER])
    seen.access({"repository": "projects/other-project/locations/us/repositories/old"} | PASSED, finalizers=[FINALIZER])
    seen.informer.start()
    assert (seen.woken(), seen.queue.later) == (set(), set())
    assert seen.informer.caught_up()
    seen.informer.reconcile_all()
    old = RepositoryName("other-project", "us", "old")
    wanted = {
        RepositoryKey(REPOSITORY),
        AccessKey(ACCESS),
        SecretKey(ACCESS, "team-a"),
        PolicyKey(NAME),
        PolicyKey(old),
    }
    assert (seen.woken(), seen.queue.later) == (set(), wanted)


@pytest.mark.parametrize(
    ("status", "meta"),
    [
        (PASSED, {}),
        (PASSED, {"finalizers": [FINALIZER], "generation": 2}),
        (PASSED, {"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ],
    ids=["created", "edited", "deleted"],
)
def test_a_start_begins_with_what_changed_meanwhile(status: Mapping[str, Any], meta: dict[str, Any]) -> None:
    """An object that changed while the operator was down, and its repository, wait for nothing that did not change."""
    rig = Rig()
    rig.repository(READY | PASSED, finalizers=[FINALIZER])
    rig.access(status, **meta)
    same = ObjectKey("team-a", "same")
    rig.informer.seen(Kind.ACCESS, rig.body(same, PASSED, finalizers=[FINALIZER]))
    rig.informer.start()
    assert rig.woken() == {AccessKey(ACCESS), RepositoryKey(REPOSITORY)}
    assert rig.queue.later == set()
    assert not rig.informer.caught_up()
    generation = meta.get("generation", 1)
    done = {"observedGeneration": generation, "conditions": [{"type": "Ready", "status": "False", "reason": "Pending"}]}
    rig.access(done, finalizers=[FINALIZER], generation=generation)
    assert not rig.informer.caught_up()
    done["conditions"] = [{"type": "Ready", "status": "True", "reason": "Ready"}]
    rig.access(done, finalizers=[FINALIZER], generation=generation)
    assert rig.informer.caught_up()
    rig.informer.reconcile_all()
    assert AccessKey(same) in rig.queue.later


def test_resyncs_stand_behind_what_changed(seen: Rig) -> None:
    """A resync waits behind changes. Each has all repositories, and six of them have each access once."""
    crowd = [ObjectKey("team-a", f"pull-{number}") for number in range(50)]
    for key in crowd:
        seen.informer.seen(Kind.ACCESS, seen.body(key))
    seen.woken()
    rounds = []
    for _ in range(ROUNDS):
        seen.queue.later.clear()
        seen.informer.resync()
        assert RepositoryKey(REPOSITORY) in seen.queue.later
        rounds.append({key for key in seen.queue.later if isinstance(key, AccessKey)})
    assert seen.woken() == set()
    assert sorted(key.object for keys in rounds for key in keys) == sorted([*crowd, ACCESS])
    assert max(map(len, rounds)) < len(crowd)


async def test_a_store_that_went_back_is_taken_as_it_is(seen: Rig) -> None:
    """An object that is older than it was known before the list began shows a restored store: the list counts."""
    old = seen.body(ACCESS, {"repository": NAME.full}, resourceVersion="1", generation=7)
    namespaces = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    lists = Lists(namespaces, {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [old]})
    await seen.informer.sync(lists)
    found = seen.cache.access(ACCESS)
    assert found is not None
    assert (found.stored.resource_version, found.stored.generation) == ("1", 7)
    assert AccessKey(ACCESS) in seen.woken()


@pytest.mark.parametrize("same_version", [False, True])
async def test_a_store_that_went_back_and_on_again_is_taken_as_it_is(seen: Rig, same_version: bool) -> None:
    """One object in the list is older, or other, than it was known."""
    known = seen.cache.access(ACCESS)
    assert known is not None
    version = known.stored.resource_version if same_version else "1"
    other = seen.body(ACCESS, {"repository": NAME.full}, resourceVersion=version, generation=7)
    namespaces = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    lists = Lists(namespaces, {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [other]})
    await seen.informer.sync(lists)
    found = seen.cache.access(ACCESS)
    assert found is not None
    assert (found.stored.resource_version, found.stored.generation) == (version, 7)


async def test_another_object_of_the_name_that_a_restore_brings_back_is_taken(seen: Rig) -> None:
    """This process never saw it: it was replaced before the start, and the restored store has it again."""
    other = seen.body(ACCESS, uid="another", resourceVersion="1")
    namespaces = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    lists = Lists(namespaces, {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [other]})
    await seen.informer.sync(lists)
    found = seen.cache.access(ACCESS)
    assert found is not None
    assert found.stored.uid == "another"


async def test_an_object_that_a_restore_brings_back_is_taken(seen: Rig) -> None:
    """It was deleted before the list began, and it exists again."""
    body = seen.body(ACCESS)
    seen.informer.seen(Kind.ACCESS, body, gone=True)
    namespaces = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    await seen.informer.sync(Lists(namespaces, {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [body]}))
    assert seen.cache.access(ACCESS) is not None


async def test_a_list_that_is_slower_than_a_watch_takes_nothing_back(seen: Rig) -> None:
    """A copy that is older than what a watch delivered after the list began is ignored."""

    class Slow(list[Mapping[str, Any]]):
        def __iter__(self) -> Iterator[Mapping[str, Any]]:
            seen.access(generation=2)
            return super().__iter__()

    old = seen.body(ACCESS, generation=1)
    namespaces = [{"metadata": {"name": name}} for name in ("owners", "team-a")]
    lists = Lists(namespaces, {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: Slow([old])})
    await seen.informer.sync(lists)
    found = seen.cache.access(ACCESS)
    assert found is not None
    assert found.stored.generation == 2


async def test_a_sync_finds_what_the_watches_missed(rig: Rig) -> None:
    """Unknown objects and namespaces of a complete list are stored and reconciled."""
    lists = Lists(
        [{"metadata": {"name": "team-a", "labels": {"team": "a"}}}],
        {Kind.REPOSITORY: [rig.body(REPOSITORY, READY)], Kind.ACCESS: [rig.body(ACCESS)]},
    )
    await rig.informer.sync(lists)
    assert rig.woken() == {RepositoryKey(REPOSITORY), AccessKey(ACCESS)}
    namespace = rig.cache.namespaces.get("team-a")
    assert namespace is not None
    assert namespace.labels == {"team": "a"}


async def test_a_sync_finds_what_has_gone_unseen(seen: Rig) -> None:
    """Objects that a complete list lacks are deleted, and their followers are woken."""
    await seen.informer.sync(
        Lists([{"metadata": {"name": "owners"}}], {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)]})
    )
    assert seen.cache.access(ACCESS) is None
    assert seen.cache.namespaces.get("team-a") is None
    assert seen.woken() == {AccessKey(ACCESS)}


async def test_a_sync_without_changes_wakes_no_key(seen: Rig) -> None:
    """Lists without news cost nothing."""
    lists = Lists(
        [{"metadata": {"name": name}} for name in ("owners", "team-a")],
        {Kind.REPOSITORY: [seen.body(REPOSITORY, READY)], Kind.ACCESS: [seen.body(ACCESS)]},
    )
    await seen.informer.sync(lists)
    assert seen.woken() == set()


@pytest.mark.parametrize("broken", ["namespaces", Kind.REPOSITORY, Kind.ACCESS], ids=str)
async def test_an_incomplete_list_takes_nothing_away(seen: Rig, broken: Kind | str) -> None:
    """A list that fails halfway is an error, and objects that it did not reach stay known."""
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
    assert seen.cache.namespaces.get("team-a")
    if isinstance(broken, Kind):
        assert other in {stored.key for stored in seen.cache.objects(broken)}
