"""Kubelet's role for a pod: writes a Secret's keys to a directory, and follows its changes."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from wheelhouse_local import volume
from wheelhouse_local.api import Api, Json
from wheelhouse_local.errors import LocalError

_WATCH_S = 240
_RETRY_S = 1.0


class Mount:
    """One Secret in one directory; `say` receives a line for each change."""

    def __init__(self, api: Api, namespace: str, name: str, directory: Path, say: Callable[[str], None]) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"
        self._name = name
        self._title = f"Secret {namespace}/{name}"
        self._directory = directory
        self._say = say

    def once(self) -> None:
        """Write the Secret's keys as they are now.

        Raises:
            LocalError: the Secret does not exist, or cannot be read.
            OSError: the directory cannot be written.
        """
        status, secret = self._api.call("GET", f"{self._path}/{quote(self._name, safe='')}")
        if status != 200:
            raise LocalError(f"{self._title}: {secret.get('message', status)}")
        self._show(secret)

    def follow(self) -> None:
        """Write the keys now and after each change, until interrupted; wait for a Secret that does not exist yet.

        A deleted Secret does not change the files, as in a running pod.
        """
        waiting = False
        while True:
            try:
                version, there = self._list()
                if not there and not waiting:
                    self._say(f"{self._title} does not exist yet: waiting for it")
                waiting = not there
                self._watch(version)
            except (ConnectionError, TimeoutError) as error:
                self._say(f"{error}; retrying")
                time.sleep(_RETRY_S)

    def _list(self) -> tuple[str, bool]:
        status, answer = self._api.call("GET", f"{self._path}?{self._query()}")
        if status != 200:
            raise LocalError(f"{self._title}: {answer.get('message', status)}")
        for secret in answer["items"]:
            self._show(secret)
        return answer["metadata"]["resourceVersion"], bool(answer["items"])

    def _watch(self, version: str) -> None:
        query = self._query(watch="true", resourceVersion=version, timeoutSeconds=str(_WATCH_S))
        for event in self._api.watch(f"{self._path}?{query}", timeout=_WATCH_S + 30):
            if event["type"] == "ERROR":  # the version is too old: list again
                return
            if event["type"] == "DELETED":
                self._say(f"{self._title} was deleted; its files stay, as in a running pod")
            else:
                self._show(event["object"])

    def _show(self, secret: Json) -> None:
        data = secret.get("data") or {}
        files = {key: base64.b64decode(value) for key, value in data.items()}
        if volume.write(self._directory, files):
            self._say(f"{self._title} → {self._directory}: {', '.join(sorted(files)) or 'no keys'}")

    def _query(self, **more: str) -> str:
        return urlencode({"fieldSelector": f"metadata.name={self._name}", **more})
