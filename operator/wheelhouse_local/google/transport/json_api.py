"""Google's smaller services over REST: plain JSON documents, by tables of routes."""

import json
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from wheelhouse_local.google.iam.identities import Caller
from wheelhouse_local.google.projects.resource_manager import ResourceManager
from wheelhouse_local.google.projects.service_usage import ServiceUsage
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.calls import Google, LostReplyError
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.rest import HEADERS
from wheelhouse_local.google.transport.route import Asked, Json, Route


def routes(google: Google, store: Store) -> list[web.RouteDef]:
    """The routes of Resource Manager, Service Usage, Secret Manager and Cloud KMS."""
    tables: Iterable[list[Route]] = (
        ResourceManager(google.projects, google.policies).table(),
        ServiceUsage(store, google.projects, google.policies).table(),
        google.secrets.table(),
        google.keys.table(),
    )
    return [web.route(row.verb, row.path, _handler(google, row)) for table in tables for row in table]


def _handler(google: Google, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    colon, verb = route.path.rpartition(":")[1:]
    suffix = "" if "}" in verb else f"{colon}{verb}"  # Without it the last colon is one of a pattern, or of no verb.

    async def answer(request: web.Request) -> web.Response:
        raw = await request.read()
        resource = request.path.strip("/").partition("/")[2].removesuffix(suffix)
        authorization = request.headers.get("Authorization", "")

        def run(caller: Caller) -> Json:
            return route.run(Asked(caller, request.match_info, request.query, _object(raw)))

        try:
            reply = await google.call(route.method, authorization, resource, None, run)
        except ApiError as error:
            return _response(error.document(), error.http)
        except LostReplyError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return _response(reply)

    return answer


def _object(raw: bytes) -> Json:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.")
    return found


def _response(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, headers=HEADERS)
