"""The three modes of a repository, and the sources of Remote and Virtual ones."""

from dataclasses import dataclass
from enum import StrEnum

PYPI = "PyPI"
"""The public index by Artifact Registry's name for it (`PublicRepository.PYPI`); all other sources are URLs."""

CREDENTIAL_MASK = "remote_repository_config.upstream_credentials"
USERNAME_MASK = f"{CREDENTIAL_MASK}.username_password_credentials.username"
PASSWORD_MASK = f"{CREDENTIAL_MASK}.username_password_credentials.password_secret_version"


class Mode(StrEnum):
    """How a repository gets its packages."""

    STANDARD = "Standard"
    REMOTE = "Remote"
    VIRTUAL = "Virtual"

    @property
    def wire(self) -> str:
        """The name in google.devtools.artifactregistry.v1.Repository.Mode."""
        return f"{self.upper()}_REPOSITORY"

    @classmethod
    def of(cls, wire: str) -> "Mode | None":
        """The mode with this name in Google's API; None for an unknown one."""
        return next((mode for mode in cls if mode.wire == wire), None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Google's service agent uses for an upstream: a user name, and the secret version of the password."""

    username: str
    password_secret_version: str

    @property
    def secret(self) -> str:
        """`projects/P/secrets/S`, without the version."""
        return self.password_secret_version.partition("/versions/")[0]


@dataclass(frozen=True, slots=True)
class Remote:
    """The source of a Remote repository: `PyPI` or a URL; `validate` is input only and never compared."""

    source: str
    credentials: Credentials | None = None
    validate: bool = True

    def same_source(self, other: "Remote") -> bool:
        """Whether both have the same source; a slash at the end makes no difference."""
        return self.source.rstrip("/") == other.source.rstrip("/")


@dataclass(frozen=True, slots=True, order=True)
class Upstream:
    """One upstream of a Virtual repository: its id there, the full name, and the priority (the larger one wins)."""

    name: str
    repository: str
    priority: int

    def __str__(self) -> str:
        return f"{self.name}={self.repository}@{self.priority}"
