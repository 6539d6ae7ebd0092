"""The parts of `wheelhouse local exec`: the pod's metadata server, its way to the index, and its environment."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from wheelhouse_local.errors import LocalError
from wheelhouse_local.google.transport.sites import Sites
from wheelhouse_local.google.transport.tls import https_context
from wheelhouse_local.pod.metadata import PodMetadata
from wheelhouse_local.pod.process import variables
from wheelhouse_local.pod.proxy import Front, Proxy

HOST = "europe-west1-python.pkg.dev"
FLAVOR = {"Metadata-Flavor": "Google"}


@dataclass
class Upstream:
    """Stands for the world's index or its metadata server: records requests, and answers them."""

    url: str = ""
    seen: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """A page, a redirect or an error, by the path."""
        authorization = request.headers.get("Authorization", "")
        self.seen.append((request.method, request.path_qs, authorization, await request.read()))
        if request.path.endswith("/Acme_Greeting/"):
            raise web.HTTPMovedPermanently("../acme-greeting/")
        if "/refused/" in request.path:
            return web.Response(status=401, text="no", headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.Response(body=b"x" * 300_000, headers={"Content-Type": "text/html"})


@pytest.fixture
async def sites() -> AsyncIterator[Sites]:
    """Ports that are closed after the test."""
    found = Sites()
    yield found
    await found.close()


@pytest.fixture
async def upstream(sites: Sites) -> Upstream:
    """A server behind the one that is tested."""
    found = Upstream()
    app = web.Application(client_max_size=1024**3)
    app.router.add_route("*", "/{path:.*}", found.answer)
    found.url = await sites.serve(app, None)
    return found


@dataclass(frozen=True)
class Way:
    """The proxy's URL, and a context that trusts only the pod's authority."""

    proxy: str
    trusted: ssl.SSLContext

    async def ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
        """One request through the proxy."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, proxy=self.proxy, ssl=self.trusted, allow_redirects=False, **more) as reply,
        ):
            return reply.status, dict(reply.headers), await reply.read()


@pytest.fixture
async def way(sites: Sites, upstream: Upstream, tmp_path: Path) -> AsyncIterator[Way]:
    """The pod's way to an index."""
    context = https_context(tmp_path, "*.pkg.dev")
    front = await sites.serve(Front(upstream.url).app(), None, context)
    server = await Proxy(urlsplit(front).port or 0).serve()
    port = server.sockets[0].getsockname()[1]
    yield Way(f"http://127.0.0.1:{port}", ssl.create_default_context(cafile=str(tmp_path / "ca.pem")))
    server.close()


async def test_the_host_becomes_a_part_of_the_path(way: Way, upstream: Upstream) -> None:
    """The index gets the method, the query, the credentials and the body, and the client the whole answer."""
    headers = {"Authorization": "Basic eA=="}
    body = b"y" * 3_000_000
    status, _, found = await way.ask("POST", f"https://{HOST}/acme/wheels/?a=b", headers=headers, data=body)
    assert (status, found) == (200, b"x" * 300_000)
    assert upstream.seen == [("POST", f"/{HOST}/acme/wheels/?a=b", "Basic eA==", body)]


async def test_redirects_and_challenges_reach_the_client(way: Way) -> None:
    """It follows a relative redirect at the same host, and pip asks its keyring on 401."""
    status, headers, _ = await way.ask("GET", f"https://{HOST}/acme/wheels/simple/Acme_Greeting/")
    assert (status, headers["Location"]) == (301, "../acme-greeting/")
    status, headers, _ = await way.ask("GET", f"https://{HOST}/acme/refused/")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="x"')


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://pkg.dev/",
        "https://evil-python.pkg.dev.example.com/",
        "https://us-central1-docker.pkg.dev/",
        f"https://{HOST}:8443/",
    ],
)
async def test_no_other_host_is_reached(way: Way, upstream: Upstream, url: str) -> None:
    """The proxy refuses the connection, and nothing reaches the index."""
    with pytest.raises(aiohttp.ClientHttpProxyError, match="403"):
        await way.ask("GET", url)
    assert upstream.seen == []


async def test_the_front_checks_the_host_again(way: Way, upstream: Upstream) -> None:
    """A Host header that differs from the connection reaches nothing."""
    status, _, _ = await way.ask("GET", f"https://{HOST}/acme/", headers={"Host": "evil/../x-python.pkg.dev"})
    assert status in {400, 421}
    assert upstream.seen == []


@pytest.mark.parametrize("head", [b"\r\n\r\n", b"GET http://x/ HTTP/1.1\r\n\r\n", b"\xff" * 40_000, b"CONN"])
async def test_the_proxy_survives_other_requests(way: Way, upstream: Upstream, head: bytes) -> None:
    """It closes the connection, and serves the next one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(way.proxy).port)
    writer.write(head)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    assert answer in {b"", b"HTTP/1.1 403 Only hosts of the index\r\nContent-Length: 0\r\n\r\n"}
    assert (await way.ask("GET", f"https://{HOST}/acme/"))[0] == 200
    assert len(upstream.seen) == 1


@dataclass(frozen=True)
class Metadata:
    """The pod's metadata server."""

    url: str

    async def ask(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request; the path is sent as it is."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path, headers=headers) as reply:
            return reply.status, await reply.read()


@pytest.fixture
async def metadata(sites: Sites, upstream: Upstream) -> Metadata:
    """It mints one token."""
    app = PodMetadata(upstream.url, lambda: {"accessToken": "the pod's", "expiresIn": 60}).app()
    return Metadata(await sites.serve(app, None))


ACCOUNTS = "computeMetadata/v1/instance/service-accounts"


@pytest.mark.parametrize("account", ["default", "acme-packages.svc.id.goog"])
async def test_the_token_is_the_pods(metadata: Metadata, upstream: Upstream, account: str) -> None:
    """The world's metadata server, which has the operator's, is not asked."""
    status, body = await metadata.ask(f"{ACCOUNTS}/{account}/token", FLAVOR)
    assert status == 200
    assert b"the pod's" in body
    assert upstream.seen == []


@pytest.mark.parametrize(
    "path",
    [
        f"{ACCOUNTS}/default/token/",
        f"{ACCOUNTS}/default//token",
        f"{ACCOUNTS}//default/token",
        f"/{ACCOUNTS}/default/token",
        f"{ACCOUNTS}/default/TOKEN",
        f"{ACCOUNTS}/default/%74oken/",
        f"{ACCOUNTS}/x/../default/token/",
    ],
)
async def test_no_path_leads_to_the_operators_token(metadata: Metadata, upstream: Upstream, path: str) -> None:
    """Other spellings of the path have no answer, or the pod's own token."""
    status, body = await metadata.ask(path, FLAVOR)
    assert status == 404 or b"the pod's" in body
    assert upstream.seen == []


async def test_the_header_is_required(metadata: Metadata) -> None:
    """A request that a web page could cause has no token, as in GKE."""
    assert (await metadata.ask(f"{ACCOUNTS}/default/token", {}))[0] == 403


async def test_facts_come_from_the_world(metadata: Metadata, upstream: Upstream) -> None:
    """The query and the header are passed on."""
    assert (await metadata.ask(f"{ACCOUNTS}/default/?recursive=true", FLAVOR))[0] == 200
    assert upstream.seen[0][1] == f"/{ACCOUNTS}/default/?recursive=true"


async def test_a_token_that_is_not_minted_is_an_error(sites: Sites, upstream: Upstream) -> None:
    """The client gets the sentence, and the server goes on."""

    def mint() -> dict[str, Any]:
        raise LocalError("The emulated Google does not answer")

    found = Metadata(await sites.serve(PodMetadata(upstream.url, mint).app(), None))
    assert await found.ask(f"{ACCOUNTS}/default/token", FLAVOR) == (503, b"The emulated Google does not answer")


def test_the_callers_identity_is_not_the_pods(tmp_path: Path) -> None:
    """Variables of Google's tools, of kubectl and of proxies are removed, and the others stay."""
    caller = {
        "PATH": "/bin",
        "PIP_RETRIES": "0",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/owner",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "GCE_METADATA_ROOT": "elsewhere",
        "KUBECONFIG": "/admin",
        "all_proxy": "http://elsewhere",
        "HTTP_PROXY": "http://elsewhere",
    }
    found = variables(caller, "127.0.0.1:1", "http://127.0.0.1:2", tmp_path)
    assert {name: found[name] for name in ("PATH", "PIP_RETRIES")} == {"PATH": "/bin", "PIP_RETRIES": "0"}
    assert set(caller) & set(found) == {"PATH", "PIP_RETRIES"}
    assert found["GCE_METADATA_HOST"] == "127.0.0.1:1"
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://127.0.0.1:2"
    assert found["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert not Path(found["CLOUDSDK_CONFIG"]).exists()
