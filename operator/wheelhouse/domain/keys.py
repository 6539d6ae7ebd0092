"""Keys of the units of work; each kind has its own type, so that they cannot be confused."""

from dataclasses import dataclass

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey, RepositoryName


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """One PythonRepository."""

    object: ObjectKey


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """One repository's IAM policy, by the repository's Google name: shared by all its accesses."""

    repository: RepositoryName


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One RepositoryAccess."""

    object: ObjectKey


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One Secret of an access, in one namespace."""

    access: ObjectKey
    namespace: str


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The tokens of one identity: a ServiceAccount, the requested lifetime in seconds, and whom it impersonates."""

    identity: Identity
    lifetime: int
    impersonate: str = ""


Key = RepositoryKey | PolicyKey | AccessKey | SecretKey | TokenKey
