"""The tutorial works: its blocks run unchanged, in one shell, in the order of the page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)


@pytest.mark.e2e
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    """Every block succeeds; only the setup of .venv is omitted, because the test runs in such an environment."""
    first, *rest = blocks()
    assert len(rest) >= 7
    assert first.startswith("make venv\n. .venv/bin/activate\n")
    began = first.removeprefix("make venv\n. .venv/bin/activate\n")
    checkout = tmp_path / "a check out"
    checkout.mkdir()
    for name in ("manifests", "crds"):
        shutil.copytree(ROOT / name, checkout / name)
    (tmp_path / "tmp").mkdir()
    tools = str(Path(sys.executable).parent)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "TWINE_"))}
    env |= {
        "PATH": f"{tools}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": str(ROOT / "operator"),
        "XDG_STATE_HOME": str(tmp_path / "a state"),
        "TMPDIR": str(tmp_path / "tmp"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",  # some clients read only this one
    }
    # A shell does not exit if a command after `!` succeeds: an assertion below checks that one's output.
    script = "set -euo pipefail\ntrap 'wheelhouse local down --purge' EXIT\n" + "\n".join([began, *rest])
    done = subprocess.run(
        ["bash", "-c", script], cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.count("Hello from a private wheel!") == 2
    assert "ArtifactRegistry.SetIamPolicy" in done.stdout
    assert "subject/ns/ml-training/sa/wheels-reader" in done.stdout
    assert "No matching distribution found for acme-greeting" in done.stderr
    assert "All its files were removed." in done.stdout
