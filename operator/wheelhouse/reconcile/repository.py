"""A repository: observe → plan → record → apply → report."""

from datetime import datetime, timedelta

from wheelhouse.desired import deletion_policy, desired_repository
from wheelhouse.domain.keys import PolicyKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.outcome import Check, RepositoryOutcome, failed, passed, pending
from wheelhouse.domain.pip import index_base
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    DeletionPolicy,
    DesiredRepository,
    ObservedRepository,
    Operation,
    OperationKind,
    Ownership,
)
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.plan.repository import (
    Change,
    Create,
    Refuse,
    owns,
    plan_repository,
    poll_delay,
    without_ownership,
)
from wheelhouse.reconcile.finalizer import hold, let_go
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy import PolicyUnit
from wheelhouse.reconcile.ports import World

KIND = Kind.REPOSITORY
CREATION_GRACE = timedelta(seconds=30)
"""How long a repository may stay unseen after a create whose reply was lost, before its release believes it absent."""


class RepositoryUnit:
    """Reconciles PythonRepositories, one at a time per object."""

    def __init__(self, world: World, ledger: Ledger, policies: PolicyUnit) -> None:
        self._world = world
        self._ledger = ledger
        self._policies = policies
        self._unseen: dict[ObjectKey, datetime] = {}

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Make one repository as its object says.

        Returns:
            Seconds until the next look, None when only a change can matter.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to come back.
        """
        stored = self._world.cache.repository(key)
        if stored is None:
            self._ledger.forget(KIND, key)
            return None
        if stored.deleting:
            return await self._release(stored)
        try:
            wait = await self._pass(stored)
        except (Invalid, Refused) as error:
            self._ledger.note_repository(stored, synced=failed(error.reason, error.message))
            wait = None if isinstance(error, Invalid) and error.reason is not Reason.API_DISABLED else 60.0
        except Unavailable as error:
            check = self._ledger.outage(KIND, stored, "synced", self._ledger.repository(stored).synced, error)
            self._ledger.note_repository(stored, synced=check)
            await self._ledger.report(KIND, key)
            raise
        again = await self._ledger.report(KIND, key)
        return min((seconds for seconds in (wait, again) if seconds is not None), default=None)

    async def _pass(self, stored: CustomObject) -> float | None:
        desired = self._desired(stored)
        held = await hold(self._world, KIND, stored) if desired else None
        if desired is None or held is None:
            return None
        waiting = await self._operation(held)
        if waiting is not None:
            return waiting
        observed = await self._world.repositories.get(desired.name)
        self._ledger.recovered(KIND, held, "synced")
        plan = plan_repository(desired, observed, self._rival(held, observed))
        if isinstance(plan, Create) or observed is None:
            return await self._create(held, desired)
        if isinstance(plan, Refuse):
            self._ledger.note_repository(held, synced=failed(plan.reason, plan.message))
            return self._drift_delay()
        if isinstance(plan, Change):
            await self._change(held, desired, plan)
        self._found(held, desired, observed)
        return self._drift_delay()

    async def _change(self, stored: CustomObject, desired: DesiredRepository, plan: Change) -> None:
        await self._world.repositories.patch(desired.name, plan.patch)
        if stored.status.get("observedGeneration") != stored.generation:
            return  # The spec changed, not the repository: no drift.
        for field, found, wanted in plan.differences:
            note = f"{field} was changed elsewhere from {wanted!r} to {found!r}: put back."
            await self._world.objects.event(KIND, stored, "DriftCorrected", note)

    def _desired(self, stored: CustomObject) -> DesiredRepository | None:
        """The desired state, or None with the complaint noted."""
        options = self._world.options
        namespace = self._world.cache.namespace(stored.key.namespace)
        outcome = self._ledger.repository(stored)
        try:
            desired = desired_repository(stored, namespace, options.cluster, any_project=options.any_project)
        except Invalid as error:
            if error.reason is not Reason.PROJECT_NOT_ALLOWED:
                raise
            self._ledger.note_repository(stored, resolved=failed(error.reason, error.message))
            return None
        if outcome.repository not in (None, desired.name.full):
            message = (
                f"This object stands for {outcome.repository} and would now mean {desired.name}: the first project of "
                "the namespace's annotation changed. Set spec.project in a new object, or put the annotation back."
            )
            self._ledger.note_repository(stored, resolved=failed(Reason.IDENTITY_CHANGED, message))
            return None
        self._ledger.note_repository(stored, resolved=passed(Reason.RESOLVED_REFS))
        return desired

    async def _create(self, stored: CustomObject, desired: DesiredRepository) -> float:
        before = self._ledger.repository(stored)
        if before.create_time is not None:
            note = f"{desired.name} was deleted elsewhere: it is created again, empty."
            await self._world.objects.event(KIND, stored, "Recreating", note, warning=True)
        creating = failed(Reason.CREATING, f"{desired.name} is being created.")
        self._ledger.note_repository(stored, repository=desired.name.full, synced=creating, create_time=None)
        await self._ledger.record(KIND, stored.key)
        name = await self._world.repositories.create(desired)
        return await self._begin(stored, name, OperationKind.CREATE)

    async def _begin(self, stored: CustomObject, name: str, kind: OperationKind) -> float:
        operation = Operation(name, kind, self._world.now())
        self._ledger.note_repository(stored, operation=operation)
        await self._ledger.record(KIND, stored.key)
        return poll_delay(timedelta())

    async def _operation(self, stored: CustomObject) -> float | None:
        """Look at the recorded operation; the seconds to wait while it runs.

        Raises:
            Invalid, Refused, Unavailable: it failed, by its code.
        """
        operation = self._ledger.repository(stored).operation
        if operation is None:
            return None
        result = await self._world.repositories.poll(operation.name)
        if result is not None and not result.done:
            return poll_delay(self._world.now() - operation.start_time)
        self._ledger.note_repository(stored, operation=None)
        if result is not None and result.error_code:
            message = f"{operation.kind} failed: {result.error_message}"
            if result.error_code == "PERMISSION_DENIED":
                raise Refused(message)
            if result.error_code in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}:
                raise Invalid(message)
            raise Unavailable(message)
        return None

    def _found(self, stored: CustomObject, desired: DesiredRepository, observed: ObservedRepository) -> None:
        name = desired.name
        if observed.create_time != self._ledger.repository(stored).create_time:
            self._policies.forget(name)  # A new repository has a new policy.
            self._world.queue.add(PolicyKey(name))
        template = self._world.options.index_url_template
        base = index_base(template, observed.registry_uri, name.location, name.project, name.repository_id)
        self._ledger.note_repository(
            stored,
            repository=name.full,
            synced=passed(Reason.SYNCED),
            index_url=f"{base}simple/",
            upload_url=base,
            create_time=observed.create_time,
            update_time=observed.update_time,
        )

    def _rival(self, stored: CustomObject, observed: ObservedRepository | None) -> ObjectKey | None:
        """Another living object that this repository belongs to, by what it recorded and by the labels."""
        if observed is None:
            return None
        cluster = self._world.options.cluster
        for other in self._world.cache.repositories_on(observed.name.full):
            if other.key != stored.key and owns(Ownership.of(cluster, other.key), observed):
                return other.key
        return None

    def _drift_delay(self) -> float:
        return self._world.options.drift_interval.total_seconds() * (1 + 0.2 * self._world.jitter())

    async def _release(self, stored: CustomObject) -> float | None:
        if not stored.finalized:
            self._ledger.forget(KIND, stored.key)
            return None
        outcome = self._ledger.repository(stored)
        try:
            wait = await self._let_go(stored, outcome)
        except (Invalid, Refused) as error:
            self._ledger.note_repository(stored, synced=failed(error.reason, error.message))
            wait = 60.0
        except Unavailable as error:
            self._ledger.note_repository(stored, synced=failed(Reason.UNAVAILABLE, f"{error.message} Tried again."))
            await self._ledger.report(KIND, stored.key)
            raise
        if wait is not None:
            again = await self._ledger.report(KIND, stored.key)
            return wait if again is None else min(wait, again)
        await let_go(self._world, KIND, stored)
        self._ledger.forget(KIND, stored.key)
        return None

    async def _let_go(self, stored: CustomObject, outcome: RepositoryOutcome) -> float | None:
        """Release the repository itself; the seconds to come back after, None when nothing of ours is left."""
        waiting = await self._operation(stored)
        if waiting is not None:
            return waiting
        name = RepositoryName.parse(outcome.repository or "")
        if name is None:
            return None
        observed = await self._world.repositories.get(name)
        if observed is None:
            return self._still_coming(stored, outcome.synced)
        if not owns(Ownership.of(self._world.options.cluster, stored.key), observed):
            return None
        deletes = deletion_policy(stored) is DeletionPolicy.DELETE
        # Deleting a CRD deletes every object of it: that is no wish to lose repositories.
        if not deletes or await self._world.objects.definition_deleting(KIND):
            await self._world.repositories.patch(name, without_ownership(observed))
            return None
        operation = await self._world.repositories.delete(name)
        if operation is None:
            return None
        self._ledger.note_repository(stored, synced=pending(f"{name} is being deleted."))
        return await self._begin(stored, operation, OperationKind.DELETE)

    def _still_coming(self, stored: CustomObject, synced: Check) -> float | None:
        if synced.reason is not Reason.CREATING:
            return None
        since = self._unseen.setdefault(stored.key, self._world.now())
        if self._world.now() - since < CREATION_GRACE:
            return 2.0
        del self._unseen[stored.key]
        return None
