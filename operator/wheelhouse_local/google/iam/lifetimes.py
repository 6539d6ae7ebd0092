"""The organization policy for long-lived access tokens: which service accounts can have them.

https://cloud.google.com/iam/docs/create-short-lived-credentials-direct#sa-credentials-oauth: an hour, and twelve hours
for the accounts of the constraint iam.allowServiceAccountCredentialLifetimeExtension.
"""

from collections.abc import Iterable

from wheelhouse_local.google.iam.organization import KIND
from wheelhouse_local.google.store import Store

USUAL, EXTENDED = 3600, 12 * 3600
"""The maximum seconds of an access token."""


class ExtendedLifetimes:
    """The constraint by project."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, project: str) -> list[str]:
        """The e-mails of the accounts whose tokens can live for twelve hours."""
        row = self._store.get(KIND, _row(project))
        return [] if row is None else [str(email) for email in row["accounts"]]

    def set(self, project: str, emails: Iterable[str]) -> None:
        """Set these accounts."""
        accounts = sorted({email.lower() for email in emails})
        if accounts:
            self._store.put(KIND, _row(project), {"accounts": accounts})
        else:
            self._store.delete(KIND, _row(project))

    def longest(self, project: str, email: str) -> int:
        """The maximum seconds of a token of an account."""
        return EXTENDED if email in self.get(project) else USUAL


def _row(project: str) -> str:
    """The name of the row, which is forgotten with the project."""
    return f"projects/{project}/policies/iam.allowServiceAccountCredentialLifetimeExtension"
