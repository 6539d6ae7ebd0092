"""Service Usage over REST: which services are on in a project, and enabling and disabling them.

https://cloud.google.com/service-usage/docs/reference/rest; an operation is done at once. Artifact Registry is the only
service that rejects calls when it is off.
"""

import re
import uuid

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.project import Project
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError, not_found
from wheelhouse_local.google.transport.route import Asked, Json, Route

SERVICE = "ServiceUsage"
OPERATION = "service-usage-operation"
NOTHING_TO_DO = "operations/noop.DONE_OPERATION"
"""The operation for a change that is already in place; it cannot be fetched (both from public clients)."""
_TYPES = "type.googleapis.com/google.api.serviceusage.v1"
_SERVICE = re.compile(r"[a-z0-9-]+\.googleapis\.com")
_PATH = "/v1/projects/{project}/services/{service:[^/:]+}"


class ServiceUsage:
    """Get, enable and disable, and the operations of the latter two."""

    def __init__(self, store: Store, projects: Projects, policies: Policies) -> None:
        self._store = store
        self._projects = projects
        self._policies = policies

    def table(self) -> list[Route]:
        """The routes."""
        return [
            Route("GET", _PATH, f"{SERVICE}.GetService", self._get),
            Route("POST", f"{_PATH}:enable", f"{SERVICE}.EnableService", lambda asked: self._switch(asked, on=True)),
            Route("POST", f"{_PATH}:disable", f"{SERVICE}.DisableService", lambda asked: self._switch(asked, on=False)),
            Route("GET", "/v1/operations/{operation:[^/]+}", f"{SERVICE}.GetOperation", self._operation),
        ]

    def _get(self, asked: Asked) -> Json:
        project, service = self._target(asked, "get")
        return _document(project, service)

    def _switch(self, asked: Asked, *, on: bool) -> Json:
        verb = "enable" if on else "disable"
        project, service = self._target(asked, verb)
        noop = (service in project.services) == on
        if not noop:
            project = self._projects.switch(project.id, service, on=on)
        kind = f"{_TYPES}.{verb.capitalize()}ServiceResponse"
        done = {"done": True, "response": {"@type": kind, "service": _document(project, service)}}
        if noop:
            return {"name": NOTHING_TO_DO, **done}
        name = f"operations/acat.p2-{project.number}-{uuid.uuid4()}"
        metadata = {"@type": f"{_TYPES}.OperationMetadata", "resourceNames": [_name(project, service)]}
        operation = {"name": name, "metadata": metadata, **done}
        self._store.put(OPERATION, name, operation)
        return operation

    def _operation(self, asked: Asked) -> Json:
        """The required permission is not known: any token is accepted."""
        name = f"operations/{asked.parts['operation']}"
        if name == NOTHING_TO_DO:
            raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
        found = self._store.get(OPERATION, name)
        if found is None:
            raise not_found()
        return found

    def _target(self, asked: Asked, verb: str) -> tuple[Project, str]:
        """Project and service of a call; a missing project or service gets the same error as a forbidden one."""
        service = asked.parts["service"]
        found = self._projects.find(asked.parts["project"])
        if found is None or not self._may(asked.caller, found, verb):
            raise ApiError("PERMISSION_DENIED", f"Permission denied to {verb} service [{service}]")
        if not _SERVICE.fullmatch(service):
            raise ApiError("PERMISSION_DENIED", f"Not found or permission denied for service(s): {service}.")
        return found, service

    def _may(self, caller: Caller, project: Project, verb: str) -> bool:
        return self._policies.allowed(caller, f"projects/{project.id}", f"serviceusage.services.{verb}")


def _name(project: Project, service: str) -> str:
    return f"projects/{project.number}/services/{service}"


def _document(project: Project, service: str) -> Json:
    return {
        "name": _name(project, service),
        "config": {"name": service},
        "state": "ENABLED" if service in project.services else "DISABLED",
        "parent": f"projects/{project.number}",
    }
