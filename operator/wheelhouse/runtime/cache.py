"""What the watches have seen, with the reverse look-ups that the loop needs; answers without a request."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TypeVar

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.repository import digest_of

K = TypeVar("K")

Upstream = ObjectKey | str
"""What a repository reads from: an object, or a full name."""

Changed = Callable[[Kind, CustomObject | None, CustomObject | None], None]


REMEMBERED = 10_000
"""Uids of removed objects that are remembered."""


class ObjectCache:
    """Our objects and the namespaces; `changed` hears of every change to an object with its old and new value."""

    def __init__(self) -> None:
        self.changed: Changed = lambda _kind, _old, _new: None
        self._objects: dict[Kind, dict[ObjectKey, CustomObject]] = {kind: {} for kind in Kind}
        self._namespaces: dict[str, Namespace] = {}
        self._gone: dict[str, None] = {}
        self._by_name: dict[Kind, defaultdict[str, set[ObjectKey]]] = {kind: defaultdict(set) for kind in Kind}
        self._by_reference: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
        self._by_digest: dict[str, ObjectKey] = {}
        self._by_upstream: defaultdict[Upstream, set[ObjectKey]] = defaultdict(set)

    def repository(self, key: ObjectKey) -> CustomObject | None:
        """A PythonRepository."""
        return self._objects[Kind.REPOSITORY].get(key)

    def access(self, key: ObjectKey) -> CustomObject | None:
        """A RepositoryAccess."""
        return self._objects[Kind.ACCESS].get(key)

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace."""
        return self._namespaces.get(name)

    def accesses_of(self, repository: ObjectKey) -> Collection[CustomObject]:
        """The accesses whose repositoryRef names this PythonRepository."""
        accesses = self._objects[Kind.ACCESS]
        return [accesses[key] for key in self._by_reference.get(repository, ())]

    def accesses_on(self, full_name: str) -> Collection[CustomObject]:
        """The accesses whose ledger names this Google repository."""
        return self._named(Kind.ACCESS, full_name)

    def repositories_on(self, full_name: str, digest: str = "") -> Collection[CustomObject]:
        """The PythonRepositories whose status names this Google repository, or whose digest its labels have.

        An owner's status may be lost (a restored backup): its labels on the repository still say whose that is.
        """
        named = self._named(Kind.REPOSITORY, full_name)
        owner = self._by_digest.get(digest)
        if owner is None or any(stored.key == owner for stored in named):
            return named
        return [*named, self._objects[Kind.REPOSITORY][owner]]

    def readers_of(self, *upstreams: Upstream) -> set[ObjectKey]:
        """The PythonRepositories that read from any of these, each named by its object or by its full name."""
        return {reader for upstream in upstreams for reader in self._by_upstream.get(upstream, ())}

    def access_uids(self) -> Collection[str]:
        """The uids of all accesses."""
        return {stored.uid for stored in self._objects[Kind.ACCESS].values()}

    def store(self, kind: Kind, stored: CustomObject) -> None:
        """Take an object as it was seen or written, unless something newer is known."""
        old = self._objects[kind].get(stored.key)
        if stored.uid in self._gone:
            return  # A late list page or reply: an object that is gone does not come back.
        if old is not None and int(old.resource_version) >= int(stored.resource_version):
            return
        if stored.deleting and not stored.finalizers:
            self.remove(kind, stored.key, stored.uid)  # The reply to the last finalizer's removal: it is gone.
            return
        self._unindex(kind, old)
        self._objects[kind][stored.key] = stored
        self._index(kind, stored)
        self.changed(kind, old, stored)

    def remove(self, kind: Kind, key: ObjectKey, uid: str) -> None:
        """The object is gone; another one of the same name stays."""
        old = self._objects[kind].get(key)
        if old is None or old.uid != uid:
            return
        self._unindex(kind, old)
        del self._objects[kind][key]
        self._gone[uid] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self.changed(kind, old, None)

    def objects(self, kind: Kind) -> Collection[CustomObject]:
        """All objects of a kind."""
        return list(self._objects[kind].values())

    def store_namespace(self, namespace: Namespace) -> bool:
        """Take a Namespace; whether it changed in what Wheelhouse reads of it."""
        old = self._namespaces.get(namespace.name)
        if old is not None and old.resource_version > namespace.resource_version:
            return False  # A list that was slower than a watch.
        self._namespaces[namespace.name] = namespace
        return old != namespace

    def remove_namespace(self, name: str) -> bool:
        """The Namespace is gone; whether it was known."""
        return self._namespaces.pop(name, None) is not None

    def namespaces(self) -> Collection[str]:
        """The names of all namespaces."""
        return list(self._namespaces)

    def _named(self, kind: Kind, full_name: str) -> Collection[CustomObject]:
        objects = self._objects[kind]
        return [objects[key] for key in self._by_name[kind].get(full_name, ())]

    def _index(self, kind: Kind, stored: CustomObject) -> None:
        if name := stored.status.get("repository"):
            self._by_name[kind][str(name)].add(stored.key)
        if kind is Kind.REPOSITORY:
            self._by_digest[digest_of(stored.key)] = stored.key
        if kind is Kind.ACCESS and (reference := _reference(stored)):
            self._by_reference[reference].add(stored.key)
        for upstream in _upstreams(stored):
            self._by_upstream[upstream].add(stored.key)

    def _unindex(self, kind: Kind, stored: CustomObject | None) -> None:
        if stored is None:
            return
        if name := stored.status.get("repository"):
            _discard(self._by_name[kind], str(name), stored.key)
        if kind is Kind.REPOSITORY:
            self._by_digest.pop(digest_of(stored.key), None)
        if kind is Kind.ACCESS and (reference := _reference(stored)):
            _discard(self._by_reference, reference, stored.key)
        for upstream in _upstreams(stored):
            _discard(self._by_upstream, upstream, stored.key)


def _upstreams(stored: CustomObject) -> set[Upstream]:
    """What a PythonRepository reads from, by its raw spec; an access has none."""
    virtual, remote = stored.spec.get("virtual"), stored.spec.get("remote")
    listed = virtual.get("upstreams") if isinstance(virtual, dict) else None
    found: set[Upstream] = set()
    for upstream in listed if isinstance(listed, list) else ():
        if isinstance(upstream, dict):
            reference = _referred(upstream.get("repositoryRef"), stored.key.namespace)
            found |= {each for each in (reference, upstream.get("repository")) if isinstance(each, str | ObjectKey)}
    name = RepositoryName.of_url(str(remote.get("url", ""))) if isinstance(remote, dict) else None
    return found | ({name.full} if name else set())


def _reference(stored: CustomObject) -> ObjectKey | None:
    return _referred(stored.spec.get("repositoryRef"), stored.key.namespace)


def _referred(reference: object, namespace: str) -> ObjectKey | None:
    if not isinstance(reference, dict) or not isinstance(reference.get("name"), str):
        return None
    return ObjectKey(str(reference.get("namespace") or namespace), reference["name"])


def _discard(index: defaultdict[K, set[ObjectKey]], key: K, member: ObjectKey) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del index[key]
