"""What the watches delivered, parsed once, with the reverse lookups that the loop needs; answers without a request."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from wheelhouse.desired.access import declared_access
from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository, declared_repository
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.repository import digest_of
from wheelhouse.errors import Invalid
from wheelhouse.reconcile.namespaces import Namespaces

K = TypeVar("K")

AnyDeclared = Declared[DeclaredRepository] | Declared[DesiredAccess]
Changed = Callable[[Kind, AnyDeclared | None, AnyDeclared | None], None]

REMEMBERED = 10_000
"""How many uids of removed objects are remembered."""


class ObjectCache:
    """Our objects and the namespaces.

    Args:
        any_project: whether all namespaces may use every project (setting `project_policy: Any`).
        account: whether a ServiceAccount exists; None before that is known.

    Attributes:
        changed: called for every change to an object, with the old and the new declaration.
        namespaces: all namespaces; only this cache changes them.
    """

    def __init__(self, any_project: bool, account: Callable[[Identity], bool | None]) -> None:
        self.changed: Changed = lambda _kind, _old, _new: None
        self.namespaces = Namespaces()
        self._any_project = any_project
        self._account = account
        self._repositories: dict[ObjectKey, Declared[DeclaredRepository]] = {}
        self._accesses: dict[ObjectKey, Declared[DesiredAccess]] = {}
        self._gone: dict[str, None] = {}
        self._within: defaultdict[str, set[tuple[Kind, ObjectKey]]] = defaultdict(set)
        self._by_reference: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
        self._by_ledger: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        self._by_recorded: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        self._by_meaning: defaultdict[RepositoryName, set[ObjectKey]] = defaultdict(set)
        self._meanings: dict[ObjectKey, RepositoryName] = {}
        self._by_digest: dict[str, ObjectKey] = {}

    def repository(self, key: ObjectKey) -> Declared[DeclaredRepository] | None:
        """A PythonRepository."""
        return self._repositories.get(key)

    def access(self, key: ObjectKey) -> Declared[DesiredAccess] | None:
        """A RepositoryAccess."""
        return self._accesses.get(key)

    def account(self, identity: Identity) -> bool | None:
        """Whether a ServiceAccount exists; None before the first complete list."""
        return self._account(identity)

    def accesses_of(self, repository: ObjectKey) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose repositoryRef names this PythonRepository."""
        return [self._accesses[key] for key in self._by_reference.get(repository, ())]

    def accesses_on(self, name: RepositoryName) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose status names this Google repository."""
        return [self._accesses[key] for key in self._by_ledger.get(name.full, ())]

    def repositories_on(self, name: RepositoryName, digest: str = "") -> Collection[Declared[DeclaredRepository]]:
        """The PythonRepositories that refer to or record this Google repository, or whose digest its labels have.

        An owner may lose its status (a restored backup): its labels on the repository still show the owner.
        """
        keys = {*self._by_meaning.get(name, ()), *self._by_recorded.get(name.full, ())}
        if digest in self._by_digest:
            keys.add(self._by_digest[digest])
        return [self._repositories[key] for key in sorted(keys)]

    def store(self, kind: Kind, stored: CustomObject) -> None:
        """Store an object that was seen or written, unless something newer is known."""
        old = self._declared(kind, stored.key)
        if stored.uid in self._gone:
            return  # A late list page or reply: a deleted object does not come back.
        if old is not None and int(old.stored.resource_version) >= int(stored.resource_version):
            return
        self.take(kind, stored)

    def has(self, kind: Kind, body: Mapping[str, Any]) -> bool:
        """Whether just this version of an object is known, by the metadata of its JSON."""
        try:
            meta = body["metadata"]
            known = self._declared(kind, ObjectKey(meta["namespace"], meta["name"]))
            return known is not None and (known.stored.uid, known.stored.resource_version) == (
                meta["uid"],
                meta["resourceVersion"],
            )
        except (KeyError, TypeError):
            return False

    def take(self, kind: Kind, stored: CustomObject) -> None:
        """Store an object regardless of what was known, as after a restore of the API server's data."""
        old = self._declared(kind, stored.key)
        self._gone.pop(stored.uid, None)
        if old is not None and old.stored.uid != stored.uid:
            self.remove(kind, stored.key, old.stored.uid)  # Deleted and created again between two lists.
            old = None
        if stored.deleting and not stored.finalizers:
            self.remove(
                kind, stored.key, stored.uid
            )  # The reply to the removal of the last finalizer: the object is deleted.
            return
        new: AnyDeclared
        if kind is Kind.REPOSITORY:
            new = self._repositories[stored.key] = declared_repository(stored, self._repositories.get(stored.key))
        else:
            new = self._accesses[stored.key] = declared_access(stored, self._accesses.get(stored.key))
        self._unindex(kind, old)
        self._index(kind, new)
        self.changed(kind, old, new)

    def remove(self, kind: Kind, key: ObjectKey, uid: str) -> None:
        """Remove a deleted object; another one of the same name stays."""
        old = self._declared(kind, key)
        if old is None or old.stored.uid != uid:
            return
        self._unindex(kind, old)
        if kind is Kind.REPOSITORY:
            del self._repositories[key]
        else:
            del self._accesses[key]
        self._gone[uid] = None
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self.changed(kind, old, None)

    def removed(self) -> Collection[str]:
        """The uids of deleted objects, as far as they are remembered."""
        return frozenset(self._gone)

    def objects(self, kind: Kind) -> Collection[CustomObject]:
        """All objects of a kind."""
        found: Iterator[Declared[Any]] = iter(
            list(self._repositories.values() if kind is Kind.REPOSITORY else self._accesses.values())
        )
        return [declared.stored for declared in found]

    def store_namespace(self, namespace: Namespace, *, anew: bool = False) -> bool:
        """Store a Namespace; return whether it changed in what Wheelhouse reads of it.

        Args:
            namespace: the Namespace.
            anew: store it regardless of what was known, as after a restore.
        """
        old = self.namespaces.get(namespace.name)
        if old is not None and old.resource_version > namespace.resource_version and not anew:
            return False  # A list that was slower than a watch.
        self.namespaces.store(namespace)
        if old == namespace:
            return False
        self._reindex_names(namespace.name)
        return True

    def remove_namespace(self, name: str) -> bool:
        """Remove a Namespace; return whether it was known."""
        known = self.namespaces.remove(name)
        if known:
            self._reindex_names(name)
        return known

    def within(self, namespace: str) -> Collection[tuple[Kind, ObjectKey]]:
        """The objects in a namespace."""
        return tuple(self._within.get(namespace, ()))

    def _declared(self, kind: Kind, key: ObjectKey) -> AnyDeclared | None:
        return self._repositories.get(key) if kind is Kind.REPOSITORY else self._accesses.get(key)

    def _index(self, kind: Kind, declared: AnyDeclared) -> None:
        key, recorded = declared.stored.key, declared.stored.recorded
        self._within[key.namespace].add((kind, key))
        if kind is Kind.REPOSITORY:
            self._by_digest[digest_of(key)] = key
            if recorded:
                self._by_recorded[recorded].add(key)
            self._index_name(key)
            return
        if recorded:
            self._by_ledger[recorded].add(key)
        if isinstance(declared.effective, DesiredAccess):
            self._by_reference[declared.effective.repository].add(key)

    def _unindex(self, kind: Kind, declared: AnyDeclared | None) -> None:
        if declared is None:
            return
        key, recorded = declared.stored.key, declared.stored.recorded
        _discard(self._within, key.namespace, (kind, key))
        if kind is Kind.REPOSITORY:
            self._by_digest.pop(digest_of(key), None)
            _discard(self._by_recorded, recorded, key)
            meant = self._meanings.pop(key, None)
            if meant is not None:
                _discard(self._by_meaning, meant, key)
            return
        _discard(self._by_ledger, recorded, key)
        if isinstance(declared.effective, DesiredAccess):
            _discard(self._by_reference, declared.effective.repository, key)

    def _reindex_names(self, namespace: str) -> None:
        for kind, key in self.within(namespace):
            if kind is Kind.REPOSITORY:
                self._index_name(key)

    def _index_name(self, key: ObjectKey) -> None:
        """Index the repository of a PythonRepository by its spec and its Namespace."""
        before = self._meanings.pop(key, None)
        if before is not None:
            _discard(self._by_meaning, before, key)
        desired = self._repositories[key].effective
        if desired is None:
            return
        try:
            meant = desired.name(self.namespaces.get(key.namespace), any_project=self._any_project)
        except Invalid:
            return
        self._meanings[key] = meant
        self._by_meaning[meant].add(key)


def _discard(index: defaultdict[K, set[Any]], key: K, member: object) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del index[key]
