"""The first token of an access, which the operator requests before there is a grant. No Secret has it until then.

That of a Google service account shows that the tenant may use the account: anyone who may annotate ServiceAccounts
could otherwise have a role granted to an account that they do not control. That of a ServiceAccount saves time: Google
allows some tokens a second, and many new accesses get theirs while their policies wait to combine the grants.
"""

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess, DesiredSecret
from wheelhouse.domain.actors import Actor
from wheelhouse.domain.findings import failed
from wheelhouse.domain.keys import AccessKey, TokenKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, NotReady, Refused
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.secret.content import Absence, Content, Wanted
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.world import World


class Proofs:
    """Requests these tokens, and records whether Google issues those of Google service accounts.

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

    def key(self, declared: Declared[DesiredAccess], claim: Claim, wanted: Wanted) -> TokenKey | None:
        """The token that the access will have once it has a grant; None if it has that one, or if it may get none soon.

        A Secret without a token needs that of a Google service account too: without the proof, it gets no grant.

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
        if actor is None or namespace is None or not namespace.opted_in:
            return None
        if not actor.email and not self._starts(declared, claim, access.secret, wanted, actor):
            return None
        key = TokenKey(actor.identity, access.secret.lifetime, actor.email)
        return None if isinstance(wanted, Content) and wanted.actor == actor else key

    def _starts(
        self, declared: Declared[DesiredAccess], claim: Claim, secret: DesiredSecret, wanted: Wanted, actor: Actor
    ) -> bool:
        """Whether the access waits for the grant of a ServiceAccount, and for nothing else, to get its first token."""
        check, found = self._findings.grants(declared.stored).check, self._findings.distribution(declared.stored)
        if wanted is not Absence.WAITING or found.expires is not None or not claim.places.names:
            return False
        if secret.form.completed(found.form).keyring is not None:
            return False
        if check is not None and check.reason is not Reason.PENDING:
            return False
        return any(grant.member == actor.member(self._world.workload) for grant in claim.wanted)

    def seek(self, declared: Declared[DesiredAccess], claim: Claim, wanted: Wanted) -> TokenKey | None:
        """Request the token, and wake the access once Google issued it or refused it.

        Returns:
            The key to follow until the Secret has that token.
        """
        key, stored = self.key(declared, claim, wanted), declared.stored
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
