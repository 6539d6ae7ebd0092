"""The three modes of a repository, and where Remote and Virtual ones get their packages from."""

from dataclasses import dataclass
from enum import StrEnum

PYPI = "PyPI"
"""The public index as Artifact Registry knows it by name (`PublicRepository.PYPI`); all other sources are URLs."""

CREDENTIAL_MASK = "remote_repository_config.upstream_credentials"
USERNAME_MASK = f"{CREDENTIAL_MASK}.username_password_credentials.username"
PASSWORD_MASK = f"{CREDENTIAL_MASK}.username_password_credentials.password_secret_version"


class Mode(StrEnum):
    """How a repository comes by its packages."""

    STANDARD = "Standard"
    REMOTE = "Remote"
    VIRTUAL = "Virtual"

    @property
    def wire(self) -> str:
        """The name in google.devtools.artifactregistry.v1.Repository.Mode."""
        return f"{self.upper()}_REPOSITORY"

    @classmethod
    def of(cls, wire: str) -> "Mode | None":
        """The mode of a name on the wire; None for one that is not known."""
        return next((mode for mode in cls if mode.wire == wire), None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Google's service agent shows to an upstream: a user name, and which secret version holds the password."""

    username: str
    password_secret_version: str

    @property
    def secret(self) -> str:
        """`projects/P/secrets/S`, without the version."""
        return self.password_secret_version.partition("/versions/")[0]


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a Remote repository fetches: `PyPI` or a URL; `validate` is input only and never compared."""

    source: str
    credentials: Credentials | None = None
    validate: bool = True

    def same_source(self, other: "Remote") -> bool:
        """Whether both fetch from the same place; a slash at the end makes no difference."""
        return self.source.rstrip("/") == other.source.rstrip("/")


@dataclass(frozen=True, slots=True, order=True)
class Upstream:
    """One upstream of a Virtual repository: its id there, the full name, and the priority (the larger wins)."""

    name: str
    repository: str
    priority: int

    def __str__(self) -> str:
        return f"{self.name}={self.repository}@{self.priority}"
