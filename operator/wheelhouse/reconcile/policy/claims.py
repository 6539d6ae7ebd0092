"""What each access may have now, computed without a request: every unit uses it."""

from dataclasses import dataclass
from datetime import timedelta

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.subjects import desired_grants
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import failed
from wheelhouse.domain.iam import Grant, GrantRecord, GrantState, Role
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.consent import ABSENCE, Consent, Permission, RepositoryView, Requester, Standing, consent
from wheelhouse.plan.places import NO_PLACES, Places, places
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.memo import Memo
from wheelhouse.reconcile.policy.actors import Actors
from wheelhouse.reconcile.policy.ledgers import Ledgers
from wheelhouse.reconcile.policy.moving import Moving
from wheelhouse.reconcile.repository.views import view
from wheelhouse.reconcile.uploads import Uploads
from wheelhouse.reconcile.world import World

READ_ONLY = frozenset({Mode.REMOTE, Mode.VIRTUAL})
"""Nothing can be uploaded to these (https://cloud.google.com/artifact-registry/docs/repositories#mode)."""

UNREADABLE = timedelta(hours=24)
"""How long an access that does not parse keeps its grants and Secrets."""

_ROLES = {role.iam: role for role in Role}
_RESTS = failed(
    Reason.SUSPENDED, "spec.suspend is true, so the operator adds no grants or Secrets. To continue, remove it."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The decision about one access.

    Attributes:
        access: its desired state, or the one of its last valid spec; None if nothing of it can be read.
        wanted: the grants that it should have; empty if it may have none.
        invalid: why it cannot have all or part of them.
        role: the role for which its Secret is made.
        ledger: its recorded grants, without entries that it cannot have made.
        again: seconds until time alone changes the decision; None if only a change does.
        places: where it should have a Secret.
        arriving: whether it may have grants soon: only its finalizer is missing, which its first pass adds, or the
            first check of its repository by this process.
    """

    access: DesiredAccess | None
    consent: Consent
    repository: RepositoryView | None
    wanted: tuple[Grant, ...]
    invalid: Invalid | None
    role: Role
    ledger: tuple[GrantRecord, ...]
    again: float | None = None
    places: Places = NO_PLACES
    arriving: bool = False

    @property
    def name(self) -> RepositoryName | None:
        """The Google repository that the access refers to now."""
        allowed = self.repository is not None and self.consent.permission is not Permission.WITHDRAW
        return self.repository.name if self.repository is not None and allowed else None

    @property
    def may_add(self) -> bool:
        """Whether new grants may be added."""
        return self.consent.permission is Permission.GIVE


class Claims:
    """Decides about accesses.

    Args:
        world: the ports.
        findings: what the units found; only read here.
    """

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings
        self._moving = Moving(world, findings)
        self._places: Memo[ObjectKey, Places] = Memo()
        self._spread: Memo[ObjectKey, Claim] = Memo()
        self.actors = Actors(world, findings)
        self.uploads = Uploads(world, findings)
        self._ledgers = Ledgers(world, findings, self.actors)

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace, unless it is being deleted."""
        namespace = self._world.cache.namespaces.get(name)
        return None if namespace is None or namespace.deleting else namespace

    def desired(
        self, declared: Declared[DesiredAccess], access: DesiredAccess, where: Places
    ) -> tuple[tuple[Grant, ...], Invalid | None]:
        """The grants that an access with Secrets in these places requests, and the error of its first bad subject."""
        repository = view(self._world, self._findings, access.repository)
        return self._desired(declared, access, repository, self.ledger(declared), where)

    def _desired(
        self,
        declared: Declared[DesiredAccess],
        access: DesiredAccess,
        repository: RepositoryView | None,
        ledger: tuple[GrantRecord, ...],
        where: Places,
    ) -> tuple[tuple[Grant, ...], Invalid | None]:
        grants, invalid = desired_grants(access, self._world.workload, self._selected, where.names)
        # Without a place for a Secret, no token is requested that could prove the Google service account.
        identity = access.secret.identity if access.secret is not None else None
        if access.secret is None or identity is None or access.secret.local_identities or not where.wanted:
            return grants, invalid
        grants, error = self.actors.applied(declared, repository, ledger, grants, identity)
        return grants, invalid or error

    def _selected(self, selector: Selector) -> tuple[str, ...] | None:
        namespaces = self._world.cache.namespaces
        return None if namespaces.selects_all(selector) else namespaces.selected(selector)

    def of(self, declared: Declared[DesiredAccess]) -> Claim:
        """Decide about one access."""
        access = declared.effective
        repository = view(self._world, self._findings, access.repository) if access else None
        if access is None or not self._lasts(declared, access, repository):
            return self._judge(declared, repository)
        found = self._findings.grants(declared.stored)
        facts = (
            *(declared, repository, found.grants, found.repository, self._places_of(declared)),
            *(self._world.cache.namespaces.version, self._has_secret(declared), self._ledgers.managers(found)),
            *(self.actors.facts(declared), repository is not None and self._is_unseen(repository)),
        )
        return self._spread.get(declared.stored.key, facts, lambda: self._judge(declared, repository))

    def _lasts(
        self, declared: Declared[DesiredAccess], access: DesiredAccess, repository: RepositoryView | None
    ) -> bool:
        """Whether the decision about a fan-out stays until one of its facts changes, and not only for a time."""
        spread = access.secret is not None and access.secret.fan_out is not None
        timed = repository is None or declared.invalid is not None or self._world.options.migrate_from is not None
        return spread and not timed

    def fan_out(self, declared: Declared[DesiredAccess], access: DesiredAccess) -> Places:
        """Where a spec requests the Secrets, whether it is applied or not."""
        ledger, namespaces = self._findings.distribution(declared.stored).namespaces, self._world.cache.namespaces
        return places(access, ledger, namespaces.selected, namespaces.get, paused=False)

    def _places_of(self, declared: Declared[DesiredAccess]) -> Places:
        """Where an access wants its Secrets."""
        access, namespaces = declared.effective, self._world.cache.namespaces
        paused = declared.current is None or (access is not None and access.suspend)
        ledger = self._findings.distribution(declared.stored).namespaces
        facts = (access, namespaces.version, ledger if paused else None)
        return self._places.get(
            declared.stored.key,
            facts,
            lambda: places(access, ledger, namespaces.selected, namespaces.get, paused=paused),
        )

    def _judge(self, declared: Declared[DesiredAccess], repository: RepositoryView | None) -> Claim:
        stored, access = declared.stored, declared.effective
        ledger = self.ledger(declared)
        held = tuple(record.grant for record in ledger if record.state is not GrantState.REJECTED)
        if access is None:
            return Claim(None, Consent(Permission.KEEP), None, held, declared.invalid, Role.READER, ledger)
        gone = self._world.absences.seconds(access.repository) if repository is None else 0.0
        paused = declared.current is None or access.suspend
        roles = _roles(held) if paused and held else frozenset({access.role})
        requester = Requester(
            access, self.namespace(stored.key.namespace), roles, bool(held) or self._has_secret(declared)
        )
        judged = consent(requester, repository, gone)
        again = ABSENCE - gone if repository is None and judged.permission is Permission.KEEP else None
        where = self._places_of(declared)
        grants, invalid = self._desired(declared, access, repository, ledger, where)
        role = access.role
        unseen = not paused and repository is not None and self._is_unseen(repository)
        if declared.current is None or access.suspend:
            judged, again = self._paused(declared, judged, again)
            grants = tuple(grant for grant in held if not self.actors.forbidden(access, repository, grant.member))
            invalid = declared.invalid or invalid
            role = max(_roles(held), default=access.role, key=list(Role).index)
        elif access.role is Role.WRITER and repository is not None and repository.mode in READ_ONLY:
            withdrawn = judged.permission is Permission.WITHDRAW
            grants, invalid = (), None if withdrawn else _not_writable(access, repository.mode)
        else:
            grants = (*grants, *self._moving.outgoing(declared, ledger, grants))
        arriving = judged.permission is Permission.GIVE and not stored.finalized
        if arriving:
            # Without the finalizer nothing would revoke a new grant again.
            judged = Consent(Permission.KEEP, judged.check)
        keeps = judged.permission is not Permission.WITHDRAW and not stored.deleting
        wanted = grants if keeps else ()
        missing = unseen and any(grant not in held for grant in wanted)
        arriving = (arriving or missing) and bool(wanted)
        return Claim(access, judged, repository, wanted, invalid, role, ledger, again, where, arriving)

    def _is_unseen(self, repository: RepositoryView) -> bool:
        """Whether this process has not checked a repository yet whose status records its name."""
        if repository.standing is not Standing.UNSEEN or repository.name is None:
            return False
        declared = self._world.cache.repository(repository.key)
        return declared is not None and declared.stored.recorded == repository.name.full

    def claimant(self, declared: Declared[DesiredAccess], name: RepositoryName, claim: Claim | None = None) -> Claimant:
        """One access from the point of view of the policy of `name`."""
        claim = claim or self.of(declared)
        found = self._findings.grants(declared.stored)
        ledger = claim.ledger if found.repository == name else ()
        # The ledger names one repository: grants on another one are revoked there first. Entries that this
        # access cannot have made are never revoked, so they delay nothing.
        elsewhere = found.repository not in (None, name) and bool(claim.ledger)
        kept = claim.name is None and claim.consent.permission is Permission.KEEP and found.repository == name
        here = (claim.name == name and not elsewhere) or kept
        return Claimant(
            access=declared.stored.key,
            wanted=claim.wanted if here else (),
            may_add=claim.may_add and here and not kept,
            ledger=ledger,
            create_time=found.create_time if ledger else None,
            created=declared.stored.created,
            adopts=claim.access is not None and claim.access.adopts and _own(claim.access),
            repository=claim.access.repository if claim.access is not None else None,
            uid=declared.stored.uid,
            arriving=claim.arriving and here,
            entries=found.grants,
            why=_why(declared, claim),
        )

    def claimants(self, name: RepositoryName) -> list[Claimant]:
        """Every access that refers to this repository, or whose ledger does, the oldest first."""
        cache = self._world.cache
        found = {declared.stored.key: declared for declared in cache.accesses_on(name)}
        for repository in cache.repositories_on(name):
            found |= {each.stored.key: each for each in cache.accesses_of(repository.stored.key)}
        views: dict[ObjectKey, RepositoryView | None] = {}
        claimants = []
        for declared in found.values():
            key = declared.effective.repository if declared.effective is not None else None
            if key is not None and key not in views:  # One lookup for all accesses of a repository.
                views[key] = view(self._world, self._findings, key)
            claim = self._judge(declared, views[key] if key is not None else None)
            claimants.append(self.claimant(declared, name, claim))
        return sorted(claimants, key=lambda claimant: claimant.rank)

    def _paused(
        self, declared: Declared[DesiredAccess], judged: Consent, again: float | None
    ) -> tuple[Consent, float | None]:
        """A suspended access, or one that does not parse, keeps what it has as long as its repository consents."""
        if judged.permission is Permission.WITHDRAW:
            return judged, again
        if declared.invalid is None:
            has = bool(self.ledger(declared)) or self._has_secret(declared)
            return Consent(Permission.KEEP, judged.check if has else _RESTS), again
        since = self._findings.access(declared.stored).unreadable_since
        left = UNREADABLE if since is None else since + UNREADABLE - self._world.now()
        check = failed(declared.invalid.reason, declared.invalid.message)
        if left <= timedelta():
            return Consent(Permission.WITHDRAW, check), None
        seconds = min(left, UNREADABLE).total_seconds()
        return Consent(Permission.KEEP, check), seconds if again is None else min(again, seconds)

    def ledger(self, declared: Declared[DesiredAccess]) -> tuple[GrantRecord, ...]:
        """The ledger, without entries that this access cannot have granted."""
        return self._ledgers.of(declared)

    def _has_secret(self, declared: Declared[DesiredAccess]) -> bool:
        return bool(self._findings.distribution(declared.stored).name)


def _own(access: DesiredAccess) -> bool:
    """Whether the repository is in the access's own namespace."""
    return access.repository.namespace == access.key.namespace


def _why(declared: Declared[DesiredAccess], claim: Claim) -> str:
    """Why grants that the access no longer wants are revoked, for the log."""
    if declared.stored.deleting:
        return "the access is deleted"
    if claim.consent.permission is Permission.WITHDRAW and claim.consent.check is not None:
        return f"the access may not have it: {claim.consent.check.reason}"
    return "the access no longer requests it"


def _roles(held: tuple[Grant, ...]) -> frozenset[Role]:
    return frozenset(_ROLES[grant.role] for grant in held)


def _not_writable(access: DesiredAccess, mode: Mode) -> Invalid:
    message = f"PythonRepository {access.repository} is {mode}, which does not accept uploads. Request Reader in a new"
    remedy = "object, and refer to a Standard repository in its spec.secret.uploadRepositoryRef."
    return Invalid(f"{message} {remedy}", Reason.NOT_WRITABLE)
