"""The watch of ServiceAccounts on a real API server, with the operator's own permissions and a faulty network."""

import asyncio
import base64
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fakes.api_server import PATH, Signal
from support.hands import Hands

from wheelhouse.clients.kubernetes import watch as watch_module
from wheelhouse.clients.kubernetes.connection import Connection
from wheelhouse.clients.kubernetes.lists import Listing
from wheelhouse.clients.kubernetes.login import Login
from wheelhouse.clients.kubernetes.transport import METADATA, METADATA_LIST, Call, Transport
from wheelhouse.clients.kubernetes.watch import MetadataWatch
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION, ServiceAccount
from wheelhouse.runtime.accounts import ServiceAccounts
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World

RIGHTS = Path(__file__).parents[2] / "manifests" / "base" / "rbac.yaml"
GOOGLE = "wheels@acme-packages.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A separate control plane: parts of it are stopped, and its etcd is restored."""
    world = World(tmp_path_factory.mktemp("accounts") / "world")
    world.up(Options(components=CONTROL_PLANE))
    try:
        world.kubectl("create", "namespace", "wheelhouse-system")
        world.kubectl("create", "serviceaccount", "wheelhouse-operator", "-n", "wheelhouse-system")
        world.kubectl("apply", "-f", str(RIGHTS))
        yield world
    finally:
        world.down(purge=True)


class Relay:
    """A network between the operator and the API server that can be cut and restored."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections, and each new one at once."""
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.CancelledError):
            if self._whole:
                there, back = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(back)
                await asyncio.gather(pump(reader, back), pump(there, writer))
        writer.transport.abort()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Forward data until either end closes."""
    while piece := await source.read(1 << 16):
        sink.write(piece)
        await sink.drain()
    sink.close()


class Rig:
    """The cluster's users, the network, and the operator's state."""

    def __init__(self, plane: World) -> None:
        self.plane = plane
        self.relay = Relay(urlsplit(plane.server).port or 0)
        self.accounts = ServiceAccounts()
        self.accounts.changed = lambda *_: self._signal.set()
        self.requests: list[tuple[str, int]] = []
        self._signal = Signal()

    async def do(self, *arguments: str) -> str:
        """Run kubectl as a person in the namespace default."""
        return (await asyncio.to_thread(self.plane.kubectl, "-n", "default", *arguments)).stdout

    async def knows(self, name: str, google_account: str | None) -> None:
        """Wait until the operator knows this about a ServiceAccount in the namespace default; None: deleted."""
        await self._signal.until(lambda: self.accounts.google_account("default", name) == google_account)

    @property
    def lists(self) -> int:
        """Answered lists: the namespace of this test has far fewer ServiceAccounts than one page."""
        return self.requests.count(("list", 200))

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Transport]:
        """The operator's connection to the API server."""
        operator = ("wheelhouse-operator", "-n", "wheelhouse-system")
        token = (await self.do("create", "token", *operator)).strip()
        async with self.relay.serving() as port:
            login = Login(f"https://127.0.0.1:{port}", f"Bearer {token}", str(self.plane.ca))
            connection = Connection(lambda: login)
            await connection.open()
            async with connection.session() as session:
                yield Transport(session, login.server, lambda v, _k, s, _: self.requests.append((v, s)))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """The operator's watch."""
        async with self.transport() as transport:
            watch = MetadataWatch(transport, PATH, "serviceaccounts", ServiceAccount.parse, self.accounts)
            await watch.list()
            task = asyncio.create_task(watch.run())
            try:
                yield
                assert not task.done(), task.result()
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


@pytest.fixture
def rig(plane: World) -> Rig:
    return Rig(plane)


async def test_a_life_is_heard(rig: Rig) -> None:
    """Created, annotated, deleted and created again, in a cluster whose other ServiceAccounts are known."""
    async with rig.watching():
        assert rig.accounts.exists("kube-system", "default")
        assert rig.accounts.exists("default", "life") is False
        await rig.do("create", "serviceaccount", "life")
        await rig.knows("life", "")
        await rig.do("annotate", "serviceaccount", "life", f"{GOOGLE_ACCOUNT_ANNOTATION}={GOOGLE}")
        await rig.knows("life", GOOGLE)
        await rig.do("delete", "serviceaccount", "life")
        await rig.knows("life", None)
        await rig.do("create", "serviceaccount", "life")
        await rig.knows("life", "")
    assert rig.requests[:1] == [("list", 200)]
    assert rig.lists == 1


async def test_a_broken_connection_loses_nothing(rig: Rig) -> None:
    """Changes during a network outage are delivered from the last version, without a list."""
    await rig.do("create", "serviceaccount", "goes")
    async with rig.watching():
        await rig.do("create", "serviceaccount", "before")
        await rig.knows("before", "")
        rig.relay.cut()
        await rig.do("delete", "serviceaccount", "goes")
        await rig.do("create", "serviceaccount", "comes")
        await rig.do("annotate", "serviceaccount", "before", f"{GOOGLE_ACCOUNT_ANNOTATION}={GOOGLE}")
        rig.relay.mend()
        await rig.knows("goes", None)
        await rig.knows("comes", "")
        await rig.knows("before", GOOGLE)
    assert rig.lists == 1


async def test_a_compacted_past_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """When etcd no longer has the last version, a list delivers the changes since then."""
    monkeypatch.setattr(watch_module, "LONGEST_PAUSE", 1.0)
    await rig.do("create", "serviceaccount", "compacted")
    async with rig.watching():
        await rig.do("annotate", "serviceaccount", "compacted", f"{GOOGLE_ACCOUNT_ANNOTATION}={GOOGLE}")
        await rig.knows("compacted", GOOGLE)
        rig.relay.cut()
        await rig.do("delete", "serviceaccount", "compacted")
        await rig.do("create", "serviceaccount", "since")
        await asyncio.to_thread(rig.plane.stop, "apiserver")
        await asyncio.to_thread(compact, rig.plane)
        await asyncio.to_thread(rig.plane.start, "apiserver")
        rig.relay.mend()
        await rig.knows("compacted", None)
        await rig.knows("since", "")
    assert rig.lists == 2


async def test_the_future_is_met_with_silence(rig: Rig) -> None:
    """For a version that the cluster has not reached, as after a restore of etcd, nothing is sent.

    That is why a watch without any line, not even a bookmark, has to list.
    """
    async with rig.transport() as transport:
        listing = Listing(transport, PATH, "serviceaccounts", METADATA_LIST)
        assert [item async for item in listing]
        await rig.do("create", "serviceaccount", "unheard")

        async def heard(version: int) -> list[bytes]:
            params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
            call = Call("watch", "x", "GET", PATH, {**params, "resourceVersion": str(version)}, accept=METADATA)
            return [line async for line in transport.stream(call, 20.0)]

        now = int(listing.resource_version)
        present, future = await asyncio.gather(heard(now), heard(now + 1_000_000))
    assert b'"unheard"' in present[0]
    assert future == []


async def test_huge_metadata_holds_up_no_other(rig: Rig) -> None:
    """Three ServiceAccounts of 7.5 MB, as large as a tenant can make them: lists and events of the others arrive."""
    hands = Hands(rig.plane.server, rig.plane.ca, (rig.plane.state.control_plane / "admin-token").read_text())
    # The garbage collector ignores objects whose owner's kind it does not know.
    owner = {"apiVersion": "example.org/v1", "kind": "Thing", "name": "<" * 200_000}
    owners = [{**owner, "uid": str(each)} for each in range(5)]
    meta = {"annotations": {"a": "<" * 250_000}, "ownerReferences": owners}
    async with rig.watching():
        for number in range(3):
            body = {"metadata": {"name": f"huge-{number}", **meta}}
            where = "/api/v1/namespaces/default/serviceaccounts"
            assert (await asyncio.to_thread(hands.ask, "POST", where, body))[0] == 201
        await rig.do("create", "serviceaccount", "neighbor")
        await rig.knows("neighbor", "")
        assert rig.lists == 1
    again = Rig(rig.plane)
    async with again.watching():
        assert all(again.accounts.exists("default", name) for name in ("huge-0", "huge-1", "huge-2", "neighbor"))
    assert again.lists > 1, "one page cannot hold them"


def compact(plane: World) -> None:
    """Make etcd delete all older versions (its JSON gateway: https://etcd.io/docs/latest/dev-guide/)."""
    folder, port = plane.state.control_plane, plane.state.load().ports["etcd"]
    context = ssl.create_default_context(cafile=str(plane.ca))
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")

    def ask(method: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
        request = urllib.request.Request(f"https://127.0.0.1:{port}/v3/kv/{method}", json.dumps(body).encode())
        with urllib.request.urlopen(request, context=context, timeout=20) as reply:
            answer: dict[str, dict[str, str]] = json.load(reply)
            return answer

    revision = ask("range", {"key": base64.b64encode(b"x").decode()})["header"]["revision"]
    ask("compaction", {"revision": revision, "physical": True})
