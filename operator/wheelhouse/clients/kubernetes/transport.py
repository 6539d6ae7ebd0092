"""JSON requests to the API server, with limits on time and size, and replies as values."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from wheelhouse.clients.echoes import without_data
from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.http import MEBIBYTE, Stopwatch, json_object, lines, read_bounded, reduced, retry_after
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Requests only the metadata: the data of a Secret or the schema of a definition is not even sent."""
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
CONNECT_TIMEOUT = 10.0

Observe = Callable[[str, str, int, float], None]
"""Called after each request with the verb, kind, HTTP status (0: no answer), and seconds."""


def unobserved(_verb: str, _kind: str, _status: int, _seconds: float) -> None:
    """Ignore the request."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `verb` and `kind` are its names in metrics and messages."""

    verb: str
    kind: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: str = JSON
    accept: str = JSON
    limit: int = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer below 500 that is not 429; the body is in no repr."""

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The object's metadata, empty when there is none."""
        found = self.body.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def message(self) -> str:
        """The message of the Status, reduced to one safe line."""
        return reduced(self.body.get("message", ""))

    @property
    def causes(self) -> tuple[tuple[str, str, str], ...]:
        """The causes of the Status: reason, field, message."""
        details = self.body.get("details")
        listed = details.get("causes") if isinstance(details, Mapping) else None
        return tuple(
            (str(cause.get("reason", "")), str(cause.get("field", "")), str(cause.get("message", "")))
            for cause in (listed if isinstance(listed, list) else ())
            if isinstance(cause, Mapping)
        )

    @property
    def terminating(self) -> bool:
        """Whether the API server refuses to create it because its namespace is being deleted."""
        return self.status == 403 and any(reason == "NamespaceTerminating" for reason, _, _ in self.causes)


class Transport:
    """Sends calls over a session that authorizes them.

    Args:
        session: from Connection.session; the caller closes it.
        server: the API server's URL without a trailing slash.
        observe: called after each request.
        timeout: seconds for the whole request.
    """

    def __init__(
        self, session: aiohttp.ClientSession, server: str, observe: Observe = unobserved, timeout: float = 30.0
    ) -> None:
        self._session = session
        self._server = server
        self._observe = observe
        self._floors = Floors()
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT)

    async def send(self, call: Call) -> Reply:
        """One request.

        Raises:
            Unavailable: 429, 5xx, the network, the time, or a body that is too long. After a Retry-After of the server
                itself, nothing is sent until it is over.
        """
        async with self._open(call, self._timeout) as response:
            reply = Reply(response.status, json_object(await read_bounded(response, call.limit)))
        if not reply.ok:
            reply = Reply(reply.status, without_data(reply.body, call.body))
        return self._answer(call, reply, response)

    async def stream(self, call: Call, idle: float) -> AsyncGenerator[bytes, None]:
        """One request with a streamed answer: its lines, until the server ends it or sends nothing more.

        Close it after use (`contextlib.aclosing`).

        Args:
            call: the request; its limit applies to each line.
            idle: seconds without a byte after which the stream ends.

        Raises:
            Unavailable: 429, 5xx, the network, or a line that is too long.
            Conflict, Invalid, Refused: for the API server's errors.
        """
        bounds = aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT, sock_read=idle)
        async with self._open(call, bounds) as response:
            if response.status == 200:
                with suppress(aiohttp.SocketTimeoutError):
                    async for line in lines(response.content.iter_any(), call.limit):
                        yield line
                return
            reply = Reply(response.status, json_object(await read_bounded(response, call.limit)))
        raise failure(call, self._answer(call, reply, response))

    @asynccontextmanager
    async def _open(self, call: Call, bounds: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        self._floors.check(self._server)
        watch, status = Stopwatch(), 0
        data = None if call.body is None else json.dumps(call.body).encode()
        headers = {"Accept": call.accept} | ({"Content-Type": call.content} if data is not None else {})
        try:
            async with self._session.request(
                call.method,
                self._server + call.path,
                params=call.params,
                data=data,
                headers=headers,
                timeout=bounds,
                allow_redirects=False,
            ) as response:
                status = response.status
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"Kubernetes did not answer {call.verb} {call.kind}: {type(error).__name__}."
            raise Unavailable(message) from None
        finally:
            self._observe(call.verb, call.kind, status, watch.seconds)

    def _answer(self, call: Call, reply: Reply, response: aiohttp.ClientResponse) -> Reply:
        """The reply, if the caller can handle it.

        Raises:
            Unavailable: it cannot.
        """
        status = reply.status
        if status not in {401, 429} and status < 500 and not 300 <= status < 400 and (reply.body or not reply.ok):
            return reply
        message = f"Kubernetes answered {call.verb} {call.kind} with {status}. {reply.message}"
        outage = Unavailable(message, retry_after(response.headers))
        # A rejection by the server itself (priority and fairness, a shutdown) is plain text. A Status is about one
        # object, and its Retry-After may come from any webhook (apiserver, responsewriters and webhook/errors).
        if status in BUSY and not reply.body:
            self._floors.note(outage, self._server)
        raise outage


def failure(call: Call, reply: Reply) -> WheelhouseError:
    """The error for an answer that the caller cannot use."""
    message = f"Kubernetes answered {call.verb} {call.kind} with {reply.status}: {reply.message}"
    if reply.status == 403:
        return Refused(message)
    if reply.status in {404, 409, 410, 412}:
        return Conflict(message)
    return Invalid(message)


def path(prefix: str, namespace: str | None, plural: str, *rest: str) -> str:
    """A URL path; each part is quoted, so that no name can change the path."""
    scope = ("namespaces", namespace) if namespace is not None else ()
    return "/".join([prefix, *(quote(part, safe="") for part in (*scope, plural, *rest))])
