"""The Projects port: Resource Manager, Service Usage, and the IAM policies of keys and secrets."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import Credentials

from wheelhouse.clients.google.http import GoogleHttp
from wheelhouse.clients.google.rpc import API, CHANNEL_OPTIONS, Caller, Observe, unobserved
from wheelhouse.clients.http import reduced
from wheelhouse.domain.project import Project
from wheelhouse.errors import Refused, Unavailable

if TYPE_CHECKING:
    from google.cloud.resourcemanager_v3.services.projects import ProjectsAsyncClient


class ResourceManager(Caller):
    """One channel to Resource Manager, created on first use: most operators never need it.

    Args:
        credentials: the operator's own; they are refreshed in gRPC's threads.
        universe: the universe domain of endpoint and credentials.
        endpoint: `host:port` (TLS), for emulators and private endpoints; None for the universe's own.
        observe: called after each request.
    """

    def __init__(
        self, credentials: Credentials, universe: str, endpoint: str | None = None, observe: Observe = unobserved
    ) -> None:
        super().__init__("ResourceManager", observe)
        self._credentials = credentials
        self._options = ClientOptions(universe_domain=universe, api_endpoint=endpoint)
        self._client: ProjectsAsyncClient | None = None

    async def project(self, project_id: str) -> tuple[str, bool]:
        """The name that contains the project's number, and whether the project is active.

        Raises:
            NotFound: of google.api_core.
            WheelhouseError: everything else, translated.
        """
        # Imported here: the library takes 5 MB and a tenth of a second.
        from google.cloud.resourcemanager_v3 import types
        from google.cloud.resourcemanager_v3.services import projects

        if self._client is None:
            transports = projects.transports
            transport = partial(transports.ProjectsGrpcAsyncIOTransport, channel=_channel)
            self._client = projects.ProjectsAsyncClient(
                credentials=self._credentials, transport=transport, client_options=self._options
            )
        request = types.GetProjectRequest(name=f"projects/{project_id}")
        found = await self.call("GetProject", self._client.get_project, request, project_id)
        return str(found.name), found.state == types.Project.State.ACTIVE

    async def close(self) -> None:
        """Close the channel, if there is one."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call] # the library has no annotation here


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs, each with a trailing slash: Service Usage, Secret Manager, Cloud KMS."""

    usage: str
    secrets: str
    keys: str


class GoogleProjects:
    """Projects in Google's APIs; every method is one request.

    Args:
        manager: the connection to Resource Manager.
        http: sends requests to the others.
        endpoints: the base URLs of the others.
    """

    def __init__(self, manager: ResourceManager, http: GoogleHttp, endpoints: Endpoints) -> None:
        self._manager = manager
        self._http = http
        self._endpoints = endpoints

    async def get(self, project_id: str) -> Project | None:
        """The project with its number and state, or None if it does not exist.

        Raises:
            Refused: the operator may not read it, or it does not exist: Resource Manager gives the same answer for
                both.
            Unavailable: it does not answer.
        """
        try:
            name, active = await self._manager.project(project_id)
        except exceptions.NotFound:
            return None
        number = name.rpartition("/")[2]
        if not number.isdigit():
            raise Unavailable(f"Resource Manager answered without the number of project {project_id}.")
        return Project(project_id, number, active=active)

    async def enable(self, project_id: str) -> None:
        """Enable the Artifact Registry API, without waiting for the operation that this starts.

        Raises:
            Refused: the operator may not, with Google's message.
            Unavailable: Service Usage does not answer.
        """
        url = f"{self._endpoints.usage}v1/projects/{quote(project_id)}/services/{API}:enable"
        status, body = await self._http.send("ServiceUsage.EnableService", "POST", url, project_id)
        if status == 200:
            return
        error = body.get("error")
        words = reduced(error.get("message") if isinstance(error, dict) else status)
        raise Refused(f"Service Usage answered {status}: {words}")

    async def permits(self, resource: str, role: str, member: str) -> bool | None:
        """Whether the policy of a key (`…/cryptoKeys/K`) or secret (`…/secrets/S`) binds the role to the member.

        Only that policy is read: no inherited role, no group. None if it cannot be read.

        Raises:
            Unavailable: the service does not answer.
        """
        keys = "/cryptoKeys/" in resource
        base = self._endpoints.keys if keys else self._endpoints.secrets
        label = "Kms.GetIamPolicy" if keys else "SecretManager.GetIamPolicy"
        url = f"{base}v1/{quote(resource)}:getIamPolicy?options.requestedPolicyVersion=3"
        status, body = await self._http.send(label, "GET", url, resource.split("/")[1])
        if status != 200:
            return None
        return any(_binds(binding, role, member) for binding in _list(body.get("bindings")))


def _binds(binding: object, role: str, member: str) -> bool:
    if not isinstance(binding, dict) or binding.get("role") != role:
        return False
    return any(str(found).lower() == member.lower() for found in _list(binding.get("members")))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _channel(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
    from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcAsyncIOTransport

    kwargs["options"] = CHANNEL_OPTIONS
    return ProjectsGrpcAsyncIOTransport.create_channel(*args, **kwargs)
