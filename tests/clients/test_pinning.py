"""How to pin a private package: the examples of pin-a-package.md install ours, and never version 99 of a stranger."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from clients.packages import pack
from clients.pod import injected, strays
from fakes.clients import clients
from fakes.emulated import READ, READER, WRITE, WRITER, Emulated, upload_form
from fakes.registry_clients import alone
from support.environments import NEWEST, programs
from support.pages import ROOT, blocks
from support.pods import require_mounts

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.token import Token

PAGE = ROOT / "docs/how-to/pin-a-package.md"
URL = "https://us-central1-python.pkg.dev/acme-packages/team-wheels/simple/"
FILENAME, OURS = pack("acme-greeting", "1.0", "")
SHOWS = "-c 'from importlib.metadata import version; print(version(\"acme-greeting\"))'"


@dataclass(frozen=True)
class Pinned:
    """How a test uses an example: the word that only it has, its file, what the test adds, and what a user types.

    What is added makes the world's public index the client's PyPI.
    """

    word: str
    file: str
    script: str
    before: str = ""
    after: str = ""


PINNED = {
    "uv": Pinned("tool.uv", "pyproject.toml", f"export UV_DEFAULT_INDEX=PUBLIC\nuv sync\nuv run python {SHOWS}\n"),
    "poetry": Pinned(
        "tool.poetry", "pyproject.toml", f"poetry install --no-interaction\npoetry run python {SHOWS}\n",
        after='[[tool.poetry.source]]\nname = "public"\nurl = "PUBLIC"\n',
    ),
    "pdm": Pinned("tool.pdm", "pyproject.toml", f"export PDM_PYPI_URL=PUBLIC\npdm install\npdm run python {SHOWS}\n"),
    "pipenv": Pinned(
        "[packages]", "Pipfile", f"pipenv install\npipenv run python {SHOWS}\n",
        before='[[source]]\nname = "public"\nurl = "PUBLIC"\nverify_ssl = true\n',
    ),
    "pip": Pinned(
        "--hash", "requirements.txt",
        "python -m venv --without-pip env\n"
        f"pip --python env install --extra-index-url PUBLIC -r requirements.txt\nenv/bin/python {SHOWS}\n",
    ),
}  # fmt: skip


async def prepare(google: Emulated) -> str:
    """Our package in the repository, and a stranger's version 99 on the public index; returns that index's URL."""
    google.create()
    google.grant((READ, READER), (WRITE, WRITER))
    public = google.endpoints["publicIndex"]
    for url, token, version, (filename, content) in (
        (google.index, google.token(WRITER), "1.0", (FILENAME, OURS)),
        (f"{public}legacy/", None, "99", pack("acme-greeting", "99", "")),
    ):
        form = upload_form("acme-greeting", version, filename, content)
        assert (await google.send("POST", url, token, data=form)).status == 200
    return f"{public}simple/"


@pytest.mark.parametrize("client", PINNED)
async def test_a_pinned_package_is_ours(client: str, tmp_path: Path) -> None:
    """The page's example installs version 1.0 from the repository, and writes no token into a file of the project."""
    require_mounts()
    pinned = PINNED[client]
    (example,) = (each.text for each in blocks(PAGE) if pinned.word in each.text)
    async with alone(tmp_path / "google") as google, clients(tmp_path) as outside:
        public = await prepare(google)
        token = google.token(READER)
        template = google.endpoints["index"] + "{location}-python.pkg.dev/{project}/{repository}/"
        wanted = ClientConfiguration("team-wheels", f"{google.index}simple/", None, Token(token))
        pod = injected(tmp_path / "pod", render(wanted, template))
        work = tmp_path / "pod/work"
        work.mkdir()
        text = f"{pinned.before}{example}{pinned.after}"
        for word, value in {
            "PUBLIC": public,
            URL: f"{google.index}simple/",
            "HASH": hashlib.sha256(OURS).hexdigest(),
        }.items():
            text = text.replace(word, value)
        (work / pinned.file).write_text(text)
        done = await pod.sh(pinned.script.replace("PUBLIC", public), programs(NEWEST), outside)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "1.0"
        assert strays(outside) == []
        assert [path for path in work.glob("*") if path.is_file() and token in path.read_text()] == []


def test_every_example_of_the_page_is_run() -> None:
    """Each block of the page belongs to one client of this test."""
    found = [[name for name, each in PINNED.items() if each.word in block.text] for block in blocks(PAGE)]
    assert sorted(found) == sorted([name] for name in PINNED)
