"""The desired content of the Secrets of an access, except for the token."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.actors import Actor
from wheelhouse.domain.configuration.form import UNSET, Authentication, Form
from wheelhouse.domain.findings import DistributionFindings
from wheelhouse.domain.iam import GrantRecord, Identity, Role, held_roles
from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.urls import index_urls
from wheelhouse.plan.consent import Permission
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.memo import Memo
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.secret.identities import EVERYWHERE, identities_of, shown, spreads
from wheelhouse.reconcile.world import World

PROBE = "wheelhouse-probe"
"""A package page that need not exist: a 404 there means that the token may read; the root is 404 to everyone."""
PUBLIC_PROBE = "pip"
"""The page for Remote and Virtual repositories: their cache probably has it."""

_ROLES = {role.iam: role for role in Role}


@dataclass(frozen=True, slots=True)
class Proof:
    """What is requested with a token, to verify it: a package page, and where it must be able to upload."""

    page: str
    uploads_to: RepositoryName | None = None


class Absence(Enum):
    """Why nothing is written: no Secret may exist, or an existing one stays unchanged."""

    NOT_WANTED = auto()
    NOT_OPTED_IN = auto()
    WAITING = auto()


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a Secret, except for the token.

    Attributes:
        name: the name of the Secret.
        token: the identity and the lifetime of the token; None if the Secret has none.
        index: the name of the index in clients' files.
        index_url: the URL to install from.
        upload_url: the URL to upload to; None for users who only install.
        uploads_to: the repository that `secret.uploadRepositoryRef` names; None without one, or without consent.
        page: the package page that is requested to verify the token.
        form: which files it has, and where they have the token.
        actor: as whom its users authenticate; None if the access names no ServiceAccount.
        identity: whose token the Secrets of the access have, as status names it.
        digest: for comparison of what is requested; computed once, because each pass over a Secret needs it.
    """

    name: str
    token: TokenKey | None
    index: str
    index_url: str
    upload_url: str | None
    page: str = field(compare=False)
    identity: str = field(compare=False)
    form: Form = UNSET
    uploads_to: RepositoryName | None = None
    actor: Actor | None = None
    digest: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compute the digest."""
        object.__setattr__(self, "digest", hash(self) or 1)

    @property
    def proof(self) -> Proof:
        """What is requested with the token."""
        return Proof(self.page, self.uploads_to)

    @property
    def acting(self) -> str:
        """The Google service account that its users authenticate as; empty if there is none."""
        return self.actor.email if self.actor is not None else ""


Wanted = Content | Absence


class Contents:
    """Determines the desired content of Secrets, without a request.

    Args:
        world: the ports.
        findings: what the units found; only read here.
        claims: decides about accesses.
    """

    def __init__(self, world: World, findings: Findings, claims: Claims) -> None:
        self._world = world
        self._findings = findings
        self._claims = claims
        self._modes: dict[RepositoryName, Mode] = {}
        self._held: Memo[ObjectKey, Mapping[str, frozenset[Role]]] = Memo()
        self._spread: Memo[ObjectKey, Wanted] = Memo()

    def of(self, declared: Declared[DesiredAccess], claim: Claim, namespace: str = "") -> Wanted:
        """The desired content wherever the access has a Secret, or in one namespace.

        If each Secret has the token of a ServiceAccount of its own namespace, the content for all of them is one for
        no namespace in particular: it has what they have in common.

        Only lost consent, a Secret that is no longer requested, and the end of the access remove one. As long as there
        is consent and a grant of the identity, its token is refreshed.
        """
        access = claim.access
        spread = access is not None and access.secret is not None and access.secret.fan_out is not None
        if access is None or not spread or namespace or declared.current is None or access.suspend:
            return self._of(declared, claim, namespace)
        found = self._findings.distribution(declared.stored)
        facts = (
            *(declared, claim, found.name, found.form, found.upload, self._world.options.denied_formats),
            *(self._claims.uploads.of(declared, access), self._findings.grants(declared.stored).repository),
            *(self._claims.actors.facts(declared), self._world.cache.namespaces.version),
        )
        return self._spread.get(declared.stored.key, facts, lambda: self._of(declared, claim, ""))

    def _of(self, declared: Declared[DesiredAccess], claim: Claim, namespace: str) -> Wanted:
        access, stored = claim.access, declared.stored
        if stored.deleting or claim.consent.permission is Permission.WITHDRAW:
            return Absence.NOT_WANTED
        if access is None:
            return Absence.WAITING
        if access.secret is None and not access.partial:
            return Absence.NOT_WANTED
        found = self._findings.distribution(stored)
        paused = declared.current is None or access.suspend
        name = found.name if paused or access.secret is None else access.secret.name
        form = _form(access, found, paused=paused).without(self._world.options.denied_formats)
        if form.keyring is not None and _unnamed(access, found, paused=paused):
            actor, role = None, self._any(declared, claim)
        else:
            actor, role = self._actor(declared, claim, access, namespace, paused=paused)
        repository, upload = self._repository(declared, claim), self._claims.uploads.of(declared, access)
        if not name or role is None or repository is None:
            # Without a token nothing can be written. A Secret must not name what another owner no longer allows.
            return Absence.NOT_WANTED if upload.name is None and found.upload is not None else Absence.WAITING
        mode = self._mode(repository, claim)
        index_url, _ = index_urls(repository, self._world.options.index_url_template)
        own = role.uploads and mode is Mode.STANDARD
        uploads_to = upload.name if upload.requested else repository if own else None
        return Content(
            name=name,
            token=_token(access, actor) if form.keyring is None else None,
            actor=actor,
            index=repository.repository_id,
            index_url=index_url,
            upload_url=self._upload_url(uploads_to),
            page=f"{index_url}{PROBE if mode is Mode.STANDARD else PUBLIC_PROBE}/",
            identity=shown(access, found, actor, namespace, paused=paused),
            form=form,
            uploads_to=upload.name,
        )

    def _upload_url(self, name: RepositoryName | None) -> str | None:
        return index_urls(name, self._world.options.index_url_template)[1] if name is not None else None

    def at(self, declared: Declared[DesiredAccess], wanted: Wanted, claim: Claim, namespace: str) -> Wanted:
        """The desired content in one namespace, given the one for the whole access."""
        access = claim.access
        if wanted is Absence.NOT_WANTED or (access is not None and namespace not in claim.places.members):
            return Absence.NOT_OPTED_IN if namespace in claim.places.missing else Absence.NOT_WANTED
        shared = access is not None and access.secret is not None and access.secret.shared
        needed = {namespace, declared.stored.key.namespace} if shared else {namespace}
        if not all(there is not None and there.opted_in for there in map(self._claims.namespace, needed)):
            return Absence.NOT_OPTED_IN
        actor = wanted.actor if isinstance(wanted, Content) else None
        spread = actor is not None and actor.identity.namespace == EVERYWHERE
        return self.of(declared, claim, namespace) if spread else wanted

    def _actor(
        self, declared: Declared[DesiredAccess], claim: Claim, access: DesiredAccess, namespace: str, *, paused: bool
    ) -> tuple[Actor | None, Role | None]:
        """As whom the users of a Secret authenticate, and with which granted role; None without a grant.

        The content for all ServiceAccounts of one name has a role that any of them has: a change of role is complete
        once the grants are.
        """
        account = spreads(access, self._findings.distribution(declared.stored), paused=paused)
        if account and not namespace:
            return Actor(Identity(EVERYWHERE, account)), self._any(declared, claim)
        return self._granted(declared, claim, self._actors(declared, claim, access, namespace, paused=paused))

    def _granted(
        self, declared: Declared[DesiredAccess], claim: Claim, actors: tuple[Actor, ...]
    ) -> tuple[Actor | None, Role | None]:
        """The first of the actors that has a grant, with the requested role, or otherwise the granted one."""
        ledger = self._granted_roles(declared, claim)
        for actor in actors:
            held = ledger.get(actor.member(self._world.workload))
            if held:
                return actor, _best(held, claim)
        return None, None

    def _any(self, declared: Declared[DesiredAccess], claim: Claim) -> Role | None:
        """The role that any member has been granted; None without a grant."""
        held = frozenset[Role]().union(*self._granted_roles(declared, claim).values())
        return _best(held, claim) if held else None

    def _granted_roles(self, declared: Declared[DesiredAccess], claim: Claim) -> Mapping[str, frozenset[Role]]:
        if claim.name is not None and self._findings.grants(declared.stored).repository != claim.name:
            return {}  # Grants on another repository, which are about to be revoked.
        return self._held.get(declared.stored.key, (claim.ledger,), lambda: _roles(claim.ledger))

    def _actors(
        self, declared: Declared[DesiredAccess], claim: Claim, access: DesiredAccess, namespace: str, *, paused: bool
    ) -> tuple[Actor, ...]:
        """As whom the token may authenticate: the spec's first, or the Secret's while the spec waits."""
        found = self._findings.distribution(declared.stored)
        identities = identities_of(access, found, namespace, paused=paused)
        follows = access.secret is None or not access.secret.local_identities
        if not (follows or paused):
            return tuple(map(Actor, identities))
        recorded = [Actor(each, found.acting) for each in identities if str(each) == found.identity] if paused else []
        allowed = [
            actor
            for identity in identities
            for actor in self._claims.actors.candidates(declared, identity, claim.repository, follows=follows)
            if not actor.email or identity.namespace == access.key.namespace
        ]
        permitted = [each for each in recorded if each in allowed]
        return tuple(dict.fromkeys((*permitted, *allowed)))

    def _repository(self, declared: Declared[DesiredAccess], claim: Claim) -> RepositoryName | None:
        """The repository that the access refers to; if that is not known, the one of its grants."""
        return claim.name or self._findings.grants(declared.stored).repository

    def _mode(self, repository: RepositoryName, claim: Claim) -> Mode:
        """The repository's mode, even while its object is missing."""
        if claim.repository is not None and claim.repository.mode is not None:
            self._modes[repository] = claim.repository.mode
        return self._modes.get(repository, Mode.STANDARD)


def digest(wanted: Wanted) -> int:
    """The requested content, for comparison; 0 if nothing is to be written."""
    return wanted.digest if isinstance(wanted, Content) else 0


def _token(access: DesiredAccess, actor: Actor | None) -> TokenKey | None:
    lifetime = access.secret.lifetime if access.secret is not None else DEFAULT_LIFETIME
    return TokenKey(actor.identity, lifetime, actor.email) if actor is not None else None


def _best(held: frozenset[Role], claim: Claim) -> Role:
    return claim.role if claim.role in held else max(held, key=list(Role).index)


def _unnamed(access: DesiredAccess, found: DistributionFindings, *, paused: bool) -> bool:
    """Whether the access names no ServiceAccount for its Secret, or did not when the spec was last applied."""
    if paused and found.name:
        return not found.identity
    return access.secret is None or access.secret.identity is None


def _roles(ledger: Iterable[GrantRecord]) -> dict[str, frozenset[Role]]:
    return {member: frozenset(_ROLES[role] for role in roles) for member, roles in held_roles(ledger).items()}


def _form(access: DesiredAccess, found: DistributionFindings, *, paused: bool) -> Form:
    """The form of the Secret: the spec's, or the existing Secret's while the spec waits."""
    asked = access.secret.form if access.secret is not None else found.form
    chosen = found.form if paused and found.name else asked
    return chosen.completed(found.form).completed(Form(Authentication.NETRC))
