"""Names and their grammars.

Strings from a spec end in URLs that carry a token, so each grammar names what is allowed and is applied with
`re.fullmatch` (Python's `$` would accept a trailing newline). The same grammars stand in the CRDs.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_DNS_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

# https://cloud.google.com/resource-manager/docs/creating-managing-projects; domain-scoped ones need a dot before the
# colon, or `system:masters` would pass.
PROJECT = rf"({_DNS_LABEL}(\.{_DNS_LABEL})+:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9]"
LOCATION = "[a-z]+(-[a-z]+[0-9]+)?"
REPOSITORY_ID = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
DNS_LABEL = _DNS_LABEL
DNS_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
# No two dots in a row, and a letter or digit at both ends of the local part.
_LOCAL_PART = "[a-z0-9]+([._%+-][_%+-]*[a-z0-9]+)*"
EMAIL = rf"{_LOCAL_PART}@{_DNS_LABEL}(\.{_DNS_LABEL})+"
SERVICE_ACCOUNT_EMAIL = (
    rf"{_LOCAL_PART}@([a-z][a-z0-9-]{{4,28}}[a-z0-9](\.{_DNS_LABEL})*\.iam|developer|appspot)\.gserviceaccount\.com"
)
# Full names: each part by its own grammar.
REPOSITORY = f"projects/{PROJECT}/locations/{LOCATION}/repositories/{REPOSITORY_ID}"
_RESOURCE_ID = "[a-zA-Z0-9_-]{1,63}"
KMS_KEY = f"projects/{PROJECT}/locations/{LOCATION}/keyRings/{_RESOURCE_ID}/cryptoKeys/{_RESOURCE_ID}"
SECRET_VERSION = f"projects/{PROJECT}/secrets/{_RESOURCE_ID}/versions/([1-9][0-9]{{0,9}}|latest)"
# An https URL that can hide nothing: lower-case host names (the last label is no number, so no IP address), an optional
# port, and a path of plain segments, none of which is `.` or `..`; no user, query, fragment or escape.
_SEGMENT = r"([.]?[A-Za-z0-9_~-][A-Za-z0-9._~-]*|[.][.][A-Za-z0-9_~.-]+)"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_TOP_LABEL = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
URL = rf"https://({_DNS_LABEL}\.)*{_TOP_LABEL}(:{_PORT})?(/{_SEGMENT})*/?"
DURATION = "[0-9]{1,6}[smhd]"
ENTRY_NAME = "[a-z0-9-]{1,63}"
USERNAME = r"[\x21-\x7e]{1,128}"
PREFIX = "[A-Za-z0-9._+!-]{1,128}"
# https://cloud.google.com/artifact-registry/docs/repositories/label-repos
LABEL_KEY = r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}"
LABEL_VALUE = r"[\p{Ll}\p{Lo}\p{N}_-]{0,63}"
RESOURCE_LENGTH, URL_LENGTH, LABEL_LENGTH = 512, 1024, 63
PROJECT_LENGTH, LOCATION_LENGTH, REPOSITORY_ID_LENGTH = 253, 40, 63
DNS_LABEL_LENGTH, DNS_SUBDOMAIN_LENGTH, EMAIL_LENGTH = 63, 253, 320


_REGISTRY_HOST = "pkg.dev"
_REGISTRY_PATH = "/([^/]+)/([^/]+)(/simple)?/?"


def matches(pattern: str, text: str, length: int) -> bool:
    """Whether the whole text has this form and at most this length."""
    return len(text) <= length and re.fullmatch(pattern, text) is not None


def is_label_key(text: str) -> bool:
    """Whether this is a label key of Artifact Registry: at most 63 characters, a letter that is no capital first."""
    return _is_label(text) and text[:1] != "" and unicodedata.category(text[0]) in _LETTERS


def is_label_value(text: str) -> bool:
    """Whether this is a label value of Artifact Registry: at most 63 letters (no capitals), digits, - and _."""
    return _is_label(text)


_LETTERS = {"Ll", "Lo"}


def _is_label(text: str) -> bool:
    # re has no classes of Unicode: the same classes by their category.
    return len(text) <= LABEL_LENGTH and all(
        character in "_-" or unicodedata.category(character) in {*_LETTERS, "Nd", "Nl", "No"} for character in text
    )


def is_project(text: str) -> bool:
    """Whether this is a Google Cloud project id, plain or domain-scoped (`example.com:proj`)."""
    return matches(PROJECT, text, PROJECT_LENGTH)


def is_location(text: str) -> bool:
    """Whether this has the form of an Artifact Registry location, such as `us-central1` or `europe`."""
    return matches(LOCATION, text, LOCATION_LENGTH)


def is_repository_id(text: str) -> bool:
    """Whether this is an Artifact Registry repository id: at most 63 of a-z, 0-9 and hyphen, a letter first."""
    return matches(REPOSITORY_ID, text, REPOSITORY_ID_LENGTH)


def is_dns_label(text: str) -> bool:
    """Whether this is a DNS-1123 label as Kubernetes asks for namespaces."""
    return matches(DNS_LABEL, text, DNS_LABEL_LENGTH)


def is_dns_subdomain(text: str) -> bool:
    """Whether this is a DNS-1123 subdomain as Kubernetes asks for most object names."""
    return matches(DNS_SUBDOMAIN, text, DNS_SUBDOMAIN_LENGTH)


def is_email(text: str) -> bool:
    """Whether this is a lower-case e-mail address with a domain of at least two labels and no `..`."""
    return matches(EMAIL, text, EMAIL_LENGTH)


def is_google_service_account(text: str) -> bool:
    """Whether this is the e-mail of a Google service account, and nothing after it."""
    return matches(SERVICE_ACCOUNT_EMAIL, text, EMAIL_LENGTH)


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

    @classmethod
    def of_url(cls, url: str) -> Self | None:
        """The repository that a URL `https://LOCATION-python.pkg.dev/PROJECT/REPOSITORY[/simple]/` names, else None."""
        parts = urlsplit(url)
        location = (parts.hostname or "").removesuffix(f"-python.{_REGISTRY_HOST}")
        path = re.fullmatch(_REGISTRY_PATH, parts.path)
        if path is None or location == parts.hostname:
            return None
        return cls.parse(f"projects/{path[1]}/locations/{location}/repositories/{path[2]}")


def is_registry_url(url: str) -> bool:
    """Whether a URL leads to Artifact Registry, be it to a repository that we can name or not."""
    host = (urlsplit(url).hostname or "").lower()
    return host == _REGISTRY_HOST or host.endswith(f".{_REGISTRY_HOST}")
