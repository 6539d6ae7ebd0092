"""Brings a repository to its desired state: observe, plan, filter by posture, record, apply."""

from dataclasses import replace

import structlog

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository, suspended
from wheelhouse.domain.findings import failed, passed
from wheelhouse.domain.modes import Mode, Upstream
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    OBJECT_LABEL,
    DesiredRepository,
    ObservedRepository,
    OperationKind,
    Ownership,
    RepositorySettings,
)
from wheelhouse.plan.posture import release_patch, removals_only, waits
from wheelhouse.plan.repository import Change, Create, Keep, Refuse, RepositoryPlan, owns, plan_repository
from wheelhouse.plan.rivals import Candidate, rival_of
from wheelhouse.plan.settings import DESCRIPTION, managed_by
from wheelhouse.reconcile.finalizer import add_finalizer
from wheelhouse.reconcile.repository.complaints import drift_delay
from wheelhouse.reconcile.repository.context import Context
from wheelhouse.reconcile.repository.upstreams import Resolution, unresolved, waiting
from wheelhouse.reconcile.repository.views import computed_name

logger = structlog.get_logger(__name__)

KIND = Kind.REPOSITORY
Target = tuple[DesiredRepository, frozenset[Upstream]]


class Maker:
    """Applies plans, one object at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._targets: dict[ObjectKey, Target] = {}

    def forget(self, key: ObjectKey) -> None:
        """The object does not exist."""
        self._targets.pop(key, None)

    async def make(
        self, declared: Declared[DeclaredRepository], namespace: Namespace, desired: DesiredRepository
    ) -> float | None:
        """One pass for an object that parses; the seconds until the next pass.

        Raises:
            WheelhouseError: for the errors of the ports.
        """
        stored = declared.stored
        rests = suspended(stored)
        if not desired.observe and not (rests and not stored.finalized):
            held = await add_finalizer(self._context.world, KIND, stored)
            if held is None:
                return None
            declared, stored = replace(declared, stored=held), held
        if self._context.findings.repository(stored).resolved is None:
            first = self._context.upstreams.resolve(stored, namespace, desired, None)
            self._context.findings.note_repository(stored, resolved=first.check)
        waiting_for = await self._context.operations.wait(stored)
        if waiting_for is None and not rests:
            waiting_for = self._context.turns.left(stored.key) or None
        if waiting_for is not None:
            return waiting_for
        # When it is an object's turn, an earlier pass found no repository. The create fails if there is one now.
        turn = self._context.turns.left(stored.key) is not None and not rests
        observed = None if turn else await self._context.world.repositories.get(desired.name)
        self._context.ledger.recovered(KIND, stored.key, "synced")
        resolution = self._context.upstreams.resolve(stored, namespace, desired, observed)
        if resolution.check is not None:
            self._context.findings.note_repository(stored, resolved=resolution.check)
        self._context.findings.note_repository(stored, index_safe=resolution.index_safe)
        plan = self._plan(declared, resolution, observed)
        done = (
            removals_only(plan, observed, self._context.upstreams.allowed(declared, namespace, observed))
            if (rests and observed is not None)
            else plan
        )
        self._context.findings.note_repository(stored, waits=rests and waits(plan, done))
        wait = await self._carry_out(declared, resolution, observed, done, rests=rests)
        return wait if wait is None or resolution.again is None else min(wait, resolution.again)

    async def withdraw(self, declared: Declared[DeclaredRepository], namespace: Namespace) -> float | None:
        """One pass of an object that does not parse, or whose project is not allowed: remove what lost its consent."""
        stored, name = declared.stored, self._context.findings.repository(declared.stored).name
        delay = drift_delay(self._context.world)
        if name is None or not stored.finalized:
            return delay
        observed = await self._context.world.repositories.get(name)
        if observed is None or not owns(Ownership.of(self._context.world.options.cluster, stored.key), observed):
            return delay
        plan = removals_only(Keep(), observed, self._context.upstreams.allowed(declared, namespace, observed))
        if isinstance(plan, Change):
            await self._patch(stored, observed, plan, "consent was withdrawn")
        again = self._context.upstreams.again(declared)
        return delay if again is None else min(delay, again)

    def _plan(
        self, declared: Declared[DeclaredRepository], resolution: Resolution, observed: ObservedRepository | None
    ) -> RepositoryPlan:
        stored, desired = declared.stored, resolution.desired
        found = self._context.findings.repository(stored)
        past = self._context.past.of(
            stored.key, desired.name, found.create_time if found.name == desired.name else None
        )
        rival = self._rival(declared, observed)
        return plan_repository(desired, resolution.upstreams(observed), observed, rival, found.managed, past)

    async def _carry_out(
        self,
        declared: Declared[DeclaredRepository],
        resolution: Resolution,
        observed: ObservedRepository | None,
        plan: RepositoryPlan,
        *,
        rests: bool,
    ) -> float | None:
        stored, desired = declared.stored, resolution.desired
        if isinstance(plan, Refuse):
            self._context.turns.use(stored.key)
            ours = observed is not None and owns(desired.ownership, observed)
            self._context.findings.note_repository(stored, synced=failed(plan.reason, plan.message))
            if not ours:
                self._context.findings.note_repository(stored, usable=False)
            return drift_delay(self._context.world)
        if isinstance(plan, Create) and rests:
            message = f"{desired.name} does not exist, and is not created while spec.suspend is true. Remove suspend."
            self._context.findings.note_repository(stored, synced=failed(Reason.SUSPENDED, message), usable=False)
            return drift_delay(self._context.world)
        if isinstance(plan, Create):
            return await self._create(stored, resolution, plan.settings)
        if observed is None:
            return drift_delay(self._context.world)
        if isinstance(plan, Change):
            await self._change(stored, resolution, observed, plan, rests=rests)
        elif desired.observe and owns(desired.ownership, observed):
            await self._release_to_observe(declared, observed)
        self._found(stored, resolution, observed, rests=rests)
        return drift_delay(self._context.world)

    async def _create(self, stored: CustomObject, resolution: Resolution, settings: RepositorySettings) -> float:
        """Create it when the object's turn comes and everything that it refers to exists."""
        desired = resolution.desired
        self._context.findings.note_repository(stored, usable=False)
        if unresolved(resolution.check):
            self._context.turns.use(stored.key)
            self._context.findings.note_repository(stored, synced=waiting())
            return drift_delay(self._context.world)
        await self._context.projects.advise(stored, desired)
        creating = failed(Reason.CREATING, f"{desired.name} is being created.")
        wait = self._context.turns.draw(stored.key, desired.name.parent)
        if wait > 0:
            self._context.findings.note_repository(stored, synced=creating)
            return wait
        self._context.turns.use(stored.key)
        if self._context.findings.repository(stored).create_time is not None:
            note = f"{desired.name} was deleted elsewhere. The operator creates it again, without packages."
            await self._context.world.objects.event(KIND, stored, "Recreating", note, warning=True)
        self._context.findings.note_repository(
            stored, name=desired.name, synced=creating, create_time=None, managed=managed_by(desired)
        )
        if not await self._context.ledger.record(KIND, stored.key):
            return drift_delay(self._context.world)  # The object was deleted: do not create its repository.
        name = await self._context.world.repositories.create(desired.name, settings)
        logger.info("Creating a repository", object=str(stored.key), repository=desired.name.full)
        return await self._context.operations.begin(stored, name, OperationKind.CREATE)

    async def _change(
        self, stored: CustomObject, resolution: Resolution, observed: ObservedRepository, plan: Change, *, rests: bool
    ) -> None:
        """Patch it; if it was as desired before, another client changed it."""
        desired = resolution.desired
        target = (desired, resolution.upstreams(observed))
        before = self._targets.get(stored.key)
        found = self._context.findings.repository(stored)
        observed_generation = stored.status.get("observedGeneration") == stored.generation
        drifted = not rests and observed_generation and found.name == desired.name and before in (None, target)
        # The intent is recorded before the effect, except for a description, which does not justify its own write.
        managed = found.managed if rests else found.managed | (managed_by(desired) - {DESCRIPTION})
        if plan.adopts or managed != found.managed:
            self._context.findings.note_repository(stored, name=desired.name, managed=managed)
            if not await self._context.ledger.record(KIND, stored.key):
                return
        why = "consent was withdrawn" if rests else "adopted" if plan.adopts else "drift" if drifted else "the spec"
        await self._patch(stored, observed, plan, why)
        if plan.adopts:
            note = f"{desired.name} already existed and was adopted (adoptionPolicy {desired.adoption})."
            await self._context.world.objects.event(KIND, stored, "Adopted", note)
            return
        for field, was, sought in plan.differences if drifted else ():
            note = f"{field} was changed elsewhere from {sought} to {was}. The operator restored it."
            await self._context.world.objects.event(KIND, stored, "DriftCorrected", note)

    async def _patch(self, stored: CustomObject, observed: ObservedRepository, plan: Change, why: str) -> None:
        await self._context.world.repositories.patch(observed.name, plan.patch)
        fields = [field for field, _, _ in plan.differences]
        logger.info(
            "Changed a repository", object=str(stored.key), repository=observed.name.full, fields=fields, because=why
        )

    async def _release_to_observe(self, declared: Declared[DeclaredRepository], observed: ObservedRepository) -> None:
        """Release it for managementPolicy Observe: remove our labels, and what other namespaces consented to for us."""
        await self._context.world.repositories.patch(
            observed.name, release_patch(observed, self._context.upstreams.foreign(declared, observed))
        )
        stored = declared.stored
        note = f"{observed.name} is now only observed. The operator removed its labels and what depended"
        await self._context.world.objects.event(
            KIND, stored, "Released", f"{note} on consent: upstreams of other namespaces, and the upstream's password."
        )
        logger.info("Released a repository", object=str(stored.key), repository=observed.name.full, because="Observe")

    def _found(
        self, stored: CustomObject, resolution: Resolution, observed: ObservedRepository, *, rests: bool
    ) -> None:
        desired = resolution.desired
        self._context.past.taken_up(stored.key)
        self._targets[stored.key] = (desired, resolution.upstreams(observed))
        advice = ""
        if desired.cleanup is not None and desired.cleanup.deletes_nothing:
            advice = "All cleanup policies have the action Keep, so nothing is deleted. Add one with the action Delete."
        managed = self._context.findings.repository(stored).managed if rests else managed_by(desired)
        self._context.findings.note_repository(
            stored,
            name=desired.name,
            synced=passed(Reason.OBSERVED if desired.observe else Reason.SYNCED),
            advice=advice,
            usable=resolution.usable,
            create_time=observed.create_time,
            update_time=observed.update_time,
            mode=Mode.of(observed.settings.mode),
            managed=frozenset() if desired.observe else managed,
        )

    def _rival(self, declared: Declared[DeclaredRepository], observed: ObservedRepository | None) -> ObjectKey | None:
        """Another existing object that owns the repository."""
        if observed is None:
            return None
        found = self._context.world.cache.repositories_on(observed.name, observed.labels.get(OBJECT_LABEL, ""))
        others = [
            self._candidate(other, observed)
            for other in found
            if other.stored.key != declared.stored.key and (other.stored.finalized or not other.stored.deleting)
        ]
        return rival_of(self._candidate(declared, observed), others, observed)

    def _candidate(self, declared: Declared[DeclaredRepository], observed: ObservedRepository) -> Candidate:
        stored = declared.stored
        recorded = self._context.findings.repository(stored).name == observed.name
        means = computed_name(self._context.world, declared) == observed.name
        ownership = Ownership.of(self._context.world.options.cluster, stored.key)
        return Candidate(stored.key, stored.created, ownership, recorded and means and not stored.deleting)
