"""The steps of `make demo`, as on a newcomer's machine."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = [sys.executable, "-u", "-m", "wheelhouse_local.demo"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which only the demo's own settings work."""
    folder = tmp_path / "a temp folder"
    folder.mkdir()
    nowhere = "http://127.0.0.1:9"
    hostile = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere)
    hostile |= {"PIP_INDEX_URL": nowhere, "UV_DEFAULT_INDEX": nowhere, "TWINE_REPOSITORY_URL": nowhere}
    source = str(Path(__file__).parents[2] / "operator")
    return {**os.environ, **hostile, "TMPDIR": str(folder), "PYTHONPATH": source, "NETRC": "/nonexistent"}


def left(folder: str) -> list[str]:
    """What is left of a world: processes whose command names its folder, and files in it."""
    own = str(os.getpid())
    commands = [path / "cmdline" for path in Path("/proc").iterdir() if path.name.isdigit() and path.name != own]
    running = []
    for command in commands:
        try:
            words = command.read_text(errors="replace").replace("\0", " ")
        except OSError:  # it has ended meanwhile
            continue
        if folder in words:
            running.append(words)
    return running + [path.name for path in Path(folder).iterdir()]


@pytest.mark.e2e
def test_the_demo_succeeds(env: dict[str, str]) -> None:
    """It exits with 0, has shown each command with its result, and leaves neither a process nor a file."""
    done = subprocess.run(DEMO, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for told in (
        "repositoryaccess.wheelhouse.dev/trainers condition met",
        "Uploading acme_greeting",
        "Successfully installed acme-greeting-1.0",
        "+ acme-greeting==1.0",
        "subject/ns/ml-training/sa/wheels-reader",
        'secrets "pip-config" not found',
        "403 Forbidden",
        "Try next",
    ):
        assert told in done.stdout, told
    assert done.stdout.count("Hello from a private wheel!") == 2
    assert left(env["TMPDIR"]) == []


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stopped_demo_leaves_nothing(env: dict[str, str], number: signal.Signals) -> None:
    """Stopped during a command, it stops its world, and its exit status shows that it was stopped."""
    with subprocess.Popen(DEMO, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == "Starting controllers":
                process.send_signal(number)
                break
        process.stdout.read()
        assert process.wait(60) == 130
    assert left(env["TMPDIR"]) == []
