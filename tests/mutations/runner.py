"""Seeds bugs into copies of the tree, and runs the suites that must detect them."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mutations.bug import Bug, Stale

ROOT = Path(__file__).parents[2]
COPIED = ("operator", "tests", "docs", "crds", "manifests", "pyproject.toml")
"""The files that the suites read."""
PATIENCE = 300.0
"""Maximum seconds of a suite; one that hangs has detected the bug."""
PASSED, FAILED = 0, 1
"""Exit statuses of pytest: with any other one the suite did not run."""


class Fate(StrEnum):
    """The result for a bug."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    STALE = "DOES NOT APPLY"
    UNTRIED = "NOT TRIED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bug's fate, the reason, and how long it took."""

    bug: Bug
    fate: Fate
    why: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.fate:14} {self.seconds:5.1f} s  {self.bug.name}" + (f": {self.why}" if self.why else "")


def try_out(bug: Bug) -> Verdict:
    """Seed one bug, and check that its suites detect it: they must pass without it, and fail with it."""
    begun = time.monotonic()
    fate, why = _fate(bug)
    return Verdict(bug, fate, why, time.monotonic() - begun)


def _fate(bug: Bug) -> tuple[Fate, str]:
    healthy = _baseline(bug.suites)
    if healthy is not None:
        return Fate.UNTRIED, f"without it {healthy}"
    with tempfile.TemporaryDirectory(prefix="mutation ") as folder:
        root = Path(folder)
        _copy(root)
        try:
            bug.seed(root)
        except Stale as error:
            return Fate.STALE, str(error)
        status, words = _run(root, bug.suites)
    if status == PASSED:
        return Fate.SURVIVED, ", ".join(bug.suites)
    if status in {FAILED, None}:
        return Fate.KILLED, words
    return Fate.UNTRIED, f"pytest ended with {status}: {words}"


@functools.cache
def _baseline(suites: tuple[str, ...]) -> str | None:
    """The problem of the suites without a bug; None if they pass."""
    with tempfile.TemporaryDirectory(prefix="mutation ") as folder:
        _copy(Path(folder))
        status, words = _run(Path(folder), suites)
    return None if status == PASSED else f"{' '.join(suites)} does not pass: {words}"


def _copy(root: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.pyc")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, root / name)


def _run(root: Path, suites: tuple[str, ...]) -> tuple[int | None, str]:
    """(pytest's exit status, None when it hangs, and its last line)."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "PYTHONPATH"))}
    env = {**kept, "PYTHONDONTWRITEBYTECODE": "1", "WHEELHOUSE_TEST_PROFILE": "default"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *suites]
    try:
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None, f"hung for {PATIENCE:.0f} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return done.returncode, (lines or (done.stdout + done.stderr).strip().splitlines() or [""])[-1][:160]
