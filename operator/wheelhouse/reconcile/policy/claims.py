"""What each access may want now, computed from the cache alone: every unit asks here, so all decide alike."""

from dataclasses import dataclass

from wheelhouse.desired import desired_access, desired_grants
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Grant, Role
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.objects import CustomObject, Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid
from wheelhouse.plan.consent import Consent, RepositoryView, consent
from wheelhouse.plan.policy import Claimant
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.repository.views import view

_READ_ONLY = frozenset({Mode.REMOTE, Mode.VIRTUAL})
"""Nothing can be uploaded to these (https://cloud.google.com/artifact-registry/docs/repositories#mode)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One access judged: `wanted` is empty where consent lacks; `complaint` names a subject that cannot be had."""

    access: DesiredAccess
    consent: Consent
    repository: RepositoryView | None
    wanted: tuple[Grant, ...]
    complaint: Invalid | None

    @property
    def name(self) -> RepositoryName | None:
        """The Google repository that the access points at now."""
        return self.repository.name if self.repository and self.consent.permitted else None


class Claims:
    """Judges accesses from what the cache holds."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace that is there to stay."""
        namespace = self._world.cache.namespace(name)
        return None if namespace is None or namespace.deleting else namespace

    def of(self, stored: CustomObject) -> Claim:
        """Judge one access.

        Raises:
            Invalid: its spec does not parse.
        """
        access = desired_access(stored)
        repository = view(self._world, access.repository)
        holds = any(record.state.owned for record in self._ledger.access(stored).grants)
        judged = consent(access, self.namespace(access.key.namespace), repository, holds=holds)
        grants, complaint = desired_grants(access, self._world.workload)
        if judged.permitted and access.role is Role.WRITER and repository and repository.mode in _READ_ONLY:
            grants, complaint = (), _not_writable(access, repository.mode)
        # Without the finalizer nothing would withdraw the grant again.
        wanted = grants if judged.permitted and stored.finalized and not stored.deleting else ()
        return Claim(access, judged, repository, wanted, complaint)

    def claimant(self, stored: CustomObject, name: RepositoryName) -> Claimant:
        """One access as the policy of `name` sees it.

        A living object that does not parse keeps what it has: nothing can be said of what it wants.
        """
        outcome = self._ledger.access(stored)
        ledger = outcome.grants if outcome.repository == name.full else ()
        try:
            claim = self.of(stored)
        except Invalid:
            wanted = () if stored.deleting else tuple(record.grant for record in ledger)
            return Claimant(stored.key, wanted, may_add=False, ledger=ledger)
        # The ledger names one repository: what is left on another one is withdrawn there first.
        elsewhere = outcome.repository not in (None, name.full) and bool(outcome.grants)
        here = claim.name == name and not elsewhere
        return Claimant(stored.key, claim.wanted if here else (), claim.consent.may_add and here, ledger)

    def claimants(self, name: RepositoryName) -> list[Claimant]:
        """Every access that points at this repository, or whose ledger does, in a stable order."""
        cache = self._world.cache
        found = {stored.key: stored for stored in cache.accesses_on(name.full)}
        for repository in cache.repositories_on(name.full):
            found |= {stored.key: stored for stored in cache.accesses_of(repository.key)}
        return [self.claimant(found[key], name) for key in sorted(found)]


def _not_writable(access: DesiredAccess, mode: Mode) -> Invalid:
    message = f"PythonRepository {access.repository} is {mode}, and nothing can be uploaded to it: ask for Reader in a"
    return Invalid(f"{message} new object, or point spec.repositoryRef at the Standard one.", Reason.NOT_WRITABLE)
