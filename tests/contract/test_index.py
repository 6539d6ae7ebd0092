"""The index gets requests with a tenant's token, and the token is sent nowhere else."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from wheelhouse.clients.google.index import PackageIndex
from wheelhouse.domain.token import Token
from wheelhouse.errors import Refused, Unavailable

TOKEN = Token("ya29.canary")
PAGE = "us-central1-python.pkg.dev/acme-packages/team-wheels/simple/wheelhouse-probe/"


@asynccontextmanager
async def index(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[tuple[PackageIndex, str]]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    # A token may have 12,288 bytes; without this, a header field ends at 8,190.
    server = TestServer(app)
    await server.start_server(max_field_size=32 * 1024)
    async with server, aiohttp.ClientSession() as session:
        base = str(server.make_url("/"))
        template = base + "{location}-python.pkg.dev/{project}/{repository}/"
        yield PackageIndex(session, template), base + PAGE


@pytest.mark.parametrize("status", [200, 401, 403, 404])
async def test_an_answer_is_a_value(status: int) -> None:
    """The index's answer for the token is returned unchanged."""
    sent: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        sent.append(request.headers["Authorization"])
        return web.Response(status=status, text="<html>" * 100_000)

    async with index(handler) as (port, page):
        assert await port.probe(page, TOKEN) == status
    assert base64.b64decode(sent[0].removeprefix("Basic ")) == b"oauth2accesstoken:ya29.canary"


async def test_a_token_of_the_maximum_size_is_sent_whole() -> None:
    """The Security Token Service documents 12,288 bytes."""
    token = Token("x" * 12288)
    sent: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        sent.append(request.headers["Authorization"])
        return web.Response(status=404)

    async with index(handler) as (port, page):
        assert await port.probe(page, token) == 404
    assert base64.b64decode(sent[0].removeprefix("Basic ")) == b"oauth2accesstoken:" + b"x" * 12288


@pytest.mark.parametrize("status", [301, 302, 307, 429, 500, 503, 418])
async def test_anything_else_is_an_outage(status: int) -> None:
    """No redirect is followed: it could lead to any host."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere", "Retry-After": "3"})

    async with index(handler) as (port, page):
        with pytest.raises(Unavailable) as caught:
            await port.probe(page, TOKEN)
    assert caught.value.retry_after == 3
    assert len(asked) == 1


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example/x/simple/a/",
        "http://us-central1-python.pkg.dev/p/r/simple/a/",
        "https://us-central1-python.pkg.dev.evil.example/p/r/simple/a/",
        "https://evil.example#-python.pkg.dev/p/r/",
        "https://x@us-central1-python.pkg.dev/p/r/simple/a/",
        "https://us-central1-python.pkg.dev:8443/p/r/simple/a/",
        "https://us-central1-python.pkg.dev/p/../q/simple/a/",
        "https://us-central1-python.pkg.dev/p/r/simple/a/?x=1",
        "https://us-central1-docker.pkg.dev/p/r/simple/a/",
        "https://a.b-python.pkg.dev/p/r/simple/a/",
        "https://us-central1-python.pkg.dev\r\n/p/",
        "http://127.0.0.1:1/us-central1-python.pkg.dev/p/r/simple/a/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_no_token_for_other_hosts(page: str) -> None:
    """The allow-list: Artifact Registry's Python hosts over HTTPS, or exactly the configured server."""

    async def handler(_: web.Request) -> web.Response:
        raise AssertionError("nothing is sent")

    async with index(handler) as (port, _):
        with pytest.raises(Refused):
            await port.probe(page, TOKEN)


async def test_googles_hosts_are_allowed() -> None:
    """Without a template, a regional host passes the check."""
    async with aiohttp.ClientSession() as session:
        assert PackageIndex(session)._checked(f"https://{PAGE}").host == "us-central1-python.pkg.dev"


async def test_an_absent_server_is_an_outage() -> None:
    """The message contains nothing of the request."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    async with index(handler) as (port, page):
        pass
    async with aiohttp.ClientSession() as session:
        port = PackageIndex(session, page.partition("us-central1")[0] + "{location}-python.pkg.dev/")
        with pytest.raises(Unavailable) as caught:
            await port.probe(page, TOKEN)
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None
