"""A pod that installs: a Secret mounted as kubelet does, and pip in a loop."""

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kube import await_that

from wheelhouse_local.world import World


def environment() -> dict[str, str]:
    """The environment of a pod: no client configuration from outside."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "TWINE_"))}


def wheel(folder: Path, name: str) -> Path:
    """The smallest wheel that pip accepts."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


@contextmanager
def mounted(world: World, secret: str, folder: Path) -> Iterator[Path]:
    """The Secret `NAMESPACE/NAME` in a folder, which follows its changes."""
    follow = [sys.executable, "-m", "wheelhouse_local", "mount", "--state", str(world.state.root), "--follow"]
    follower = subprocess.Popen([*follow, secret, str(folder)], stdout=subprocess.DEVNULL)
    try:
        await_that((folder / "pip.conf").exists, "the mount")
        yield folder
    finally:
        follower.terminate()
        follower.wait()


class Downloads(threading.Thread):
    """Downloads a package repeatedly, with the mounted pip.conf, until it is stopped.

    Attributes:
        count: the number of downloads.
        failures: what pip printed when it failed.
        tokens: the tokens that were in the mounted Secret.
    """

    def __init__(self, mount: Path, package: str, folder: Path) -> None:
        super().__init__()
        self._mount, self._package, self._folder = mount, package, folder
        self._ended = threading.Event()
        self.count = 0
        self.failures: list[str] = []
        self.tokens: set[str] = set()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            self.tokens.add((self._mount / "netrc").read_text())
            self._download()

    def end(self) -> None:
        """Stop after the current download."""
        self._ended.set()
        self.join()

    def _download(self) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
        ran = subprocess.run(
            [*pip, "-d", str(self._folder), self._package],
            env={
                **environment(),
                "PIP_CONFIG_FILE": str(self._mount / "pip.conf"),
                "NETRC": str(self._mount / "netrc"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.count += 1
        if ran.returncode:
            self.failures.append(ran.stdout + ran.stderr)


@contextmanager
def downloading(mount: Path, package: str, folder: Path) -> Iterator[Downloads]:
    """A loop of downloads that ends with the block."""
    loop = Downloads(mount, package, folder)
    loop.start()
    try:
        yield loop
    finally:
        loop.end()
