"""The tutorial works: its blocks run unchanged, in one shell, in the order of the page, and print what it shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = "make venv\n. .venv/bin/activate\n"
MARK = "@@@@ the next block @@@@"
# What differs between two runs or two machines: the page's example and the real output become the same word.
MASKS = [
    (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"\S*/tmp\.\w+/", "WORK/"),
    (r"\(\d+ bytes\)", "(SIZE)"),
    (r"\bin [\d.]+m?s\b", "in A WHILE"),
    (r"\b\d+m?s$", "AGE"),
    (r"\s+", " "),
]


def blocks() -> list[tuple[str, str | None]]:
    """The commands of each block, and the output that the page shows for it."""
    found = re.findall(r"```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", (ROOT / "docs/tutorial.md").read_text(), re.DOTALL)
    return [(commands, shown or None) for commands, shown in found]


def masked(text: str) -> list[str]:
    """The lines of an output without what differs from run to run; empty lines do not count."""
    lines = []
    for line in text.splitlines():
        for pattern, word in MASKS:
            line = re.sub(pattern, word, line.strip())
        if line:
            lines.append(line)
    return lines


def agree(shown: str, printed: str) -> bool:
    """Whether an output is what the page shows; a line of the page with only `…` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in masked(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in masked(printed))) is not None


def test_the_comparison_finds_differences() -> None:
    """Masks hide times and ports, and nothing else; omitted lines are only where the page says so."""
    assert agree("a  2026-11-28T03:41:16Z  1s\n", "a 2027-01-02T00:00:00Z   23s\n")
    assert agree("a\n…\nd\n", "a\nb\nc\nd\n")
    assert agree("a\n…\n", "a\n")
    assert not agree("a\nd\n", "a\nb\nd\n")
    assert not agree("trainers True 1s\n", "trainers False 1s\n")
    assert not agree("a\n", "")


@pytest.mark.e2e
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    """Every block succeeds and prints what the page shows; only the setup of .venv is omitted."""
    page = blocks()
    assert len(page) >= 8
    assert sum(shown is not None for _, shown in page) >= 8
    assert page[0][0].startswith(SETUP)
    done = run([commands.removeprefix(SETUP) for commands, _ in page], tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]
    _, *printed = done.stdout.split(f"{MARK}\n")
    for (commands, shown), output in zip(page, printed, strict=True):
        assert shown is None or agree(shown, output), f"{commands}\nshould print\n{shown}\nand prints\n{output}"
    assert "ArtifactRegistry.SetIamPolicy" in done.stdout
    assert "subject/ns/ml-training/sa/wheels-reader" in done.stdout


def run(commands: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run all blocks in one shell and a copy of the checkout, with a mark before each block's output."""
    checkout = folder / "a check out"
    checkout.mkdir()
    for name in ("manifests", "crds"):
        shutil.copytree(ROOT / name, checkout / name)
    (folder / "tmp").mkdir()
    tools = str(Path(sys.executable).parent)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "TWINE_"))}
    env |= {
        "PATH": f"{tools}{os.pathsep}{env['PATH']}",
        "PYTHONPATH": str(ROOT / "operator"),
        "XDG_STATE_HOME": str(folder / "a state"),
        "TMPDIR": str(folder / "tmp"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",  # some clients read only this one
    }
    # A shell does not exit if a command after `!` succeeds: the comparison of the output finds that.
    begun = "set -euo pipefail\ntrap 'wheelhouse local down --purge >/dev/null' EXIT\n"
    script = begun + "".join(f"printf '\\n{MARK}\\n'\n{each}\n" for each in commands)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
