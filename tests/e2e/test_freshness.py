"""Tokens that live a minute, and clients that never get an expired one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.consumer import downloading, environment, mounted, wheel
from support.kube import ACCESSES, Kube

from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LIFETIME = 60
"""Seconds. Far less than requested, so that mints are 30 s apart: a shorter lifetime could not be kept fresh."""
LIVES = 3


@pytest.fixture
def brief(tmp_path: Path) -> Iterator[Kube]:
    """A world whose federated tokens live a minute."""
    world = World(tmp_path / "brief world")
    world.up(Options(token_lifetime=LIFETIME))
    yield Kube(world)
    world.down(purge=True)


def upload(kube: Kube, folder: Path, secret: str) -> None:
    """Upload a wheel with twine and the Secret's .pypirc."""
    (folder / ".pypirc").write_text((kube.secret("fresh", secret) or {})[".pypirc"])
    twine = [sys.executable, "-m", "twine", "upload", "--disable-progress-bar", "--config-file"]
    arguments = [*twine, str(folder / ".pypirc"), "-r", "fresh", str(wheel(folder, "fresh"))]
    subprocess.run(arguments, env=environment(), check=True, capture_output=True)


def test_three_lives_of_pip_see_no_refusal(brief: Kube, tmp_path: Path) -> None:
    """Pip in a loop over three token lifetimes, through a followed mount: every download works, no 401, no 403."""
    kube = brief
    kube.namespace("fresh")
    kube.repository("fresh", "fresh")
    kube.service_account("fresh", "writer")
    subjects = [{"kind": "ServiceAccount", "name": "writer"}]
    kube.access("fresh", "writer", "fresh", role="Writer", subjects=subjects, secret={"name": "upload"})
    kube.reader("fresh", "reader", "fresh", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "fresh", "writer", "reader")
    upload(kube, tmp_path, "upload")
    with (
        mounted(kube.world, "fresh/pip-config", tmp_path / "mount") as mount,
        downloading(mount, "fresh", tmp_path / "got") as loop,
    ):
        time.sleep(LIVES * LIFETIME)  # The lifetimes of the promise.
    assert loop.failures == []
    assert len(loop.tokens) >= LIVES, "the token was not replaced in time"
    rows = (kube.world.state.google / "requests.jsonl").read_text().splitlines()
    refused = [row for row in rows if '"Index.' in row and ('"401"' in row or '"403"' in row)]
    assert refused == []
