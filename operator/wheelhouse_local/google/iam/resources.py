"""Which resources have an IAM policy of their own, and which policies a resource inherits.

https://cloud.google.com/iam/docs/resource-hierarchy-access-control; folders and organizations are not emulated.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of resource: where its rows are in the store, the form of its names, and its name in error messages."""

    store: str
    name: re.Pattern[str]
    words: str


_PROJECT = "projects/[^/]+"
PROJECT = Kind("project", re.compile(_PROJECT), "projects")
REPOSITORY = Kind(
    "repository", re.compile(f"{_PROJECT}/locations/[^/]+/repositories/[^/]+"), "Artifact Registry repositories"
)
SECRET = Kind("secret", re.compile(f"{_PROJECT}/secrets/[^/]+"), "secrets")
CRYPTO_KEY = Kind("crypto-key", re.compile(f"{_PROJECT}/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+"), "keys")
SERVICE_ACCOUNT = Kind("service-account", re.compile(f"{_PROJECT}/serviceAccounts/[^/]+"), "service accounts")
KINDS = (PROJECT, REPOSITORY, SECRET, CRYPTO_KEY, SERVICE_ACCOUNT)


def kind_of(name: str) -> Kind | None:
    """The kind of resource with a policy that a full name belongs to; None for any other name."""
    return next((kind for kind in KINDS if kind.name.fullmatch(name)), None)


def key(kind: Kind, name: str) -> str:
    """The name of its row: for a project its id, and for a service account its e-mail."""
    return name.rpartition("/")[2] if kind in {PROJECT, SERVICE_ACCOUNT} else name


def lineage(name: str) -> Iterator[str]:
    """Every name whose policy applies to a resource: its own, and its parents'."""
    parts = name.split("/")
    for length in range(2, len(parts) + 1, 2):
        above = "/".join(parts[:length])
        if kind_of(above) is not None:
            yield above
