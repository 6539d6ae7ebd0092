"""Tokens of tenants and the index that they give access to, in memory."""

import itertools
from datetime import timedelta

from fakes.calls import Calls, port_call
from fakes.clock import Clock
from fakes.google import Google
from fakes.kubernetes import Cluster
from wheelhouse.domain.iam import Grant, Identity, Role, WorkloadIdentity
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import MintedToken, Token
from wheelhouse.errors import NotReady, Refused, Unavailable


class FakeTokens:
    """The Tokens port: mints for ServiceAccounts that exist, in namespaces that have opted in."""

    PORT = "tokens"

    def __init__(self, cluster: Cluster, clock: Clock, calls: Calls) -> None:
        self._cluster = cluster
        self._clock = clock
        self.calls = calls
        self.minted: dict[str, tuple[Identity, MintedToken]] = {}
        self.acting: dict[str, str] = {}
        """The Google service accounts of tokens, by the token."""
        self.may_act: set[tuple[Identity, str]] = set()
        """Which ServiceAccounts may act as which Google service accounts."""
        self.lifetime: timedelta | None = None
        """If set, the lifetime that the exchange returns whatever was requested."""
        self.size = 0
        """If set, the length of new tokens."""
        self._serial = itertools.count(1)

    @port_call
    async def mint(self, identity: Identity, lifetime: timedelta, impersonate: str = "") -> MintedToken:
        namespace = self._cluster.namespaces.get(identity.namespace)
        if namespace is not None and not namespace.opted_in:
            raise Refused(f"Namespace {identity.namespace} has not opted in.", Reason.NOT_OPTED_IN)
        if (
            namespace is None
            or namespace.deleting
            or (
                identity.namespace,
                identity.service_account,
            )
            not in self._cluster.service_accounts
        ):
            raise NotReady(f"ServiceAccount {identity} does not exist.", Reason.SERVICE_ACCOUNT_NOT_FOUND)
        if impersonate and (identity, impersonate) not in self.may_act:
            raise Refused(f"Google does not let {identity} act as {impersonate}.", Reason.TOKEN_REFUSED)
        now, life = self._clock.now(), self.lifetime or lifetime
        token = Token(f"fake-token-{next(self._serial)}".ljust(self.size, "x"))
        self.minted[token.value] = (identity, MintedToken(token, now, now + life))
        if impersonate:
            self.acting[token.value] = impersonate
        issued = self._clock.local()  # The client knows no other clock: the reply has the remaining seconds.
        return MintedToken(token, issued, issued + life)


class FakeIndex:
    """The Index port: 200 or 404 if the token's identity has any grant, otherwise 403; 401 if it is not a token."""

    PORT = "index"

    def __init__(
        self, google: Google, tokens: FakeTokens, workload: WorkloadIdentity, clock: Clock, calls: Calls
    ) -> None:
        self._google = google
        self._tokens = tokens
        self._workload = workload
        self._clock = clock
        self.calls = calls
        self.pages: set[str] = set()
        """Package pages that exist; others result in 404."""
        self.propagating = False
        """Whether the index does not know new grants yet."""

    @port_call
    async def probe(self, page: str, token: Token) -> int:
        identity, minted = self._tokens.minted.get(token.value, (None, None))
        if identity is None or minted is None or minted.expires <= self._clock.now():
            return 401
        acting = self._tokens.acting.get(token.value)
        member = self._workload.member(identity) if acting is None else f"serviceAccount:{acting}"
        if self.propagating or not any(
            self._google.granted(name, member)
            for name in map(RepositoryName.parse, self._google.repositories)
            if name is not None and f"/{name.project}/{name.repository_id}/simple/" in page
        ):
            return 403
        return 200 if page in self.pages else 404

    @port_call
    async def may_upload(self, name: RepositoryName, token: Token) -> bool:
        """Whether the token's identity has a role with which it can upload."""
        identity, minted = self._tokens.minted.get(token.value, (None, None))
        if identity is None or minted is None or minted.expires <= self._clock.now():
            raise Unavailable("Google did not accept the token.")
        acting = self._tokens.acting.get(token.value)
        member = self._workload.member(identity) if acting is None else f"serviceAccount:{acting}"
        roles = (role.iam for role in Role if role.uploads)
        return any(Grant(role, member).identity in self._google.policy(name).grants() for role in roles)
