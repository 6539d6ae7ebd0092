"""Which repository the clients of an access's Secrets upload to, decided without a request."""

from dataclasses import replace

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace
from wheelhouse.plan.consent import RepositoryView
from wheelhouse.plan.uploads import NOT_REQUESTED, Upload, judge_upload
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.repository.views import view
from wheelhouse.reconcile.world import World


class Uploads:
    """Decides about `secret.uploadRepositoryRef`.

    Status shows which repository the Secrets name. Others could write it, so it never decides alone: what it shows is
    kept only while a PythonRepository manages that repository, and permits it.

    Args:
        world: the ports.
        findings: what the units found; only read here.
    """

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings
        self._seen: dict[ObjectKey, tuple[ObjectKey, RepositoryName]] = {}

    def of(self, declared: Declared[DesiredAccess], access: DesiredAccess | None) -> Upload:
        """Where uploads go now.

        Args:
            declared: the access.
            access: its desired state; None if nothing of it can be read.
        """
        key, standing = declared.stored.key, self._findings.distribution(declared.stored).upload
        paused = declared.current is None or (access is not None and access.suspend)
        target = access.secret.upload if access is not None and access.secret is not None else None
        if declared.stored.deleting or access is None or (target is None and not (paused and standing is not None)):
            self._seen.pop(key, None)
            return NOT_REQUESTED
        asked = self._judge(declared, access, target) if target is not None else NOT_REQUESTED
        if paused and standing is None:
            return replace(asked, name=None, requested=False)  # The Secret stays as it is.
        if paused and asked.name != standing:
            asked = self._kept(declared, access, standing, asked)
        elif target is not None and asked.name is not None:
            self._seen[key] = target, asked.name
        return asked

    def asked(self, declared: Declared[DesiredAccess], access: DesiredAccess) -> RepositoryName | None:
        """Where uploads go by the spec, whether it is applied or not."""
        target = access.secret.upload if access.secret is not None else None
        return self._judge(declared, access, target).name if target is not None else None

    def _judge(self, declared: Declared[DesiredAccess], access: DesiredAccess, target: ObjectKey) -> Upload:
        found = view(self._world, self._findings, target)
        gone = self._world.absences.seconds(target) if found is None else 0.0
        standing = self._findings.distribution(declared.stored).upload
        if standing is not None and standing != self._managed(declared, target, found):
            standing = None
        own = access.key.namespace
        elsewhere = any(name != own for name in self._findings.distribution(declared.stored).namespaces)
        return judge_upload(access, self._namespace(access), target, found, gone, standing, elsewhere=elsewhere)

    def _kept(
        self,
        declared: Declared[DesiredAccess],
        access: DesiredAccess,
        standing: RepositoryName | None,
        asked: Upload,
    ) -> Upload:
        """While the spec is not applied, the Secret keeps its repository as long as any manager of it permits that."""
        managers = self._world.cache.repositories_on(standing) if standing is not None else ()
        for manager in managers:
            found = self._judge(declared, access, manager.stored.key)
            if found.name is not None and found.name == standing:
                return found
        return Upload(check=asked.check, again=asked.again)

    def _managed(
        self, declared: Declared[DesiredAccess], target: ObjectKey, found: RepositoryView | None
    ) -> RepositoryName | None:
        """The repository of a PythonRepository: while that is missing, the one that this process has seen."""
        if found is not None and found.name is not None:
            return found.name
        manager = self._world.cache.repository(target)
        if found is not None and manager is not None:
            return self._findings.repository(manager.stored).name
        seen, name = self._seen.get(declared.stored.key, (None, None))
        return name if seen == target else None

    def _namespace(self, access: DesiredAccess) -> Namespace | None:
        namespace = self._world.cache.namespaces.get(access.key.namespace)
        return None if namespace is None or namespace.deleting else namespace
