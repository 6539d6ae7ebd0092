"""What a world holds now: read once for all scenarios."""

from collections import Counter
from typing import Any

from support.kube import ACCESSES, GROUP, REPOSITORIES, Kube

from wheelhouse_local import constants, trace

Json = dict[str, Any]
Key = tuple[str, str, str]


class Board:
    """Our objects, every Secret, and what the operator requested."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._objects: dict[Key, Json] = {}
        self._closed = False
        self._secrets: dict[str, dict[str, Json]] = {}
        self._writes: Counter[str] = Counter()

    def refresh(self) -> None:
        """List our objects again."""
        self._objects = {}
        for plural in (REPOSITORIES, ACCESSES):
            for body in self._list(f"{GROUP}/{plural}"):
                meta = body["metadata"]
                self._objects[plural, meta["namespace"], meta["name"]] = body

    def close(self) -> None:
        """Read everything for the judgment; nothing changes after that."""
        self.refresh()
        self._secrets = self._listed_secrets()
        for row in trace.kubernetes(self._kube.world.state):
            if row["caller"] == constants.OPERATOR_USER and row["method"].split()[0] not in {"get", "list", "watch"}:
                self._writes[row["resource"].partition("?")[0]] += 1
        self._closed = True

    def get(self, plural: str, namespace: str, name: str) -> Json | None:
        """An object as it was when the board was last refreshed."""
        return self._objects.get((plural, namespace, name))

    def secrets(self, namespace: str) -> dict[str, Json]:
        """The Secrets of a namespace by name."""
        if self._closed:
            return self._secrets.get(namespace, {})
        found = self._list(f"/api/v1/namespaces/{namespace}/secrets")
        return {body["metadata"]["name"]: body for body in found}

    def writes(self, namespace: str, plural: str, name: str) -> dict[str, int]:
        """How often the operator wrote an object, by subresource."""
        start = f"{GROUP}/namespaces/{namespace}/{plural}/{name}"
        return {path.removeprefix(start): self._writes[path] for path in (start, f"{start}/status")}

    def _listed_secrets(self) -> dict[str, dict[str, Json]]:
        found: dict[str, dict[str, Json]] = {}
        for body in self._list("/api/v1/secrets"):
            found.setdefault(body["metadata"]["namespace"], {})[body["metadata"]["name"]] = body
        return found

    def _list(self, path: str) -> list[Json]:
        status, body = self._kube.world.api().call("GET", path)
        assert status == 200, body
        found: list[Json] = body["items"]
        return found
