"""Names and their grammars.

Strings from a spec become parts of URLs with a token, so each grammar lists what is allowed and is applied with
`re.fullmatch` (Python's `$` would accept a trailing newline). The CRDs contain the same grammars.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
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
SERVICE_ACCOUNT_PATTERN = (
    rf"{SERVICE_ACCOUNT_EMAIL}|\*@[a-z][a-z0-9-]{{4,28}}[a-z0-9](\.{_DNS_LABEL})*\.iam\.gserviceaccount\.com"
)
"""A Google service account, or all those of one project."""
_ID = "[a-zA-Z0-9_-]{1,63}"
REPOSITORY = f"projects/{PROJECT}/locations/{LOCATION}/repositories/{REPOSITORY_ID}"
KMS_KEY = f"projects/{PROJECT}/locations/{LOCATION}/keyRings/{_ID}/cryptoKeys/{_ID}"
SECRET_VERSION = f"projects/{PROJECT}/secrets/{_ID}/versions/([1-9][0-9]{{0,18}}|latest)"

# The last label starts with a letter, as every top-level domain does, so nothing that a resolver would read as an IP
# address (127.0.0.1, 2130706433, 0x7f000001) is a host. A segment of the path is neither `.` nor `..`. RE2 has no
# lookahead, so the grammar lists the allowed forms that begin with dots.
HOST = rf"({_DNS_LABEL}\.)*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_SEGMENT = r"(\.?\.?[A-Za-z0-9_~-][A-Za-z0-9._~-]*|\.\.\.[A-Za-z0-9._~-]*)?"
HTTPS_URL = rf"https://{HOST}(:{PORT})?(/{_SEGMENT})*"

USERNAME = r"[\x21-\x7e]{1,128}"
ITEM_NAME = "[a-z0-9-]{1,63}"
VERSION_PREFIX = "[A-Za-z0-9._+!-]{1,128}"
AGE = "[0-9]{1,6}(s|m|h|d)"

# Labels of Artifact Registry: google.devtools.artifactregistry.v1.Repository.labels, international letters included.
# Only the API server uses these two: Python's `re` knows no categories, so is_label_key and is_label_value use
# `unicodedata`.
LABEL_KEY = r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}"
LABEL_VALUE = r"[\p{Ll}\p{Lo}\p{N}_-]{0,63}"
OUR_LABELS = "wheelhouse"
"""The prefix of the keys of the operator's own labels."""

PROJECT_LENGTH, LOCATION_LENGTH, REPOSITORY_ID_LENGTH = 253, 40, 63
DNS_LABEL_LENGTH, DNS_SUBDOMAIN_LENGTH, EMAIL_LENGTH = 63, 253, 320
# The maximum lengths of full names: even with the shortest other parts, the project cannot exceed its own length.
REPOSITORY_LENGTH, KMS_KEY_LENGTH, SECRET_VERSION_LENGTH = 290, 299, 283
URL_LENGTH, USERNAME_LENGTH, ITEM_NAME_LENGTH, VERSION_PREFIX_LENGTH = 1024, 128, 63, 128
# Longer than any age, so that the API server's error describes the form of an age and not its length.
AGE_LENGTH = 32
LABEL_LENGTH = 63


_DNS_LABELS = re.compile(rf"(?:{_DNS_LABEL}\n)*")
_REGISTRY_HOST = "pkg.dev"
_REGISTRY_URL = re.compile(r"(?ai:https://([a-z0-9-]+)-python\.pkg\.dev)(:443)?/([^/]+)/([^/]+)(/simple)?/?")


def matches(pattern: str, text: str, length: int) -> bool:
    """Whether the whole text has this form and at most this length."""
    return len(text) <= length and re.fullmatch(pattern, text) is not None


def is_project(text: str) -> bool:
    """Whether this is a Google Cloud project id, plain or domain-scoped (`example.com:proj`)."""
    return matches(PROJECT, text, PROJECT_LENGTH)


def is_location(text: str) -> bool:
    """Whether this has the form of an Artifact Registry location, such as `us-central1` or `europe`."""
    return matches(LOCATION, text, LOCATION_LENGTH)


def is_repository_id(text: str) -> bool:
    """Whether this is an Artifact Registry repository id: at most 63 lower-case letters, digits and hyphens."""
    return matches(REPOSITORY_ID, text, REPOSITORY_ID_LENGTH)


def is_dns_label(text: str) -> bool:
    """Whether this is a DNS-1123 label as Kubernetes requires for namespaces."""
    return matches(DNS_LABEL, text, DNS_LABEL_LENGTH)


def dns_labels(texts: Iterable[str]) -> list[str]:
    """The texts that are DNS-1123 labels. If all are, as usual, one match checks thousands of them."""
    names = list(texts)
    lines = "\n".join([*names, ""])
    if lines.count("\n") == len(names) and _DNS_LABELS.fullmatch(lines):
        return names
    return [name for name in names if is_dns_label(name)]


def is_dns_subdomain(text: str) -> bool:
    """Whether this is a DNS-1123 subdomain as Kubernetes requires for most object names."""
    return matches(DNS_SUBDOMAIN, text, DNS_SUBDOMAIN_LENGTH)


def is_email(text: str) -> bool:
    """Whether this is a lower-case e-mail address with a domain of at least two labels and no `..`."""
    return matches(EMAIL, text, EMAIL_LENGTH)


def is_google_service_account(text: str) -> bool:
    """Whether this is exactly the e-mail of a Google service account."""
    return matches(SERVICE_ACCOUNT_EMAIL, text, EMAIL_LENGTH)


def is_label_key(text: str) -> bool:
    """Whether Artifact Registry accepts this as a label key: a lower-case or caseless letter first."""
    return bool(text) and _is_letter(text[0]) and is_label_value(text)


def is_label_value(text: str) -> bool:
    """Whether Artifact Registry accepts this label value: empty, or lower-case or caseless letters, digits, `_-`."""
    return len(text) <= LABEL_LENGTH and all(
        _is_letter(each) or each in "_-" or unicodedata.category(each).startswith("N") for each in text
    )


def is_our_label(key: str) -> bool:
    """Whether the key is one of the operator's own, which no user may set."""
    return key.startswith(OUR_LABELS)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character) in {"Ll", "Lo"}


# These two are tuples because they are keys in most dictionaries, and tuples are hashed in C. They differ in length, so
# they are never equal to each other.
class ObjectKey(NamedTuple):
    """Namespace and name of one of our objects."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class RepositoryName(NamedTuple):
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
    @lru_cache(maxsize=4096)  # All accesses of a repository share its name.
    def parse(cls, full: str) -> "RepositoryName | None":
        """Read a full resource name; None if any part breaks its grammar."""
        parts = full.split("/")
        if len(parts) != 6 or parts[0::2] != ["projects", "locations", "repositories"]:
            return None
        project, location, repository_id = parts[1::2]
        if not (is_project(project) and is_location(location) and is_repository_id(repository_id)):
            return None
        return cls(project, location, repository_id)

    @classmethod
    def of_url(cls, url: str) -> "RepositoryName | None":
        """The repository that a URL `https://LOCATION-python.pkg.dev/PROJECT/REPOSITORY[/simple]/` names, or None."""
        found = _REGISTRY_URL.fullmatch(url)
        if found is None:
            return None
        return cls.parse(f"projects/{found[3]}/locations/{found[1].lower()}/repositories/{found[4]}")


def shared(text: str) -> str:
    """A text that many objects have, kept once in memory."""
    return sys.intern(text) if type(text) is str else text


def is_registry_url(url: str) -> bool:
    """Whether a URL leads to Artifact Registry, even if it does not name a repository that we can parse.

    A URL with an unreadable host counts too: it must not be used without consent.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # For example https://[x/
        return True
    plain = re.fullmatch("[a-z0-9.-]+", host) is not None
    return not plain or host == _REGISTRY_HOST or host.endswith(f".{_REGISTRY_HOST}")
