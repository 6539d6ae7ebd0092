"""Artifact Registry over REST, as gcloud and the REST client speak it: a thin edge over the same calls as gRPC."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from google.cloud import artifactregistry_v1 as ar
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import json_format

from wheelhouse_local.google.calls import Google, LostReplyError
from wheelhouse_local.google.errors import ApiError, unimplemented
from wheelhouse_local.google.registry import LOCATIONS

REPOSITORY = "/v1/projects/{project}/locations/{location}/repositories/{repository}"
PARENT = "/v1/projects/{project}/locations/{location}"
# Recorded headers of the real service.
HEADERS = {
    "Content-Type": "application/json; charset=UTF-8",
    "Server": "ESF",
    "Vary": "Origin, X-Origin, Referer",
    "X-Content-Type-Options": "nosniff",
}

Message = Any  # generated messages carry no types
Handler = Callable[[web.Request], Any]


def routes(google: Google) -> list[web.RouteDef]:
    """All routes of the REST edge."""
    edge = _Edge(google)
    return [
        web.post(f"{PARENT}/repositories", edge.create),
        web.get(f"{PARENT}/repositories", edge.page),
        web.get(f"{PARENT}/operations/{{operation}}", edge.operation),
        web.get(f"{REPOSITORY}:getIamPolicy", edge.get_policy),
        web.post(f"{REPOSITORY}:setIamPolicy", edge.set_policy),
        web.post(f"{REPOSITORY}:testIamPermissions", edge.test_permissions),
        web.get(f"{REPOSITORY}/packages", edge.packages),
        web.get(REPOSITORY, edge.get),
        web.patch(REPOSITORY, edge.update),
        web.delete(REPOSITORY, edge.delete),
        web.get("/v1/projects/{project}/locations", edge.locations),
        web.get("/v1beta2/projects/{project}/locations", edge.locations),
        web.route("*", "/{anything:.*}", edge.unknown),
    ]


class _Edge:
    def __init__(self, google: Google) -> None:
        self._google = google

    async def create(self, request: web.Request) -> web.Response:
        # Recorded: both spellings are taken.
        repository_id = request.query.get("repositoryId") or request.query.get("repository_id", "")
        parent = _parent(request)
        raw = await request.read()

        def run() -> Message:
            return self._google.registry.create(parent, repository_id, _repository_of(raw))

        return await self._call(request, "CreateRepository", parent, "repositories.create", run)

    async def get(self, request: web.Request) -> web.Response:
        name = _repository(request)
        return await self._call(
            request, "GetRepository", name, "repositories.get", lambda: self._google.registry.get(name)
        )

    async def page(self, request: web.Request) -> web.Response:
        def run() -> Message:
            found, token = self._google.registry.page(_parent(request), *_paging(request))
            return ar.ListRepositoriesResponse.pb()(repositories=found, next_page_token=token)

        if request.query.get("filter"):
            return _refusal(unimplemented("A filter of repositories"))
        return await self._call(request, "ListRepositories", _parent(request), "repositories.list", run)

    async def packages(self, request: web.Request) -> web.Response:
        def run() -> Message:
            found, token = self._google.registry.packages(_repository(request), *_paging(request))
            return ar.ListPackagesResponse.pb()(packages=found, next_page_token=token)

        return await self._call(request, "ListPackages", _repository(request), "packages.list", run)

    async def update(self, request: web.Request) -> web.Response:
        text = request.query.get("updateMask") or request.query.get("update_mask", "")
        name = _repository(request)
        raw = await request.read()

        def run() -> Message:
            wanted = _repository_of(raw)
            wanted.name = name
            return self._google.registry.update(wanted, [path for path in text.split(",") if path])

        return await self._call(request, "UpdateRepository", name, "repositories.update", run)

    async def delete(self, request: web.Request) -> web.Response:
        name = _repository(request)
        return await self._call(
            request, "DeleteRepository", name, "repositories.delete", lambda: self._google.registry.delete(name)
        )

    async def operation(self, request: web.Request) -> web.Response:
        name = f"{_parent(request)}/operations/{request.match_info['operation']}"
        return await self._call(
            request, "GetOperation", name, None, lambda: self._google.registry.operation(name), service="Operations"
        )

    async def get_policy(self, request: web.Request) -> web.Response:
        name = _repository(request)
        return await self._call(
            request, "GetIamPolicy", name, "repositories.getIamPolicy", lambda: self._google.policies.get(name)
        )

    async def set_policy(self, request: web.Request) -> web.Response:
        name = _repository(request)
        raw = await request.read()

        def run() -> Message:
            policy = _parsed(_object(raw).get("policy", {}), policy_pb2.Policy())
            return self._google.policies.replace(name, policy)

        return await self._call(request, "SetIamPolicy", name, "repositories.setIamPolicy", run)

    async def test_permissions(self, request: web.Request) -> web.Response:
        name = _repository(request)
        raw = await request.read()
        caller = self._google.caller(request.headers.get("Authorization", ""))

        def run() -> dict[str, Any]:
            asked = _parsed(_object(raw), iam_policy_pb2.TestIamPermissionsRequest()).permissions
            held = [text for text in asked if self._google.policies.allowed(caller, name, text)]
            return {"permissions": held} if held else {}

        return await self._call(request, "TestIamPermissions", name, None, run)

    async def locations(self, request: web.Request) -> web.Response:
        project = f"projects/{request.match_info['project']}"
        found = [{"name": f"{project}/locations/{name}", "locationId": name} for name in LOCATIONS]
        return await self._call(request, "ListLocations", project, None, lambda: {"locations": found})

    async def unknown(self, request: web.Request) -> web.Response:
        return _refusal(unimplemented(f"{request.method} {request.path}"))

    async def _call(
        self,
        request: web.Request,
        method: str,
        resource: str,
        permission: str | None,
        run: Callable[[], Message],
        *,
        service: str = "ArtifactRegistry",
    ) -> web.Response:
        needed = f"artifactregistry.{permission}" if permission else None
        authorization = request.headers.get("Authorization", "")
        try:
            found = await self._google.call(f"{service}.{method}", authorization, resource, needed, run)
        except ApiError as error:
            return _refusal(error)
        except LostReplyError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _answer(found if isinstance(found, dict) else _to_json(request, found))


def _to_json(request: web.Request, message: Message) -> dict[str, Any]:
    numbers = request.query.get("$alt", "").endswith("enum-encoding=int")
    found: dict[str, Any] = json_format.MessageToDict(message, use_integers_for_enums=numbers)
    return found


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=HEADERS)


def _refusal(error: ApiError) -> web.Response:
    return _answer({"error": {"code": error.http, "message": error.message, "status": error.status}}, error.http)


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _repository(request: web.Request) -> str:
    return f"{_parent(request)}/repositories/{request.match_info['repository']}"


def _paging(request: web.Request) -> tuple[int, str]:
    size = request.query.get("pageSize", "0")
    return int(size) if size.isdigit() else 0, request.query.get("pageToken", "")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.")
    return found


def _repository_of(raw: bytes) -> Message:
    return _parsed(_object(raw), ar.Repository.pb()())


def _parsed(raw: dict[str, Any], message: Message) -> Message:
    try:
        return json_format.ParseDict(raw, message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from None


__all__: Sequence[str] = ["routes"]
