"""Events and lists → cache → topics: when a topic changes, its followers are reconciled."""

from collections.abc import AsyncIterable, Mapping
from typing import Any, Protocol

import structlog

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests, NamespaceTopic
from wheelhouse.reconcile.ledger import in_progress
from wheelhouse.reconcile.namespaces import selection_changed
from wheelhouse.reconcile.ports import Queue
from wheelhouse.runtime.cache import AnyDeclared, ObjectCache

logger = structlog.get_logger(__name__)

CORRECTION = (1.0, 5.0)
"""Seconds after which a status that another client wrote is corrected, minimum and maximum."""

ROUNDS = 6
"""Resyncs in which each access has a pass. If 10,000 had one in each, resyncs would take 3 % of a core (measured)."""

Body = Mapping[str, Any]


class Lister(Protocol):
    """Paged lists of all watched objects."""

    def list_all(self, kind: Kind) -> AsyncIterable[Body]:
        """All objects of a kind, as JSON."""

    def list_namespaces(self) -> AsyncIterable[Body]:
        """All Namespaces, as JSON."""


class Memory(Protocol):
    """What the loop remembers of objects."""

    def vanished(self, declared: AnyDeclared) -> None:
        """An object disappeared; `declared` is its last known state."""

    def seen(self, kind: Kind, stored: CustomObject) -> bool:
        """Read the ledger of a status that another client wrote; return whether one did."""


class Informer:
    """Feeds the cache, and turns what changed into keys.

    Args:
        cache: stores the objects.
        queue: receives the keys.
        interests: which key follows which topic.
        absences: since when repositories are missing.
        memory: the loop, which is notified of objects that disappeared.
    """

    def __init__(
        self, cache: ObjectCache, queue: Queue, interests: Interests, absences: Absences, memory: Memory
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._interests = interests
        self._absences = absences
        self._memory = memory
        self._started = False
        self._round = 0
        self._behind: set[tuple[Kind, ObjectKey]] = set()
        cache.changed = self._changed

    def seen(self, kind: Kind, body: Body, *, gone: bool = False) -> None:
        """Store one of our objects from a watch; a malformed one is logged and ignored.

        Args:
            kind: its kind.
            body: its JSON.
            gone: whether it was deleted.
        """
        if not gone and self._cache.has(kind, body):
            return  # Most events report what a list or one of our writes has already delivered.
        stored = _parsed(kind, body)
        if stored is None:
            return
        if gone:
            self._cache.remove(kind, stored.key, stored.uid)
        else:
            self._cache.store(kind, stored)

    def seen_namespace(self, body: Body, *, gone: bool = False, anew: bool = False) -> None:
        """Store a Namespace from a watch or a list: consent, projects and opt-in may have changed with it."""
        try:
            namespace = Namespace.parse(body)
        except (KeyError, TypeError, AttributeError, ValueError):
            logger.warning("Ignored a Namespace with invalid metadata")
            return
        old = self._cache.namespaces.get(namespace.name)
        if gone:
            changed = self._cache.remove_namespace(namespace.name)
        else:
            changed = self._cache.store_namespace(namespace, anew=anew)
        if not changed:
            return
        self._interests.publish(NamespaceTopic(namespace.name))
        for topic in self._interests.selectors():
            if selection_changed(topic.selector, old, None if gone else namespace):
                self._interests.publish(topic)
        for kind, key in self._cache.within(namespace.name):
            self._wake(_unit(kind, key))

    def seen_account(self, identity: Identity) -> None:
        """A ServiceAccount was added, deleted or changed."""
        self._interests.publish(identity)

    async def sync(self, lister: Lister) -> None:
        """Compare complete lists with the cache, to correct what the watches missed.

        An object that a list shows older, or other, than the cache held it before the list began, shows that the API
        server's store went back (a restored etcd): then the list replaces what the cache holds.

        Raises:
            WheelhouseError: a list failed; nothing that it lacks counts as deleted.
        """
        namespaces = set(self._cache.namespaces.names())
        before = {found.name: found.resource_version for found in map(self._cache.namespaces.get, namespaces) if found}
        async for body in lister.list_namespaces():
            name, version = body["metadata"]["name"], body["metadata"].get("resourceVersion", "")
            back = str(version).isdigit() and int(version) < before.get(name, 0)
            self.seen_namespace(body, anew=back)
            namespaces.discard(name)
        for name in namespaces:
            self.seen_namespace({"metadata": {"name": name}}, gone=True)
        for kind in Kind:
            await self._sync(kind, lister.list_all(kind))

    async def _sync(self, kind: Kind, listing: AsyncIterable[Body]) -> None:
        before = {stored.key: stored for stored in self._cache.objects(kind)}
        removed = self._cache.removed()
        known, back = {key: stored.uid for key, stored in before.items()}, False
        async for body in listing:
            known.pop(ObjectKey(body["metadata"]["namespace"], body["metadata"]["name"]), None)
            stored = _parsed(kind, body)
            if stored is None:
                continue
            if stored.uid in removed or _contradicts(before.get(stored.key), stored):
                back = True
                self._cache.take(kind, stored)
            else:
                self._cache.store(kind, stored)
        if back:
            logger.warning("The API server returned older data, as after a restore: using it", kind=kind.kind)
        for key, uid in known.items():
            self._cache.remove(kind, key, uid)

    def start(self) -> None:
        """Reconcile what changed while the operator was down; `reconcile_all` adds the rest."""
        self._started = True
        self._absences.listed()
        for kind in Kind:
            for stored in filter(_unfinished, self._cache.objects(kind)):
                self._behind.add((kind, stored.key))
                self._queue.add(_unit(kind, stored.key))
                if kind is Kind.ACCESS:
                    self._add_repository_of(stored.key)

    def reconcile_all(self) -> None:
        """Reconcile everything in the lists for the first time, after all changes that happen meanwhile."""
        names: dict[RepositoryName, None] = {}
        for stored in self._cache.objects(Kind.REPOSITORY):
            self._queue.add_resync(RepositoryKey(stored.key))
            names |= _named(stored)
        for stored in self._cache.objects(Kind.ACCESS):
            self._queue.add_resync(AccessKey(stored.key))
            self._queue.add_resync(SecretKey(stored.key, stored.key.namespace))
            names |= _named(stored)
        for name in names:
            self._queue.add_resync(PolicyKey(name))

    def caught_up(self) -> bool:
        """Whether each object that changed while the operator was down has its result, in its status."""
        self._behind = {entry for entry in self._behind if _still_behind(self._cache, *entry)}
        return not self._behind

    def _add_repository_of(self, access: ObjectKey) -> None:
        """Check its repository soon: an access gets no grant before that."""
        declared = self._cache.access(access)
        if declared is not None and declared.effective is not None:
            self._queue.add(RepositoryKey(declared.effective.repository))

    def resync(self) -> None:
        """Reconcile the repositories and a part of the accesses again, after all changes.

        What differs from the lists is reconciled by then. The pass of an access adds its policy and its Secrets if they
        should differ, and the sweep has a pass for each Secret.
        """
        for stored in self._cache.objects(Kind.REPOSITORY):
            self._queue.add_resync(RepositoryKey(stored.key))
        for stored in self._cache.objects(Kind.ACCESS):
            if hash(stored.uid) % ROUNDS == self._round:
                self._queue.add_resync(AccessKey(stored.key))
        self._round = (self._round + 1) % ROUNDS

    def _wake(self, key: Key) -> None:
        """A change has priority over resyncs; before the start all is new, and the start reconciles everything."""
        if self._started:
            self._queue.add(key)

    def _correct(self, key: Key) -> None:
        """Another client wrote the status: correct it soon, but not faster than this interval if they fight over it."""
        if self._started:
            self._queue.add_soon(key, *CORRECTION)

    def _changed(self, kind: Kind, old: AnyDeclared | None, new: AnyDeclared | None) -> None:
        if old is not None and new is None:
            self._memory.vanished(old)
        declared = new or old
        if declared is None:
            return
        key = declared.stored.key
        unit = _unit(kind, key)
        if new is not None and self._memory.seen(kind, new.stored):
            self._correct(unit)
        if kind is Kind.REPOSITORY:
            self._note_absence(new, key)
        if _own_part(old) == _own_part(new):
            return
        self._wake(unit)
        if kind is Kind.REPOSITORY:
            self._publish(key, old, new)

    def _note_absence(self, new: AnyDeclared | None, key: ObjectKey) -> None:
        if new is None or (new.stored.deleting and not new.stored.finalized):
            self._absences.gone(key)
        else:
            self._absences.back(key)

    def _publish(self, key: ObjectKey, old: AnyDeclared | None, new: AnyDeclared | None) -> None:
        """Wake the followers of a PythonRepository, and of its names in Google, before and now."""
        self._interests.publish(key)
        for each in (old, new):
            for name in _named(each.stored) if each is not None else ():
                self._interests.publish(name, besides=RepositoryKey(key))


def _unit(kind: Kind, key: ObjectKey) -> Key:
    return RepositoryKey(key) if kind is Kind.REPOSITORY else AccessKey(key)


def _unfinished(stored: CustomObject) -> bool:
    """Whether no pass has finished for the object's generation, or it waits for its release."""
    if stored.deleting or not stored.finalized:
        return True
    return stored.status.get("observedGeneration") != stored.generation


def _still_behind(cache: ObjectCache, kind: Kind, key: ObjectKey) -> bool:
    declared = cache.repository(key) if kind is Kind.REPOSITORY else cache.access(key)
    return declared is not None and (_unfinished(declared.stored) or in_progress(declared.stored.status))


def _named(stored: CustomObject) -> dict[RepositoryName, None]:
    name = RepositoryName.parse(stored.recorded)
    return {} if name is None else {name: None}


def _parsed(kind: Kind, body: Body) -> CustomObject | None:
    try:
        stored = CustomObject.parse(body)
        int(stored.resource_version)
    except (KeyError, TypeError, AttributeError, ValueError):
        logger.warning("Ignored an object with invalid metadata", kind=kind.kind)
        return None
    return stored


def _contradicts(before: CustomObject | None, now: CustomObject) -> bool:
    """Whether a list shows an object older, or other, than its name was known to have before the list began."""
    if before is None:
        return False
    known, listed = int(before.resource_version), int(now.resource_version)
    return listed < known or (listed == known and before != now)


def _own_part(declared: AnyDeclared | None) -> object:
    """The parts of an object that justify a pass of its own; its status only if another client wrote it."""
    if declared is None:
        return None
    stored = declared.stored
    return stored.uid, stored.generation, stored.deleting, stored.finalized, stored.requested
