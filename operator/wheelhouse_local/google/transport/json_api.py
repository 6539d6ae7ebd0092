"""Google's smaller services over REST: plain JSON documents, by tables of routes."""

import json
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.replies import reply
from wheelhouse_local.google.transport.route import Asked, Json, Route


def routes(calls: Calls, table: Iterable[Route]) -> list[web.RouteDef]:
    """The routes of such services."""
    return [web.route(row.verb, row.path, _handler(calls, row)) for row in table]


def _handler(calls: Calls, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    colon, verb = route.path.rpartition(":")[1:]
    suffix = (
        "" if "}" in verb else f"{colon}{verb}"
    )  # Without it the last colon belongs to a pattern, or there is no verb.

    async def answer(request: web.Request) -> web.Response:
        raw = await request.read()
        resource = request.path.strip("/").partition("/")[2].removesuffix(suffix)
        authorization = request.headers.get("Authorization", "")

        def run(caller: Caller) -> Json:
            return route.run(Asked(caller, request.match_info, request.query, _object(raw)))

        async def found() -> str:
            return json.dumps(await calls.call(route.method, authorization, resource, None, run))

        return await reply(request, found())

    return answer


def _object(raw: bytes) -> Json:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.")
    return found
