"""What the watches have seen, with the reverse look-ups; answers without a request."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.runtime.cache import ObjectCache

FULL = "projects/acme-packages/locations/us-central1/repositories/wheels"
REPOSITORY = ObjectKey("owners", "wheels")
ACCESS = ObjectKey("team-a", "pull")

Change = tuple[Kind, CustomObject | None, CustomObject | None]


def access(
    version: int = 1,
    key: ObjectKey = ACCESS,
    *,
    reference: Any = None,
    repository: str | None = None,
    uid: str = "u",
    **parts: Any,
) -> CustomObject:
    spec = {"repositoryRef": {"name": "wheels", "namespace": "owners"} if reference is None else reference}
    status = {} if repository is None else {"repository": repository}
    meta: dict[str, Any] = {"deleting": False, "finalizers": ()} | parts
    return CustomObject(key, uid, 1, str(version), spec=spec, status=status, **meta)


@pytest.fixture
def changes(cache: ObjectCache) -> list[Change]:
    seen: list[Change] = []
    cache.changed = lambda kind, old, new: seen.append((kind, old, new))
    return seen


@pytest.fixture
def cache() -> ObjectCache:
    return ObjectCache()


def test_an_empty_cache_answers_nothing(cache: ObjectCache) -> None:
    """Every look-up has an answer before anything was seen."""
    assert (cache.repository(REPOSITORY), cache.access(ACCESS), cache.namespace("team-a")) == (None, None, None)
    assert not [*cache.accesses_of(REPOSITORY), *cache.accesses_on(FULL), *cache.repositories_on(FULL)]
    assert not cache.access_uids()


def test_changes_are_told_with_old_and_new(cache: ObjectCache, changes: list[Change]) -> None:
    """Who listens hears of each change with the value before and after."""
    one, two = access(1), access(2)
    cache.store(Kind.ACCESS, one)
    cache.store(Kind.ACCESS, two)
    cache.remove(Kind.ACCESS, ACCESS, "u")
    assert changes == [(Kind.ACCESS, None, one), (Kind.ACCESS, one, two), (Kind.ACCESS, two, None)]


@pytest.mark.parametrize("version", [9, 10])
def test_what_is_not_newer_is_passed_over(cache: ObjectCache, changes: list[Change], version: int) -> None:
    """Resource versions compare as numbers; the same or an older one changes nothing."""
    newest = access(10)
    cache.store(Kind.ACCESS, newest)
    cache.store(Kind.ACCESS, access(version, repository=FULL))
    assert cache.access(ACCESS) is newest
    assert len(changes) == 1


def test_another_object_of_the_same_name_stays(cache: ObjectCache) -> None:
    """The late news that an older uid is gone does not take its successor."""
    cache.store(Kind.ACCESS, access(2, uid="new"))
    cache.remove(Kind.ACCESS, ACCESS, "old")
    assert cache.access(ACCESS) is not None


def test_the_last_finalizers_reply_takes_the_object_away(cache: ObjectCache, changes: list[Change]) -> None:
    """A deleted object without finalizers is gone, whoever tells it."""
    cache.store(Kind.ACCESS, access(1, deleting=True, finalizers=("wheelhouse.dev/finalizer",)))
    cache.store(Kind.ACCESS, access(2, deleting=True))
    assert cache.access(ACCESS) is None
    assert changes[-1][2] is None


def test_accesses_are_found_by_their_reference(cache: ObjectCache) -> None:
    """A reference without a namespace means the access's own."""
    cache.store(Kind.ACCESS, access())
    own = access(key=ObjectKey("owners", "own"), reference={"name": "wheels"})
    cache.store(Kind.ACCESS, own)
    assert {stored.key for stored in cache.accesses_of(REPOSITORY)} == {ACCESS, own.key}
    assert not cache.accesses_of(ObjectKey("team-a", "wheels"))


@pytest.mark.parametrize("reference", ["x", {}, {"name": 7}, {"namespace": "owners"}, []])
def test_a_malformed_reference_refers_to_nothing(cache: ObjectCache, reference: Any) -> None:
    """An object that does not parse is kept and found by its key alone."""
    cache.store(Kind.ACCESS, access(reference=reference))
    assert cache.access(ACCESS) is not None
    assert not cache.accesses_of(REPOSITORY)


def test_kinds_are_looked_up_apart(cache: ObjectCache) -> None:
    """An access's ledger and a repository's status name the same repository in two look-ups."""
    repository = access(key=REPOSITORY, repository=FULL)
    cache.store(Kind.REPOSITORY, repository)
    cache.store(Kind.ACCESS, access(repository=FULL))
    assert [stored.key for stored in cache.repositories_on(FULL)] == [REPOSITORY]
    assert [stored.key for stored in cache.accesses_on(FULL)] == [ACCESS]
    assert cache.access_uids() == {"u"}


def test_a_namespace_is_news_only_when_it_differs(cache: ObjectCache) -> None:
    """The same labels, projects and deletion seen again are no change."""
    assert cache.store_namespace(Namespace("team-a"))
    assert not cache.store_namespace(Namespace("team-a"))
    assert cache.store_namespace(Namespace("team-a", {"team": "a"}))
    assert cache.remove_namespace("team-a")
    assert not cache.remove_namespace("team-a")
    assert list(cache.namespaces()) == []


KEYS = st.sampled_from([ObjectKey(namespace, name) for namespace in "ab" for name in "xy"])
REFERENCES = st.sampled_from([{"name": "r"}, {"name": "s"}, {"name": "r", "namespace": "a"}, "garbage"])
STEPS = st.lists(st.tuples(KEYS, REFERENCES, st.sampled_from([None, "one", "two"]), st.booleans()), max_size=15)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_look_ups_agree_with_a_search_through_everything(steps: list[tuple[ObjectKey, Any, str | None, bool]]) -> None:
    """After any history the indexes name exactly the objects that a full search finds, and keep nothing behind."""
    cache = ObjectCache()
    for version, (key, reference, name, remove) in enumerate(steps, 1):
        if remove:
            cache.remove(Kind.ACCESS, key, "u")
        else:
            cache.store(Kind.ACCESS, access(version, key, reference=reference, repository=name))
    everything = list(cache.objects(Kind.ACCESS))
    for target in (ObjectKey(namespace, name) for namespace in "ab" for name in "rs"):
        wanted = {
            stored.key
            for stored in everything
            if isinstance(reference := stored.spec["repositoryRef"], dict)
            and ObjectKey(reference.get("namespace", stored.key.namespace), reference["name"]) == target
        }
        assert {stored.key for stored in cache.accesses_of(target)} == wanted
    for name in ("one", "two"):
        wanted = {stored.key for stored in everything if stored.status.get("repository") == name}
        assert {stored.key for stored in cache.accesses_on(name)} == wanted
