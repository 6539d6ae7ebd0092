"""Whether a principal can get a grant, and whether it may authenticate."""

from collections.abc import Iterable

from wheelhouse_local.google.iam.service_accounts.account import KIND as ACCOUNT
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

DELETED = "deleted-principal"
"""The kind of rows for deleted users and groups, by their IAM member."""
REJECTED = "rejected-member"
"""The kind of rows for members that the owner of the world has rejected."""


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


def reject(store: Store, member: str, *, named: bool) -> None:
    """Let IAM reject new grants to a canonical member, with a message that names it or one that does not."""
    store.put(REJECTED, member, {"named": named})


def accept(store: Store, member: str) -> None:
    """Undo reject."""
    store.delete(REJECTED, member)


def check_rejected(store: Store, added: Iterable[str]) -> None:
    """Reject new members that are on the list.

    The real service has many reasons. Public threads quote the message without a name, and the other one is ours.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    rejected = {member: bool(row["named"]) for member, row in store.list(REJECTED)}
    for member in added if rejected else ():
        if member in rejected:
            text = f"Invalid principal: {member}" if rejected[member] else "Request contains an invalid argument."
            raise ApiError("INVALID_ARGUMENT", text)
