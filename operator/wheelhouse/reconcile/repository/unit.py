"""A repository: observe → plan → record → apply → report."""

from collections.abc import Iterator

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository
from wheelhouse.domain.findings import Check, failed
from wheelhouse.domain.keys import PolicyKey, RepositoryKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.domain.repository import DesiredRepository, Ownership
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.plan.repository import owns
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import NamespaceTopic, Topic
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.repository.complaints import Complaints
from wheelhouse.reconcile.repository.context import Context
from wheelhouse.reconcile.repository.maker import Maker
from wheelhouse.reconcile.repository.release import Releases
from wheelhouse.reconcile.repository.views import computed_name, view
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import by_type, check_of

KIND = Kind.REPOSITORY


class RepositoryUnit:
    """Reconciles PythonRepositories, one at a time per object."""

    def __init__(self, world: World, findings: Findings, ledger: Ledger) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger
        context = Context.of(world, findings, ledger)
        self._turns = context.turns
        self._complaints = Complaints(world, findings, context.projects)
        self._releases = Releases(context)
        self._maker = Maker(context)

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Bring one repository to the desired state of its object.

        Returns:
            Seconds until the next pass, None if only a change can matter.

        Raises:
            WheelhouseError: for the queue to retry.
        """
        declared = self._world.cache.repository(key)
        if declared is None:
            self._forget(key)
            return None
        before = view(self._world, self._findings, key)
        try:
            if declared.stored.deleting:
                return await self._releases.reconcile(declared)
            self._world.interests.follow(RepositoryKey(key), self._topics(declared))
            return await self._pass_and_report(declared)
        finally:
            if view(self._world, self._findings, key) != before:
                self._world.interests.publish(key, besides=RepositoryKey(key))
                self._wake_policy(declared.stored)

    async def _pass_and_report(self, declared: Declared[DeclaredRepository]) -> float | None:
        """One pass for an object that is not being deleted, and its report."""
        stored = declared.stored
        first = self._findings.repository(stored).generation is None
        try:
            wait = await self._pass(declared)
        except (Invalid, Refused) as error:
            wait = await self._complaints.refused(declared, error)
        except Unavailable as error:
            check = self._ledger.outage(KIND, stored.key, "synced", self._synced(stored), error)
            self._findings.note_repository(stored, synced=check)
            await self._ledger.report(KIND, stored.key)
            raise
        if self._findings.repository(stored).operation is None or stored.generation == 1:
            self._findings.note_repository(stored, generation=stored.generation)
        # The first pass after a start does not write a new count alone, so a start without changes writes nothing.
        again = await self._ledger.report(KIND, stored.key, counts=not first)
        return min((seconds for seconds in (wait, again) if seconds is not None), default=None)

    async def _pass(self, declared: Declared[DeclaredRepository]) -> float | None:
        stored = declared.stored
        self._findings.note_repository(stored, handled_request=stored.requested)
        namespace = self._world.cache.namespaces.get(stored.key.namespace) or Namespace(stored.key.namespace)
        desired = await self._desired(declared, namespace)
        if desired is None:
            return await self._maker.withdraw(declared, namespace)
        return await self._maker.make(declared, namespace, desired)

    async def _desired(self, declared: Declared[DeclaredRepository], namespace: Namespace) -> DesiredRepository | None:
        """The desired state, or None after recording the complaint."""
        options, stored = self._world.options, declared.stored
        if declared.current is None:
            self._complain(stored, declared.invalid or Invalid("The spec does not parse."))
            return None
        try:
            desired = declared.current.desired(namespace, options.cluster, any_project=options.any_project)
        except Invalid as error:
            self._complain(stored, error)
            return None
        recorded = self._findings.repository(stored).name
        if recorded is None or recorded == desired.name or desired.observe:
            if recorded != desired.name:
                self._discard_record(stored, desired.name if recorded is not None else None)
            return desired
        if await self._still_ours(stored, recorded):
            message = (
                f"This object manages {recorded} and would now refer to {desired.name}: the first project of the "
                "namespace's annotation changed. Restore the annotation, or set spec.project in a new object."
            )
            self._complain(stored, Invalid(message, Reason.IDENTITY_CHANGED))
            return None
        self._discard_record(stored, None)
        return desired

    async def _still_ours(self, stored: CustomObject, name: RepositoryName) -> bool:
        """Whether a recorded repository has this object's labels: status alone proves nothing."""
        observed = await self._world.repositories.get(name)
        ours = Ownership.of(self._world.options.cluster, stored.key)
        return observed is not None and owns(ours, observed)

    def _discard_record(self, stored: CustomObject, name: RepositoryName | None) -> None:
        """Discard a recorded name that was not this object's, and what was recorded with it."""
        self._findings.note_repository(
            stored, name=name, usable=False, create_time=None, update_time=None, mode=None, managed=frozenset()
        )

    def _complain(self, stored: CustomObject, error: Invalid) -> None:
        self._findings.note_repository(stored, resolved=failed(error.reason, error.message), usable=False)

    def _synced(self, stored: CustomObject) -> Check | None:
        """The previous finding, by this process or in status."""
        found = self._findings.repository(stored)
        return found.synced or check_of(by_type(stored.status).get(ConditionType.SYNCED, {}))

    def _topics(self, declared: Declared[DeclaredRepository]) -> Iterator[Topic]:
        """What this object depends on: its Namespace, the repository that it refers to, and its upstreams."""
        yield NamespaceTopic(declared.stored.key.namespace)
        meant = computed_name(self._world, declared)
        if meant is not None:
            yield meant
        desired = declared.effective
        if desired is None:
            return
        for upstream in desired.upstreams or ():
            yield upstream.target
        if desired.reads is not None:
            yield desired.reads

    def _wake_policy(self, stored: CustomObject) -> None:
        name = self._findings.repository(stored).name
        if name is not None and self._world.cache.accesses_of(stored.key):
            self._world.queue.add_soon(PolicyKey(name), 0.2, 2.0)

    def _forget(self, key: ObjectKey) -> None:
        self._world.interests.drop(RepositoryKey(key))
        self._ledger.forget(KIND, key)
        self._turns.use(key)
        self._maker.forget(key)
