"""Who may call Artifact Registry: the checks before a request is parsed."""

from collections.abc import Callable
from dataclasses import dataclass

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError

_SERVICES = {"ArtifactRegistry", "Operations"}
"""Services that answer only in projects where Artifact Registry is on."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Checks the project first, then the permission.

    Args:
        policies: return a caller's permissions.
        project: rejects a resource whose project does not have Artifact Registry on.
    """

    policies: Policies
    project: Callable[[str], None]

    def check(self, caller: Caller, method: str, resource: str, permission: str | None) -> None:
        """Reject a caller who may not call `Service.Method`; the other services check permissions themselves.

        Raises:
            ApiError: PERMISSION_DENIED.
        """
        if method.partition(".")[0] not in _SERVICES:
            return
        self.project(resource)
        if permission is None or self.policies.allowed(caller, resource, permission):
            return
        if permission.endswith("IamPolicy"):
            # As users quote it from the real service.
            raise ApiError("PERMISSION_DENIED", "The caller does not have permission")
        where = f"//artifactregistry.googleapis.com/{resource}"
        raise ApiError(
            "PERMISSION_DENIED", f"Permission '{permission}' denied on resource '{where}' (or it may not exist)."
        )
