"""A list and a watch of metadata only, for a kind of which Wheelhouse reads nothing else.

    list ─▶ watch from the list's version ─▶ the stream ends or breaks ─▶ watch from the last version seen ─▶ …
     ▲                                                                                 │
     └──── the version expired, a line could not be read, or the stream was silent ◀───┘

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes is the protocol.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

import structlog

from wheelhouse.clients.http import Stopwatch, TooLong, json_object, reduced
from wheelhouse.clients.kubernetes.lists import LARGEST, Listing
from wheelhouse.clients.kubernetes.transport import METADATA, METADATA_LIST, Call, Transport
from wheelhouse.errors import Refused, Unavailable, WheelhouseError

logger = structlog.get_logger(__name__)

Found = TypeVar("Found")
Taken = TypeVar("Taken", contravariant=True)

STREAM_SECONDS = 290
"""Seconds after which the API server ends a stream; before that it sends a bookmark."""
IDLE_SECONDS = 120.0
"""Seconds without a line after which a stream counts as dead: the API server sends a bookmark about once a minute
(defaultBookmarkFrequency in k8s.io/apiserver/pkg/storage/cacher), though it promises none."""
STEADY_SECONDS = 10.0
"""Minimum seconds of a stream after which the next one starts at once."""
LIST_SECONDS = 600.0
"""Seconds after which the list is read again when a stream ends, to correct what a watch missed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
REFUSED_SECONDS = 60.0
"""Seconds until the next attempt of a watch that the operator can do without, if the permission is missing."""


class Sink(Protocol[Taken]):
    """Receives the objects."""

    def listed(self, found: Sequence[Taken]) -> None:
        """These are all that exist."""

    def seen(self, found: Taken, *, gone: bool) -> None:
        """This object was added, changed or deleted."""


class MetadataWatch(Generic[Found]):
    """Keeps a sink up to date with the API server.

    Args:
        transport: sends the requests.
        where: the path of the kind's list.
        kind: its name in metrics and messages.
        parse: reads an object's metadata; may raise KeyError, TypeError and AttributeError.
        sink: receives the objects.
        selector: the label selector of the watch; empty for all objects.
        remedy: what to do if the permission for the watch is missing.
    """

    def __init__(
        self,
        transport: Transport,
        where: str,
        kind: str,
        parse: Callable[[Mapping[str, Any]], Found],
        sink: Sink[Found],
        selector: str = "",
        remedy: str = "",
    ) -> None:
        self._transport = transport
        self._where = where
        self._kind = kind
        self._parse = parse
        self._sink = sink
        self._selector = selector
        self._remedy = remedy
        self._version = ""
        self._listed = Stopwatch()

    async def list(self) -> None:
        """Report all existing objects to the sink; the watch continues from there.

        Raises:
            Unavailable, Refused: the list failed, and the sink received nothing.
        """
        listing = Listing(self._transport, self._where, self._kind, METADATA_LIST, self._selector)
        found = [self._read(item) async for item in listing]
        self._sink.listed(found)
        self._version, self._listed = listing.resource_version, Stopwatch()

    async def run(self) -> None:
        """Watch until canceled. Neither an error of the API server nor a silent stream ends this."""
        failures = 0
        while True:
            following, floor = None, 0.0
            try:
                if not self._version or self._listed.seconds > LIST_SECONDS:
                    await self.list()
                following = Stopwatch()
                await self._follow()
            except WheelhouseError as error:
                log = logger.warning if isinstance(error, Refused) else logger.info
                log("Will restart the watch", kind=self._kind, because=f"{error.message} {self._remedy}".strip())
                floor = REFUSED_SECONDS if isinstance(error, Refused) and self._remedy else 0.0
                if not isinstance(error, Unavailable) or isinstance(error, TooLong):
                    self._version = ""
                else:
                    floor = error.retry_after or 0.0
            failures = 0 if following is not None and following.seconds >= STEADY_SECONDS else failures + 1
            await asyncio.sleep(max(floor, _pause(failures)))

    async def _follow(self) -> None:
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(STREAM_SECONDS),
        } | ({"labelSelector": self._selector} if self._selector else {})
        call = Call("watch", self._kind, "GET", self._where, params=params, accept=METADATA, limit=LARGEST)
        heard = False
        async with aclosing(self._transport.stream(call, IDLE_SECONDS)) as stream:
            async for line in stream:
                self._take(line)
                heard = True
        if not heard:
            # A silent stream does not mean that nothing happened. After a restore of etcd, our version is newer than
            # the server's, and for such a version the server does not even send bookmarks (seen on 1.37).
            self._version = ""

    def _take(self, line: bytes) -> None:
        """Read one event; until it is parsed there is no version to continue from."""
        self._version, event = "", json_object(line)
        kind, body = event.get("type"), event.get("object")
        if kind == "ERROR":
            message = body.get("message", "") if isinstance(body, Mapping) else ""
            raise Unavailable(f"Kubernetes ended the watch of {self._kind}: {reduced(message)}")
        if kind not in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"} or not isinstance(body, Mapping):
            raise Unavailable(f"Kubernetes sent something other than an event for the watch of {self._kind}.")
        if kind != "BOOKMARK":
            self._sink.seen(self._read(body), gone=kind == "DELETED")
        meta = body.get("metadata")
        version = meta.get("resourceVersion") if isinstance(meta, Mapping) else None
        self._version = version if isinstance(version, str) else ""

    def _read(self, body: Mapping[str, Any]) -> Found:
        try:
            return self._parse(body)
        except (KeyError, TypeError, AttributeError):
            raise Unavailable(f"Kubernetes sent {self._kind} with invalid metadata.") from None


def _pause(failures: int) -> float:
    """Seconds: 0 after a steady stream, otherwise a random time that may double with each failure."""
    bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 16)) if failures else 0.0
    return random.uniform(bound / 2, bound)  # noqa: S311 - spreads load, guards nothing
