"""An API server, a Security Token Service, IAM Credentials and an index in one, which can answer with what they got."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

MARKER = "KanariCanary"
"""Every token consists of this word, so that each part of a token is recognizable."""
PREFIXES = ("ya29.", "opaque-")

Answer = Callable[[web.Request, bytes], Coroutine[Any, Any, web.StreamResponse | None]]
"""The answer to a request with this body; None: the usual one."""


@dataclass
class Server:
    """What the operator talks to.

    Attributes:
        size: the length of every token.
        prefix: how the tokens begin. Only those of Google's form are recognizable in any text.
        faults: the answers of endpoints (`token`, `sts`, `iam`, `apply`, `ask`, `probe`) instead of the usual ones.
        secrets: the Secrets with their data, as they were applied.
        audit: what the audit log of the API server and the trace of Google have: no header, and no data of a Secret.
        served: how often a fault answered.
        base: the URL.
    """

    size: int = 64
    prefix: str = PREFIXES[0]
    faults: dict[str, Answer] = field(default_factory=dict)
    secrets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    audit: list[str] = field(default_factory=list)
    served: int = 0
    base: str = ""

    def token(self) -> str:
        """A new token."""
        return self.prefix + (MARKER * (self.size // len(MARKER) + 1))[: self.size - len(self.prefix)]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Server"]:
        """Serve until the end of the block; a request may have a header of 32 KiB."""
        app = web.Application(client_max_size=2**22)
        usual: dict[str, Answer] = {"token": self._token, "sts": self._sts, "iam": self._iam, "probe": self._probe}
        for name, method, path in (
            ("token", "POST", "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"),
            ("sts", "POST", "/v1/token"),
            ("iam", "POST", "/v1/projects/-/serviceAccounts/{email}"),
            ("probe", "GET", "/{tail:.*-python.pkg.dev/.*}"),
        ):
            app.router.add_route(method, path, self._handler(lambda _, name=name: name, usual))
        usual |= {"apply": self._apply, "ask": self._ask, "delete": self._delete}
        app.router.add_route("*", "/api/v1/namespaces/{namespace}/secrets/{name}", self._handler(_act, usual))
        server = TestServer(app)
        await server.start_server(max_field_size=32 * 1024)
        async with server:
            self.base = str(server.make_url("/"))
            yield self

    def _handler(self, name_of: Callable[[web.Request], str], usual: dict[str, Answer]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            name = name_of(request)
            kept = {key: value for key, value in json.loads(body).items() if key != "data"} if name == "apply" else ""
            self.audit.append(f"{request.method} {request.path_qs} {kept}")
            wrong = await self.faults[name](request, body) if name in self.faults else None
            self.served += wrong is not None
            return wrong or await usual[name](request, body)

        return handle

    async def _token(self, _request: web.Request, _body: bytes) -> web.Response:
        return web.json_response({"status": {"token": self.token()}}, status=201)

    async def _sts(self, _request: web.Request, _body: bytes) -> web.Response:
        return web.json_response({"access_token": self.token(), "expires_in": 3600, "token_type": "Bearer"})

    async def _iam(self, _request: web.Request, _body: bytes) -> web.Response:
        return web.json_response({"accessToken": self.token(), "expireTime": "2999-01-01T00:00:00Z"})

    async def _probe(self, _request: web.Request, _body: bytes) -> web.Response:
        return web.Response(status=404)

    async def _apply(self, request: web.Request, body: bytes) -> web.Response:
        place = request.match_info["namespace"], request.match_info["name"]
        new = place not in self.secrets
        self.secrets[place] = {**json.loads(body), "manager": request.query["fieldManager"]}
        return web.json_response({"metadata": {"uid": "-".join(place)}}, status=201 if new else 200)

    async def _ask(self, request: web.Request, _body: bytes) -> web.Response:
        place = request.match_info["namespace"], request.match_info["name"]
        stored = self.secrets.get(place)
        if stored is None:
            return web.json_response({"metadata": {"uid": "-".join(place)}}, status=201)
        owned = {"f:type": {}, "f:data": {f"f:{key}": {} for key in stored["data"]}, "f:metadata": _owned(stored)}
        entry = {"manager": stored["manager"], "operation": "Apply", "fieldsV1": owned}
        return web.json_response({"metadata": {**stored["metadata"], "uid": "-".join(place), "managedFields": [entry]}})

    async def _delete(self, request: web.Request, _body: bytes) -> web.Response:
        self.secrets.pop((request.match_info["namespace"], request.match_info["name"]), None)
        return web.json_response({"metadata": {}})


def _act(request: web.Request) -> str:
    if request.method == "DELETE":
        return "delete"
    return "ask" if "dryRun" in request.query else "apply"


def _owned(stored: dict[str, Any]) -> dict[str, Any]:
    metadata = stored["metadata"]
    owned: dict[str, Any] = {
        f"f:{part}": {f"f:{key}": {} for key in metadata[part]} for part in ("labels", "annotations")
    }
    if "ownerReferences" in metadata:
        uid = metadata["ownerReferences"][0]["uid"]
        owned["f:ownerReferences"] = {f'k:{{"uid":"{uid}"}}': {}}
    return owned


def decoded(body: bytes) -> str:
    """The texts of an applied Secret; of other requests, the body itself."""
    try:
        data = json.loads(body)["data"]
    except (ValueError, KeyError):
        return body.decode()
    return "\n".join(base64.b64decode(text).decode() for text in data.values())


def received(request: web.Request, body: bytes) -> dict[str, str]:
    """What a careless server could quote: the body from where its token begins, its texts, and the credentials."""
    whole, texts = _from_token(body.decode()), _from_token(decoded(body))
    return {
        "body": whole,
        "decoded": texts,
        "header": request.headers.get("Authorization", ""),
        "cut": texts[:200],
        "wrapped": re.sub(r"(.{76})", r"\1\n", whole),
    }


def _from_token(text: str) -> str:
    """The text from the first token on; messages are cut, so what is before it could hide it."""
    starts = [text.find(begin) for begin in ('"data": ', *(prefix + MARKER for prefix in PREFIXES))]
    return text[min((start for start in starts if start >= 0), default=0) :]


def refusing(status: int, quoted: str, **more: Any) -> Answer:
    """A rejection in the forms of Kubernetes, Google and OAuth, whose message quotes what was sent."""

    async def answer(request: web.Request, body: bytes) -> web.Response:
        words = f'admission webhook "careless.example.com" denied the request: {received(request, body)[quoted]}'
        error = {"error": {"message": words, "status": "X"}, "error_description": words}
        causes = [{"reason": "FieldValueInvalid", "field": f"data[{words}]", "message": words}]
        return web.json_response(
            {"kind": "Status", "message": words, "details": {"causes": causes}, **error, **more}, status=status
        )

    return answer


def when(applies: Callable[[web.Request, bytes], bool], answer: Answer) -> Answer:
    """An answer to some requests only."""

    async def sometimes(request: web.Request, body: bytes) -> web.StreamResponse | None:
        return await answer(request, body) if applies(request, body) else None

    return sometimes


def replying(status: int, body: Any, **headers: str) -> Answer:
    """A fixed answer: JSON, or bytes as they are."""

    async def answer(request: web.Request, _body: bytes) -> web.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=content, headers=headers, content_type="application/json")

    return answer


def cutting(status: int = 200) -> Answer:
    """The connection ends in the middle of an answer that quotes the request."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(json.dumps(received(request, body)).encode())
        await asyncio.sleep(0)
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer
