"""Which service accounts exist, and which were deleted less than thirty days ago."""

from collections.abc import Callable

from wheelhouse_local.google.iam.service_accounts.account import DELETED, KIND, Account, new_unique_id, parsed
from wheelhouse_local.google.store import Store

RESTORABLE = 30 * 24 * 3600
"""Seconds after a deletion in which it can be undone (https://cloud.google.com/iam/docs/service-accounts-delete-undelete)."""


class Accounts:
    """The rows of service accounts in the store. Policies and tokens are changed by principals.py."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def find(self, email: str) -> Account | None:
        """The existing account with an e-mail in lower case."""
        row = self._store.get(KIND, email)
        return None if row is None else parsed(email, row)

    def by_unique_id(self, unique_id: str) -> Account | None:
        """The existing account with a unique id."""
        return next((found for found in self._all() if found.unique_id == unique_id), None)

    def of(self, project: str) -> list[Account]:
        """The accounts of a project, by their e-mails; the order of the real service is not known."""
        return [found for found in self._all() if found.project == project]

    def add(self, email: str, project: str = "", display_name: str = "", description: str = "") -> Account:
        """Create an account, with a new unique id even if there was one with the same e-mail."""
        made = Account(email, new_unique_id(), project, display_name, description)
        made.put(self._store)
        return made

    def change(self, account: Account) -> None:
        """Store a changed account."""
        account.put(self._store)

    def complete(self, project_of: Callable[[str], str]) -> None:
        """Add what older versions of the emulation did not store.

        Args:
            project_of: returns the project of an e-mail, or an empty string.
        """
        for email, row in self._store.list(KIND):
            if "unique_id" not in row:
                self.add(email, project_of(email))

    def remove(self, account: Account) -> None:
        """Delete an account; it can be restored."""
        self._store.delete(KIND, account.email)
        self._store.put(DELETED, account.unique_id, {**account.row(), "email": account.email, "at": self._clock()})

    def deleted(self, unique_id: str) -> Account | None:
        """The deleted account with a unique id, as long as it can be restored."""
        row = self._store.get(DELETED, unique_id)
        if row is None or self._clock() - row["at"] > RESTORABLE:
            return None
        return parsed(str(row["email"]), row)

    def was_deleted(self, email: str) -> bool:
        """Whether an account with this e-mail was deleted."""
        return any(row["email"] == email for _, row in self._store.list(DELETED))

    def restore(self, account: Account) -> None:
        """Undo a deletion."""
        self._store.delete(DELETED, account.unique_id)
        account.put(self._store)

    def forget(self, project: str) -> None:
        """Forget the deleted accounts of a project."""
        for unique_id, row in self._store.list(DELETED):
            if row["project"] == project:
                self._store.delete(DELETED, unique_id)

    def _all(self) -> list[Account]:
        return [parsed(email, row) for email, row in self._store.list(KIND)]
