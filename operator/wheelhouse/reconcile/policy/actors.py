"""As whom the token of an access authenticates now, and the member that is granted for it.

A member changes only once the new one works. Until then the previous one keeps its grant and its token, as long as it
is permitted itself.
"""

from collections.abc import Sequence

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.actors import Actor, google_account
from wheelhouse.domain.iam import Grant, GrantRecord, GrantState, Identity
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid
from wheelhouse.plan.acting import Allowed, Judged, judge
from wheelhouse.plan.consent import RepositoryView
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.world import World


class Actors:
    """Decides about the annotations of ServiceAccounts.

    Args:
        world: the ports.
        findings: what the units found; only read here.
    """

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings

    def facts(self, declared: Declared[DesiredAccess]) -> tuple[object, ...]:
        """All that decisions depend on, besides the access, its repository, its ledger, and Namespaces.

        A decision is kept only as long as none of these changes.
        """
        found, access = self._findings.distribution(declared.stored), declared.effective
        identity = access.secret.identity if access is not None and access.secret is not None else None
        annotation = self._world.google_account(identity) if identity is not None else None
        return annotation, found.identity, found.acting, found.proven, found.unproven

    def judged(self, identity: Identity, repository: RepositoryView | None) -> Judged:
        """As whom a ServiceAccount may act by its annotation; as itself if it does not exist."""
        annotation = self._world.google_account(identity) or ""
        return judge(identity, annotation, self._allowed(identity.namespace, repository))

    def unproven(
        self,
        declared: Declared[DesiredAccess],
        identity: Identity,
        repository: RepositoryView | None,
        ledger: Sequence[GrantRecord],
    ) -> Actor | None:
        """The Google service account that Google has not issued a token of yet, so that it has no grant."""
        actor = self.judged(identity, repository).actor
        return None if actor is None or self._proven(declared, actor, ledger) else actor

    def candidates(
        self,
        declared: Declared[DesiredAccess],
        identity: Identity,
        repository: RepositoryView | None,
        *,
        follows: bool = True,
    ) -> tuple[Actor, ...]:
        """As whom a token may authenticate, the preferred one first: one that has no grant yet is no use.

        Args:
            declared: the access.
            identity: the ServiceAccount of the token.
            repository: its repository.
            follows: whether its annotation counts, and not only the identity of the token that is in the Secret.
        """
        actor = self.judged(identity, repository).actor if follows else None
        standing = self._standing(declared, identity, repository)
        found = (actor, standing, Actor(identity))
        return tuple(dict.fromkeys(each for each in found if each is not None))

    def applied(
        self,
        declared: Declared[DesiredAccess],
        repository: RepositoryView | None,
        ledger: Sequence[GrantRecord],
        grants: Sequence[Grant],
        identity: Identity,
    ) -> tuple[tuple[Grant, ...], Invalid | None]:
        """The grants of an access, with the member of its token's identity, and why that is not the wanted one.

        Args:
            declared: the access.
            repository: its repository.
            ledger: the grants that it has.
            grants: the grants with the ServiceAccount itself as the member.
            identity: the ServiceAccount of its token.
        """
        actor, invalid = self._actor(declared, identity, repository, ledger)
        if actor == Actor(identity):
            return tuple(grants), invalid
        own = self._world.workload.member(identity)
        member = None if actor is None else actor.member(self._world.workload)
        changed: dict[Grant, None] = {}
        for grant in grants:
            if grant.member != own or grant.verbatim:
                changed[grant] = None
            elif member is not None:
                changed[Grant(grant.role, member)] = None
        return tuple(changed), invalid

    def forbidden(self, access: DesiredAccess, repository: RepositoryView | None, member: str) -> bool:
        """Whether a member in the ledger of another namespace's access has lost the consent for it."""
        email = google_account(member)
        if email is None or access.repository.namespace == access.key.namespace:
            return False
        return self._allowed(access.key.namespace, repository).permits(email) is False

    def plausible(self, declared: Declared[DesiredAccess], member: str, repository: RepositoryView | None) -> bool:
        """Whether an access can have granted this Google service account for its token."""
        email, access = google_account(member), declared.effective
        if email is None or access is None:
            return False
        if self._findings.distribution(declared.stored).acting == email:
            return True
        identity = access.secret.identity if access.secret is not None else None
        if identity is not None and self._world.google_account(identity) == email:
            return True
        return self._allowed(access.key.namespace, repository).permits(email) is True

    def _actor(
        self,
        declared: Declared[DesiredAccess],
        identity: Identity,
        repository: RepositoryView | None,
        ledger: Sequence[GrantRecord],
    ) -> tuple[Actor | None, Invalid | None]:
        """Who gets the role, and why it is not the one of the annotation."""
        judged = self.judged(identity, repository)
        standing = self._standing(declared, identity, repository)
        if self._world.google_account(identity) is None and standing is not None:
            return standing, None  # Without the ServiceAccount there is no annotation to follow.
        if judged.actor is not None and self._proven(declared, judged.actor, ledger):
            return judged.actor, None
        invalid = judged.invalid
        if judged.actor is not None:
            invalid = self._unproven(declared, judged.actor)
        for actor in (standing, Actor(identity)):
            if actor is not None and self._held(actor, ledger):
                return actor, invalid
        return None, invalid

    def _unproven(self, declared: Declared[DesiredAccess], actor: Actor) -> Invalid:
        """Why the Google service account of an annotation has no grant yet."""
        failure = self._findings.distribution(declared.stored).unproven
        if failure is not None:
            return Invalid(failure.message, failure.reason)
        message = f"Waiting until Google issues a token of {actor.email} for ServiceAccount {actor.identity}."
        return Invalid(message, Reason.PENDING)

    def _proven(self, declared: Declared[DesiredAccess], actor: Actor, ledger: Sequence[GrantRecord]) -> bool:
        """Whether Google has issued a token once: the ledger has a member only after that."""
        if not actor.email or actor in self._findings.distribution(declared.stored).proven:
            return True
        member = actor.member(self._world.workload)
        return any(record.grant.member == member for record in ledger)

    def _held(self, actor: Actor, ledger: Sequence[GrantRecord]) -> bool:
        member = actor.member(self._world.workload)
        return any(record.grant.member == member and record.state is not GrantState.REJECTED for record in ledger)

    def _standing(
        self, declared: Declared[DesiredAccess], identity: Identity, repository: RepositoryView | None
    ) -> Actor | None:
        """The Google service account of the token in the Secret, unless consent for it is lost."""
        found = self._findings.distribution(declared.stored)
        if not found.acting or found.identity != str(identity):
            return None
        lost = self._allowed(identity.namespace, repository).permits(found.acting) is False
        return None if lost else Actor(identity, found.acting)

    def _allowed(self, namespace: str, repository: RepositoryView | None) -> Allowed:
        consent = repository.access_from if repository is not None else None
        patterns = consent.google_service_accounts if consent is not None else None
        return Allowed(self._world.cache.namespaces.get(namespace), self._world.options.any_project, patterns)
