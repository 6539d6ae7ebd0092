"""Roles and their permissions, as far as Python repositories go (https://cloud.google.com/artifact-registry/docs/access-control)."""

from wheelhouse_local.constants import NAMESPACE, OWNER, PROJECT, SERVICE_ACCOUNT
from wheelhouse_local.google.identities import service_account_identity

_READ = {
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.list",
    "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.readViaVirtualRepository",
    "artifactregistry.packages.get",
    "artifactregistry.packages.list",
    "artifactregistry.locations.get",
    "artifactregistry.locations.list",
}
_WRITE = _READ | {
    "artifactregistry.repositories.uploadArtifacts",
    "artifactregistry.files.upload",
    "artifactregistry.packages.update",
}
_DELETE = {"artifactregistry.repositories.deleteArtifacts", "artifactregistry.packages.delete"}
_MANAGE = {f"artifactregistry.repositories.{verb}" for verb in ("create", "update", "delete")}
_LOOK = {"artifactregistry.repositories.getIamPolicy"}

OPERATOR_ROLE = f"projects/{PROJECT}/roles/wheelhouseOperator"
ROLES: dict[str, frozenset[str]] = {
    "roles/artifactregistry.reader": frozenset(_READ),
    "roles/artifactregistry.viewer": frozenset(_READ | _LOOK),
    "roles/artifactregistry.writer": frozenset(_WRITE),
    "roles/artifactregistry.repoAdmin": frozenset(_WRITE | _DELETE),
    "roles/artifactregistry.editor": frozenset(_WRITE | _DELETE | _MANAGE | _LOOK),
    "roles/artifactregistry.admin": frozenset(
        _WRITE | _DELETE | _MANAGE | _LOOK | {"artifactregistry.repositories.setIamPolicy"}
    ),
    "roles/owner": frozenset(_WRITE | _DELETE | _MANAGE | _LOOK | {"artifactregistry.repositories.setIamPolicy"}),
    # The custom role that the operator runs with: README.md has the command that makes it.
    OPERATOR_ROLE: frozenset(
        {
            f"artifactregistry.repositories.{verb}"
            for verb in ("create", "get", "list", "update", "delete", "getIamPolicy", "setIamPolicy")
        }
        | {"artifactregistry.packages.list"}
    ),
}

PROJECT_POLICY: dict[str, frozenset[str]] = {
    "roles/owner": frozenset({f"user:{OWNER}"}),
    OPERATOR_ROLE: frozenset({service_account_identity(NAMESPACE, SERVICE_ACCOUNT)}),
}
"""Who has what on the whole project."""
