"""The one writer of status: units note what they found, the ledger records before effects and reports after.

Memory starts from the status, so that a restart forgets nothing. A write is always the whole of what is ours, with the
resourceVersion it was computed from; what has not changed is not written.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.outcome import AccessOutcome, Check, RepositoryOutcome, Truth, failed
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.errors import Unavailable
from wheelhouse.reconcile.ports import World
from wheelhouse.status.access import access_status, read_access
from wheelhouse.status.conditions import by_type, same
from wheelhouse.status.repository import read_repository, repository_status

PROGRESS_PACE = 5.0
"""Seconds that mere progress waits before it is written."""

OUTAGE_PATIENCE = timedelta(minutes=15)
"""How long a 5xx leaves a finding that was good as it is."""


class Ledger:
    """Outcomes by object, and their way into status."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._repositories: dict[ObjectKey, tuple[str, RepositoryOutcome]] = {}
        self._accesses: dict[ObjectKey, tuple[str, AccessOutcome]] = {}
        self._locks: defaultdict[tuple[Kind, ObjectKey], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._progress: dict[tuple[Kind, ObjectKey], datetime] = {}
        self._outages: dict[tuple[Kind, ObjectKey, str], datetime] = {}

    def repository(self, stored: CustomObject) -> RepositoryOutcome:
        """What is known of a PythonRepository; a new generation makes its checks pending."""
        uid, outcome = self._repositories.get(stored.key, ("", None))
        if outcome is None or uid != stored.uid:
            outcome = read_repository(stored)
        elif outcome.generation != stored.generation:
            outcome = replace(outcome, generation=stored.generation)
        outcome = replace(outcome, deleting=stored.deleting)
        self._repositories[stored.key] = (stored.uid, outcome)
        return outcome

    def access(self, stored: CustomObject) -> AccessOutcome:
        """What is known of a RepositoryAccess; a new generation makes its checks pending."""
        uid, outcome = self._accesses.get(stored.key, ("", None))
        if outcome is None or uid != stored.uid:
            outcome = read_access(stored)
        elif outcome.generation != stored.generation:
            fresh = read_access(replace(stored, status={}))
            outcome = replace(fresh, repository=outcome.repository, grants=outcome.grants, secret=outcome.secret)
        outcome = replace(outcome, deleting=stored.deleting)
        self._accesses[stored.key] = (stored.uid, outcome)
        return outcome

    def note_repository(self, stored: CustomObject, **changes: Any) -> RepositoryOutcome:
        """Remember what was found; it is written by the next record or report."""
        outcome = replace(self.repository(stored), **changes)
        self._repositories[stored.key] = (stored.uid, outcome)
        return outcome

    def note_access(self, stored: CustomObject, **changes: Any) -> AccessOutcome:
        """Remember what was found; it is written by the next record or report."""
        outcome = replace(self.access(stored), **changes)
        self._accesses[stored.key] = (stored.uid, outcome)
        return outcome

    def outage(self, kind: Kind, stored: CustomObject, field: str, check: Check, error: Unavailable) -> Check:
        """The finding after an outage: a good one stays for 15 minutes, since Ready must not flap on a 5xx."""
        key = (kind, stored.key, field)
        since = self._outages.setdefault(key, self._world.now())
        if check.truth is Truth.TRUE and self._world.now() - since < OUTAGE_PATIENCE:
            return check
        return failed(error.reason, f"{error.message} Tried again by itself.")

    def recovered(self, kind: Kind, stored: CustomObject, field: str) -> None:
        """The outage, if there was one, is over."""
        self._outages.pop((kind, stored.key, field), None)

    def forget(self, kind: Kind, key: ObjectKey) -> None:
        """The object is gone."""
        (self._repositories if kind is Kind.REPOSITORY else self._accesses).pop(key, None)
        self._locks.pop((kind, key), None)
        self._progress.pop((kind, key), None)
        for outage in [outage for outage in self._outages if outage[:2] == (kind, key)]:
            del self._outages[outage]

    async def record(self, kind: Kind, key: ObjectKey) -> bool:
        """Write now what is known: the intent stands before the effect. False when the object is gone.

        Raises:
            Conflict: the object changed since it was read; nothing was written.
        """
        return await self._write(kind, key)

    async def report(self, kind: Kind, key: ObjectKey) -> float | None:
        """Write what changed; mere progress waits. Returns the seconds to come back after, if it waits.

        Raises:
            Conflict: the object changed since it was read; nothing was written.
        """
        stored = self._stored(kind, key)
        if stored is None:
            return None
        status = self._status(kind, stored)
        if same(status, stored.status):
            self._progress.pop((kind, key), None)
            return None
        if _in_progress(status):
            begun = self._progress.setdefault((kind, key), self._world.now())
            left = PROGRESS_PACE - (self._world.now() - begun).total_seconds()
            if left > 0:
                return left
        await self._write(kind, key)
        return None

    def _stored(self, kind: Kind, key: ObjectKey) -> CustomObject | None:
        cache = self._world.cache
        return cache.repository(key) if kind is Kind.REPOSITORY else cache.access(key)

    def _status(self, kind: Kind, stored: CustomObject) -> dict[str, Any]:
        now = self._world.now()
        if kind is Kind.REPOSITORY:
            return repository_status(self.repository(stored), stored.status, now)
        return access_status(self.access(stored), stored.status, now)

    async def _write(self, kind: Kind, key: ObjectKey) -> bool:
        async with self._locks[kind, key]:
            stored = self._stored(kind, key)
            if stored is None:
                return False
            status = self._status(kind, stored)
            self._progress.pop((kind, key), None)
            if same(status, stored.status):
                return True
            written = await self._world.objects.write_status(kind, stored, status)
            if written is None:
                return False
            self._world.cache.store(kind, written)
        await self._tell(kind, written, stored.status)
        return True

    async def _tell(self, kind: Kind, stored: CustomObject, before: Mapping[str, Any]) -> None:
        """One Event when Ready changed: only transitions are news."""
        ready = by_type(stored.status).get(ConditionType.READY, {})
        old = by_type(before).get(ConditionType.READY, {})
        same = (ready.get("status"), ready.get("reason")) == (old.get("status"), old.get("reason"))
        if same or _in_progress(stored.status):
            return
        good = ready.get("status") == Truth.TRUE
        note = str(ready.get("message")) or ("Everything that was asked for is in place." if good else "")
        await self._world.objects.event(kind, stored, str(ready.get("reason")), note, warning=not good)


_PROGRESS = frozenset({Reason.PENDING, Reason.CREATING, Reason.UPDATING, Reason.DELETING, Reason.REPOSITORY_NOT_READY})
"""What passes by itself: a repository that is not Ready tells its own news."""


def _in_progress(status: Mapping[str, Any]) -> bool:
    ready = by_type(status).get(ConditionType.READY, {})
    return ready.get("status") != Truth.TRUE and ready.get("reason") in _PROGRESS
