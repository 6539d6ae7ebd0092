"""What the watches delivered, with the reverse lookups; answers without a request."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace, compact
from wheelhouse.domain.repository import digest_of
from wheelhouse.runtime.cache import AnyDeclared, ObjectCache

NAME = RepositoryName("acme-packages", "us-central1", "wheels")
FULL = NAME.full
REPOSITORY = ObjectKey("owners", "wheels")
ACCESS = ObjectKey("team-a", "pull")

Change = tuple[Kind, AnyDeclared | None, AnyDeclared | None]


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
    return CustomObject(
        key,
        uid,
        version,
        str(version),
        spec_json=compact(spec),
        status_json=compact(status),
        recorded=repository or "",
        **meta,
    )


def python_repository(
    version: int = 1, key: ObjectKey = REPOSITORY, *, recorded: str = "", **spec: Any
) -> CustomObject:
    body = compact({"location": "us-central1"} | spec)
    return CustomObject(key, f"u-{key}", version, str(version), False, (), body, "{}", recorded)


@pytest.fixture
def changes(cache: ObjectCache) -> list[Change]:
    seen: list[Change] = []
    cache.changed = lambda kind, old, new: seen.append((kind, old, new))
    return seen


@pytest.fixture
def cache() -> ObjectCache:
    return ObjectCache(any_project=False, account=lambda _identity: True)


def test_an_empty_cache_answers_nothing(cache: ObjectCache) -> None:
    """Every lookup has an answer before anything was seen."""
    assert (cache.repository(REPOSITORY), cache.access(ACCESS), cache.namespaces.get("team-a")) == (None, None, None)
    assert not [*cache.accesses_of(REPOSITORY), *cache.accesses_on(NAME), *cache.repositories_on(NAME)]


@pytest.mark.parametrize("url", ["https://[x/", "https://us-python.pkg.dev/[/", "\ud800", "", 7, None, ["https://a/"]])
def test_a_url_that_breaks_a_parser_is_kept_as_it_is(cache: ObjectCache, url: object) -> None:
    """A malformed object is stored, found and removed like any other: it must not stop the first list."""
    spec = {"mode": "Remote", "remote": {"url": url}, "location": "us-central1"}
    meta = {"namespace": REPOSITORY.namespace, "name": REPOSITORY.name, "uid": "u", "resourceVersion": "1"}
    cache.store(Kind.REPOSITORY, CustomObject.parse({"metadata": meta, "spec": spec, "status": {"indexURL": url}}))
    found = cache.repository(REPOSITORY)
    assert found is not None
    assert (found.current, found.stored.spec) == (None, spec)
    cache.remove(Kind.REPOSITORY, REPOSITORY, "u")
    assert cache.repository(REPOSITORY) is None


def test_changes_are_reported_with_old_and_new(cache: ObjectCache, changes: list[Change]) -> None:
    """A listener gets each change with the value before and after."""
    one, two = access(1), access(2)
    cache.store(Kind.ACCESS, one)
    cache.store(Kind.ACCESS, two)
    cache.remove(Kind.ACCESS, ACCESS, "u")
    told = [(old and old.stored, new and new.stored) for _, old, new in changes]
    assert told == [(None, one), (one, two), (two, None)]


@pytest.mark.parametrize("version", [9, 10])
def test_what_is_not_newer_is_passed_over(cache: ObjectCache, changes: list[Change], version: int) -> None:
    """Resource versions compare as numbers; the same or an older one changes nothing."""
    newest = access(10)
    cache.store(Kind.ACCESS, newest)
    cache.store(Kind.ACCESS, access(version, repository=FULL))
    found = cache.access(ACCESS)
    assert found is not None
    assert found.stored is newest
    assert len(changes) == 1


def test_another_object_of_the_same_name_stays(cache: ObjectCache) -> None:
    """A late deletion event for an older uid does not remove its successor."""
    cache.store(Kind.ACCESS, access(2, uid="new"))
    cache.remove(Kind.ACCESS, ACCESS, "old")
    assert cache.access(ACCESS) is not None


def test_the_last_finalizers_reply_takes_the_object_away(cache: ObjectCache, changes: list[Change]) -> None:
    """A deleted object without finalizers is gone, whichever reply shows it."""
    cache.store(Kind.ACCESS, access(1, deleting=True, finalizers=("wheelhouse.dev/finalizer",)))
    cache.store(Kind.ACCESS, access(2, deleting=True))
    assert cache.access(ACCESS) is None
    assert changes[-1][2] is None


def test_accesses_are_found_by_their_reference(cache: ObjectCache) -> None:
    """A reference without a namespace refers to the access's own."""
    cache.store(Kind.ACCESS, access())
    own = access(key=ObjectKey("owners", "own"), reference={"name": "wheels"})
    cache.store(Kind.ACCESS, own)
    assert {found.stored.key for found in cache.accesses_of(REPOSITORY)} == {ACCESS, own.key}
    assert not cache.accesses_of(ObjectKey("team-a", "wheels"))


@pytest.mark.parametrize("reference", ["x", {}, {"name": 7}, {"namespace": "owners"}, []])
def test_a_malformed_reference_refers_to_nothing(cache: ObjectCache, reference: Any) -> None:
    """An object that does not parse is kept and found by its key alone."""
    cache.store(Kind.ACCESS, access(reference=reference))
    assert cache.access(ACCESS) is not None
    assert not cache.accesses_of(REPOSITORY)


def test_kinds_are_looked_up_apart(cache: ObjectCache) -> None:
    """An access's ledger and a repository's status name the same repository in two lookups."""
    cache.store(Kind.REPOSITORY, python_repository(recorded=FULL))
    cache.store(Kind.ACCESS, access(repository=FULL))
    assert [found.stored.key for found in cache.repositories_on(NAME)] == [REPOSITORY]
    assert [found.stored.key for found in cache.accesses_on(NAME)] == [ACCESS]


def test_a_repository_is_found_by_what_it_means(cache: ObjectCache) -> None:
    """The repository in a spec with its Namespace counts without a status, and follows the Namespace's annotation."""
    cache.store(Kind.REPOSITORY, python_repository())
    assert not cache.repositories_on(NAME)
    cache.store_namespace(Namespace("owners", projects=("acme-packages",)))
    assert [found.stored.key for found in cache.repositories_on(NAME)] == [REPOSITORY]
    cache.store_namespace(Namespace("owners", projects=("acme-other",)))
    assert not cache.repositories_on(NAME)
    cache.remove_namespace("owners")
    assert not cache.repositories_on(RepositoryName("acme-other", "us-central1", "wheels"))
    assert [each.stored.key for each in cache.repositories_on(NAME, digest_of(REPOSITORY))] == [REPOSITORY]
    cache.remove(Kind.REPOSITORY, REPOSITORY, f"u-{REPOSITORY}")
    assert not cache.repositories_on(NAME, digest_of(REPOSITORY))


def test_a_restored_store_is_taken_as_it_is(cache: ObjectCache) -> None:
    """`take` accepts an older resourceVersion, and a deleted object may exist again."""
    cache.store(Kind.ACCESS, access(10))
    cache.take(Kind.ACCESS, access(3, repository=FULL))
    assert [found.stored.key for found in cache.accesses_on(NAME)] == [ACCESS]
    cache.remove(Kind.ACCESS, ACCESS, "u")
    cache.store(Kind.ACCESS, access(11))
    assert cache.access(ACCESS) is None
    cache.take(Kind.ACCESS, access(4))
    assert cache.access(ACCESS) is not None


def test_an_object_made_again_is_a_removal_and_a_new_one(cache: ObjectCache, changes: list[Change]) -> None:
    """A new uid under the same name first reports the deletion of the old object."""
    cache.store(Kind.ACCESS, access(1, uid="old"))
    cache.store(Kind.ACCESS, access(2, uid="new"))
    told = [(old and old.stored.uid, new and new.stored.uid) for _, old, new in changes]
    assert told == [(None, "old"), ("old", None), (None, "new")]


def test_objects_are_found_by_their_namespace(cache: ObjectCache) -> None:
    """A Namespace's change affects only the objects in it."""
    cache.store(Kind.ACCESS, access())
    cache.store(Kind.REPOSITORY, python_repository())
    assert cache.within("team-a") == ((Kind.ACCESS, ACCESS),)
    cache.remove(Kind.ACCESS, ACCESS, "u")
    assert cache.within("team-a") == ()


def test_a_namespace_is_news_only_when_it_differs(cache: ObjectCache) -> None:
    """The same labels, projects and deletion again are not a change."""
    assert cache.store_namespace(Namespace("team-a"))
    assert not cache.store_namespace(Namespace("team-a"))
    assert cache.store_namespace(Namespace("team-a", {"team": "a"}))
    assert cache.remove_namespace("team-a")
    assert not cache.remove_namespace("team-a")
    assert list(cache.namespaces.names()) == []


KEYS = st.sampled_from([ObjectKey(namespace, name) for namespace in "ab" for name in "xy"])
REFERENCES = st.sampled_from([{"name": "r"}, {"name": "s"}, {"name": "r", "namespace": "a"}, "garbage"])
ONE, TWO = NAME, RepositoryName("acme-packages", "us-central1", "two")
STEPS = st.lists(st.tuples(KEYS, REFERENCES, st.sampled_from([None, ONE.full, TWO.full]), st.booleans()), max_size=15)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_look_ups_agree_with_a_search_through_everything(steps: list[tuple[ObjectKey, Any, str | None, bool]]) -> None:
    """After any history the indexes contain exactly the objects that a full search finds, and nothing else."""
    cache = ObjectCache(any_project=False, account=lambda _identity: True)
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
        assert {found.stored.key for found in cache.accesses_of(target)} == wanted
    for name in (ONE, TWO):
        wanted = {stored.key for stored in everything if stored.status.get("repository") == name.full}
        assert {found.stored.key for found in cache.accesses_on(name)} == wanted
