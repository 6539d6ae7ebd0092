"""A newcomer's first steps: the Makefile and .ci/run explain what is available, and what is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROMISED = {"help", "venv", "demo", "test", "test-long", "lint", "bench", "generate", "pictures"}
NEEDED = ("bash", "make", "grep", "sed", "expand", "dirname", "env")


class Machine:
    """A checkout in a path with a space, and a PATH with only the given programs."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a check out"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.checkout / ".ci").mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "requirements-dev.txt", ".ci/run"):
            shutil.copy(ROOT / name, self.checkout / name)
        for name in NEEDED:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def script(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.checkout, env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_help_lists_every_promised_target(machine: Machine) -> None:
    """`make` alone lists the targets, and builds nothing."""
    done = machine.run("make")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^  ([a-z-]+)  ", done.stdout, re.MULTILINE)) >= PROMISED
    assert not (machine.checkout / ".venv").exists()


@pytest.mark.parametrize("target", sorted(PROMISED - {"help"}))
def test_every_target_bootstraps_by_itself(machine: Machine, target: str) -> None:
    """For any target, a missing environment is created first; without any Python the error has a remedy."""
    done = machine.run("make", target)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer, and none was found: install one" in done.stderr


def test_an_old_python_is_named(machine: Machine) -> None:
    """With only an old Python, the error names it and the remedy."""
    machine.script("python3", '[ "$1" = --version ] && echo Python 3.9.1 || exit 1')
    done = machine.run("make", "venv")
    assert done.returncode != 0
    assert "python3 is Python 3.9.1: install one" in done.stderr


def test_a_python_without_venv_is_reported(machine: Machine) -> None:
    """On distributions that split venv off, the error names the package to install."""
    machine.script("python3", 'case "$2" in *ensurepip*) exit 1;; esac; [ "$1" = -c ]')
    done = machine.run("make", "venv")
    assert done.returncode != 0
    assert "install its venv package" in done.stderr


def test_an_old_make_is_reported(machine: Machine) -> None:
    """A make that would run each line in a separate shell is rejected with a remedy, not with a syntax error."""
    makefile = machine.checkout / "Makefile"
    makefile.write_text(makefile.read_text().replace("$(.FEATURES)", "archives target-specific"))
    done = machine.run("make", "help")
    assert done.returncode != 0
    assert "is too old: install GNU make 4" in done.stderr


def test_a_dry_run_runs_nothing(machine: Machine) -> None:
    """`make -n test` only prints: a recipe with $(MAKE) in it would really run."""
    environment = machine.checkout / ".venv"
    environment.mkdir()
    (environment / ".installed").touch()
    done = machine.run("make", "-n", "test")
    assert done.returncode == 0, done.stderr
    assert "-m pytest" in done.stdout
    assert "make test: FAILED" not in done.stderr


def _tests(machine: Machine, python: str) -> subprocess.CompletedProcess[str]:
    """`.ci/run` in an environment whose tools all succeed, and whose python is this script."""
    tools = machine.checkout / ".venv" / "bin"
    tools.mkdir(parents=True)
    for name, body in {"ruff": "exit 0", "mypy": "exit 0", "python": python}.items():
        (tools / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
        (tools / name).chmod(0o755)
    stamp = machine.checkout / ".venv" / ".installed"
    stamp.touch()
    newest = max((machine.checkout / name).stat().st_mtime for name in ("pyproject.toml", "requirements-dev.txt"))
    os.utime(stamp, (newest + 1, newest + 1))
    return machine.run("bash", ".ci/run")


@pytest.mark.parametrize("failing", ["controlplane", "tests/unit", "--ignore tests/unit"])
def test_ci_fails_when_a_step_fails(machine: Machine, failing: str) -> None:
    """The exit status is not 0, and the last line reports the failure, whichever step it was."""
    done = _tests(machine, f'case "$*" in *"{failing}"*) exit 5;; esac')
    assert done.returncode != 0
    assert "make test: FAILED (status 5)" in done.stderr
    assert "make test: PASSED" not in done.stdout


def test_ci_passes_when_all_steps_pass(machine: Machine) -> None:
    """The last line reports it, with the unit tests' time before it."""
    done = _tests(machine, "exit 0")
    assert done.returncode == 0, done.stderr
    assert "make test: PASSED" in done.stdout.splitlines()[-1]
    assert re.search(r"Unit tests took \d+ s", done.stdout)


def test_ci_reports_that_make_is_missing(machine: Machine) -> None:
    """Without make nothing can run."""
    (machine.bin / "make").unlink()
    done = machine.run("bash", ".ci/run")
    assert done.returncode == 127
    assert "There is no make: install GNU make" in done.stderr
