"""Pages whose blocks run: their commands in one shell, and the output that the page shows for them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")])
"""All pages."""
RUN = (
    "docs/tutorial.md",
    "docs/how-to/install-with-pip.md",
    "docs/how-to/install-with-uv.md",
    "docs/how-to/publish-with-twine.md",
    "docs/how-to/publish-with-uv.md",
    "docs/how-to/use-netrc.md",
    "docs/how-to/use-index-url.md",
    "docs/how-to/dependency-confusion.md",
    "docs/how-to/pods.md",
    "docs/how-to/use-keyring.md",
)
"""The pages whose `sh` blocks tests/e2e/test_pages.py runs."""
SETUP = ("make venv\n", ". .venv/bin/activate\n")
"""What a user runs first; tests have their own environment."""
COLUMNS = 80
"""The width of the terminal in which the output of the pages was made: uv and twine wrap their messages."""
MARK = "@@@@ the next block @@@@"
NOTE = re.compile(r"<!-- (not run|run by|part of|not compared|compared by):? (\S[^>]*?) -->\n\Z")
"""The comment above a block that the test of its page does not run or compare: why, or which file does or has it."""
# What differs between two runs or two machines: the page's example and the real output become the same word.
MASKS = [
    (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"\S*/tmp\.\w+/", "WORK/"),
    (r"\(\d+(\.\d+)? (bytes|[kM]B)\)", "(SIZE)"),
    (r"(sha256[=:])\S+?(?=[\"'\s]|$)", r"\1HASH"),
    (r"Python \d+\.\d+\.\d+", "Python VERSION"),
    (r"\bin [\d.]+m?s\b", "in A WHILE"),
    (r"\b\d+m?s$", "AGE"),
    (r"\s+", " "),
]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: the word after the fence, such as `sh`.
        text: its lines.
        line: where it begins in the page.
        note: the first words of the comment above it, such as `run by`; empty if there is none.
        about: the rest of that comment, a reason or a file.
        shown: the output that the page shows right after it.
    """

    language: str
    text: str
    line: int
    note: str
    about: str
    shown: str | None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page; the output after a block belongs to it."""
    text = page.read_text()
    found = []
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$(?:\n\n```text\n(.*?)```$)?", text, re.DOTALL | re.MULTILINE):
        note = NOTE.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        said = (note[1], note[2]) if note else ("", "")
        found.append(Block(match[2], match[3], line, *said, match[4] or None))
    return found


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


def run(page: Path, folder: Path) -> None:
    """Run a page's `sh` blocks in one shell and a copy of the checkout, and compare what they print.

    Raises:
        AssertionError: a block fails, or prints something else than the page shows.
    """
    ran = [each for each in blocks(page) if each.language == "sh" and not each.note]
    commands = [each.text.removeprefix(SETUP[0]).removeprefix(SETUP[1]) for each in ran]
    done = _shell(commands, folder)
    assert done.returncode == 0, done.stdout[-6000:]
    _, *printed = done.stdout.split(f"{MARK}\n")
    for block, output in zip(ran, printed, strict=True):
        where = f"{page.name}, line {block.line}"
        assert block.shown is None or agree(block.shown, output), (
            f"{where}:\n{block.text}\nshould print\n{block.shown}\nand prints\n{output}"
        )


def _shell(commands: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
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
        "COLUMNS": str(COLUMNS),
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
