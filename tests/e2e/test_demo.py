"""The steps of `make demo`, as on a newcomer's machine."""

import os
import re
import signal
import subprocess
import sys
import tempfile
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
        ".pypirc  index-url  netrc  pdm.toml  pip.conf  uv.toml",
        "the Secret has a new token",
        "subject/ns/ml-training/sa/wheels-reader",
        'secrets "pip-config" not found',
        "403 Forbidden",
        "Try next",
    ):
        assert told in done.stdout, told
    assert done.stdout.count("Hello from a private wheel!") == 2
    assert not re.search(r"oauth2accesstoken:|password (?!\[token-[0-9a-f]{6}\])", done.stdout), "a token is shown"
    assert len(set(re.findall(r"\[token-[0-9a-f]{6}\]", done.stdout))) == 2, "the refreshed token is another one"
    assert left(env["TMPDIR"]) == []
    tried = try_next(done.stdout, env)
    assert tried.returncode == 0, tried.stdout[-2000:] + tried.stderr[-2000:]
    assert "repositoryaccess.wheelhouse.dev/trainers condition met" in tried.stdout
    assert "Sts.Token" in tried.stdout
    assert "FIELD: secret" in tried.stdout


def try_next(told: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the commands that the demo ends with; the setup of .venv is omitted."""
    commands = re.findall(r"^  (.+)$", told.partition("Try next")[2], re.MULTILINE)
    assert len(commands) >= 7
    assert commands[0] == ". .venv/bin/activate"
    root, tools = Path(__file__).parents[2], Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as state:
        script = "\n".join(["set -euo pipefail; trap 'wheelhouse local down --purge' EXIT", *commands[1:]])
        own = {"XDG_STATE_HOME": state, "PATH": f"{tools}{os.pathsep}{env['PATH']}"}
        own |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return subprocess.run(
            ["bash", "-c", script], cwd=root, env={**env, **own}, capture_output=True, text=True, check=False
        )


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
