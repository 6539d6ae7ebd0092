"""Roles and their permissions, as far as Python repositories go (https://cloud.google.com/artifact-registry/docs/access-control).

From the published roles: what one holds beyond this is about other formats or other resources.
"""

from wheelhouse_local.constants import NAMESPACE, OWNER, PROJECT, SERVICE_ACCOUNT
from wheelhouse_local.google.identities import service_account_identity


def _permissions(**verbs: str) -> frozenset[str]:
    return frozenset(f"artifactregistry.{kind}.{verb}" for kind, text in verbs.items() for verb in text.split())


_READ = _permissions(
    repositories="get list downloadArtifacts readViaVirtualRepository",
    packages="get list",
    pythonpackages="get list",
    versions="get list",
    files="get list download",
    locations="get list",
)
_WRITE = _READ | _permissions(repositories="uploadArtifacts", files="upload", packages="update")
_CLEAN = _WRITE | _permissions(
    repositories="deleteArtifacts", packages="delete", versions="delete update", files="delete"
)
_LOOK = _permissions(repositories="getIamPolicy")
_CREATE_ON_PUSH = _permissions(repositories="createOnPush")
_EDIT = _CLEAN | _LOOK | _permissions(repositories="create update delete")
_ADMIN = _EDIT | _permissions(repositories="setIamPolicy")

OPERATOR_ROLE = f"projects/{PROJECT}/roles/wheelhouseOperator"
ROLES: dict[str, frozenset[str]] = {
    "roles/artifactregistry.reader": _READ,
    "roles/artifactregistry.viewer": _READ | _LOOK,
    "roles/artifactregistry.writer": _WRITE,
    "roles/artifactregistry.createOnPushWriter": _WRITE | _CREATE_ON_PUSH,
    "roles/artifactregistry.repoAdmin": _CLEAN,
    "roles/artifactregistry.createOnPushRepoAdmin": _CLEAN | _CREATE_ON_PUSH,
    "roles/artifactregistry.editor": _EDIT,
    "roles/artifactregistry.admin": _ADMIN,
    # The custom role that the operator runs with: README.md has the command that makes it.
    OPERATOR_ROLE: _permissions(
        repositories="create get list update delete getIamPolicy setIamPolicy", packages="list"
    ),
}
"""What can be granted on a repository."""

NOT_EMULATED = frozenset(
    {f"roles/artifactregistry.{name}" for name in ("attachmentReader", "attachmentWriter", "serviceAgent")}
    | {"roles/artifactregistry.containerRegistryMigrationAdmin", "roles/owner", "roles/editor", "roles/viewer"}
)
"""Roles that exist; what they mean on a repository is not emulated."""

PROJECT_POLICY: dict[str, frozenset[str]] = {
    f"user:{OWNER}": _ADMIN,  # roles/owner, as far as it is about repositories
    service_account_identity(NAMESPACE, SERVICE_ACCOUNT): ROLES[OPERATOR_ROLE],
}
"""Who has which permissions on the whole project."""
