"""The release of a repository whose object is being deleted: by its policy, and never what is not ours."""

from datetime import datetime, timedelta

from wheelhouse.desired import deletion_policy, observes
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.outcome import Check, RepositoryOutcome, failed, pending
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import DeletionPolicy, OperationKind, Ownership
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.plan.repository import owns, without_ownership
from wheelhouse.reconcile.finalizer import let_go
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.repository.operations import Operations
from wheelhouse.reconcile.repository.projects import ProjectDesk
from wheelhouse.reconcile.repository.turns import Turns

KIND = Kind.REPOSITORY
CREATION_GRACE = timedelta(seconds=30)
"""How long a repository may stay unseen after a create whose reply was lost, before its release believes it absent."""
SLOW = 60.0


class Releases:
    """Releases repositories, one pass at a time."""

    def __init__(
        self, world: World, ledger: Ledger, operations: Operations, turns: Turns, projects: ProjectDesk
    ) -> None:
        self._world = world
        self._ledger = ledger
        self._operations = operations
        self._turns = turns
        self._projects = projects
        self._unseen: dict[ObjectKey, datetime] = {}

    async def reconcile(self, stored: CustomObject) -> float | None:
        """One pass; the finalizer goes when nothing of ours is left.

        Returns:
            Seconds until the next look; None when it is done.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to come back.
        """
        if not stored.finalized:
            self._forget(stored)
            return None
        try:
            wait = await self._let_go(stored, self._ledger.repository(stored))
        except (Invalid, Refused) as error:
            self._ledger.note_repository(stored, synced=failed(error.reason, error.message))
            wait = SLOW
        except Unavailable as error:
            self._ledger.note_repository(stored, synced=failed(error.reason, f"{error.message} Tried again."))
            await self._ledger.report(KIND, stored.key)
            raise
        if wait is not None:
            again = await self._ledger.report(KIND, stored.key)
            return wait if again is None else min(wait, again)
        await let_go(self._world, KIND, stored)
        self._forget(stored)
        return None

    def _forget(self, stored: CustomObject) -> None:
        self._ledger.forget(KIND, stored.key)
        self._turns.use(stored.key)
        self._projects.forget(stored.uid)

    async def _let_go(self, stored: CustomObject, outcome: RepositoryOutcome) -> float | None:
        """The seconds to come back after, None when nothing of ours is left."""
        name = RepositoryName.parse(outcome.repository or "")
        if name is None or observes(stored):
            return None
        try:
            return await self._release(stored, outcome, name)
        except Refused as error:
            if await self._projects.gone(name.project):
                return None
            message = f"{error.message} If project {name.project} no longer exists, remove the finalizer by hand."
            raise Refused(message, error.reason) from None

    async def _release(self, stored: CustomObject, outcome: RepositoryOutcome, name: RepositoryName) -> float | None:
        waiting = await self._operations.wait(stored)
        if waiting is not None:
            return waiting
        observed = await self._world.repositories.get(name)
        if observed is None:
            return self._still_coming(stored, outcome.synced)
        if not owns(Ownership.of(self._world.options.cluster, stored.key), observed):
            return None
        policy = deletion_policy(stored)
        # Deleting a CRD deletes every object of it: that is no wish to lose repositories.
        if policy is DeletionPolicy.ORPHAN or await self._world.objects.definition_deleting(KIND):
            await self._world.repositories.patch(name, without_ownership(observed))
            return None
        if policy is DeletionPolicy.DELETE_IF_EMPTY and not await self._world.repositories.empty(name):
            raise Invalid(
                f"{name} has packages, and deletionPolicy DeleteIfEmpty keeps what has: delete them, or set "
                "spec.deletionPolicy to Orphan to leave the repository as it is, or to Delete to lose them.",
                Reason.NOT_EMPTY,
            )
        return await self._delete(stored, name)

    async def _delete(self, stored: CustomObject, name: RepositoryName) -> float | None:
        self._ledger.note_repository(stored, synced=pending(f"{name} is being deleted."))
        wait = self._turns.draw(stored.key, name.parent)
        if wait > 0:
            return wait
        self._turns.use(stored.key)
        operation = await self._world.repositories.delete(name)
        if operation is None:
            return None
        return await self._operations.begin(stored, operation, OperationKind.DELETE)

    def _still_coming(self, stored: CustomObject, synced: Check) -> float | None:
        if synced.reason is not Reason.CREATING:
            return None
        since = self._unseen.setdefault(stored.key, self._world.now())
        if self._world.now() - since < CREATION_GRACE:
            return 2.0
        del self._unseen[stored.key]
        return None
