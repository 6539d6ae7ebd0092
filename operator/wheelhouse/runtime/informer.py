"""Events and lists → cache → keys: the one place that knows who must look when something changes."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import structlog

from wheelhouse.domain.keys import AccessKey, PolicyKey, RepositoryKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.queue import WorkQueue
from wheelhouse.status.conditions import by_type

logger = structlog.get_logger(__name__)

Body = Mapping[str, Any]


class Lister(Protocol):
    """Paged lists of everything that is watched."""

    def list_all(self, kind: Kind) -> AsyncIterator[Body]:
        """All objects of a kind, as JSON."""

    def list_namespaces(self) -> AsyncIterator[Body]:
        """All Namespaces, as JSON."""


class Informer:
    """Feeds the cache, and turns what changed into keys."""

    def __init__(self, cache: ObjectCache, queue: WorkQueue) -> None:
        self._cache = cache
        self._queue = queue
        cache.changed = self._changed

    def seen(self, kind: Kind, body: Body, *, gone: bool = False) -> None:
        """An object of ours, by a watch or a list; a malformed one is logged and passed over."""
        try:
            stored = CustomObject.parse(body)
        except (KeyError, TypeError, AttributeError):
            logger.warning("Passed over an object without proper metadata", kind=kind.kind)
            return
        if gone:
            self._cache.remove(kind, stored.key, stored.uid)
        else:
            self._cache.store(kind, stored)

    def seen_namespace(self, body: Body, *, gone: bool = False) -> None:
        """A Namespace, by a watch or a list: consent, projects and opt-in may have changed with it."""
        try:
            namespace = Namespace.parse(body)
        except (KeyError, TypeError, AttributeError):
            logger.warning("Passed over a Namespace without proper metadata")
            return
        changed = self._cache.remove_namespace(namespace.name) if gone else self._cache.store_namespace(namespace)
        if not changed:
            return
        for stored in self._cache.objects(Kind.REPOSITORY):
            if stored.key.namespace == namespace.name:
                self._queue.add(RepositoryKey(stored.key))
        for stored in self._cache.objects(Kind.ACCESS):
            if stored.key.namespace == namespace.name:
                self._queue.add(AccessKey(stored.key))

    async def sync(self, lister: Lister) -> None:
        """Compare complete lists with the cache: what the watches missed is put right.

        Raises:
            WheelhouseError: a list failed; nothing is taken from an incomplete one as gone.
        """
        namespaces = set(self._cache.namespaces())
        async for body in lister.list_namespaces():
            self.seen_namespace(body)
            namespaces.discard(body["metadata"]["name"])
        for name in namespaces:
            self.seen_namespace({"metadata": {"name": name}}, gone=True)
        for kind in Kind:
            known = {stored.key: stored.uid for stored in self._cache.objects(kind)}
            async for body in lister.list_all(kind):
                self.seen(kind, body)
                known.pop(ObjectKey(body["metadata"]["namespace"], body["metadata"]["name"]), None)
            for key, uid in known.items():
                self._cache.remove(kind, key, uid)

    def resync(self) -> None:
        """Let everything be looked at again, behind what changed: no request is made where nothing differs."""
        for stored in self._cache.objects(Kind.ACCESS):
            self._queue.add_resync(AccessKey(stored.key))

    def start(self) -> None:
        """The first look at everything: objects, and the policies that they name."""
        for stored in self._cache.objects(Kind.REPOSITORY):
            self._queue.add(RepositoryKey(stored.key))
        for stored in self._cache.objects(Kind.ACCESS):
            self._queue.add(AccessKey(stored.key))
        for kind in Kind:
            for stored in self._cache.objects(kind):
                name = RepositoryName.parse(str(stored.status.get("repository")))
                if name is not None:
                    self._queue.add(PolicyKey(name))

    def _changed(self, kind: Kind, old: CustomObject | None, new: CustomObject | None) -> None:
        current = new or old
        if current is None:
            return
        if kind is Kind.REPOSITORY:
            if _own_part(old) != _own_part(new):
                self._queue.add(RepositoryKey(current.key))
            if _view_part(old) != _view_part(new):
                for access in self._cache.accesses_of(current.key):
                    self._queue.add(AccessKey(access.key))
                names = {str(each.status["repository"]) for each in (old, new) if each and "repository" in each.status}
                for reader in self._cache.readers_of(current.key, *names):
                    self._queue.add(RepositoryKey(reader))
        elif _own_part(old) != _own_part(new):
            self._queue.add(AccessKey(current.key))
            if new is None:
                self._queue.add(SecretKey(current.key, current.key.namespace))


def _own_part(stored: CustomObject | None) -> object:
    """What of an object makes its own pass worthwhile: not its status, which only the ledger writes."""
    if stored is None:
        return None
    return stored.uid, stored.generation, stored.deleting, stored.finalized, stored.requested


def _view_part(stored: CustomObject | None) -> object:
    """What of a repository its accesses and its readers see."""
    if stored is None:
        return None
    status = stored.status
    ready = by_type(status).get(ConditionType.READY, {}).get("status")
    shown = [status.get(name) for name in ("repository", "mode", "indexURL", "uploadURL", "observedGeneration")]
    return stored.uid, stored.generation, stored.deleting, ready, shown
