"""What the services beside Artifact Registry share: resources in projects, with IAM policies."""

from datetime import UTC, datetime
from typing import ClassVar

from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError


class Service:
    """A service whose resources have full names with the project's id; callers may write its number.

    Attributes:
        DENIED: the message for a caller without a permission, in the words that public threads quote.
    """

    DENIED: ClassVar[str]

    def __init__(self, store: Store, projects: Projects, policies: Policies, identities: Identities) -> None:
        self._store = store
        self._projects = projects
        self._policies = policies
        self._identities = identities

    def _require(self, caller: Caller, name: str, permission: str) -> None:
        if not self._policies.allowed(caller, name, permission):
            raise ApiError("PERMISSION_DENIED", self.DENIED.format(permission=permission, name=name))

    def _now(self) -> str:
        return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
