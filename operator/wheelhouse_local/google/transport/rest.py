"""A service's methods over REST, for gcloud and the REST clients: the table of methods by HTTP rules."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from aiohttp import web
from google.protobuf import json_format

from wheelhouse_local.google.transport import transcoding
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.method import HttpRule, Message, Method
from wheelhouse_local.google.transport.replies import refusal, reply


class Additions(Protocol):
    """What the service's JSON has and its protos do not."""

    def take(self, method: str, resource: str, query: Mapping[str, str], raw: bytes) -> None:
        """Keep what a successful request contains.

        Args:
            method: `Service.Method`.
            resource: the resource in the path.
            query: the parameters.
            raw: the body.
        """
        ...

    def add(self, method: str, document: dict[str, Any]) -> None:
        """Add it to the reply of `Service.Method`."""
        ...


def routes(
    calls: Calls, service: str, methods: Mapping[str, Method], rules: Iterable[HttpRule], additions: Additions
) -> list[web.RouteDef]:
    """All routes of a service; the last one answers that everything else is not emulated.

    Args:
        calls: answers the calls.
        service: the service of an unknown path in faults and the trace.
        methods: the methods by `Service.Method`.
        rules: their HTTP forms.
        additions: see Additions.
    """
    found = [
        web.route(
            rule.verb,
            f"/{rule.version}/{{resource:{rule.path}}}{rule.suffix}",
            _handler(calls, rule, methods[rule.method], additions),
        )
        for rule in rules
    ]

    async def unknown(request: web.Request) -> web.Response:
        what = f"{request.method} {request.path}"
        return refusal(calls.missing(f"{service}.Unknown", _authorization(request), request.path, what))

    return [*found, web.route("*", "/{anything:.*}", unknown)]


def _handler(
    calls: Calls, rule: HttpRule, method: Method, additions: Additions
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        resource, raw = request.match_info["resource"], await request.read()

        def asked() -> Message:
            """Parse the request after the permission check: only a permitted caller may see its errors."""
            message = transcoding.message(method.request(), rule, request.query.items(), raw)
            target, (*path, field) = message, method.resource.split(".")
            for part in path:
                target = getattr(target, part)
            setattr(target, field, resource)
            return message

        async def run() -> str:
            found = await calls.call(
                rule.method,
                _authorization(request),
                resource,
                method.permission,
                lambda who: method.run(who, asked()),
            )
            numbers = request.query.get("$alt", "").endswith("enum-encoding=int")
            document = json_format.MessageToDict(found, use_integers_for_enums=numbers)
            additions.take(rule.method, resource, request.query, raw)
            additions.add(rule.method, document)
            return json.dumps(document, indent=2)

        return await reply(request, run())

    return answer


def _authorization(request: web.Request) -> str:
    return request.headers.get("Authorization", "")
