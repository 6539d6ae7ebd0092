"""Google Cloud projects in memory, and the Projects port over them."""

from fakes.calls import Calls, port_call
from wheelhouse.domain.project import Project
from wheelhouse.errors import Refused


class FakeProjects:
    """The Projects port; tests set projects and policies here."""

    PORT = "projects"

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.known = {"acme-packages": Project("acme-packages", "123456789012", active=True)}
        self.bindings: set[tuple[str, str, str]] = set()
        """(resource, role, member)"""
        self.hidden: set[str] = set()
        """Resources whose policy the operator may not read."""

    @port_call
    async def get(self, project_id: str) -> Project | None:
        if project_id not in self.known:
            raise Refused("The caller does not have permission")
        return self.known[project_id]

    @port_call
    async def enable(self, project_id: str) -> None:
        self.calls.changes.append(f"enable {project_id}")

    @port_call
    async def permits(self, resource: str, role: str, member: str) -> bool | None:
        return None if resource in self.hidden else (resource, role, member) in self.bindings
