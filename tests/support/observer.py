"""Many pods at once: each reads the files of its mounted Secret every second, and requests a page with them."""

import asyncio
import base64
import netrc
import ssl
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from wheelhouse_local.world import World

PERIOD = 1.0
AT_ONCE = 16
PATIENCE = aiohttp.ClientTimeout(total=10.0)


@dataclass
class Pod:
    """A pod with a mounted Secret: kubelet writes each version into its folder after a delay."""

    folder: Path
    version: str = ""
    changed: float = 0.0
    pending: deque[tuple[float, dict[str, str]]] = field(default_factory=deque)
    tokens: set[str] = field(default_factory=set)

    def see(self, secret: dict[str, Any], now: float) -> None:
        """A version of the Secret, as kubelet sees it."""
        version = secret["metadata"]["resourceVersion"]
        if version != self.version:
            self.version, self.changed = version, now
            files = {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}
            self.pending.append((now, files))

    def update(self, until: float) -> None:
        """Write the versions that were seen until then."""
        while self.pending and self.pending[0][0] <= until:
            for name, text in self.pending.popleft()[1].items():
                (self.folder / name).write_text(text)

    def request(self) -> tuple[str, dict[str, str]]:
        """The URL of the index and the headers for it, from the mounted files."""
        url = (self.folder / "index-url").read_text()
        ((user, _, token),) = netrc.netrc(str(self.folder / "netrc")).hosts.values()
        self.tokens.add(str(token))
        return url, {"Authorization": aiohttp.encode_basic_auth(user, str(token))}


class Refusal(NamedTuple):
    """A 401 or 403: the Secret's name, seconds since the observer began, and since the Secret last changed."""

    name: str
    time: float
    age: float


class Observer(threading.Thread):
    """Watches the Secrets of a namespace for its pods.

    Args:
        world: where the Secrets are.
        namespace: of the Secrets; each is mounted in a pod of its own.
        package: the pods request its page.
        delay: seconds from a change of a Secret until the pod's files change.
        folder: where the pods' files are.
    """

    def __init__(self, world: World, namespace: str, package: str, delay: float, folder: Path) -> None:
        super().__init__(name="observer")
        self._world, self._package, self._delay, self._folder = world, package, delay, folder
        self._begun = time.monotonic()
        self._path = f"/api/v1/namespaces/{namespace}/secrets?fieldSelector=type%3Dwheelhouse.dev/pip-config"
        self._ended = threading.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self.pods: dict[str, Pod] = {}
        self.answers: Counter[int] = Counter()
        self.refused: list[Refusal] = []
        self.notes: list[str] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._observe())
        except BaseException as error:  # noqa: BLE001 - the test raises it again
            self.error = error

    def end(self) -> None:
        """Stop after the current requests; raise what ended the thread, if anything did."""
        self._ended.set()
        self.join()
        if self.error is not None:
            raise self.error

    def ages(self) -> list[float]:
        """Seconds since each Secret changed."""
        now = time.monotonic()
        return [now - pod.changed for pod in self.pods.values()]

    def note(self, text: str) -> None:
        """Print what happened, and keep it with its time for the message of a failure."""
        self.notes.append(f"{time.monotonic() - self._begun:.0f} s: {text}")
        print(self.notes[-1], flush=True)

    async def _observe(self) -> None:
        context = ssl.create_default_context(cafile=str(self._world.ca))
        admin = (self._world.state.control_plane / "admin-token").read_text().strip()
        headers = {"Authorization": f"Bearer {admin}"}
        async with aiohttp.ClientSession(headers=headers) as kubelet, aiohttp.ClientSession() as index:
            while not self._ended.is_set():
                begun = time.monotonic()
                await self._look(kubelet, context)
                await asyncio.gather(*(self._ask(index, name, pod) for name, pod in self.pods.items()))
                await asyncio.sleep(max(0.0, begun + PERIOD - time.monotonic()))

    async def _look(self, kubelet: aiohttp.ClientSession, context: ssl.SSLContext) -> None:
        """Kubelet keeps the files while the API server does not answer."""
        try:
            async with kubelet.get(self._world.server + self._path, ssl=context, timeout=PATIENCE) as reply:
                found = (await reply.json()).get("items", [])
        except (aiohttp.ClientError, TimeoutError, ValueError):
            found = []
        now = time.monotonic()
        for secret in found:
            self._pod(secret["metadata"]["name"]).see(secret, now)
        for pod in self.pods.values():
            pod.update(now - self._delay)

    def _pod(self, name: str) -> Pod:
        if name not in self.pods:
            folder = self._folder / name
            folder.mkdir(parents=True)
            self.pods[name] = Pod(folder)
        return self.pods[name]

    async def _ask(self, index: aiohttp.ClientSession, name: str, pod: Pod) -> None:
        if not (pod.folder / "netrc").exists():
            return
        url, headers = pod.request()
        async with self._places, index.get(f"{url}{self._package}/", headers=headers, timeout=PATIENCE) as reply:
            self.answers[reply.status] += 1
            if reply.status in {401, 403}:
                now = time.monotonic()
                self.refused.append(Refusal(name, now - self._begun, now - pod.changed))
