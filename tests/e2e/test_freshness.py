"""Tokens that live 20 seconds, and clients that never meet an expired one."""

import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kube import ACCESSES, Kube, await_that

from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LIFETIME = 20
MINUTES = 2


@pytest.fixture
def brief(tmp_path: Path) -> Iterator[Kube]:
    """A world whose federated tokens live 20 seconds."""
    world = World(tmp_path / "brief world")
    world.up(Options(token_lifetime=LIFETIME))
    yield Kube(world)
    world.down(purge=True)


def client_environment() -> dict[str, str]:
    """What a pod has: no client configuration from outside."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "TWINE_"))}


def a_wheel(folder: Path) -> Path:
    """The smallest wheel that pip takes."""
    wheel = folder / "fresh-1.0-py3-none-any.whl"
    info = "fresh-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fresh.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: fresh\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"fresh.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return wheel


def test_two_minutes_of_pip_see_no_refusal(brief: Kube, tmp_path: Path) -> None:
    """Pip in a loop over six token lives, through a followed mount: every download works, no 401, no 403."""
    kube = brief
    kube.namespace("fresh")
    kube.repository("fresh", "fresh")
    kube.service_account("fresh", "writer")
    kube.access(
        "fresh",
        "writer",
        "fresh",
        role="Writer",
        subjects=[{"kind": "ServiceAccount", "name": "writer"}],
        secret={"name": "upload"},
    )
    kube.reader("fresh", "reader", "fresh", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "fresh", "writer", "reader")
    env = client_environment()
    (tmp_path / ".pypirc").write_text((kube.secret("fresh", "upload") or {})[".pypirc"])
    twine = [
        sys.executable,
        "-m",
        "twine",
        "upload",
        "--disable-progress-bar",
        "--config-file",
        str(tmp_path / ".pypirc"),
    ]
    subprocess.run([*twine, "-r", "fresh", str(a_wheel(tmp_path))], env=env, check=True, capture_output=True)

    mount = tmp_path / "mount"
    follow = [sys.executable, "-m", "wheelhouse_local", "mount", "--state", str(kube.world.state.root)]
    follower = subprocess.Popen([*follow, "--follow", "fresh/pip-config", str(mount)], stdout=subprocess.DEVNULL)
    try:
        await_that((mount / "pip.conf").exists, "the mount")
        tokens, failures, done = set(), [], threading.Event()
        until = time.monotonic() + MINUTES * 60
        while time.monotonic() < until:
            tokens.add((mount / "netrc").read_text())
            pip = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-cache-dir",
                "--disable-pip-version-check",
            ]
            ran = subprocess.run(
                [*pip, "-d", str(tmp_path / "got"), "fresh"],
                env={**env, "PIP_CONFIG_FILE": str(mount / "pip.conf")},
                capture_output=True,
                text=True,
                check=False,
            )
            if ran.returncode:
                failures.append(ran.stdout + ran.stderr)
            done.wait(0.2)
        assert failures == []
        assert len(tokens) >= MINUTES * 60 // LIFETIME, "the token was not replaced in time"
    finally:
        follower.terminate()
        follower.wait()
    rows = (kube.world.state.google / "requests.jsonl").read_text().splitlines()
    refused = [row for row in rows if '"Index.' in row and ('"401"' in row or '"403"' in row)]
    assert refused == []
