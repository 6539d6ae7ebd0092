"""What a repository's object reports when Google refuses a request, and when the next pass is."""

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository
from wheelhouse.domain.findings import failed, pending
from wheelhouse.domain.objects import PROJECTS_ANNOTATION, CustomObject
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, Refused
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.repository.projects import ProjectChecks
from wheelhouse.reconcile.repository.views import computed_name
from wheelhouse.reconcile.world import World

SLOW = 60.0
"""Seconds until the next pass after a refusal."""
ENABLING = 10.0
"""Seconds until the next pass after an API was enabled."""
_NO_DETAIL = "Request contains an invalid argument."
"""Artifact Registry's whole message for a location that it does not know (terraform-provider-google#10184)."""


class Complaints:
    """Turns a refusal into a finding."""

    def __init__(self, world: World, findings: Findings, projects: ProjectChecks) -> None:
        self._world = world
        self._findings = findings
        self._projects = projects

    async def refused(self, declared: Declared[DeclaredRepository], error: Invalid | Refused) -> float:
        """Report the refusal; a disabled API may be enabled, and the deletion of a project is reported.

        Returns:
            Seconds until the next pass.

        Raises:
            Unavailable: Resource Manager or Service Usage does not answer.
        """
        stored = declared.stored
        meant = computed_name(self._world, declared)
        project = meant.project if meant is not None else None
        message, reason = f"{error.message}{self._hint(declared, error)}", error.reason
        wait = SLOW
        if isinstance(error, Invalid) and error.reason is not Reason.API_DISABLED:
            wait = drift_delay(self._world)  # A key, a secret or an upstream may be fixed without a change here.
        elif isinstance(error, Invalid) and self._world.options.enable_apis and project:
            refusal = await self._enable(stored, project)
            if refusal is None:
                words = f"The Artifact Registry API is being enabled in project {project}."
                self._findings.note_repository(stored, synced=pending(words))
                return ENABLING
            message = f"{error.message} It could not be enabled: {refusal}"
        elif isinstance(error, Refused) and project and await self._projects.gone(project):
            words = f"Project {project} does not exist or is being deleted. Restore it within 30 days of its"
            message, reason = (
                f"{words} deletion (gcloud projects undelete {project}), or delete this object.",
                Reason.INVALID_ARGUMENT,
            )
        self._findings.note_repository(stored, synced=failed(reason, message))
        return wait

    async def _enable(self, stored: CustomObject, project: str) -> str | None:
        """Enable the API; the message of a refusal, or None if it is being enabled."""
        try:
            await self._projects.enable(stored, project)
        except Refused as refusal:
            return refusal.message
        return None

    def _hint(self, declared: Declared[DeclaredRepository], error: Invalid | Refused) -> str:
        advised = self._projects.advised(declared.stored)
        if advised:
            return f" {' '.join(advised)}"
        if isinstance(error, Refused) and error.reason is Reason.PERMISSION_DENIED:
            chosen = declared.effective is not None and declared.effective.spec.project is not None
            place = "spec.project" if chosen else f"the Namespace's annotation {PROJECTS_ANNOTATION}"
            return f" Google gives the same answer for a project that does not exist, so check {place} too."
        if _NO_DETAIL in error.message and declared.effective is not None:
            location = declared.effective.spec.location
            return f" Check spec.location ({location}): to list all locations, run gcloud artifacts locations list."
        return ""


def drift_delay(world: World) -> float:
    """Seconds until the next check for changes made elsewhere."""
    return world.options.drift_interval.total_seconds() * (1 + 0.2 * world.jitter())
