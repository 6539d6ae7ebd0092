"""Whose token the Secrets of an access have: as the spec says or, while the spec waits, as status records it."""

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.actors import Actor
from wheelhouse.domain.findings import DistributionFindings
from wheelhouse.domain.iam import Identity

EVERYWHERE = "*"
"""The namespace of an identity, if each Secret has the token of a ServiceAccount of its own namespace."""


def spreads(access: DesiredAccess, found: DistributionFindings, *, paused: bool) -> str:
    """The name of the ServiceAccounts, if each Secret has the token of one of its own namespace; empty otherwise.

    Args:
        access: the desired state.
        found: what is known of its Secrets.
        paused: whether the spec waits.
    """
    there, _, account = found.identity.partition("/")
    if paused and there == EVERYWHERE and account:
        return account
    if access.secret is None or access.secret.identity is None or not access.secret.local_identities:
        return ""
    return access.secret.identity.service_account


def identities_of(
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
    if access.secret is not None and access.secret.identity is not None:
        account = access.secret.identity.service_account
        asked = (Identity(namespace if access.secret.local_identities else own, account),)
    return (*recorded, *asked) if paused else (*asked, *recorded)


def shown(
    access: DesiredAccess, found: DistributionFindings, actor: Actor | None, namespace: str, *, paused: bool
) -> str:
    """Whose token the Secrets have, as status names it; empty if the access names no ServiceAccount.

    While the spec waits, it stays the same. Another client may have written it, so it must be the one of the token.

    Args:
        access: the desired state.
        found: what is known of its Secrets.
        actor: whose token it is; None without a ServiceAccount.
        namespace: where the Secret is; empty if all Secrets have the same token.
        paused: whether the spec waits.
    """
    if actor is None:
        return ""
    identity = actor.identity
    spread = f"{EVERYWHERE}/{identity.service_account}"
    local = identity.namespace in {EVERYWHERE, namespace}
    if paused and found.identity in {str(identity), spread if local else ""}:
        return found.identity
    return spread if local and spreads(access, found, paused=paused) else str(identity)
