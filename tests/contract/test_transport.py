"""Requests to the API server: authorized, bounded in time and size, and every failure is one of our errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from wheelhouse.clients.kubernetes.connection import CONNECTIONS, Connection, outlast_refusals
from wheelhouse.clients.kubernetes.login import Login
from wheelhouse.clients.kubernetes.transport import Call, Transport, failure, path
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable
from wheelhouse.handlers.events import kopf_settings, watches
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.queue.work import WORKERS

GET = Call("get", "things", "GET", "/thing", limit=1000)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def transport(
    server: str, tokens: list[str] | None = None, patience: float = 5.0
) -> AsyncIterator[tuple[Transport, list[tuple[str, str, int]]]]:
    """A transport whose login uses the next of `tokens` each time that it is loaded."""
    left = list(tokens or ["one"])
    seen: list[tuple[str, str, int]] = []

    def load() -> Login:
        return Login(server, f"Bearer {left.pop(0) if len(left) > 1 else left[0]}")

    clock = iter(range(0, 10**6, 5))
    connection = Connection(load, clock=lambda: float(next(clock)))
    await connection.open()
    async with connection.session() as session:
        yield Transport(session, server, lambda v, k, s, _: seen.append((v, k, s)), patience), seen


async def test_a_refused_token_is_loaded_again_once() -> None:
    """A 401 means that the token was rotated: it is read again, and the request is repeated once, with its body."""
    got: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        got.append((request.headers["Authorization"], await request.text()))
        return web.json_response({"a": 1}, status=200 if got[-1][0] == "Bearer two" else 401)

    async with serving(handler) as server, transport(server, ["one", "two"]) as (client, seen):
        reply = await client.send(Call("create", "things", "POST", "/thing", body={"b": 2}))
    assert reply.status == 200
    assert got == [("Bearer one", '{"b": 2}'), ("Bearer two", '{"b": 2}')]
    assert seen == [("create", "things", 200)]


async def test_a_token_that_stays_refused_is_an_outage() -> None:
    """Only the cluster's administrator can fix the operator's own login; it is retried."""
    count = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.json_response({"message": "Unauthorized"}, status=401)

    async with serving(handler) as server, transport(server, ["one", "two"]) as (client, _):
        with pytest.raises(Unavailable):
            await client.send(GET)
    assert count == 2


async def test_the_token_goes_to_no_other_host() -> None:
    """A redirect is not followed, and a session of the connection authorizes its own server only."""
    headers: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        headers.append(request.headers.get("Authorization"))
        return web.json_response({"a": 1})

    async with serving(elsewhere) as other:

        async def redirect(_: web.Request) -> web.Response:
            raise web.HTTPFound(f"{other}/stolen")

        async with serving(redirect) as server:
            connection = Connection(lambda: Login(server, "Bearer secret"))
            await connection.open()
            async with connection.session() as session:
                with pytest.raises(Unavailable):
                    await Transport(session, server).send(GET)
                assert headers == []
                async with session.get(other):
                    pass
    assert headers == [None]


async def test_a_session_opens_a_limited_number_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests beyond it wait for one, longer than for a server that does not accept, and all are answered."""
    monkeypatch.setattr("wheelhouse.clients.kubernetes.transport.CONNECT_TIMEOUT", 1.0)
    connected: set[object] = set()

    async def handler(request: web.Request) -> web.Response:
        connected.add(request.transport)
        await asyncio.sleep(0.6)
        return web.json_response({"a": 1})

    async with serving(handler) as server, transport(server, patience=30.0) as (client, _):
        replies = await asyncio.gather(*(client.send(GET) for _ in range(CONNECTIONS * 3)))
    assert {reply.status for reply in replies} == {200}
    assert len(connected) == CONNECTIONS > sum(WORKERS.values())


async def test_a_missing_definition_is_a_lost_connection() -> None:
    """Kopf retries that, but ends the process after a 404; any other 404 remains an answer."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found")

    async with serving(handler) as server:
        connection = Connection(lambda: Login(server))
        await connection.open()
        async with connection.session(outlast_refusals) as session:
            for kind in Kind:
                with pytest.raises(aiohttp.ClientConnectionError, match=f"CustomResourceDefinition of {kind.value}"):
                    await session.get(f"{server}/apis/wheelhouse.dev/v1alpha1/{kind.value}?watch=true")
            for other in ("apis/wheelhouse.dev/v1alpha1", "api/v1/namespaces"):
                async with session.get(f"{server}/{other}") as response:
                    assert response.status == 404


async def test_a_refused_login_does_not_end_the_watches() -> None:
    """An API server that has just started may answer 401: Kopf, which would end the process, watches again later."""
    watched: set[str] = set()
    again = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if "watch" in request.query:
            if request.path in watched:
                again.set()
            watched.add(request.path)
            return web.json_response({"kind": "Status", "code": 401, "message": "Unauthorized"}, status=401)
        names = {"namespaces": False} if request.path == "/api/v1" else {kind.value: True for kind in Kind}
        resources = [
            {"name": name, "namespaced": spaced, "kind": name, "singularName": name, "verbs": ["list", "watch"]}
            for name, spaced in names.items()
        ]
        version = {"version": "v1alpha1"}
        groups = [{"name": "wheelhouse.dev", "versions": [version], "preferredVersion": version}]
        found = {"versions": ["v1"], "groups": groups, "resources": resources}
        return web.json_response({**found, "items": [], "metadata": {"resourceVersion": "1"}})

    async with serving(handler) as server:
        connection = Connection(lambda: Login(server, "Bearer known"))
        await connection.open()
        registry = watches(cast("Informer", None), connection.server, connection.session(outlast_refusals))
        running = asyncio.create_task(kopf.operator(registry=registry, settings=kopf_settings(), clusterwide=True))
        retried = asyncio.create_task(again.wait())
        await asyncio.wait({running, retried}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        assert retried.done()
        running.cancel()
        await asyncio.wait({running})


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {"Retry-After": "7"}, b"{}", 7.0),
        (503, {}, b'{"message": "etcd is slow"}', None),
        (500, {"Retry-After": "1e9"}, b"not JSON", None),
        (200, {}, b"not JSON", None),
        (200, {}, b"[1]", None),
        (200, {}, b'{"long": "' + b"x" * 2000 + b'"}', None),
        (200, {}, b"[" * 900, None),
    ],
)
async def test_what_is_no_answer_is_an_outage(
    status: int, headers: dict[str, str], body: bytes, wait: float | None
) -> None:
    """Overload, 5xx, answers other than JSON objects and bodies beyond the limit are Unavailable, never a crash."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, body=body)

    async with serving(handler) as server, transport(server) as (client, seen):
        with pytest.raises(Unavailable) as error:
            await client.send(GET)
    assert error.value.retry_after == wait
    assert seen == [("get", "things", status)]


async def test_silence_and_absence_are_outages() -> None:
    """A server that does not answer in time, or does not exist, is Unavailable; metrics have status 0."""

    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(handler) as server:
        async with transport(server, patience=0.1) as (client, seen):
            with pytest.raises(Unavailable):
                await client.send(GET)
        assert seen == [("get", "things", 0)]
    async with transport(server) as (client, seen):
        with pytest.raises(Unavailable):
            await client.send(GET)
    assert seen == [("get", "things", 0)]


async def test_errors_hold_no_credential() -> None:
    """Whatever the server echoes: there is no token in a message, a repr or a cause."""
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"

    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"message": f"bad header {request.headers['Authorization']}"}, status=403)

    async with serving(handler) as server, transport(server, [token]) as (client, _):
        reply = await client.send(GET)
    error = failure(GET, reply)
    assert isinstance(error, Refused)
    for text in (str(error), repr(error), repr(reply), repr(Login(server, f"Bearer {token}"))):
        assert token not in text


@pytest.mark.parametrize(("status", "kind"), [(409, Conflict), (410, Conflict), (422, Invalid), (400, Invalid)])
async def test_refusals_are_named_by_what_happens_next(status: int, kind: type[Exception]) -> None:
    """409 and 410 lead to a new observation, and a 4xx for an invalid request needs an edit."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"message": "no"}, status=status)

    async with serving(handler) as server, transport(server) as (client, _):
        assert isinstance(failure(GET, await client.send(GET)), kind)


async def test_a_login_that_cannot_be_loaded_again_stays() -> None:
    """While kubelet replaces the token file, the current token is still valid."""
    loads = 0

    def load() -> Login:
        nonlocal loads
        loads += 1
        if loads > 1:
            raise Invalid("the file is being replaced")
        return Login("http://127.0.0.1:1", "Bearer one")

    now = 0.0
    connection = Connection(load, clock=lambda: now)
    await connection.open()
    now = 61.0
    assert await connection.authorization() == "Bearer one"
    assert loads == 2


def test_no_name_leaves_its_place_in_a_path() -> None:
    """Names are quoted as components."""
    assert path("/api/v1", "../kube-system", "secrets", "a/b?c#d") == (
        "/api/v1/namespaces/..%2Fkube-system/secrets/a%2Fb%3Fc%23d"
    )


async def test_a_body_is_sent_as_it_was_given() -> None:
    """Content type, query and JSON arrive unchanged."""
    got: list[tuple[str, str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        got.append((request.content_type, request.query_string, json.loads(await request.text())))
        return web.json_response({"a": 1})

    call = Call("apply", "things", "PATCH", "/x", {"force": "true"}, {"ü": "\n"}, "application/apply-patch+yaml")
    async with serving(handler) as server, transport(server) as (client, _):
        await client.send(call)
    assert got == [("application/apply-patch+yaml", "force=true", {"ü": "\n"})]
