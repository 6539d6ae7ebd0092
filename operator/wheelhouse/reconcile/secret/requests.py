"""New tokens that a person requests with the annotation `wheelhouse.dev/requested-at`."""

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import TokenKey
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claim
from wheelhouse.reconcile.secret.content import Content, Contents
from wheelhouse.reconcile.secret.targets import Targets
from wheelhouse.reconcile.secret.tokens import TokenUnit


class Requests:
    """Asks for the tokens of all Secrets of an access.

    Args:
        findings: what the units found; only read here.
        tokens: mints tokens.
        contents: the desired content, which names the tokens.
        targets: what is known of the Secrets, and of the request that the operator acts upon.
    """

    def __init__(self, findings: Findings, tokens: TokenUnit, contents: Contents, targets: Targets) -> None:
        self._findings = findings
        self._tokens = tokens
        self._contents = contents
        self._targets = targets

    def heard(self, declared: Declared[DesiredAccess], claim: Claim) -> bool:
        """Request new tokens: they are minted and written, once in 30 seconds for each identity.

        Returns:
            Whether any is still to be minted. Until then status does not name the request, so that a restart does not
            lose it.
        """
        stored, tokens = declared.stored, self._wanted(declared, claim)
        if not tokens:
            return False
        found = self._findings.distribution(stored)
        distribution = self._targets.open(stored.key, stored.uid, found)
        if distribution.request is None or distribution.request[0] != stored.requested:
            distribution.request = (stored.requested, {token: self._tokens.held(token) for token in tokens})
        before = distribution.request[1]
        late = [token for token in tokens if token in before and self._tokens.held(token) is before[token]]
        for token in late:
            self._tokens.ask(token, before[token], request=True)
        return bool(late)

    def _wanted(self, declared: Declared[DesiredAccess], claim: Claim) -> tuple[TokenKey, ...]:
        """The tokens of all Secrets of an access: one, or one for each namespace."""
        whole = self._contents.of(declared, claim)
        if not isinstance(whole, Content):
            return ()
        there = (self._contents.at(declared, whole, claim, namespace) for namespace in claim.places.names)
        tokens = (content.token for content in there if isinstance(content, Content))
        return tuple(dict.fromkeys(token for token in tokens if token is not None))
