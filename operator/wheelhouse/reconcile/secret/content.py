"""The desired content of the Secrets of an access, except for the token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.actors import Actor
from wheelhouse.domain.configuration.files import keys, render
from wheelhouse.domain.configuration.form import UNSET, Authentication, Form
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.findings import DistributionFindings
from wheelhouse.domain.iam import GrantState, Identity, Role
from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import (
    AUTHENTICATION_ANNOTATION,
    EXPIRES_ANNOTATION,
    REFRESH_ANNOTATION,
    AccessReference,
    SecretManifest,
)
from wheelhouse.domain.urls import index_urls
from wheelhouse.errors import Refused
from wheelhouse.plan.consent import Permission
from wheelhouse.plan.leases import HeldToken
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import timestamp

PROBE = "wheelhouse-probe"
"""A package page that need not exist: a 404 there means that the token may read; the root is 404 to everyone."""
PUBLIC_PROBE = "pip"
"""The page for Remote and Virtual repositories: their cache probably has it."""

IGNORE_ANNOTATION = "reloader.stakater.com/ignore"

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
        form: which files it has, and where they have the token.
    """

    name: str
    token: TokenKey
    index: str
    index_url: str
    upload_url: str | None
    page: str = field(compare=False)
    form: Form = UNSET


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

    def of(self, declared: Declared[DesiredAccess], claim: Claim) -> Wanted:
        """The desired content wherever the access has a Secret.

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
        actor, role = self._granted(declared, claim, self._actors(declared, claim, access, paused=paused))
        repository = self._repository(declared, claim)
        if not name or actor is None or repository is None:
            return Absence.WAITING
        mode = self._mode(repository, claim)
        index_url, upload_url = index_urls(repository, self._world.options.index_url_template)
        return Content(
            name=name,
            token=TokenKey(actor.identity, _lifetime(access), actor.email),
            index=repository.repository_id,
            index_url=index_url,
            upload_url=upload_url if role.uploads and mode is Mode.STANDARD else None,
            page=f"{index_url}{PROBE if mode is Mode.STANDARD else PUBLIC_PROBE}/",
            form=_form(access, found, paused=paused).without(self._world.options.denied_formats),
        )

    def at(self, wanted: Wanted, claim: Claim, namespace: str) -> Wanted:
        """The desired content in one namespace, given the one for the whole access."""
        named = claim.access is None or namespace in wanted_namespaces(claim.access)
        if wanted is Absence.NOT_WANTED or not named:
            return Absence.NOT_WANTED
        there = self._claims.namespace(namespace)
        return wanted if there is not None and there.opted_in else Absence.NOT_OPTED_IN

    def _granted(
        self, declared: Declared[DesiredAccess], claim: Claim, actors: tuple[Actor, ...]
    ) -> tuple[Actor | None, Role]:
        """The first of the actors that has a grant, with the requested role, or otherwise the granted one."""
        ledger = [record for record in claim.ledger if record.state in _HELD]
        if claim.name is not None and self._findings.grants(declared.stored).repository != claim.name:
            ledger = []  # Grants on another repository, which are about to be revoked.
        for actor in actors:
            member = actor.member(self._world.workload)
            held = {_ROLES[record.grant.role] for record in ledger if record.grant.member == member}
            if held:
                return actor, claim.role if claim.role in held else max(held, key=list(Role).index)
        return None, claim.role

    def _actors(
        self, declared: Declared[DesiredAccess], claim: Claim, access: DesiredAccess, *, paused: bool
    ) -> tuple[Actor, ...]:
        """As whom the token may authenticate: the spec's first, or the Secret's while the spec waits."""
        found = self._findings.distribution(declared.stored)
        identities = _identities(access, found, paused=paused)
        recorded = [Actor(each, found.acting) for each in identities if str(each) == found.identity] if paused else []
        allowed = [each for identity in identities for each in self._candidates(declared, claim, identity)]
        permitted = [each for each in recorded if each in allowed]
        return tuple(dict.fromkeys((*permitted, *allowed)))

    def _candidates(self, declared: Declared[DesiredAccess], claim: Claim, identity: Identity) -> tuple[Actor, ...]:
        return self._claims.actors.candidates(declared, identity, claim.repository)

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


def wanted_namespaces(access: DesiredAccess | None) -> tuple[str, ...]:
    """Where an access requests a Secret, or may request one in a spec that does not parse."""
    if access is None or (access.secret is None and not access.partial):
        return ()
    return (access.key.namespace,)


class Renderer:
    """Creates manifests; the files are rendered once for all Secrets of one content and token.

    Args:
        template: the setting `index_url_template`.
    """

    def __init__(self, template: str | None) -> None:
        self._template = template
        self._last: tuple[ClientConfiguration, Mapping[str, str]] | None = None

    def manifest(self, access: AccessReference, namespace: str, content: Content, held: HeldToken) -> SecretManifest:
        """The Secret to apply.

        Raises:
            Refused: a client's file does not parse to the intended values.
        """
        annotations = {
            EXPIRES_ANNOTATION: timestamp(held.lease.expires),
            REFRESH_ANNOTATION: timestamp(held.lease.refreshes),
            IGNORE_ANNOTATION: "true",
            **_authentication(content),
        }
        return SecretManifest(namespace, content.name, access, self._data(content, held), annotations)

    def _data(self, content: Content, held: HeldToken) -> Mapping[str, str]:
        asked = ClientConfiguration(content.index, content.index_url, content.upload_url, held.token, content.form)
        if self._last is not None and self._last[0] == asked:
            return self._last[1]
        try:
            data = render(asked, self._template)
        except RenderError as error:
            raise Refused(f"The Secret is not written: {error}.", Reason.TOKEN_REFUSED) from None
        self._last = asked, data
        return data


def paths(access: AccessReference, namespace: str, content: Content) -> frozenset[str]:
    """The paths that the access's field manager owns in a Secret of this content, whatever the token."""
    data = dict.fromkeys(keys(content.form, uploads=content.upload_url is not None), "")
    annotations = dict.fromkeys((EXPIRES_ANNOTATION, REFRESH_ANNOTATION, IGNORE_ANNOTATION), "")
    annotations |= _authentication(content)
    return SecretManifest(namespace, content.name, access, data, annotations).paths


def _lifetime(access: DesiredAccess) -> int:
    return access.secret.lifetime if access.secret is not None else DEFAULT_LIFETIME


def _identities(access: DesiredAccess, found: DistributionFindings, *, paused: bool) -> tuple[Identity, ...]:
    """Identities for the token, the preferred one first: the spec's, or the existing Secret's while the spec waits."""
    namespace, _, account = found.identity.partition("/")
    recorded = (Identity(namespace, account),) if account and namespace == access.key.namespace else ()
    asked = (access.secret.identity,) if access.secret is not None else ()
    return (*recorded, *asked) if paused else (*asked, *recorded)


def _form(access: DesiredAccess, found: DistributionFindings, *, paused: bool) -> Form:
    """The form of the Secret: the spec's, or the existing Secret's while the spec waits."""
    asked = access.secret.form if access.secret is not None else found.form
    chosen = found.form if paused and found.name else asked
    return chosen.completed(found.form).completed(Form(Authentication.NETRC))


def _authentication(content: Content) -> dict[str, str]:
    """The annotation. Secrets with the token in URLs have none, so those of earlier versions need no change."""
    return {} if content.form.in_urls else {AUTHENTICATION_ANNOTATION: str(content.form.authentication)}
