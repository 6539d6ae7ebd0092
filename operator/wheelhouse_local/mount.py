"""Kubelet's role for a pod: writes a Secret's keys to a directory, and follows its changes."""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlencode

from wheelhouse_local import volume
from wheelhouse_local.api import Api, Json
from wheelhouse_local.errors import LocalError

_WATCH_S = 240
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """A pod's `defaultMode` and `items`: the path of each key; without items, every key is a file with its name."""

    mode: int = volume.MODE
    items: Mapping[str, str] = field(default_factory=dict)

    def place(self, data: Mapping[str, bytes]) -> dict[str, bytes]:
        """The contents by path.

        Raises:
            LocalError: the Secret does not have a key of `items`; a pod would not start.
        """
        if not self.items:
            return dict(data)
        missing = sorted(self.items.keys() - data.keys())
        if missing:
            there = ", ".join(sorted(data)) or "none"
            raise LocalError(f"The Secret has no key {', '.join(missing)}; its keys are: {there}")
        return {path: data[key] for key, path in self.items.items()}


def relative(path: str) -> str:
    """A path of `items` in its shortest form, as the API server accepts it.

    Raises:
        LocalError: it is absolute, empty, or leaves the directory.
    """
    found = PurePosixPath(path)
    if found.is_absolute() or not found.parts or ".." in found.parts or path.startswith(".."):
        raise LocalError(f"{path!r} is not a path in the directory: use a relative path without `..`")
    return str(found)


class Mount:
    """One Secret in one directory; `say` receives a line for each change."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        directory: Path,
        say: Callable[[str], None],
        layout: Layout | None = None,
    ) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets"
        self._namespace = namespace
        self._name = name
        self._title = f"Secret {namespace}/{name}"
        self._directory = directory
        self._say = say
        self._layout = layout or Layout()

    def once(self) -> None:
        """Write the Secret's keys as they are now.

        Raises:
            LocalError: the Secret or one of its keys does not exist, or it cannot be read.
            OSError: the directory cannot be written.
        """
        status, secret = self._api.call("GET", f"{self._path}/{quote(self._name, safe='')}")
        if status == 404:
            raise LocalError(
                f"{self._title} does not exist. Check the conditions of the RepositoryAccess that requests it "
                f"(kubectl describe pyaccess -n {self._namespace}), or use --follow to wait for the Secret"
            )
        if status != 200:
            raise LocalError(f"{self._title}: {secret.get('message', status)}")
        self._show(secret)

    def follow(self) -> None:
        """Write the keys now and after each change, until interrupted; wait for a Secret that does not exist yet.

        A deleted Secret and a deleted key of `items` do not change the files, as in a running pod.
        """
        waiting = False
        while True:
            try:
                version, there = self._list()
                if not there and not waiting:
                    self._say(f"{self._title} does not exist yet. Waiting for it")
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
            self._update(secret)
        return answer["metadata"]["resourceVersion"], bool(answer["items"])

    def _watch(self, version: str) -> None:
        query = self._query(watch="true", resourceVersion=version, timeoutSeconds=str(_WATCH_S))
        for event in self._api.watch(f"{self._path}?{query}", timeout=_WATCH_S + 30):
            if event["type"] == "ERROR":  # the version is too old: list again
                return
            if event["type"] == "DELETED":
                self._say(f"{self._title} was deleted; its files stay, as in a running pod")
            else:
                self._update(event["object"])

    def _update(self, secret: Json) -> None:
        try:
            self._show(secret)
        except LocalError as error:
            self._say(f"{error}; the files stay as they are")

    def _show(self, secret: Json) -> None:
        data = secret.get("data") or {}
        files = self._layout.place({key: base64.b64decode(value) for key, value in data.items()})
        if volume.write(self._directory, files, self._layout.mode):
            self._say(f"{self._title} → {self._directory}: {', '.join(sorted(files)) or 'no keys'}")

    def _query(self, **more: str) -> str:
        return urlencode({"fieldSelector": f"metadata.name={self._name}", **more})
