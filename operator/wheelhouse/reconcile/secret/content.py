"""The desired content of the Secrets of an access, except for the token."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.configuration.files import keys, render
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.findings import DistributionFindings
from wheelhouse.domain.iam import GrantRecord, GrantState, Identity, Role
from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import EXPIRES_ANNOTATION, REFRESH_ANNOTATION, AccessReference, SecretManifest
from wheelhouse.domain.urls import index_urls
from wheelhouse.errors import Refused
from wheelhouse.plan.consent import Permission
from wheelhouse.plan.leases import HeldToken
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.memo import Memo
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import timestamp

PROBE = "wheelhouse-probe"
"""A package page that need not exist: a 404 there means that the token may read; the root is 404 to everyone."""
PUBLIC_PROBE = "pip"
"""The page for Remote and Virtual repositories: their cache probably has it."""

EVERYWHERE = "*"
"""The namespace of an identity, if each Secret has the token of a ServiceAccount of its own namespace."""

IGNORE_ANNOTATION = "reloader.stakater.com/ignore"

RENDERED = 8
"""How many contents are kept: several fan-outs may be written at the same time."""

_ROLES = {role.iam: role for role in Role}
_HELD = frozenset({GrantState.GRANTED, GrantState.EXISTING})


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
        token: the identity and the lifetime of the token.
        index: the name of the index in clients' files.
        index_url: the URL to install from.
        upload_url: the URL to upload to; None for users who only install.
        page: the package page that is requested to verify the token.
        identity: whose token the Secrets of the access have, as status names it.
    """

    name: str
    token: TokenKey
    index: str
    index_url: str
    upload_url: str | None
    page: str = field(compare=False)
    identity: str = field(compare=False)


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

    def of(self, declared: Declared[DesiredAccess], claim: Claim, namespace: str = "") -> Wanted:
        """The desired content wherever the access has a Secret, or in one namespace.

        If each Secret has the token of a ServiceAccount of its own namespace, the content for all of them is one for
        no namespace in particular: it has what they have in common.

        Only lost consent, a Secret that is no longer requested, and the end of the access remove one. As long as there
        is consent and a grant of the identity, its token is refreshed.
        """
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
        identity, role = self._identity(declared, claim, access, namespace, found, paused=paused)
        repository = self._repository(declared, claim)
        if not name or identity is None or repository is None:
            return Absence.WAITING
        mode = self._mode(repository, claim)
        index_url, upload_url = index_urls(repository, self._world.options.index_url_template)
        return Content(
            name=name,
            token=TokenKey(identity, max(1, int(self._world.options.token_lifetime.total_seconds()))),
            index=repository.repository_id,
            index_url=index_url,
            upload_url=upload_url if role.uploads and mode is Mode.STANDARD else None,
            page=f"{index_url}{PROBE if mode is Mode.STANDARD else PUBLIC_PROBE}/",
            identity=f"{EVERYWHERE}/{identity.service_account}" if _local(access) else str(identity),
        )

    def at(self, declared: Declared[DesiredAccess], wanted: Wanted, claim: Claim, namespace: str) -> Wanted:
        """The desired content in one namespace, given the one for the whole access."""
        access = claim.access
        if wanted is Absence.NOT_WANTED or (access is not None and namespace not in claim.places.members):
            return Absence.NOT_OPTED_IN if namespace in claim.places.missing else Absence.NOT_WANTED
        shared = access is not None and access.secret is not None and access.secret.shared
        needed = {namespace, declared.stored.key.namespace} if shared else {namespace}
        if not all(there is not None and there.opted_in for there in map(self._claims.namespace, needed)):
            return Absence.NOT_OPTED_IN
        local = access is not None and _local(access) and isinstance(wanted, Content)
        return self.of(declared, claim, namespace) if local else wanted

    def _identity(
        self,
        declared: Declared[DesiredAccess],
        claim: Claim,
        access: DesiredAccess,
        namespace: str,
        found: DistributionFindings,
        *,
        paused: bool,
    ) -> tuple[Identity | None, Role]:
        """Whose token a Secret has, and with which role: the one that is granted."""
        if _local(access) and access.secret is not None and not namespace:
            return Identity(EVERYWHERE, access.secret.identity.service_account), claim.role
        return self._granted(declared, claim, _identities(access, found, namespace, paused=paused))

    def _granted(
        self, declared: Declared[DesiredAccess], claim: Claim, identities: tuple[Identity, ...]
    ) -> tuple[Identity | None, Role]:
        """The first of the identities that has a grant, with the requested role, or otherwise the granted one."""
        if claim.name is not None and self._findings.grants(declared.stored).repository != claim.name:
            return None, claim.role  # Grants on another repository, which are about to be revoked.
        ledger = self._held.get(declared.stored.key, (claim.ledger,), lambda: _roles(claim.ledger))
        for identity in identities:
            held = ledger.get(self._world.workload.member(identity))
            if held:
                return identity, claim.role if claim.role in held else max(held, key=list(Role).index)
        return None, claim.role

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
    return (hash(wanted) or 1) if isinstance(wanted, Content) else 0


class Renderer:
    """Creates manifests; the files are rendered once for all Secrets of one content and token.

    Args:
        template: the setting `index_url_template`.
    """

    def __init__(self, template: str | None) -> None:
        self._template = template
        self._rendered: OrderedDict[ClientConfiguration, Mapping[str, str]] = OrderedDict()

    def manifest(self, access: AccessReference, namespace: str, content: Content, held: HeldToken) -> SecretManifest:
        """The Secret to apply.

        Raises:
            Refused: a client's file does not parse to the intended values.
        """
        annotations = {
            EXPIRES_ANNOTATION: timestamp(held.lease.expires),
            REFRESH_ANNOTATION: timestamp(held.lease.refreshes),
            IGNORE_ANNOTATION: "true",
        }
        return SecretManifest(namespace, content.name, access, self._data(content, held), annotations)

    def _data(self, content: Content, held: HeldToken) -> Mapping[str, str]:
        asked = ClientConfiguration(content.index, content.index_url, content.upload_url, held.token)
        known = self._rendered.get(asked)
        if known is not None:
            return known
        try:
            data = render(asked, self._template)
        except RenderError as error:
            raise Refused(f"The Secret is not written: {error}.", Reason.TOKEN_REFUSED) from None
        self._rendered[asked] = data
        if len(self._rendered) > RENDERED:
            self._rendered.popitem(last=False)
        return data


def paths(access: AccessReference, namespace: str, content: Content) -> frozenset[str]:
    """The paths that the access's field manager owns in a Secret of this content, whatever the token."""
    data = dict.fromkeys(keys(uploads=content.upload_url is not None), "")
    annotations = dict.fromkeys((EXPIRES_ANNOTATION, REFRESH_ANNOTATION, IGNORE_ANNOTATION), "")
    return SecretManifest(namespace, content.name, access, data, annotations).paths


def _local(access: DesiredAccess) -> bool:
    """Whether each Secret has the token of a ServiceAccount of its own namespace."""
    return access.secret is not None and access.secret.local_identities


def _roles(ledger: Iterable[GrantRecord]) -> dict[str, frozenset[Role]]:
    """The roles of each member that has any."""
    found: dict[str, set[Role]] = {}
    for record in ledger:
        if record.state in _HELD:
            found.setdefault(record.grant.member, set()).add(_ROLES[record.grant.role])
    return {member: frozenset(roles) for member, roles in found.items()}


def _identities(
    access: DesiredAccess, found: DistributionFindings, namespace: str, *, paused: bool
) -> tuple[Identity, ...]:
    """Identities for the token, the preferred one first: the spec's, or the existing Secret's while the spec waits.

    Args:
        access: the desired state.
        found: what is known of its Secrets.
        namespace: where the Secret is; empty if all Secrets have the same token.
        paused: whether the spec waits.
    """
    own = access.key.namespace
    there, _, account = found.identity.partition("/")
    there = (namespace or own) if there == EVERYWHERE else there
    # The access's own identity comes into another namespace only if the spec says so.
    allowed = {own, namespace} if paused else {namespace or own}
    recorded = (Identity(there, account),) if account and there in allowed else ()
    asked: tuple[Identity, ...] = ()
    if access.secret is not None:
        account = access.secret.identity.service_account
        asked = (Identity(namespace if _local(access) else own, account),)
    return (*recorded, *asked) if paused else (*asked, *recorded)
