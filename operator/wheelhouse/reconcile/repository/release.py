"""The release of a repository whose object is being deleted: by its policy, and only what is ours."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository, deletion_policy, observes
from wheelhouse.domain.findings import failed, pending
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.domain.repository import DeletionPolicy, ObservedRepository, OperationKind, Ownership
from wheelhouse.errors import Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.posture import release_patch
from wheelhouse.plan.repository import owns
from wheelhouse.reconcile.finalizer import remove_finalizer
from wheelhouse.reconcile.repository.context import Context
from wheelhouse.reconcile.repository.views import computed_name
from wheelhouse.status.conditions import by_type

logger = structlog.get_logger(__name__)

KIND = Kind.REPOSITORY
CREATION_GRACE = 30.0
"""Seconds that a release waits for a repository whose create had no reply."""
REFUSAL_PATIENCE = 900.0
"""Seconds in which a refusal may be propagation (IAM takes 2 to 7 minutes and more)."""
SLOW = 60.0


@dataclass(slots=True)
class _Progress:
    """Timers of one release, by the uid of its object."""

    uid: str
    unseen: float | None = None
    refused: float | None = None


class Releases:
    """Releases repositories, one pass at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._progress: dict[ObjectKey, _Progress] = {}

    async def reconcile(self, declared: Declared[DeclaredRepository]) -> float | None:
        """One pass; the finalizer is removed once nothing is left to release.

        Returns:
            Seconds until the next pass; None when it is done.

        Raises:
            WheelhouseError: for the queue to retry.
        """
        stored = declared.stored
        if not stored.finalized:
            self._forget(stored)
            return None
        try:
            wait = await self._next_pass(declared)
        except (Invalid, Refused) as error:
            self._hold_up(stored, error, error.reason, error.message)
            wait = SLOW
        except Unavailable as error:
            self._hold_up(stored, error, error.reason, f"{error.message} The operator retries.")
            await self._context.ledger.report(KIND, stored.key)
            raise
        if wait is not None:
            again = await self._context.ledger.report(KIND, stored.key)
            return wait if again is None else min(wait, again)
        name = self._context.findings.repository(stored).name
        await remove_finalizer(self._context.world, KIND, stored)
        self._forget(stored)
        if name is not None:
            self._context.world.interests.publish(name)
        return None

    def _hold_up(self, stored: CustomObject, _error: WheelhouseError, reason: Reason, message: str) -> None:
        self._context.findings.note_repository(
            stored, generation=stored.generation, synced=failed(reason, message), held_up=message
        )

    def _forget(self, stored: CustomObject) -> None:
        self._context.turns.use(stored.key)
        self._context.projects.forget(stored.uid)
        self._progress.pop(stored.key, None)

    def _stopwatch(self, stored: CustomObject) -> _Progress:
        progress = self._progress.get(stored.key)
        if progress is None or progress.uid != stored.uid:
            progress = self._progress[stored.key] = _Progress(stored.uid)
        return progress

    async def _next_pass(self, declared: Declared[DeclaredRepository]) -> float | None:
        """Release what the object has; the seconds until the next pass, None if nothing is left."""
        for name in self._names(declared):
            try:
                wait = await self._release(declared, name)
            except Refused as error:
                if await self._context.projects.gone(name.project):
                    continue
                if await self._given_up(declared.stored, name, error):
                    continue
                raise
            if wait is not None:
                return wait
        return None

    def _names(self, declared: Declared[DeclaredRepository]) -> Collection[RepositoryName]:
        """What this object may have created: the repository that it recorded, and the one that its spec names."""
        found = (self._context.findings.repository(declared.stored).name, computed_name(self._context.world, declared))
        return list(dict.fromkeys(name for name in found if name is not None))

    async def _given_up(self, stored: CustomObject, name: RepositoryName, error: Refused) -> bool:
        """Whether a refusal has lasted so long that a release that only removes labels ends without removing them."""
        progress = self._stopwatch(stored)
        if progress.refused is None:
            progress.refused = self._context.world.elapsed()
        if self._context.world.elapsed() - progress.refused >= REFUSAL_PATIENCE and await self._orphans(stored):
            note = f"{name} keeps the labels of this object, because Google denied their removal: {error.message}"
            await self._context.world.objects.event(KIND, stored, "ReleaseIncomplete", note, warning=True)
            logger.warning(
                "Released a repository without removing its labels", object=str(stored.key), because=error.message
            )
            return True
        remedy = "ask a cluster administrator to remove the finalizer wheelhouse.dev/finalizer."
        if await self._orphans(stored):
            remedy = "wait: after 15 minutes the operator finishes the deletion without removing its labels."
        raise Refused(f"{error.message} If project {name.project} does not exist, {remedy}", error.reason) from None

    async def _orphans(self, stored: CustomObject) -> bool:
        """Whether the repository is kept; deleting a CRD deletes its objects, but must not delete repositories."""
        if observes(stored) or deletion_policy(stored) is DeletionPolicy.ORPHAN:
            return True
        return await self._context.world.objects.definition_deleting(KIND)

    async def _release(self, declared: Declared[DeclaredRepository], name: RepositoryName) -> float | None:
        stored = declared.stored
        waiting = await self._context.operations.wait(stored)
        if waiting is not None:
            return waiting
        observed = await self._context.world.repositories.get(name)
        if observed is None:
            return self._still_coming(stored, name)
        if not owns(Ownership.of(self._context.world.options.cluster, stored.key), observed):
            return None
        if await self._orphans(stored):
            await self._part(declared, observed)
            return None
        empty_only = deletion_policy(stored) is DeletionPolicy.DELETE_IF_EMPTY
        if empty_only and not await self._context.world.repositories.empty(name):
            raise Invalid(
                f"{name} has packages, so deletionPolicy DeleteIfEmpty keeps it. Delete the packages, or set "
                "spec.deletionPolicy to Orphan to keep the repository, or to Delete to delete its packages too. "
                "Accesses keep working until then. To end those of other namespaces now, remove spec.accessFrom.",
                Reason.NOT_EMPTY,
            )
        return await self._delete(stored, name)

    async def _part(self, declared: Declared[DeclaredRepository], observed: ObservedRepository) -> None:
        await self._context.world.repositories.patch(
            observed.name, release_patch(observed, self._context.upstreams.foreign(declared, observed))
        )
        stored = declared.stored
        self._context.past.release(stored.key, observed.name, observed.create_time)
        logger.info("Released a repository", object=str(stored.key), repository=observed.name.full, because="deleted")

    async def _delete(self, stored: CustomObject, name: RepositoryName) -> float | None:
        self._context.findings.note_repository(stored, synced=pending(f"{name} is being deleted."), held_up="")
        wait = self._context.turns.draw(stored.key, name.parent)
        if wait > 0:
            return wait
        self._context.turns.use(stored.key)
        # The record fails if the object no longer exists: a new object may have its name, and packages of its own.
        if not await self._context.ledger.record(KIND, stored.key):
            return None
        operation = await self._context.world.repositories.delete(name)
        if operation is None:
            return None
        logger.info("Deleting a repository", object=str(stored.key), repository=name.full)
        return await self._context.operations.begin(stored, operation, OperationKind.DELETE)

    def _still_coming(self, stored: CustomObject, name: RepositoryName) -> float | None:
        """Seconds to wait, for a while, for a create whose reply was lost: it may still create the repository."""
        found = self._context.findings.repository(stored)
        row = by_type(stored.status).get(ConditionType.SYNCED, {})
        creating = found.create_time is None and found.name == name
        if not creating or row.get("reason") not in {Reason.CREATING, Reason.PENDING, Reason.UNAVAILABLE, None}:
            return None
        progress = self._stopwatch(stored)
        if progress.unseen is None:
            progress.unseen = self._context.world.elapsed()
        return 2.0 if self._context.world.elapsed() - progress.unseen < CREATION_GRACE else None
