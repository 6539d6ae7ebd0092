"""How others see a PythonRepository: its accesses, and the repositories that read from it."""

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository, access_from_of, suspended
from wheelhouse.domain.findings import RepositoryFindings
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import IN_PROGRESS, Reason
from wheelhouse.errors import Invalid
from wheelhouse.plan.consent import RepositoryView, Standing
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.world import World


def computed_name(world: World, declared: Declared[DeclaredRepository]) -> RepositoryName | None:
    """The repository of an object by its spec and its Namespace; None if these do not determine it."""
    if declared.effective is None:
        return None
    namespace = world.cache.namespaces.get(declared.stored.key.namespace)
    try:
        return declared.effective.name(namespace, any_project=world.options.any_project)
    except Invalid:
        return None


def rests(declared: Declared[DeclaredRepository]) -> bool:
    """Whether changes of the spec are not applied, even if the spec does not parse."""
    return declared.current.spec.suspend if declared.current is not None else suspended(declared.stored)


def view(world: World, findings: Findings, key: ObjectKey) -> RepositoryView | None:
    """A PythonRepository in its current state; None if it does not exist, or no longer has our finalizer.

    Its name is the one that this process settled. Before its first pass, that is the computed name, unless status
    recorded another: then only Google can show which of the two is right.
    """
    declared = world.cache.repository(key)
    if declared is None or (declared.stored.deleting and not declared.stored.finalized):
        return None
    found = findings.repository(declared.stored)
    name = found.name
    if found.generation is None:
        computed = computed_name(world, declared)
        name = computed if found.name in (None, computed) else None
    if declared.stored.deleting:
        standing = Standing.RELEASING
    elif found.generation is None:
        standing = Standing.UNSEEN
    elif found.usable and rests(declared):
        standing = Standing.SUSPENDED
    else:
        standing = Standing.USABLE if found.usable else Standing.UNUSABLE
    trouble = _trouble(found) if standing is Standing.UNUSABLE else None
    return RepositoryView(
        key, access_from_of(declared), standing, name, found.mode, found.held_up, trouble, found.index_safe
    )


def _trouble(found: RepositoryFindings) -> Reason | None:
    """Why a repository is not usable, if that is more than work in progress."""
    checks = (check for check in (found.resolved, found.synced) if check is not None and not check.ok)
    check = next(checks, None)
    return check.reason if check is not None and check.reason not in IN_PROGRESS else None
