"""Artifact Registry over REST, as gcloud and the REST client speak it: the table of methods by HTTP rules.

The rules are those of the published protos (google.api.http), and of what gcloud sends besides.
"""

import json
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web
from google.protobuf import json_format
from multidict import CIMultiDict

from wheelhouse_local.google.registry.methods import Message, Method
from wheelhouse_local.google.transport import transcoding
from wheelhouse_local.google.transport.calls import Google, LostReplyError
from wheelhouse_local.google.transport.errors import ApiError

PROJECT = "projects/[^/]+"
LOCATION = f"{PROJECT}/locations/[^/:]+"
REPOSITORY = f"{LOCATION}/repositories/[^/:]+"
# Recorded headers of the real service.
HEADERS = CIMultiDict(
    [
        ("Content-Type", "application/json; charset=UTF-8"),
        ("Server", "ESF"),
        ("Vary", "Origin"),
        ("Vary", "X-Origin"),
        ("Vary", "Referer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("X-XSS-Protection", "0"),
    ]
)


class Rule(NamedTuple):
    """How a method is called over HTTP; `body` is the field that the body fills, `*` all, empty none."""

    verb: str
    path: str
    suffix: str
    method: str
    body: str = ""
    version: str = "v1"


PACKAGE = f"{REPOSITORY}/packages/[^/:]+"
CONTENTS = (
    Rule("GET", REPOSITORY, "/packages", "ArtifactRegistry.ListPackages"),
    Rule("GET", PACKAGE, "", "ArtifactRegistry.GetPackage"),
    Rule("DELETE", PACKAGE, "", "ArtifactRegistry.DeletePackage"),
    Rule("GET", PACKAGE, "/versions", "ArtifactRegistry.ListVersions"),
    Rule("GET", f"{PACKAGE}/versions/[^/:]+", "", "ArtifactRegistry.GetVersion"),
    Rule("DELETE", f"{PACKAGE}/versions/[^/:]+", "", "ArtifactRegistry.DeleteVersion"),
    Rule("GET", REPOSITORY, "/files", "ArtifactRegistry.ListFiles"),
    # Published: a get takes a path of several segments, a delete one that is quoted.
    Rule("GET", f"{REPOSITORY}/files/[^:]+", "", "ArtifactRegistry.GetFile"),
    Rule("DELETE", f"{REPOSITORY}/files/[^/:]+", "", "ArtifactRegistry.DeleteFile"),
    Rule("GET", REPOSITORY, "/pythonPackages", "ArtifactRegistry.ListPythonPackages"),
    Rule("GET", f"{REPOSITORY}/pythonPackages/[^/]+", "", "ArtifactRegistry.GetPythonPackage"),
)
RULES = (
    Rule("POST", LOCATION, "/repositories", "ArtifactRegistry.CreateRepository", "repository"),
    Rule("GET", LOCATION, "/repositories", "ArtifactRegistry.ListRepositories"),
    Rule("GET", REPOSITORY, "", "ArtifactRegistry.GetRepository"),
    Rule("PATCH", REPOSITORY, "", "ArtifactRegistry.UpdateRepository", "repository"),
    Rule("DELETE", REPOSITORY, "", "ArtifactRegistry.DeleteRepository"),
    Rule("GET", REPOSITORY, ":getIamPolicy", "ArtifactRegistry.GetIamPolicy"),
    Rule("POST", REPOSITORY, ":setIamPolicy", "ArtifactRegistry.SetIamPolicy", "*"),
    Rule("POST", REPOSITORY, ":testIamPermissions", "ArtifactRegistry.TestIamPermissions", "*"),
    *CONTENTS,
    Rule("GET", f"{LOCATION}/operations/[^/:]+", "", "Operations.GetOperation"),
    Rule("GET", LOCATION, "", "ArtifactRegistry.GetLocation"),
    Rule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations"),
    # gcloud lists locations in this version.
    Rule("GET", PROJECT, "/locations", "ArtifactRegistry.ListLocations", version="v1beta2"),
)


def routes(google: Google) -> list[web.RouteDef]:
    """All routes of the REST edge; the last one says of everything else that it is not emulated."""
    table = google.methods
    found = [
        web.route(
            rule.verb,
            f"/{rule.version}/{{resource:{rule.path}}}{rule.suffix}",
            _handler(google, rule, table[rule.method]),
        )
        for rule in RULES
    ]

    async def unknown(request: web.Request) -> web.Response:
        what = f"{request.method} {request.path}"
        return _refusal(google.missing("ArtifactRegistry.Unknown", _authorization(request), request.path, what))

    return [*found, web.route("*", "/{anything:.*}", unknown)]


def _handler(google: Google, rule: Rule, method: Method) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        resource, raw = request.match_info["resource"], await request.read()

        def asked() -> Message:
            """Read the request once the caller may call: what is wrong with it is not for others."""
            message = transcoding.message(method.request(), rule.body, request.query.items(), raw)
            target, (*path, field) = message, method.resource.split(".")
            for part in path:
                target = getattr(target, part)
            setattr(target, field, resource)
            return message

        try:
            reply = await google.call(
                rule.method,
                _authorization(request),
                resource,
                method.permission,
                lambda who: method.run(who, asked()),
            )
        except ApiError as error:
            return _refusal(error)
        except LostReplyError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        numbers = request.query.get("$alt", "").endswith("enum-encoding=int")
        return _response(json_format.MessageToJson(reply, use_integers_for_enums=numbers))

    return answer


def _authorization(request: web.Request) -> str:
    return request.headers.get("Authorization", "")


def _refusal(error: ApiError) -> web.Response:
    response = _response(json.dumps(error.document()), error.http)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _response(text: str, status: int = 200) -> web.Response:
    return web.Response(body=text.encode(), status=status, headers=HEADERS)
