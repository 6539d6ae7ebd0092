"""Resource Manager: projects and their IAM policies.

gRPC v3 `Projects/GetProject`, REST v1 and v3 `projects/KEY`, where KEY is an id or a number
(https://cloud.google.com/resource-manager/reference/rest/v3/projects/get).
"""

from collections.abc import Mapping

from google.cloud import resourcemanager_v3
from google.protobuf import timestamp_pb2

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.routes import PolicyRoutes
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.project import Project
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.method import Message, Method
from wheelhouse_local.google.transport.route import Asked, Json, Route

PROJECTS = "google.cloud.resourcemanager.v3.Projects"
SERVICE = "ResourceManager"
_PATH = "/{version:v1|v3}/projects/{project:[^/]+?}"


class ResourceManager:
    """GetProject over gRPC and REST."""

    def __init__(self, projects: Projects, policies: Policies) -> None:
        self._projects = projects
        self._policies = policies

    def methods(self) -> dict[str, Method]:
        """Its part of the table of gRPC methods."""
        return {
            f"{SERVICE}.GetProject": Method(
                PROJECTS,
                resourcemanager_v3.GetProjectRequest.pb(),
                resourcemanager_v3.Project.pb(),
                "name",
                None,
                lambda caller, asked: _message(self._get(caller, asked.name)),
            )
        }

    def table(self) -> list[Route]:
        """Its REST routes."""
        policy = PolicyRoutes(self._policies, SERVICE, "resourcemanager.projects", self._named, self._require)
        get = Route("GET", _PATH, f"{SERVICE}.GetProject", self._rest)
        return [*policy.table(_PATH, get="POST"), get]

    def _rest(self, asked: Asked) -> Json:
        found = self._get(asked.caller, f"projects/{asked.parts['project']}")
        common = {"projectId": found.id, "createTime": found.created}
        if asked.parts["version"] == "v1":
            return {**common, "projectNumber": found.number, "name": found.id, "lifecycleState": found.state}
        return {**common, "name": f"projects/{found.number}", "displayName": found.id, "state": found.state}

    def _get(self, caller: Caller, name: str) -> Project:
        found = self._projects.find(name.removeprefix("projects/"))
        self._require(caller, f"projects/{found.id}" if found else "", "resourcemanager.projects.get")
        if found is None:
            raise _denied()
        return found

    def _named(self, parts: Mapping[str, str]) -> str:
        found = self._projects.find(parts["project"])
        return f"projects/{found.id}" if found else ""

    def _require(self, caller: Caller, name: str, permission: str) -> None:
        """403 even for a project that does not exist (documented: or it may not exist)."""
        if not self._policies.allowed(caller, name, permission):
            raise _denied()


def _denied() -> ApiError:
    return ApiError("PERMISSION_DENIED", "The caller does not have permission")


def _message(found: Project) -> Message:
    created = timestamp_pb2.Timestamp()
    created.FromJsonString(found.created)
    return resourcemanager_v3.Project.pb()(
        name=f"projects/{found.number}",
        project_id=found.id,
        display_name=found.id,
        state=found.state,
        create_time=created,
    )
