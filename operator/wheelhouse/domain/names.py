"""Names and their grammars.

Strings from a spec end in URLs that carry a token, so each grammar names what is allowed and is applied with
`re.fullmatch` (Python's `$` would accept a trailing newline). The same grammars stand in the CRDs.
"""

import re
from dataclasses import dataclass
from typing import Self

# https://cloud.google.com/resource-manager/docs/creating-managing-projects and domain-scoped `example.com:proj`.
_PROJECT = re.compile(r"([a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_LOCATION = re.compile(r"[a-z]+(-[a-z]+[0-9]+)?")
_REPOSITORY_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_EMAIL = re.compile(
    r"[a-z0-9]([a-z0-9._%+-]{0,62}[a-z0-9])?@[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
)
_SERVICE_ACCOUNT_DOMAIN = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9](\.[a-z0-9-]{1,63})*\.iam\.gserviceaccount\.com"
    r"|developer\.gserviceaccount\.com|appspot\.gserviceaccount\.com"
)


def is_project(text: str) -> bool:
    """Whether this is a Google Cloud project id, plain or domain-scoped (`example.com:proj`)."""
    return _PROJECT.fullmatch(text) is not None


def is_location(text: str) -> bool:
    """Whether this has the form of an Artifact Registry location, such as `us-central1` or `europe`."""
    return len(text) <= 40 and _LOCATION.fullmatch(text) is not None


def is_repository_id(text: str) -> bool:
    """Whether this is an Artifact Registry repository id: at most 63 of a-z, 0-9 and hyphen, a letter first."""
    return _REPOSITORY_ID.fullmatch(text) is not None


def is_dns_label(text: str) -> bool:
    """Whether this is a DNS-1123 label as Kubernetes asks for namespaces."""
    return _LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether this is a DNS-1123 subdomain as Kubernetes asks for most object names."""
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether this is a lower-case e-mail address with a domain of at least two labels and no `..`."""
    return len(text) <= 320 and ".." not in text and _EMAIL.fullmatch(text) is not None


def is_google_service_account(text: str) -> bool:
    """Whether this is the e-mail of a Google service account, and nothing after it."""
    return is_email(text) and _SERVICE_ACCOUNT_DOMAIN.fullmatch(text.partition("@")[2]) is not None


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Namespace and name of one of our objects."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class RepositoryName:
    """A repository's identity in Google: project, location, repository id."""

    project: str
    location: str
    repository_id: str

    @property
    def parent(self) -> str:
        """`projects/P/locations/L`, where repositories are created."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def full(self) -> str:
        """The full resource name `projects/P/locations/L/repositories/R`."""
        return f"{self.parent}/repositories/{self.repository_id}"

    def __str__(self) -> str:
        return self.full

    @classmethod
    def parse(cls, full: str) -> Self | None:
        """Read a full resource name; None when any part breaks its grammar."""
        parts = full.split("/")
        if len(parts) != 6 or parts[0::2] != ["projects", "locations", "repositories"]:
            return None
        project, location, repository_id = parts[1::2]
        if not (is_project(project) and is_location(location) and is_repository_id(repository_id)):
            return None
        return cls(project, location, repository_id)
