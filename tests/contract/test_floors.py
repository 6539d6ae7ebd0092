"""Retry-After on the wire: no request is sent before it is over, and no other project or host waits for it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import grpc
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.google_server import Wire
from google.oauth2.credentials import Credentials
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.clients.floors import Floors
from wheelhouse.clients.google.artifact_registry.calls import GoogleRepositories
from wheelhouse.clients.google.credentials import IamCredentials
from wheelhouse.clients.google.http import GoogleHttp
from wheelhouse.clients.google.index import PackageIndex
from wheelhouse.clients.google.policies import GooglePolicies
from wheelhouse.clients.google.projects import Endpoints, GoogleProjects, ResourceManager
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import FederatedTokens, Federation
from wheelhouse.clients.kubernetes.connection import Connection
from wheelhouse.clients.kubernetes.login import Login
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import Call, Transport
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import RepositorySettings
from wheelhouse.domain.token import Token
from wheelhouse.errors import Conflict, Unavailable

NAME, OTHER = (RepositoryName(project, "us-central1", "wheels") for project in ("acme-packages", "other-project"))
SETTINGS = RepositorySettings(Mode.STANDARD.wire)


class Time:
    """A clock that the test controls."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def google(wire: Wire, time: Time) -> Wire:
    wire.google._floors = Floors(time)
    return wire


def busy(
    code: grpc.StatusCode, seconds: float | None
) -> tuple[grpc.StatusCode, str, list[error_details_pb2.RetryInfo]]:
    if seconds is None:
        return code, "Quota exceeded", []
    delay = duration_pb2.Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
    return code, "Quota exceeded", [error_details_pb2.RetryInfo(retry_delay=delay)]


async def waits(ask: Callable[[], Awaitable[object]]) -> float | None:
    """Seconds that a call must wait."""
    with pytest.raises(Unavailable) as caught:
        await ask()
    return caught.value.retry_after


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE], ids=str)
async def test_a_project_rests(google: Wire, time: Time, code: grpc.StatusCode) -> None:
    """All methods of the project wait, without a request, and those of another project do not."""
    repositories, policies = GoogleRepositories(google.google), GooglePolicies(google.google)
    google.server.plant(OTHER.full)
    google.server.fail["GetRepository"] = busy(code, 7.5)  # type: ignore[assignment] # lists are invariant
    assert await waits(lambda: repositories.get(NAME)) == 7.5
    asked = len(google.seen)
    time.seconds += 7
    assert await waits(lambda: policies.get(NAME)) == 0.5
    assert await waits(lambda: repositories.create(NAME, SETTINGS)) == 0.5
    assert len(google.seen) == asked
    assert await repositories.get(OTHER) is not None
    time.seconds += 0.5
    assert await repositories.get(NAME) is None


async def test_the_reported_error_stays_the_same(google: Wire) -> None:
    """A condition does not change during the wait: Google's own message, and the reason."""
    repositories = GoogleRepositories(google.google)
    google.server.fail["GetRepository"] = busy(grpc.StatusCode.RESOURCE_EXHAUSTED, 30)  # type: ignore[assignment] # as above
    told = []
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await repositories.get(NAME)
        told.append((caught.value.message, caught.value.reason))
    assert told[0] == told[1]
    assert told[0][1] is Reason.QUOTA_EXCEEDED


async def test_a_create_rests_alone_and_longer(google: Wire, time: Time) -> None:
    """It has its own quota: up to 300 s, and only creates wait; other methods wait at most 60 s."""
    repositories = GoogleRepositories(google.google)
    google.server.fail["CreateRepository"] = busy(grpc.StatusCode.RESOURCE_EXHAUSTED, 280)  # type: ignore[assignment] # as above
    with pytest.raises(Unavailable) as caught:
        await repositories.create(NAME, SETTINGS)
    assert caught.value.floor == 280
    assert await repositories.get(NAME) is None
    assert await repositories.create(OTHER, SETTINGS)
    time.seconds += 200
    with pytest.raises(Unavailable) as caught:
        await repositories.create(NAME, SETTINGS)
    assert caught.value.floor == 80
    google.server.fail["GetRepository"] = busy(grpc.StatusCode.RESOURCE_EXHAUSTED, 280)  # type: ignore[assignment] # as above
    with pytest.raises(Unavailable) as caught:
        await repositories.get(NAME)
    assert caught.value.floor == 60
    time.seconds += 60
    assert await repositories.get(NAME) is None
    time.seconds += 20
    assert await repositories.create(NAME, SETTINGS)


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(grpc.StatusCode.RESOURCE_EXHAUSTED, None), (grpc.StatusCode.INTERNAL, 30), (grpc.StatusCode.ABORTED, 30)],
)
async def test_other_errors_hold_nothing_up(google: Wire, code: grpc.StatusCode, seconds: float | None) -> None:
    """Without a time, or with an error about one call, the next call is sent."""
    repositories = GoogleRepositories(google.google)
    google.server.fail["GetRepository"] = busy(code, seconds)  # type: ignore[assignment] # as above
    with pytest.raises((Unavailable, Conflict)):
        await repositories.get(NAME)
    assert await repositories.get(NAME) is None


class Server:
    """Answers all requests in the same way, and records their paths."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {"Retry-After": "20"}, "{}"
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.Response(status=self.status, headers=self.headers, text=self.body)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.handle)
        async with TestServer(app) as server:
            yield str(server.make_url("/"))

    def answer(self, status: int, wait: str | None = "20", body: str = "{}") -> None:
        self.status, self.headers, self.body = status, {} if wait is None else {"Retry-After": wait}, body


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.mark.parametrize("status", [429, 503])
async def test_json_apis_rest_by_host_and_project(server: Server, time: Time, status: int) -> None:
    """Secret Manager's Retry-After for one project delays neither KMS nor another project."""
    own = Credentials("ya29.operator")  # type: ignore[no-untyped-call]
    elsewhere = Server()
    async with server.serve() as one, elsewhere.serve() as two, aiohttp.ClientSession() as session:
        http = GoogleHttp(session, own)
        http._floors = Floors(time)
        port = GoogleProjects(ResourceManager(own, "emu.test"), http, Endpoints(usage=two, secrets=one, keys=two))
        secrets = [f"projects/{project}/secrets/s" for project in ("acme-packages", "other-project")]
        server.answer(status)
        assert await waits(lambda: port.permits(secrets[0], "r", "m")) == 20
        server.answer(200)
        time.seconds += 15
        assert await waits(lambda: port.permits(secrets[0], "r", "m")) == 5
        assert len(server.paths) == 1
        assert await port.permits(secrets[1], "r", "m") is False
        assert await port.permits("projects/acme-packages/locations/l/keyRings/r/cryptoKeys/k", "r", "m") is False
        await port.enable("acme-packages")
        time.seconds += 5
        assert await port.permits(secrets[0], "r", "m") is False


@pytest.mark.parametrize(
    ("status", "wait"), [(429, None), (503, None), (500, "20"), (502, "20"), (429, "0"), (429, "soon")]
)
async def test_no_wait_is_taken_from_other_answers(server: Server, status: int, wait: str | None) -> None:
    """A 429 without a time, and a 500 with one, delay no other call."""
    own = Credentials("ya29.operator")  # type: ignore[no-untyped-call]
    async with server.serve() as url, aiohttp.ClientSession() as session:
        http = GoogleHttp(session, own)
        server.answer(status, wait)
        for count in (1, 2):
            with pytest.raises(Unavailable):
                await http.send("A.B", "GET", f"{url}v1/x", "acme-packages")
            assert len(server.paths) == count


@pytest.mark.parametrize("wait", ["100", "Fri, 31 Dec 2399 23:59:59 GMT", "99999999999999999999"])
async def test_no_server_is_waited_for_longer_than_a_minute(server: Server, time: Time, wait: str) -> None:
    """The maximum applies to any Retry-After."""
    own = Credentials("ya29.operator")  # type: ignore[no-untyped-call]
    async with server.serve() as url, aiohttp.ClientSession() as session:
        http = GoogleHttp(session, own)
        http._floors = Floors(time)
        server.answer(429, wait)
        await waits(lambda: http.send("A.B", "GET", f"{url}v1/x", "acme-packages"))
        server.answer(200)
        time.seconds += 59.9
        await waits(lambda: http.send("A.B", "GET", f"{url}v1/x", "acme-packages"))
        time.seconds += 0.1
        assert await http.send("A.B", "GET", f"{url}v1/x", "acme-packages") == (200, {})


@pytest.mark.parametrize("status", [429, 503])
async def test_exchanges_rest_without_a_token_request(server: Server, time: Time, status: int) -> None:
    """While the Security Token Service must not be called, no tokens are requested from the API server in vain."""
    kubernetes = Server()
    kubernetes.answer(201, None, '{"status": {"token": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}}')
    identity, hour = Identity("team-a", "wheels"), timedelta(hours=1)
    async with server.serve() as sts, kubernetes.serve() as api, aiohttp.ClientSession() as session:
        accounts = ServiceAccountTokens(Transport(session, api.rstrip("/")), "pool")
        tokens = FederatedTokens(
            accounts, session, Rate(1000.0), sts, Federation("pool", "exchange"), IamCredentials(session, sts)
        )
        tokens._floors = Floors(time)
        server.answer(status)
        assert await waits(lambda: tokens.mint(identity, hour)) == 20
        server.answer(200, body='{"access_token": "ya29.x", "expires_in": 3600}')
        assert await waits(lambda: tokens.mint(Identity("team-b", "wheels"), hour)) == 20
        assert (len(server.paths), len(kubernetes.paths)) == (1, 1)
        time.seconds += 20
        tokens._rate = Rate(1000.0)  # The 429 slowed it down, too.
        await tokens.mint(identity, hour)


@pytest.mark.parametrize("template", ["{location}-python.pkg.dev/{project}/{repository}/", "{project}/{repository}/"])
async def test_the_index_rests_by_project(server: Server, time: Time, template: str) -> None:
    """All repositories of the project, on this host, and those of no other project."""

    def page(base: str, project: str, repository: str, package: str) -> str:
        index = template.format(location="us-central1", project=project, repository=repository)
        return f"{base}{index}simple/{package}/"

    async with server.serve() as base, aiohttp.ClientSession() as session:
        index = PackageIndex(session, base + template)
        index._floors = Floors(time)
        token = Token("ya29.canary")
        server.answer(429)
        assert await waits(lambda: index.probe(page(base, "acme", "wheels", "pip"), token)) == 20
        server.answer(200)
        assert await waits(lambda: index.probe(page(base, "acme", "tools", "wheelhouse-probe"), token)) == 20
        assert len(server.paths) == 1
        assert await index.probe(page(base, "other", "wheels", "pip"), token) == 200
        time.seconds += 20
        assert await index.probe(page(base, "acme", "tools", "pip"), token) == 200


@asynccontextmanager
async def kubernetes(server: str, time: Time) -> AsyncIterator[Transport]:
    connection = Connection(lambda: Login(server.rstrip("/"), "Bearer one"))
    await connection.open()
    async with connection.session() as session:
        transport = Transport(session, server.rstrip("/"))
        transport._floors = Floors(time)
        yield transport


GET = Call("get", "things", "GET", "/thing")
APPLY = Call("apply", "secrets", "PATCH", "/secret", body={"a": 1})
SHED = "Too many requests, please try again later."


async def test_the_api_server_rests_when_it_sheds_load(server: Server, time: Time) -> None:
    """Priority and fairness answer in plain text, for the operator as a whole."""
    server.body = '{"a": 1}'
    async with server.serve() as url, kubernetes(url, time) as transport:
        server.answer(429, "2", SHED)
        assert await waits(lambda: transport.send(GET)) == 2
        server.answer(200, None, '{"a": 1}')
        assert await waits(lambda: transport.send(APPLY)) == 2
        assert server.paths == ["/thing"]
        time.seconds += 2
        assert (await transport.send(APPLY)).ok


@pytest.mark.parametrize("status", [429, 503])
async def test_a_webhooks_retry_after_holds_up_no_other_object(server: Server, time: Time, status: int) -> None:
    """A webhook may answer for one object with any status and any time: only that object waits."""
    async with server.serve() as url, kubernetes(url, time) as transport:
        server.answer(status, "60", '{"kind": "Status", "message": "admission webhook \\"x\\" denied the request"}')
        assert await waits(lambda: transport.send(APPLY)) == 60
        server.answer(200, None, '{"a": 1}')
        assert (await transport.send(GET)).ok


@given(
    events=st.lists(
        st.tuples(st.sampled_from("ab"), st.floats(0, 400), st.sampled_from([60.0, 300.0]), st.floats(0, 100))
    ),
)
def test_a_place_rests_for_the_longest_that_was_asked(events: list[tuple[str, float, float, float]]) -> None:
    """Each place separately, never longer than the limit, and nothing is kept afterwards."""
    time = Time()
    floors = Floors(time)
    until = {"a": 0.0, "b": 0.0}
    for place, wait, limit, passed in events:
        floors.note(Unavailable("busy", wait, retry_limit=limit), "host", place)
        until[place] = max(until[place], time.seconds + min(wait, limit))
        time.seconds += passed
        for name, end in until.items():
            left = end - time.seconds
            if left <= 0:
                floors.check("host", name)
                continue
            with pytest.raises(Unavailable) as caught:
                floors.check("host", name)
            assert caught.value.retry_after == pytest.approx(left)
            assert caught.value.floor == pytest.approx(min(left, caught.value.retry_limit))
    time.seconds += 1000
    floors.note(Unavailable("busy", 1.0), "other")
    assert len(floors._asked) == 1
