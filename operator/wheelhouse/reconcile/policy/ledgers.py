"""The ledger of an access's grants, without what others may have written into its status."""

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import GrantFindings
from wheelhouse.domain.iam import GrantRecord, Role
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.actors import Actors
from wheelhouse.reconcile.repository.views import view
from wheelhouse.reconcile.world import World

_ROLES = frozenset(role.iam for role in Role)


class Ledgers:
    """Checks the entries of ledgers.

    Args:
        world: the ports.
        findings: what the units found; only read here.
        actors: decides about the annotations of ServiceAccounts.
    """

    def __init__(self, world: World, findings: Findings, actors: Actors) -> None:
        self._world = world
        self._findings = findings
        self._actors = actors

    def of(self, declared: Declared[DesiredAccess]) -> tuple[GrantRecord, ...]:
        """The ledger, without entries that this access cannot have granted: others may have written them."""
        found = self._findings.grants(declared.stored)
        if found.repository is None:
            return ()
        records = tuple(record for record in found.grants if record.grant.role in _ROLES)
        namespace, access = declared.stored.key.namespace, declared.effective
        own = tuple(record for record in records if _own_member(namespace, record.grant.member))
        if len(own) == len(records) or access is None:
            return own
        if access.repository.namespace == namespace:
            return records if all(manager == namespace for manager in self.managers(found)) else own
        seen = view(self._world, self._findings, access.repository)
        return tuple(
            record
            for record in records
            if _own_member(namespace, record.grant.member)
            or self._actors.plausible(declared, record.grant.member, seen)
        )

    def managers(self, found: GrantFindings) -> tuple[str, ...]:
        """The namespaces whose PythonRepositories manage the repository of a ledger."""
        if found.repository is None:
            return ()
        on = self._world.cache.repositories_on(found.repository)
        return tuple(
            each.stored.key.namespace for each in on if self._findings.repository(each.stored).name == found.repository
        )


def _own_member(namespace: str, member: str) -> bool:
    """Whether a member is a ServiceAccount of this namespace, in this cluster's pool or the previous one."""
    _, pool, subject = member.partition("/subject/")
    if not pool or not member.startswith("principal://iam.googleapis.com/projects/"):
        return False
    return subject.startswith((f"ns/{namespace}/sa/", f"system:serviceaccount:{namespace}:"))
