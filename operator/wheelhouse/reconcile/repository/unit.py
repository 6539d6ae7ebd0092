"""A repository: observe → plan → record → apply → report."""

from wheelhouse.desired import desired_repository, suspended
from wheelhouse.domain.keys import PolicyKey
from wheelhouse.domain.modes import Mode, Upstream
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.outcome import failed, passed, pending
from wheelhouse.domain.pip import index_base
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    OBJECT_LABEL,
    DesiredRepository,
    ObservedRepository,
    OperationKind,
    Ownership,
    RepositorySettings,
)
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.plan.repository import Change, Create, Refuse, owns, plan_repository
from wheelhouse.plan.settings import DESCRIPTION, managed_by
from wheelhouse.reconcile.finalizer import hold
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.repository.operations import Operations
from wheelhouse.reconcile.repository.projects import ProjectDesk
from wheelhouse.reconcile.repository.release import Releases
from wheelhouse.reconcile.repository.turns import Turns
from wheelhouse.reconcile.repository.upstreams import Resolution, resolve

KIND = Kind.REPOSITORY
Wish = tuple[DesiredRepository, frozenset[Upstream]]
SLOW = 60.0
"""Seconds until a refusal is looked at again."""
ENABLING = 10.0
"""Seconds until an API that was just enabled is tried."""


class RepositoryUnit:
    """Reconciles PythonRepositories, one at a time per object."""

    def __init__(self, world: World, ledger: Ledger, policies: PolicyUnit) -> None:
        self._world = world
        self._ledger = ledger
        self._policies = policies
        self._operations = Operations(world, ledger)
        self._turns = Turns(world)
        self._projects = ProjectDesk(world)
        self._releases = Releases(world, ledger, self._operations, self._turns, self._projects)
        self._wishes: dict[ObjectKey, Wish] = {}
        self._paused: dict[ObjectKey, tuple[str, int]] = {}

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
            self._turns.use(key)
            self._wishes.pop(key, None)
            self._paused.pop(key, None)
            return None
        if stored.deleting:
            return await self._releases.reconcile(stored)
        if suspended(stored):
            await self._pause(stored)
            return None
        try:
            wait = await self._pass(stored)
        except (Invalid, Refused) as error:
            wait = await self._refused(stored, error)
        except Unavailable as error:
            check = self._ledger.outage(KIND, stored, "synced", self._ledger.repository(stored).synced, error)
            self._ledger.note_repository(stored, synced=check)
            await self._ledger.report(KIND, key)
            raise
        again = await self._ledger.report(KIND, key)
        return min((seconds for seconds in (wait, again) if seconds is not None), default=None)

    async def _pause(self, stored: CustomObject) -> None:
        """Touch nothing, not even the status; an Event says so, once a generation."""
        if self._paused.get(stored.key) != (stored.uid, stored.generation):
            self._paused[stored.key] = stored.uid, stored.generation
            note = "spec.suspend is true: no change is carried out and no drift put back until it is removed."
            await self._world.objects.event(KIND, stored, "Suspended", note)

    async def _refused(self, stored: CustomObject, error: Invalid | Refused) -> float:
        """Say what refuses; a switched-off API may be switched on, and a project that goes away is told."""
        project = self._project(stored)
        advice = " ".join(self._projects.advised(stored))
        message = f"{error.message} {advice}" if advice else error.message
        wait = SLOW
        if isinstance(error, Invalid) and error.reason is not Reason.API_DISABLED:
            wait = self._drift_delay()  # A key, a secret or an upstream may be mended without a word to this object.
        elif isinstance(error, Invalid) and self._world.options.enable_apis and project:
            try:
                await self._projects.enable(stored, project)
                message = f"The Artifact Registry API is being enabled in project {project}."
                self._ledger.note_repository(stored, synced=pending(message))
                return ENABLING
            except Refused as refusal:
                message = f"{error.message} It could not be enabled: {refusal.message}"
        elif isinstance(error, Refused) and project and await self._projects.gone(project):
            message = f"Project {project} is gone or being deleted: gcloud projects undelete {project} brings it back"
            error = Invalid(f"{message} for 30 days, or delete this object.")
            message = error.message
        self._ledger.note_repository(stored, synced=failed(error.reason, message))
        return wait

    async def _pass(self, stored: CustomObject) -> float | None:
        self._ledger.note_repository(stored, handled_request=stored.requested)
        desired = self._desired(stored)
        if desired is None:
            return None
        held = stored if desired.observe else await hold(self._world, KIND, stored)
        if held is None:
            return None
        namespace = self._world.cache.namespace(held.key.namespace) or Namespace(held.key.namespace)
        resolution = resolve(self._world, held, namespace, desired)
        self._ledger.note_repository(held, resolved=resolution.check, index_safe=resolution.index_safe)
        waiting = await self._operations.wait(held)
        if waiting is None:
            waiting = self._turns.left(held.key) or None
        return waiting if waiting is not None else await self._make(held, resolution)

    async def _make(self, stored: CustomObject, resolution: Resolution) -> float | None:
        """Observe, plan, and do it."""
        desired = resolution.desired
        # Whose turn to create has come found nothing before; a create tells if that is no longer true.
        turn = self._turns.left(stored.key) is not None
        observed = None if turn else await self._world.repositories.get(desired.name)
        self._ledger.recovered(KIND, stored, "synced")
        upstreams = resolution.upstreams(observed)
        managed = self._ledger.repository(stored).managed
        plan = plan_repository(desired, upstreams, observed, self._rival(stored, observed), managed)
        before, self._wishes[stored.key] = self._wishes.get(stored.key), (desired, upstreams)
        same = stored.status.get("observedGeneration") == stored.generation and before in (None, (desired, upstreams))
        if isinstance(plan, Refuse):
            self._turns.use(stored.key)
            self._ledger.note_repository(stored, synced=failed(plan.reason, plan.message))
            return self._drift_delay()
        if isinstance(plan, Create):
            return await self._create(stored, resolution, plan.settings)
        if isinstance(plan, Change):
            await self._change(stored, desired, plan, drifted=same)
        if observed is not None:
            self._found(stored, desired, observed)
        return self._drift_delay()

    def _desired(self, stored: CustomObject) -> DesiredRepository | None:
        """The desired state, or None with the complaint noted."""
        options = self._world.options
        namespace = self._world.cache.namespace(stored.key.namespace)
        outcome = self._ledger.repository(stored)
        try:
            desired = desired_repository(stored, namespace, options.cluster, any_project=options.any_project)
        except Invalid as error:
            self._ledger.note_repository(stored, resolved=failed(error.reason, error.message))
            return None
        if outcome.repository not in (None, desired.name.full):
            message = (
                f"This object stands for {outcome.repository} and would now mean {desired.name}: the first project of "
                "the namespace's annotation changed. Set spec.project in a new object, or put the annotation back."
            )
            self._ledger.note_repository(stored, resolved=failed(Reason.IDENTITY_CHANGED, message))
            return None
        return desired

    async def _create(self, stored: CustomObject, resolution: Resolution, settings: RepositorySettings) -> float:
        """Create it when its turn has come and everything that it refers to is there."""
        desired = resolution.desired
        if not resolution.check.ok:
            self._turns.use(stored.key)
            self._ledger.note_repository(stored, synced=pending("Waiting for what the repository refers to."))
            return self._drift_delay()
        await self._projects.advise(stored, desired)
        creating = failed(Reason.CREATING, f"{desired.name} is being created.")
        wait = self._turns.draw(stored.key, desired.name.parent)
        if wait > 0:
            self._ledger.note_repository(stored, synced=creating)
            return wait
        self._turns.use(stored.key)
        before = self._ledger.repository(stored)
        if before.create_time is not None:
            note = f"{desired.name} was deleted elsewhere: it is created again, empty."
            await self._world.objects.event(KIND, stored, "Recreating", note, warning=True)
        self._ledger.note_repository(
            stored, repository=desired.name.full, synced=creating, create_time=None, managed=managed_by(desired)
        )
        await self._ledger.record(KIND, stored.key)
        name = await self._world.repositories.create(desired.name, settings)
        return await self._operations.begin(stored, name, OperationKind.CREATE)

    async def _change(self, stored: CustomObject, desired: DesiredRepository, plan: Change, *, drifted: bool) -> None:
        """Patch it; `drifted` when it was as wanted before, so that what differs was changed elsewhere."""
        before = self._ledger.repository(stored)
        # The intent stands before the effect, but for a description, which is not worth a write of its own.
        managed = before.managed | (managed_by(desired) - {DESCRIPTION})
        if plan.adopts or managed != before.managed:
            self._ledger.note_repository(stored, repository=desired.name.full, managed=managed)
            await self._ledger.record(KIND, stored.key)
        await self._world.repositories.patch(desired.name, plan.patch)
        if plan.adopts:
            note = f"{desired.name} existed and was adopted (adoptionPolicy {desired.adoption})."
            await self._world.objects.event(KIND, stored, "Adopted", note)
            return
        for field, found, sought in plan.differences if drifted else ():
            note = f"{field} was changed elsewhere from {sought} to {found}: put back."
            await self._world.objects.event(KIND, stored, "DriftCorrected", note)

    def _found(self, stored: CustomObject, desired: DesiredRepository, observed: ObservedRepository) -> None:
        name, mode = desired.name, Mode.of(observed.settings.mode)
        if observed.create_time != self._ledger.repository(stored).create_time:
            self._policies.forget(name)  # A new repository has a new policy.
            self._world.queue.add(PolicyKey(name))
        template = self._world.options.index_url_template
        base = index_base(template, observed.registry_uri, name.location, name.project, name.repository_id)
        advice = ""
        if desired.cleanup is not None and desired.cleanup.deletes_nothing:
            advice = "All cleanup policies keep and none deletes, so nothing is ever cleaned up: add one with Delete."
        self._ledger.note_repository(
            stored,
            repository=name.full,
            synced=passed(Reason.OBSERVED if desired.observe else Reason.SYNCED, advice),
            index_url=f"{base}simple/",
            upload_url=base if mode is Mode.STANDARD else None,
            create_time=observed.create_time,
            update_time=observed.update_time,
            mode=mode,
            managed=frozenset() if desired.observe else managed_by(desired),
        )

    def _rival(self, stored: CustomObject, observed: ObservedRepository | None) -> ObjectKey | None:
        """Another living object that this repository belongs to: by the labels, and for Observe by who recorded it."""
        if observed is None:
            return None
        cluster = self._world.options.cluster
        found = self._world.cache.repositories_on(observed.name.full, observed.labels.get(OBJECT_LABEL, ""))
        others = [other for other in found if other.key != stored.key]
        for other in others:
            if owns(Ownership.of(cluster, other.key), observed):
                return other.key
        # Nobody's labels: whoever recorded it before keeps it, and of two that did the smaller uid.
        recorded = stored.status.get("repository") == observed.name.full
        full = observed.name.full
        rivals = [o for o in others if o.status.get("repository") == full and not o.deleting]
        return next((o.key for o in rivals if not recorded or o.uid < stored.uid), None)

    def _project(self, stored: CustomObject) -> str | None:
        namespace = self._world.cache.namespace(stored.key.namespace)
        return stored.spec.get("project") or next(iter(namespace.projects if namespace else ()), None)

    def _drift_delay(self) -> float:
        return self._world.options.drift_interval.total_seconds() * (1 + 0.2 * self._world.jitter())
