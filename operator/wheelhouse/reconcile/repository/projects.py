"""Projects: their state, their Artifact Registry API, and the permissions of Google's service agent."""

from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import DesiredRepository
from wheelhouse.errors import Refused, WheelhouseError
from wheelhouse.plan.preflight import Need, advice, needs
from wheelhouse.reconcile.world import World

REMEMBERED = 86_400.0
"""Seconds for which a project's number and state are cached."""
DOUBTED = 60.0
"""Seconds for which they are cached after a refusal, so that all objects of a project share one request."""
ENABLING = 300.0
"""Seconds in which an API that was just enabled may still be refused before it is enabled again."""


class ProjectChecks:
    """Requests information about projects, rarely."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, tuple[Project | None, float]] = {}
        self._enabled: dict[str, float] = {}
        self._advised: dict[str, tuple[int, tuple[str, ...]]] = {}

    async def get(self, project_id: str, age: float = REMEMBERED) -> Project | None:
        """A project, from a cache of at most this age; None if it does not exist.

        Raises:
            Refused: the operator may not read it.
            Unavailable: Resource Manager does not answer.
        """
        now = self._world.elapsed()
        known = self._known.get(project_id)
        if known is None or now - known[1] >= age:
            known = (await self._world.projects.get(project_id), now)
            self._known[project_id] = known
        return known[0]

    async def gone(self, project_id: str) -> bool:
        """Whether a project that denies requests does not exist or is being deleted.

        Raises:
            Unavailable: Resource Manager does not answer.
        """
        try:
            project = await self.get(project_id, DOUBTED)
        except Refused:
            return False  # Resource Manager gives the same answer for absent and forbidden projects.
        return project is None or not project.active

    async def enable(self, stored: CustomObject, project_id: str) -> None:
        """Enable the API, at most once in a while.

        Raises:
            Refused: the operator may not.
            Unavailable: Service Usage does not answer.
        """
        now = self._world.elapsed()
        if now - self._enabled.get(project_id, now - ENABLING) < ENABLING:
            return
        await self._world.projects.enable(project_id)
        self._enabled[project_id] = now
        note = f"The operator enabled the Artifact Registry API in project {project_id} (setting enable_apis)."
        await self._world.objects.event(Kind.REPOSITORY, stored, "ApiEnabled", note)

    async def advise(self, stored: CustomObject, desired: DesiredRepository) -> tuple[str, ...]:
        """The permissions that the service agent seems to lack, reported once per generation; it never blocks."""
        generation, known = self._advised.get(stored.uid, (-1, ()))
        wanted = needs(desired)
        if generation == stored.generation or not wanted:
            return known if generation == stored.generation else ()
        lacking = []
        for need in wanted:
            words = await self._advice(desired.name.project, need)
            if words is not None:
                lacking.append(words)
                await self._world.objects.event(Kind.REPOSITORY, stored, need.event, words, warning=True)
        self._advised[stored.uid] = (stored.generation, tuple(lacking))
        return tuple(lacking)

    def advised(self, stored: CustomObject) -> tuple[str, ...]:
        """The advice for this generation."""
        generation, known = self._advised.get(stored.uid, (-1, ()))
        return known if generation == stored.generation else ()

    def forget(self, uid: str) -> None:
        """The object does not exist."""
        self._advised.pop(uid, None)

    async def _advice(self, project_id: str, need: Need) -> str | None:
        try:
            project = await self.get(project_id)
            if project is None:
                return None
            granted = await self._world.projects.permits(need.resource, need.role, f"serviceAccount:{project.agent}")
        except WheelhouseError:
            return None  # A failure to get advice does not matter.
        return advice(need, project) if granted is False else None
