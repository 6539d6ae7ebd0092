"""Paged lists: complete or an error, with the version that they show, and in pages that fit any user's objects."""

from typing import Any

import pytest
from aiohttp import web
from fakes.api_server import PATH, ApiServer, answering
from fakes.bench import RealBench

from wheelhouse.clients.http import TooLong
from wheelhouse.clients.kubernetes import lists
from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.lists import Listing
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.transport import METADATA_LIST, Transport
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.errors import Refused, Unavailable


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


def listing(transport: Transport) -> Listing:
    return Listing(transport, PATH, "serviceaccounts", METADATA_LIST)


async def names(found: Listing) -> list[str]:
    return [item["metadata"]["name"] async for item in found]


async def test_pages_show_one_version(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes between two pages are not in the list, and the version is that of the first page."""
    monkeypatch.setattr(lists, "PAGE", 2)
    for number in range(5):
        server.put(f"team/{number}")
    version = server.version
    async with server.serve() as transport:
        found = listing(transport)
        assert found.resource_version == ""
        seen = []
        async for item in found:
            seen.append(item["metadata"]["name"])
            assert found.resource_version == str(version)
            server.put(f"team/later-{len(seen)}")
    assert seen == ["0", "1", "2", "3", "4"]
    assert [query["limit"] for query in server.asked] == ["2", "2", "2"]


async def test_an_empty_list_has_a_version_too(server: ApiServer) -> None:
    """A list of metadata has `items: null`: no objects exist, which is a valid answer."""
    async with server.serve() as transport:
        found = listing(transport)
        assert await names(found) == []
    assert found.resource_version == "10"


async def test_large_objects_come_in_small_pages(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large objects of one user cost requests, not memory, and no other user's object is missing from the list."""
    monkeypatch.setattr(lists, "LARGEST", 20_000)
    for number in range(200):
        server.put(f"team/{number}", **({"labels": {"x": "<" * 15_000}} if 20 <= number < 30 else {}))
    async with server.serve() as transport:
        assert await names(listing(transport)) == [str(number) for number in range(200)]
    limits = [int(query["limit"]) for query in server.asked]
    assert limits[0] == lists.PAGE
    assert min(limits) == 1
    assert limits[-1] > 1


async def test_one_object_beyond_the_bound_is_an_error(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that fits no page is an error; a list without it never counts as complete."""
    monkeypatch.setattr(lists, "LARGEST", 2000)
    server.put("team/large", labels={"x": "y" * 3000})
    async with server.serve() as transport:
        with pytest.raises(TooLong):
            await names(listing(transport))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, Refused, "status 403"),
        (404, Unavailable, "does not know serviceaccounts: apply crds/"),
        (410, Unavailable, "expired"),
        (429, Unavailable, "429"),
        (503, Unavailable, "503"),
    ],
)
async def test_a_failure_on_any_page_fails_the_list(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception], words: str
) -> None:
    """An error of the second page is an error of the list: the objects so far are known to be incomplete."""
    monkeypatch.setattr(lists, "PAGE", 1)
    for name in ("a", "b"):
        server.put(f"team/{name}")
    seen = []
    async with server.serve() as transport:
        found = aiter(listing(transport))
        seen.append((await anext(found))["metadata"]["name"])
        server.faults.append(answering(status))
        with pytest.raises(kind, match=words):
            await anext(found)
    assert seen == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"resourceVersion": "1"}},
        {"metadata": {"resourceVersion": "1"}, "items": {}},
        {"metadata": {"resourceVersion": "1"}, "items": [1]},
        {"metadata": {"resourceVersion": 1}, "items": []},
        {"metadata": {"resourceVersion": ""}, "items": []},
        {"metadata": {}, "items": []},
        {"items": []},
        {"metadata": [], "items": []},
    ],
)
async def test_garbage_is_no_list(server: ApiServer, body: Any) -> None:
    """An answer other than objects with a version is an outage, and never an empty list."""

    async def garbage(_: web.Request) -> web.Response:
        return web.json_response(body)

    server.faults.append(garbage)
    async with server.serve() as transport:
        with pytest.raises(Unavailable):
            await names(listing(transport))


async def test_our_kinds_and_namespaces(admin: Transport, operator: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the real API server: complete whatever the number of pages, with a version that grows with each write."""
    monkeypatch.setattr(lists, "PAGE", 2)
    client = KubernetesObjects(operator, Events(operator, "contract-pod"))
    real = RealBench(admin, KubernetesSecrets(operator), client)
    namespace = await real.namespace()
    made = {(await real.access(namespace, f"pull-{number}")).key for number in range(5)}
    accesses = client.list_all(Kind.ACCESS)
    found = [CustomObject.parse(body) async for body in accesses]
    assert made <= {stored.key for stored in found}
    assert len(found) == len({stored.key for stored in found})
    assert int(accesses.resource_version) >= max(int(stored.resource_version) for stored in found)
    later = await real.access(namespace, "later")
    assert int(accesses.resource_version) < int(later.resource_version)
    repositories = client.list_all(Kind.REPOSITORY)
    async for body in repositories:
        assert body["metadata"]["namespace"] != namespace
    assert int(repositories.resource_version) >= int(later.resource_version)
    namespaces = {body["metadata"]["name"] async for body in client.list_namespaces()}
    assert {namespace, "kube-system"} <= namespaces
    assert len(await client.kube_system_uid()) == 36
