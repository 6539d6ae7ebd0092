"""A small API server for ServiceAccounts: pages of a snapshot, a watch from a version, and configurable faults."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from wheelhouse.clients.kubernetes.connection import Connection
from wheelhouse.clients.kubernetes.login import Login
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]
PATH = "/api/v1/serviceaccounts"


class Signal:
    """Wake the tasks that wait for an event, so that they check again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until a condition holds that depends on a signal."""
        async with asyncio.timeout(20):
            while not holds():
                await self.next()

    async def next(self) -> None:
        """Wait for the next signal."""
        await self._event.wait()


class ApiServer:
    """ServiceAccounts by `namespace/name`.

    `asked` are the queries so far. The next of `faults` answers a request instead of the server, and the next of
    `streams` a watch. Events are written in pieces of `piece` bytes.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.asked: list[Mapping[str, str]] = []
        self.faults: deque[Fault] = deque()
        self.streams: deque[Fault] = deque()
        self.signal = Signal()
        self.piece = 1 << 20
        self.version = 10
        self._history: list[tuple[int, bytes]] = []
        self._expired = 0
        self._pages: dict[str, tuple[int, list[dict[str, Any]]]] = {}
        self._open: list[web.Request] = []

    def put(self, key: str, google_account: str = "", **meta: Any) -> None:
        """Create or change one."""
        event = "MODIFIED" if key in self.accounts else "ADDED"
        namespace, _, name = key.partition("/")
        annotations = {GOOGLE_ACCOUNT_ANNOTATION: google_account} if google_account else {}
        self.version += 1
        self.accounts[key] = meta | {
            "namespace": namespace,
            "name": name,
            "annotations": annotations,
            "resourceVersion": str(self.version),
        }
        self._tell(event, self.accounts[key])

    def delete(self, key: str) -> None:
        """Delete one."""
        self.version += 1
        self._tell("DELETED", self.accounts.pop(key) | {"resourceVersion": str(self.version)})

    def bookmark(self) -> None:
        """Send a bookmark on the streams, as the API server does once a minute, after an unrelated change."""
        self.version += 1
        self._tell("BOOKMARK", {"resourceVersion": str(self.version)})

    def compact(self) -> None:
        """Delete the history: earlier versions and pages have expired."""
        self._expired, self._history = self.version, []
        self._pages.clear()

    def restore(self, accounts: Mapping[str, dict[str, Any]], version: int) -> None:
        """Restore a backup."""
        self.accounts, self.version = dict(accounts), version
        self._history, self._expired = [], 0
        self.cut()

    def cut(self) -> None:
        """Break all open streams."""
        for request in list(self._open):
            if request.transport is not None:
                request.transport.abort()

    @property
    def open(self) -> int:
        """The number of open streams."""
        return len(self._open)

    @property
    def watches(self) -> Sequence[str]:
        """The versions at which watches started."""
        return [query["resourceVersion"] for query in self.asked if "watch" in query]

    @property
    def lists(self) -> int:
        """The number of lists that were started."""
        return sum("watch" not in query and "continue" not in query for query in self.asked)

    def list(self, request: web.Request) -> web.Response:
        """A page of a list."""
        limit, token = int(request.query["limit"]), request.query.get("continue", "")
        if token and token not in self._pages:
            return web.json_response({"code": 410, "message": "The provided continue parameter is too old"}, status=410)
        version, left = self._pages.get(token) or (self.version, [{"metadata": m} for m in self.accounts.values()])
        meta = {"resourceVersion": str(version)}
        if left[limit:]:
            meta["continue"] = f"{version}-{len(left)}"
            self._pages[meta["continue"]] = (version, left[limit:])
        return web.json_response({"metadata": meta, "items": left[:limit] or None})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a list or a watch."""
        self.asked.append(dict(request.query))
        self.signal.set()
        if self.faults:
            return await self.faults.popleft()(request)
        if "watch" not in request.query:
            return self.list(request)
        return await (self.streams.popleft() if self.streams else self._watch)(request)

    @asynccontextmanager
    async def serve(self, patience: float = 10.0) -> AsyncIterator[Transport]:
        """A transport to it with this timeout in seconds; at the end its streams are broken."""
        app = web.Application()
        app.router.add_get(PATH, self.handle)
        async with TestServer(app) as server:
            url = str(server.make_url("")).rstrip("/")
            connection = Connection(lambda: Login(url))
            await connection.open()
            async with connection.session() as session:
                yield Transport(session, url, timeout=patience)
                self.cut()

    def _tell(self, event: str, meta: Mapping[str, Any]) -> None:
        self._history.append((self.version, line(event, {"kind": "PartialObjectMetadata", "metadata": dict(meta)})))
        self.signal.set()

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        begin = int(request.query["resourceVersion"])
        async with stream(request) as response:
            if begin < self._expired:
                await response.write(expired())
                return response
            self._open.append(request)
            try:
                await self._follow(response, begin)
            finally:
                self._open.remove(request)
                self.signal.set()
        return response

    async def _follow(self, response: web.StreamResponse, begin: int) -> None:
        sent = begin
        while True:
            news = [(version, text) for version, text in self._history if version > sent]
            for version, text in news:
                for start in range(0, len(text), self.piece):
                    await response.write(text[start : start + self.piece])
                sent = version
            if not news:
                await self.signal.next()


def line(event: str, body: Mapping[str, Any]) -> bytes:
    """An event in the API server's format."""
    return json.dumps({"type": event, "object": body}).encode() + b"\n"


def expired() -> bytes:
    """The event for a version that is too old."""
    return line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


@asynccontextmanager
async def stream(request: web.Request) -> AsyncIterator[web.StreamResponse]:
    """An answer in pieces, which starts at once."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    yield response


def saying(*texts: bytes, then: str = "end") -> Fault:
    """A stream of these bytes, which then ends, breaks or hangs."""

    async def fault(request: web.Request) -> web.StreamResponse:
        async with stream(request) as response:
            for text in texts:
                await response.write(text)
            if then == "break" and request.transport is not None:
                request.transport.abort()
            if then == "hang":
                await asyncio.Event().wait()
        return response

    return fault


def answering(status: int, **headers: str) -> Fault:
    """A plain answer."""

    async def fault(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": status, "message": f"status {status}"}, status=status, headers=headers)

    return fault


async def silent(_: web.Request) -> web.StreamResponse:
    """No answer at all."""
    await asyncio.Event().wait()
    return web.Response()


async def breaking(request: web.Request) -> web.StreamResponse:
    """A connection that breaks before the answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def after(act: Callable[[], object], fault: Fault) -> Fault:
    """A fault before which the cluster changes."""

    async def both(request: web.Request) -> web.StreamResponse:
        act()
        return await fault(request)

    return both
