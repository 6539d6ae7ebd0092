"""A bare client of the API server: JSON over aiohttp with one token and parallel requests, and nothing else."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp

Json = dict[str, Any]
Item = TypeVar("Item")

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Requests only the metadata, as the operator does for Secrets."""
CREATIONS = 8
"""Number of objects that are created at the same time."""


class Client:
    """Use it as an asynchronous context manager.

    Args:
        server: the API server's URL, without a trailing slash.
        ca: the file with its CA.
        token: the file with the bearer token; it is read again when the token has expired.
    """

    def __init__(self, server: str, ca: Path, token: Path) -> None:
        self._server = server
        self._context = ssl.create_default_context(cafile=str(ca))
        self._token = token
        self._headers = self._authorization()

    async def __aenter__(self) -> Self:
        """Open the session."""
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        await self._session.close()

    async def send(
        self, method: str, path: str, body: Json | None = None, content: str = JSON, accept: str = JSON
    ) -> Json:
        """One request, and the JSON of its answer.

        Raises:
            RuntimeError: the API server denied the request; with its message.
        """
        headers = {"Content-Type": content, "Accept": accept}
        data = None if body is None else json.dumps(body).encode()
        status, text = await self._request(method, path, data, headers)
        if status == 401:
            self._headers = self._authorization()
            status, text = await self._request(method, path, data, headers)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {text}")
        answer: Json = json.loads(text)
        return answer

    async def _request(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        url = self._server + path
        async with self._session.request(method, url, data=data, headers=headers | self._headers) as reply:
            return reply.status, await reply.text()

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.read_text().strip()}"}

    async def create(self, objects: Iterable[Json]) -> list[Json]:
        """Create objects, and return the API server's versions of them."""

        async def one(body: Json) -> Json:
            return await self.send("POST", collection(body), body)

        return await in_parallel(one, objects, CREATIONS)


async def in_parallel(act: Callable[[Item], Awaitable[Json]], items: Iterable[Item], workers: int) -> list[Json]:
    """Call `act` for all items, at most `workers` at a time, and return the results in the order of the items."""
    waiting = list(enumerate(items))[::-1]
    results: list[Json] = [{} for _ in waiting]

    async def work() -> None:
        while waiting:
            number, item = waiting.pop()
            results[number] = await act(item)

    await asyncio.gather(*(work() for _ in range(workers)))
    return results


PLURALS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "PythonRepository": "pythonrepositories",
    "RepositoryAccess": "repositoryaccesses",
    "Secret": "secrets",
    "Event": "events",
}


def collection(body: Json) -> str:
    """The URL path where an object is created."""
    version, namespace = body["apiVersion"], body["metadata"].get("namespace")
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{'/api' if version == 'v1' else '/apis'}/{version}{scope}/{PLURALS[body['kind']]}"


def place(body: Json) -> str:
    """The URL path of an object."""
    return f"{collection(body)}/{body['metadata']['name']}"
