"""The one writer of status: it records before effects and reports after them.

A write always contains our whole status, with the resourceVersion that it was computed from. An unchanged status is not
written.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from wheelhouse.desired.repository import suspended
from wheelhouse.domain.findings import Check, Truth, failed
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.errors import Conflict, Unavailable
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.world import World
from wheelhouse.status.access import AccessFacts, access_status
from wheelhouse.status.advice import access_advice, repository_advice
from wheelhouse.status.conditions import by_type, complete, same, suspended_note
from wheelhouse.status.repository import RepositoryFacts, repository_status

logger = structlog.get_logger(__name__)

PROGRESS_PACE, LONGEST_PROGRESS_PACE = 5.0, 300.0
"""Seconds that progress alone waits before it is written, and at most while many objects make progress."""
LONGEST_LOOK = 120.0
"""Maximum seconds until it is checked whether there are still as many."""
PROGRESS_A_SECOND = 20
"""Writes of progress alone per second that are planned for: in a crowd, they would delay what is to be done."""

EVENT_PAUSE = 600.0
"""Seconds before an Event with the same text about the same generation of an object is sent again."""
EVENTS_REMEMBERED = 1000

_GRAIN = 0.01
"""Seconds that timers may be early."""

OUTAGE_PATIENCE = timedelta(minutes=15)
"""How long a 5xx does not change a passed finding."""


Computed = tuple[CustomObject, dict[str, Any], dict[str, Any]]
"""An object as it is known, the status that it should have, and the one that it has."""


class Ledger:
    """Writes findings into status.

    Args:
        world: the ports.
        findings: what the units found.
    """

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings
        self._locks: defaultdict[tuple[Kind, ObjectKey], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._progress: dict[tuple[Kind, ObjectKey], float] = {}
        self._outages: dict[tuple[Kind, ObjectKey, str], float] = {}
        self._events: dict[tuple[str, int, bool, str], float] = {}

    def outage(self, kind: Kind, key: ObjectKey, field: str, check: Check | None, error: Unavailable) -> Check:
        """The finding after an outage: a passed one stays for 15 minutes, since Ready must not flap on a 5xx."""
        since = self._outages.setdefault((kind, key, field), self._world.elapsed())
        patient = self._world.elapsed() - since < OUTAGE_PATIENCE.total_seconds()
        if check is not None and check.truth is Truth.TRUE and patient:
            return check
        return failed(error.reason, f"{error.message} The operator retries.")

    def recovered(self, kind: Kind, key: ObjectKey, field: str) -> None:
        """The outage, if there was one, is over."""
        self._outages.pop((kind, key, field), None)

    def forget(self, kind: Kind, key: ObjectKey) -> None:
        """The object does not exist."""
        self._findings.forget(kind, key)
        self._locks.pop((kind, key), None)
        self._progress.pop((kind, key), None)
        for outage in [outage for outage in self._outages if outage[:2] == (kind, key)]:
            del self._outages[outage]

    async def quiet(self, kind: Kind, key: ObjectKey) -> None:
        """Wait for the end of a write of the object's status that is under way."""
        lock = self._locks.get((kind, key))
        if lock is not None:
            async with lock:
                pass

    async def record(self, kind: Kind, key: ObjectKey) -> bool:
        """Write the findings now: the intent is recorded before the effect. False if the object does not exist.

        Raises:
            Conflict: the object changed since it was read; nothing was written.
            Invalid, Refused, Unavailable: for the API server's errors.
        """
        return await self._write(kind, key)

    async def report(self, kind: Kind, key: ObjectKey, *, counts: bool = True) -> float | None:
        """Write what changed; progress alone waits. Returns the seconds to wait, if it does.

        Args:
            kind: the object's.
            key: the object's.
            counts: whether a new count of accesses alone is written.

        Raises:
            Conflict: the object changed since it was read; nothing was written.
            Invalid, Refused, Unavailable: for the API server's errors.
        """
        computed = self._compute(kind, key)
        if computed is None:
            return None
        _, status, standing = computed
        if same(status, standing) or (not counts and same(_uncounted(status), _uncounted(standing))):
            self._progress.pop((kind, key), None)
            return None
        if in_progress(status) or _counts_only(status, standing):
            begun = self._progress.setdefault((kind, key), self._world.elapsed())
            left = self._progress_pace(status) - (self._world.elapsed() - begun)
            if left > _GRAIN:
                return min(left, LONGEST_LOOK)
        await self._write(kind, key, computed)
        return None

    def _progress_pace(self, status: Mapping[str, Any]) -> float:
        if by_type(status).get(ConditionType.READY, {}).get("reason") == Reason.REPOSITORY_NOT_READY:
            return PROGRESS_PACE  # A person may have to act.
        return min(LONGEST_PROGRESS_PACE, max(PROGRESS_PACE, len(self._progress) / PROGRESS_A_SECOND))

    def _stored(self, kind: Kind, key: ObjectKey) -> CustomObject | None:
        cache = self._world.cache
        declared = cache.repository(key) if kind is Kind.REPOSITORY else cache.access(key)
        return declared.stored if declared is not None else None

    def _compute(self, kind: Kind, key: ObjectKey) -> Computed | None:
        stored = self._stored(kind, key)
        return None if stored is None else (stored, self._status(kind, stored), stored.status)

    def _status(self, kind: Kind, stored: CustomObject) -> dict[str, Any]:
        return self._repository(stored) if kind is Kind.REPOSITORY else self._access(stored)

    def _repository(self, stored: CustomObject) -> dict[str, Any]:
        found, summary = self._findings.repository(stored), self._findings.summary(stored)
        rests = ""
        if suspended(stored) and not stored.deleting:
            rests = suspended_note(stored.generation, waits=found.waits)
        template = self._world.options.index_url_template
        return repository_status(RepositoryFacts(stored, found, summary, rests, template), self._world.now())

    def _access(self, stored: CustomObject) -> dict[str, Any]:
        declared = self._world.cache.access(stored.key)
        desired = declared.effective if declared is not None else None
        found, distribution = self._findings.access(stored), self._findings.distribution(stored)
        wants_secret = desired is not None and (
            desired.secret is not None or (desired.partial and bool(distribution.name))
        )
        rests = ""
        if desired is not None and desired.suspend and not stored.deleting:
            rests = suspended_note(stored.generation, waits=found.waits)
        facts = AccessFacts(
            stored=stored,
            access=found,
            grants=self._findings.grants(stored),
            distribution=distribution,
            wants_secret=wants_secret,
            suspended=rests,
        )
        return access_status(facts, self._world.now())

    async def _write(self, kind: Kind, key: ObjectKey, computed: Computed | None = None) -> bool:
        """Write the status; False when the object is gone.

        Args:
            kind: the object's.
            key: the object's.
            computed: what has just been computed: it holds unless another write of the object is on its way.
        """
        lock = self._locks[kind, key]
        if lock.locked():
            computed = None
        async with lock:
            computed = computed or self._compute(kind, key)
            if computed is None:
                return False
            stored, status, before = computed
            if same(status, before):
                self._progress.pop((kind, key), None)
                return True
            self._findings.writing(kind, stored, complete(status, before))
            try:
                written = await self._world.objects.write_status(kind, stored, status)
            except Conflict:
                self._findings.conflicted(kind, self._stored(kind, key) or stored)
                raise
            if written is None:
                return False
            self._progress.pop((kind, key), None)
            # Memory first: the cache notifies all units, and they must then find what was written.
            self._findings.written(kind, written)
            self._world.cache.store(kind, written)
        await self._publish(kind, written, status, before)
        return True

    async def _publish(
        self, kind: Kind, stored: CustomObject, status: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        """Publish one Event and one log line when Ready changed, and for new advice: only transitions are news."""
        await self._warn(kind, stored, status, before)
        ready = by_type(status).get(ConditionType.READY, {})
        old = by_type(before).get(ConditionType.READY, {})
        unchanged = (ready.get("status"), ready.get("reason")) == (old.get("status"), old.get("reason"))
        if unchanged or in_progress(status):
            return
        good = ready.get("status") == Truth.TRUE
        note = str(ready.get("message"))
        if good and kind is Kind.ACCESS and status.get("grantSummary"):
            note = f"{note} On {status.get('repository')}: {status['grantSummary']}."
        new = old.get("status") != Truth.TRUE
        fine = good or (new and ready.get("reason") == Reason.PROPAGATING)  # A new grant just needs time.
        log = logger.info if fine else logger.warning
        log("Ready changed", kind=kind.kind, object=str(stored.key), ready=good, reason=ready.get("reason"), note=note)
        if not self._is_news(stored, (good, note)):
            return
        await self._world.objects.event(kind, stored, str(ready.get("reason")), note, warning=not fine)

    async def _warn(
        self, kind: Kind, stored: CustomObject, status: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        """Publish an Event for each piece of advice that the status did not show before."""
        if kind is Kind.REPOSITORY:
            found = repository_advice(self._findings.repository(stored))
        else:
            found = access_advice(self._findings.access(stored))
        for advice in found:
            if not advice.is_new(status, before):
                continue
            reason, note = advice.reason, advice.message
            logger.warning("Advice changed", kind=kind.kind, object=str(stored.key), reason=reason, note=note)
            if self._is_news(stored, (False, note)):
                await self._world.objects.event(kind, stored, reason, note, warning=True)

    def _is_news(self, stored: CustomObject, text: tuple[bool, str]) -> bool:
        """Whether no recent Event had this text: a finding that comes and goes must not fill the list."""
        if self._world.cache.namespaces.ending(stored.key.namespace):
            return False
        words, now = (stored.uid, stored.generation, *text), self._world.elapsed()
        last = self._events.get(words)
        if last is not None and now - last < EVENT_PAUSE:
            return False
        self._events.pop(words, None)
        self._events[words] = now
        if len(self._events) > EVENTS_REMEMBERED:
            del self._events[next(iter(self._events))]
        return True


def _uncounted(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name != "accessSummary"}


def _counts_only(status: Mapping[str, Any], standing: Mapping[str, Any]) -> bool:
    """Whether only the number and the times of several Secrets changed, which many writes change one after another."""
    secret, before = status.get("secret"), standing.get("secret")
    if not isinstance(secret, Mapping) or not isinstance(before, Mapping) or secret.get("desired", 0) <= 1:
        return False
    return secret.get("name") == before.get("name") and same({**status, "secret": None}, {**standing, "secret": None})


_PROGRESS = frozenset({Reason.PENDING, Reason.CREATING, Reason.UPDATING, Reason.DELETING, Reason.REPOSITORY_NOT_READY})
"""States that pass by themselves: an unusable repository reports its own problem."""


def in_progress(status: Mapping[str, Any]) -> bool:
    """Whether a status reports only progress, which may wait for a while."""
    ready = by_type(status).get(ConditionType.READY, {})
    return ready.get("status") != Truth.TRUE and ready.get("reason") in _PROGRESS
