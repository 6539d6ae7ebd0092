"""A service account as it is stored, and as the IAM API shows it.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from wheelhouse_local.google.store import Document, Store

KIND, DELETED = "service-account", "deleted-service-account"
"""Existing ones by their e-mail in lower case, and deleted ones by their unique id."""
_ETAG = "MDEwMjE5MjA="  # The API shows an etag but calls it deprecated; public threads show this one for all accounts.


@dataclass(frozen=True, slots=True)
class Account:
    """One service account; the service agents of Google belong to no project."""

    email: str
    unique_id: str
    project: str = ""
    display_name: str = ""
    description: str = ""
    disabled: bool = False

    @property
    def name(self) -> str:
        """Its full resource name."""
        return f"projects/{self.project}/serviceAccounts/{self.email}"

    @property
    def member(self) -> str:
        """Its IAM member."""
        return f"serviceAccount:{self.email}"

    def with_texts(self, texts: Mapping[str, str]) -> "Account":
        """The same account with another `display_name` or `description`."""
        display_name = texts.get("display_name", self.display_name)
        return replace(self, display_name=display_name, description=texts.get("description", self.description))

    def put(self, store: Store) -> None:
        """Store it."""
        store.put(KIND, self.email, self.row())

    def row(self) -> Document:
        """Its row in the store, without the e-mail."""
        row = asdict(self)
        del row["email"]
        return row

    def document(self) -> Document:
        """The account as the API shows it: without empty fields (recorded)."""
        shown: Document = {
            "name": self.name,
            "projectId": self.project,
            "uniqueId": self.unique_id,
            "email": self.email,
            "displayName": self.display_name,
            "etag": _ETAG,
            "description": self.description,
            "oauth2ClientId": self.unique_id,  # The same number: inferred.
            "disabled": self.disabled,
        }
        return {field: value for field, value in shown.items() if value}


def parsed(email: str, row: Document) -> Account:
    """An account from its row in the store."""
    return Account(
        email,
        str(row["unique_id"]),
        str(row["project"]),
        str(row["display_name"]),
        str(row["description"]),
        bool(row["disabled"]),
    )


def new_unique_id() -> str:
    """A unique id: 21 digits, as gcloud describes it."""
    return f"1{secrets.randbelow(10**20):020}"
