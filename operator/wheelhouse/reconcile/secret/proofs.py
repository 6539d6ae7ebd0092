"""The first token of a Google service account, before it has a grant: it shows that the tenant may use the account.

Anyone who may annotate ServiceAccounts could otherwise have a role granted to an account that they do not control.
"""

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import failed
from wheelhouse.domain.keys import AccessKey, TokenKey
from wheelhouse.errors import Invalid, NotReady, Refused
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.secret.content import Content, Wanted
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.world import World


class Proofs:
    """Requests these tokens, and records whether Google issues them.

    Args:
        world: the ports.
        findings: what the units found.
        claims: decides about accesses.
        tokens: mints tokens.
    """

    def __init__(self, world: World, findings: Findings, claims: Claims, tokens: TokenUnit) -> None:
        self._world = world
        self._findings = findings
        self._claims = claims
        self._tokens = tokens

    def key(self, claim: Claim, wanted: Wanted) -> TokenKey | None:
        """The token that the access will have once its Google service account has a grant; None if it has that one.

        A Secret without a token needs this one too: without the proof, the account gets no grant.

        If each Secret has the token of a ServiceAccount of its own namespace, no annotation is followed.
        """
        access = claim.access
        if access is None or access.secret is None or access.secret.local_identities or not claim.may_add:
            return None
        identity = access.secret.identity
        if identity is None:
            return None
        namespace = self._claims.namespace(identity.namespace)
        actor = self._claims.actors.judged(identity, claim.repository).actor
        if actor is None or not actor.email or namespace is None or not namespace.opted_in:
            return None
        key = TokenKey(actor.identity, access.secret.lifetime, actor.email)
        return None if isinstance(wanted, Content) and wanted.actor == actor else key

    def seek(self, declared: Declared[DesiredAccess], claim: Claim, wanted: Wanted) -> TokenKey | None:
        """Request the token, and wake the access once Google issued it or refused it.

        Returns:
            The key to follow until the Secret has that token.
        """
        key, stored = self.key(claim, wanted), declared.stored
        before = self._findings.distribution(stored)
        proven, unproven = before.proven, None
        if key is not None:
            actor = self._claims.actors.unproven(declared, key.identity, claim.repository, claim.ledger)
            held, failure = self._tokens.held(key), self._tokens.failure(key)
            if held is not None and actor is not None:
                proven = proven | {actor}
            elif held is None:
                self._tokens.ask(key, None)
                if isinstance(failure, NotReady | Refused | Invalid) and actor is not None:
                    unproven = failed(failure.reason, failure.message)
        if (proven, unproven) != (before.proven, before.unproven):
            self._findings.note_distribution(stored, proven=proven, unproven=unproven)
            self._world.queue.add(AccessKey(stored.key))
        return key
