"""Paged lists: all objects of a kind, and the resourceVersion of the state that they show."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from wheelhouse.clients.http import MEBIBYTE, TooLong
from wheelhouse.clients.kubernetes.transport import JSON, Call, Reply, Transport, failure
from wheelhouse.errors import Unavailable

PAGE = 500
"""Objects in one page."""
LARGEST = 16 * MEBIBYTE
"""Maximum bytes of one page, and of one object. 1.5 MiB in etcd can become 7.5 MiB of JSON (tried: names and
annotations full of `<`, which the API server writes as six characters), so a full page of such objects could be
gigabytes."""


class Listing:
    """One list of a kind, in pages that get smaller if their objects are large. Iterate it once.

    Args:
        transport: sends the requests.
        where: the path of the list.
        kind: its name in metrics and messages.
        accept: the requested form of the objects.
        selector: the label selector of the list; empty for all objects.
    """

    def __init__(self, transport: Transport, where: str, kind: str, accept: str = JSON, selector: str = "") -> None:
        self._transport = transport
        self._where = where
        self._kind = kind
        self._accept = accept
        self._selector = selector
        self._version = ""

    @property
    def resource_version(self) -> str:
        """The list's own resourceVersion; empty until the first object, or the end, arrives.

        All pages show the state of this version, and a watch can begin at it
        (https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks).
        """
        return self._version

    async def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the objects as JSON.

        Raises:
            WheelhouseError: the list failed; the objects so far are incomplete.
        """
        size, token = PAGE, ""
        while True:
            try:
                reply = await self._page(size, token)
            except TooLong:
                if size == 1:
                    raise
                size = max(1, size // 8)
                continue
            for item in reply.body["items"] or ():
                yield item
            token = str(reply.metadata.get("continue") or "")
            if not token:
                return
            size = min(PAGE, size * 2)

    async def _page(self, size: int, token: str) -> Reply:
        params = {"limit": str(size)} | ({"continue": token} if token else {})
        params |= {"labelSelector": self._selector} if self._selector else {}
        call = Call("list", self._kind, "GET", self._where, params=params, accept=self._accept, limit=LARGEST)
        reply = await self._transport.send(call)
        if reply.status == 404:
            raise Unavailable(f"Kubernetes does not know {self._kind}: apply crds/ first.")
        if reply.status == 410:
            raise Unavailable(f"The list of {self._kind} expired before it was complete.")
        if not reply.ok:
            raise failure(call, reply)
        version = reply.metadata.get("resourceVersion")
        if not isinstance(version, str) or not version or not _are_objects(reply.body.get("items", "absent")):
            raise Unavailable(f"Kubernetes returned something other than a list of {self._kind}.")
        self._version = version
        return reply


def _are_objects(items: object) -> bool:
    """Whether these are the items of a list; in a list of metadata, `null` means no items (seen on 1.37)."""
    return items is None or (isinstance(items, list) and all(isinstance(item, Mapping) for item in items))
