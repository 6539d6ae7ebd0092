"""The injection corpus through a real API server: what it admits, the parser accepts, and is harmless."""

import http.client
import json
import os
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from corpus.fields import Field, fields
from corpus.strings import attacks
from corpus.test_parsed import accepted, harmless

from wheelhouse_local import installation
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World

API = "/apis/wheelhouse.dev/v1alpha1/namespaces/default"
PLURALS = {"PythonRepository": "pythonrepositories", "RepositoryAccess": "repositoryaccesses"}
LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
STEP = 1 if LONG else 40
"""`make test` tries every 40th string in each field, always other ones, and `make test-long` all of them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A control plane with our CRDs."""
    world = World(tmp_path_factory.mktemp("corpus") / "world")
    world.up(Options(components=CONTROL_PLANE))
    try:
        installation.apply(world.state, lambda _line: None)
        yield world
    finally:
        world.down(purge=True)


def connect(world: World) -> http.client.HTTPSConnection:
    """A connection that stays open: most of a request's time would be its handshake."""
    place = urlsplit(world.server)
    context = ssl.create_default_context(cafile=str(world.ca))
    return http.client.HTTPSConnection(place.hostname or "", place.port, timeout=60, context=context)


def stored_as(text: str) -> str:
    """The string that the API server stores: half of a surrogate pair, which JSON can escape, is replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def admitted(world: World, field: Field, texts: list[str]) -> set[str]:
    """Which of these strings the API server admits in a field, by dry runs over one connection."""
    token = (world.state.control_plane / "admin-token").read_text()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection, found = connect(world), set()
    for text in texts:
        manifest = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": field.kind, "metadata": {"name": "corpus"}}
        body = json.dumps({**manifest, "spec": field.spec(text)}).encode()
        connection.request("POST", f"{API}/{PLURALS[field.kind]}?dryRun=All", body, headers)
        reply = connection.getresponse()
        reply.read()
        assert reply.status in {201, 400, 422}, (str(field), ascii(text)[:80], reply.status)
        if reply.status == 201:
            found.add(stored_as(text))
    connection.close()
    return found


@pytest.mark.parametrize(("number", "field"), list(enumerate(fields())), ids=str)
def test_what_the_server_admits_is_harmless(server: World, number: int, field: Field) -> None:
    """The parser accepts it too, and it has only characters that mean nothing in a file, a path or a URL."""
    texts = list(dict.fromkeys(attacks(field.good)))[number % STEP :: STEP]
    assert len(texts) >= (400 if LONG else 20)
    found = admitted(server, field, [field.good, *texts])
    assert field.good in found, "the base is not valid"
    parsed = {text for text, _ in accepted(field, sorted(found))}
    assert {ascii(text) for text in found - parsed} == set()
    assert [ascii(text) for text in found if not harmless(field, text)] == []
