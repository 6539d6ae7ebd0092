"""Whether a principal can get a grant, and whether it may authenticate."""

from wheelhouse_local.google.iam.service_accounts.account import KIND as ACCOUNT
from wheelhouse_local.google.store import Store

DELETED = "deleted-principal"
"""The kind of rows for deleted users and groups, by their IAM member."""


def is_deleted(store: Store, member: str) -> bool:
    """Whether a user or a group, as a canonical member, was deleted."""
    return store.get(DELETED, member) is not None


def may_authenticate(store: Store, identity: str) -> bool:
    """Whether Google accepts the tokens of an IAM member.

    It rejects those of a disabled service account (documented for new tokens and for requests).
    """
    prefix, _, email = identity.partition(":")
    if is_deleted(store, identity):
        return False
    row = store.get(ACCOUNT, email) if prefix == "serviceAccount" else None
    return row is None or not row.get("disabled")
