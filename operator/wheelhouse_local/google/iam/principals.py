"""Users, groups and service accounts that are deleted: policies show tombstones for them, which grant nothing.

https://cloud.google.com/iam/docs/allow-policies#handle-deleted-members
"""

from wheelhouse_local.google.iam import members
from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.service_accounts.account import Account, new_unique_id
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.iam.standing import DELETED
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError


class Principals:
    """Deletes and restores principals in one transaction: the account, its tokens, its groups, and all policies."""

    def __init__(self, store: Store, policies: Policies, identities: Identities, accounts: Accounts) -> None:
        self._store = store
        self._policies = policies
        self._identities = identities
        self._accounts = accounts

    def delete_account(self, account: Account) -> None:
        """Delete a service account; its own IAM policy stays for the case that it is restored (inferred)."""
        with self._store.transaction():
            self._accounts.remove(account)
            self._bury(account.member, account.unique_id)

    def restore_account(self, account: Account) -> None:
        """Undo the deletion of a service account: its grants are in effect again (documented)."""
        with self._store.transaction():
            self._accounts.restore(account)
            self._policies.rename(members.tombstone(account.member, account.unique_id), account.member)

    def delete(self, member: str) -> str:
        """Delete a user, a group or a service account of a project elsewhere, and return its unique id.

        Raises:
            ApiError: NOT_FOUND if it was deleted before.
        """
        member = members.canonical(member)
        if self._store.get(DELETED, member) is not None:
            raise ApiError("NOT_FOUND", f"{member} was deleted before: create or undelete it first.")
        unique_id = new_unique_id()
        with self._store.transaction():
            self._store.put(DELETED, member, {"uid": unique_id})
            self._bury(member, unique_id)
        return unique_id

    def restore(self, member: str) -> None:
        """Undo the deletion of a user or a group: its grants are in effect again. A group has no members after that.

        Raises:
            ApiError: NOT_FOUND if it was not deleted.
        """
        member = members.canonical(member)
        with self._store.transaction():
            unique_id = self.create(member)
            self._policies.rename(members.tombstone(member, unique_id), member)

    def create(self, member: str) -> str:
        """Create a new user or group with the e-mail of a deleted one, and return the unique id of the deleted one.

        Raises:
            ApiError: NOT_FOUND if there is no deleted one.
        """
        member = members.canonical(member)
        row = self._store.get(DELETED, member)
        if row is None:
            raise ApiError("NOT_FOUND", f"{member} is not deleted.")
        self._store.delete(DELETED, member)
        return str(row["uid"])

    def _bury(self, member: str, unique_id: str) -> None:
        self._policies.rename(member, members.tombstone(member, unique_id))
        self._identities.forget(member)
