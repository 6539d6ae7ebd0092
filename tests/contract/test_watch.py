"""The watch of metadata on the wire: it delivers all changes, whatever the API server or the network does."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest
from aiohttp import web
from fakes.api_server import (
    PATH,
    ApiServer,
    Fault,
    after,
    answering,
    breaking,
    expired,
    line,
    saying,
    silent,
)
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from wheelhouse.clients.http import TooLong, lines
from wheelhouse.clients.kubernetes import lists
from wheelhouse.clients.kubernetes import watch as watch_module
from wheelhouse.clients.kubernetes.secret_metadata import REMEDY, SELECTOR, seen_secret
from wheelhouse.clients.kubernetes.transport import METADATA_LIST
from wheelhouse.clients.kubernetes.watch import FIRST_PAUSE, LONGEST_PAUSE, MetadataWatch
from wheelhouse.domain.objects import ServiceAccount
from wheelhouse.domain.secret import SeenSecret
from wheelhouse.errors import Refused, Unavailable
from wheelhouse.runtime.accounts import ServiceAccounts
from wheelhouse.runtime.secret_watch import SecretWatch

BOOKMARK = line("BOOKMARK", {"metadata": {"resourceVersion": "12"}})
ODD = [
    b"not JSON\n",
    b"[1]\n",
    b"<html>\n",
    b"\n",
    b"[" * 100_000 + b"\n",
    b'{"type": "ADDED"}\n',
    b'{"type": "ADDED", "object": []}\n',
    line("ADDED", {"metadata": {"resourceVersion": "12"}}),
    line("ADDED", {"metadata": {"namespace": "team", "name": "x", "annotations": ["a"], "resourceVersion": "12"}}),
    line("BOOKMARK", {"metadata": []}),
    line("BOOKMARK", {"metadata": {"resourceVersion": 12}}),
    line("RENAMED", {"metadata": {"namespace": "team", "name": "x", "resourceVersion": "12"}}),
    line("ERROR", {"code": 500, "message": "unable to decode an object in the watch stream"}),
    line("ERROR", {}),
    expired(),
    line("ADDED", {"metadata": {"namespace": "team", "name": "x" * 5000, "resourceVersion": "12"}}),
]
"""Lines after which it is unknown what was missed."""


class Rig:
    """A server, a store that a watch keeps up to date, and the changes that were delivered."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.accounts = ServiceAccounts()
        self.accounts.changed = self._changed
        self.changes: list[str] = []
        self.pauses: list[float] = []

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[MetadataWatch[ServiceAccount]]:
        """A watch that has listed, and runs until the end of the block."""
        async with self.server.serve() as transport:
            watch = MetadataWatch(transport, PATH, "serviceaccounts", ServiceAccount.parse, self.accounts)
            await watch.list()
            task = asyncio.create_task(watch.run())
            try:
                yield watch
                assert not task.done(), task.result()
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def hears(self, *changes: str) -> None:
        """Wait until these changes were delivered, in this order, and nothing else since the last call."""
        await self.server.signal.until(lambda: len(self.changes) >= len(changes))
        assert self.changes == list(changes)
        self.changes.clear()

    async def asked(self, watches: int) -> None:
        """Wait until this many watches were requested."""
        await self.server.signal.until(lambda: len(self.server.watches) >= watches)

    def true(self) -> bool:
        """Whether the store equals the server's objects."""
        return {key: self.accounts.google_account(*key.split("/")) for key in self.server.accounts} == {
            key: meta["annotations"].get("iam.gke.io/gcp-service-account", "")
            for key, meta in self.server.accounts.items()
        }

    def _changed(self, namespace: str, name: str) -> None:
        self.changes.append(f"{namespace}/{name}")
        self.server.signal.set()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Nothing really pauses: the durations are recorded."""
    rig = Rig()
    monkeypatch.setattr(watch_module, "asyncio", SimpleNamespace(sleep=rig.pause))
    rig.server.put("team/first")
    return rig


async def test_it_hears_what_happens(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Created, annotated, deleted and created again: each is delivered, and irrelevant changes are not."""
    monkeypatch.setattr(lists, "PAGE", 2)
    for number in range(4):
        rig.server.put(f"other/{number}")
    async with rig.watching():
        assert all(rig.accounts.exists(*key.split("/")) for key in rig.server.accounts)
        assert rig.accounts.exists("team", "second") is False
        rig.server.put("team/second")
        await rig.hears("team/second")
        rig.server.put("team/second", "wheels@acme.iam.gserviceaccount.com")
        await rig.hears("team/second")
        assert rig.accounts.google_account("team", "second") == "wheels@acme.iam.gserviceaccount.com"
        rig.server.put("team/first", labels={"a": "b"})
        rig.server.delete("team/second")
        rig.server.put("team/second")
        await rig.hears("team/second", "team/second")
        assert rig.accounts.exists("team", "second")
        assert rig.true()
    assert rig.server.lists == 1


async def test_what_is_asked_for(rig: Rig) -> None:
    """A list in pages, then a stream with bookmarks that the server ends before any proxy does."""
    async with rig.watching():
        await rig.asked(1)
    assert rig.server.asked == [
        {"limit": "500"},
        {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "11", "timeoutSeconds": "290"},
    ]


@given(st.lists(st.binary(max_size=8).map(lambda each: each.replace(b"\n", b"")), max_size=6), st.data())
def test_lines_are_found_in_any_pieces(texts: list[bytes], data: st.DataObject) -> None:
    """However the network splits a stream, the same lines result, without an unfinished line."""
    whole = b"".join(text + b"\n" for text in texts)
    rest = data.draw(st.binary(max_size=4).map(lambda each: each.replace(b"\n", b"")))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole + rest)), max_size=6)))
    bounds = [0, *cuts, len(whole + rest)]

    async def pieces() -> AsyncIterator[bytes]:
        for begin, end in itertools.pairwise(bounds):
            yield (whole + rest)[begin:end]

    async def read() -> list[bytes]:
        return [text async for text in lines(pieces(), 8)]

    assert asyncio.run(read()) == texts


@pytest.mark.parametrize("piece", [1, 3, 9])
async def test_a_line_has_a_bound(piece: int) -> None:
    """A line that grows beyond the limit is an error, as soon as it does."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += piece
            yield b"x" * piece

    with pytest.raises(TooLong):
        [text async for text in lines(endless(), 8)]
    assert sent == 9


async def test_events_come_in_pieces(rig: Rig) -> None:
    """On the wire too."""
    rig.server.piece = 7
    async with rig.watching():
        for number in range(3):
            rig.server.put(f"team/{number}")
        await rig.hears("team/0", "team/1", "team/2")


async def test_a_bookmark_is_kept(rig: Rig) -> None:
    """After a break the next stream starts at the last version, even a bookmark's, and nothing is listed again."""
    rig.server.streams.append(saying(BOOKMARK, then="break"))
    async with rig.watching():
        await rig.asked(2)
        rig.server.bookmark()
        rig.server.put("team/second")
        await rig.hears("team/second")
        rig.server.cut()
        rig.server.put("team/third")
        await rig.hears("team/third")
    assert rig.server.watches == ["11", "12", "13"]
    assert rig.server.lists == 1


async def test_half_a_line_is_heard_again(rig: Rig) -> None:
    """An event whose end was lost with the connection comes again on the next stream, and is delivered once."""
    event = line("ADDED", {"metadata": {"namespace": "team", "name": "second", "resourceVersion": "13"}})

    def happens() -> None:
        rig.server.bookmark()
        rig.server.put("team/second")

    rig.server.streams.append(after(happens, saying(BOOKMARK, event[:60], then="break")))
    async with rig.watching():
        await rig.hears("team/second")
        assert rig.server.watches == ["11", "12"]


@pytest.mark.parametrize(
    "fault",
    [answering(410), saying(expired()), saying(BOOKMARK, expired())],
    ids=["status", "event", "later event"],
)
async def test_an_expired_version_is_listed_anew(rig: Rig, fault: Fault) -> None:
    """410, as a status or as an event: a complete list delivers what was added, changed and deleted meanwhile."""

    def meanwhile() -> None:
        rig.server.delete("team/first")
        rig.server.put("team/second", "wheels@acme.iam.gserviceaccount.com")
        rig.server.put("team/third")
        rig.server.compact()

    rig.server.put("team/second")
    rig.server.streams.append(after(meanwhile, fault))
    async with rig.watching():
        await rig.server.signal.until(lambda: len(rig.changes) == 3)
        assert set(rig.changes) == {"team/first", "team/second", "team/third"}
        assert rig.accounts.exists("team", "first") is False
        assert rig.true()
    assert rig.server.lists == 2


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
async def test_what_cannot_be_read_is_listed_anew(rig: Rig, odd: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable line may have been any event: a list delivers what it was, and the watch continues."""
    monkeypatch.setattr(watch_module, "LARGEST", 4000)
    rig.server.streams.append(after(lambda: rig.server.delete("team/first"), saying(BOOKMARK, odd)))
    async with rig.watching():
        await rig.hears("team/first")
        rig.server.put("team/second")
        await rig.hears("team/second")
        assert rig.true()
    assert rig.server.lists == 2


@pytest.mark.parametrize(
    "fault",
    [silent, saying(then="hang"), saying(BOOKMARK, then="hang"), saying(BOOKMARK[:9], then="hang")],
    ids=["no answer", "no line", "no more", "half a line"],
)
async def test_a_hung_connection_is_left(rig: Rig, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence for longer than the bookmark interval ends the stream, and missed changes are delivered."""
    monkeypatch.setattr(watch_module, "IDLE_SECONDS", 0.1)
    rig.server.streams.append(fault)
    async with rig.watching():
        await rig.asked(1)
        rig.server.bookmark()
        rig.server.put("team/second")
        await rig.hears("team/second")


@pytest.mark.parametrize(
    "faults",
    [
        [breaking, breaking],
        [answering(500), answering(503), answering(504)],
        [answering(429, **{"Retry-After": "7"})],
        [answering(401)],
        [answering(403)],
        [saying(then="break")],
        [saying(line("BOOKMARK", {"metadata": {"resourceVersion": "11"}}), then="break")],
    ],
    ids=["broken", "5xx", "429", "401", "403", "broken stream", "broken later"],
)
async def test_an_outage_ends_nothing(rig: Rig, faults: Sequence[Fault]) -> None:
    """Whatever the server answers, and however often: the watch retries, and nothing is deleted meanwhile."""
    async with rig.watching():
        await rig.asked(1)
        rig.server.faults.extend([*faults] * 5)
        rig.server.cut()
        await rig.server.signal.until(lambda: not rig.server.faults)
        assert rig.accounts.exists("team", "first")
        rig.server.put("team/second")
        await rig.hears("team/second")
        assert rig.true()


async def test_retry_after_is_honored(rig: Rig) -> None:
    """An overloaded server gets no request for as long as it requires."""
    rig.server.streams.append(answering(429, **{"Retry-After": "17"}))
    async with rig.watching():
        await rig.asked(2)
    assert rig.pauses[0] == 17.0


@pytest.mark.parametrize("fault", [saying(), saying(BOOKMARK), breaking, answering(403)], ids=range(4))
async def test_streams_that_end_at_once_do_not_spin(rig: Rig, fault: Fault) -> None:
    """The pauses grow from a fifth of a second to ten, whether a line arrived or not."""
    rig.server.streams.extend([fault] * 20)
    async with rig.watching():
        await rig.asked(21)
    # aiohttp itself repeats a GET if a connection breaks that was used before.
    assert len(rig.pauses) >= 10
    assert FIRST_PAUSE / 2 <= rig.pauses[0] <= 2 * FIRST_PAUSE
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in rig.pauses[8:])


async def test_a_steady_stream_ends_without_a_pause(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server ends each stream after some minutes: the next one starts at once, at the last version."""
    monkeypatch.setattr(watch_module, "STEADY_SECONDS", 0.0)
    async with rig.watching():
        await rig.asked(1)
        rig.server.bookmark()
        rig.server.put("team/second")
        await rig.hears("team/second")
        rig.server.cut()
        await rig.asked(2)
    assert rig.pauses == [0.0]
    assert rig.server.watches == ["11", "13"]


async def test_a_version_of_the_future_is_noticed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restored etcd sends nothing for our version, not even bookmarks: silence is a reason to list.

    Objects that are not in the backup are deleted.
    """
    monkeypatch.setattr(watch_module, "IDLE_SECONDS", 0.1)
    backup, version = dict(rig.server.accounts), rig.server.version
    async with rig.watching():
        for number in range(5):
            rig.server.put(f"team/{number}")
        await rig.server.signal.until(lambda: len(rig.changes) == 5)
        rig.changes.clear()
        rig.server.restore(backup, version)
        await rig.server.signal.until(lambda: len(rig.changes) == 5)
        assert rig.true()


async def test_a_list_grows_old(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list corrects what a watch missed: the next stream starts with a list."""
    monkeypatch.setattr(watch_module, "LIST_SECONDS", 0.0)
    async with rig.watching():
        await rig.asked(1)
        rig.server.accounts["team/unheard"] = dict(rig.server.accounts["team/first"], name="unheard")
        rig.server.put("team/second")
        await rig.hears("team/second")
        rig.server.cut()
        await rig.hears("team/unheard")


@pytest.mark.parametrize(
    ("status", "error"), [(500, Unavailable), (410, Unavailable), (404, Unavailable), (403, Refused)]
)
async def test_half_a_list_takes_nothing_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    """A list that breaks off between two pages has no effect, at the start and later."""
    monkeypatch.setattr(lists, "PAGE", 1)
    rig.server.put("team/second")

    async def page(request: web.Request) -> web.StreamResponse:
        rig.server.faults.append(answering(status))
        return rig.server.list(request)

    async with rig.server.serve() as transport:
        watch = MetadataWatch(transport, PATH, "serviceaccounts", ServiceAccount.parse, rig.accounts)
        for known in (None, True):
            rig.server.faults.append(page)
            with pytest.raises(error):
                await watch.list()
            assert rig.accounts.exists("team", "second") is known
            await watch.list()
            assert rig.accounts.exists("team", "second")
    assert rig.changes == []


async def test_an_object_without_metadata_fails_the_list(rig: Rig) -> None:
    """Its identity is unknown, so no object counts as deleted."""
    del rig.server.accounts["team/first"]["name"]
    async with rig.server.serve() as transport:
        watch = MetadataWatch(transport, PATH, "serviceaccounts", ServiceAccount.parse, rig.accounts)
        with pytest.raises(Unavailable, match="with invalid metadata"):
            await watch.list()
    assert rig.accounts.exists("team", "first") is None


@pytest.mark.parametrize(("status", "level"), [(403, "warning"), (500, "info"), (410, "info")])
async def test_a_missing_right_is_a_warning(rig: Rig, status: int, level: str) -> None:
    """Only a person can fix it; an outage ends by itself."""
    rig.server.streams.append(answering(status))
    with capture_logs() as logs:
        async with rig.watching():
            await rig.asked(2)
    assert [(each["log_level"], str(status) in each["because"]) for each in logs] == [(level, True)]


async def test_the_end_closes_the_stream(rig: Rig) -> None:
    """A canceled watch closes its connection."""
    async with rig.watching():
        await rig.server.signal.until(lambda: rig.server.open)
    await rig.server.signal.until(lambda: not rig.server.open)


async def test_a_watch_of_secrets_asks_for_metadata_of_its_own(rig: Rig) -> None:
    """List and stream have the label selector, and no reply may contain data."""
    found: list[SeenSecret] = []
    sink = SecretWatch(lambda _namespace, _name: None)
    rig.server.put("team/first", uid="1", managedFields=[{"manager": "wheelhouse.1", "operation": "Apply"}])
    accepted: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        accepted.append(request.headers["Accept"])
        return rig.server.list(request)

    rig.server.faults.append(note)
    async with rig.server.serve() as transport:
        watch = MetadataWatch(transport, PATH, "secrets", seen_secret, sink, selector=SELECTOR, remedy=REMEDY)
        sink.listed = found.extend  # type: ignore[method-assign] # records what the list has
        await watch.list()
        task = asyncio.create_task(watch.run())
        await rig.server.signal.until(lambda: any("watch" in query for query in rig.server.asked))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [(each.namespace, each.name, each.uid) for each in found] == [("team", "first", "1")]
    assert {query.get("labelSelector") for query in rig.server.asked} == {"app.kubernetes.io/managed-by=wheelhouse"}
    assert accepted == [METADATA_LIST]


async def test_a_denied_watch_of_secrets_names_the_remedy(rig: Rig) -> None:
    """The operator logs it, tries again after a minute, and watches as soon as the permission exists."""
    rig.server.put("team/first", uid="1")
    rig.server.faults.append(answering(403))
    async with rig.server.serve() as transport:
        watch = MetadataWatch(transport, PATH, "secrets", seen_secret, SecretWatch(print), SELECTOR, REMEDY)
        with capture_logs() as logs:
            task = asyncio.create_task(watch.run())
            await rig.server.signal.until(lambda: any("watch" in query for query in rig.server.asked))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    (told,) = [each for each in logs if each["log_level"] == "warning"]
    assert "Apply manifests/components/secret-watch" in told["because"]
    assert rig.pauses[0] == watch_module.REFUSED_SECONDS
