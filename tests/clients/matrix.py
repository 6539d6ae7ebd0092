"""The matrix of clients: which client works with which Secret, in which layout; and the page that shows it.

`PYTHONPATH=operator:tests .venv/bin/python -m clients.matrix` writes the table into docs/reference/clients.md again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clients import scripts
from support.environments import NEWEST, OLDEST

from wheelhouse.domain.configuration.credential import KeyringProvider
from wheelhouse.domain.configuration.form import Authentication, Form

PAGE = Path(__file__).parents[2] / "docs/reference/clients.md"


@dataclass(frozen=True)
class Mode:
    """Where the Secret has the token.

    Attributes:
        form: the form of the Secret.
        two_files: why pip.conf or uv.toml alone is not enough; empty if it is.
        keyring: whether the clients get the token from the keyring plugin.
    """

    form: Form
    two_files: str = ""
    keyring: bool = False


IN_NETRC = "The token is in `netrc`, which is a second file."
MODES: Mapping[str, Mode] = {
    "Netrc": Mode(Form(Authentication.NETRC), IN_NETRC),
    "URL": Mode(Form(Authentication.URL)),
    "Keyring": Mode(Form(keyring=KeyringProvider.AUTO), keyring=True),
}
INJECTED, MANUAL, SINGLE = "injected pod", "manual mount", "single file"
LAYOUTS = (INJECTED, MANUAL, SINGLE)
PRIMARY, EXTRA, COMBINED = "Primary", "Extra", "combined"
INDEXES = (PRIMARY, EXTRA, COMBINED)
"""Of the Secret: its repository is the only index, or is added to the public one; combined, it installs from a Virtual
repository and uploads to another one."""

PIP_CONF, UV_TOML, PDM_TOML, PYPIRC = "pip.conf", "uv.toml", "pdm.toml", ".pypirc"
NEEDS_NETRC = "The client does not read pip.conf or uv.toml. It needs the keys `netrc` and `index-url`."
NEEDS_PDM = "The client does not read pip.conf or uv.toml. It needs the keys `netrc` and `pdm.toml`."
NEEDS_BOTH = "pipx calls uv if it is on PATH, and pip otherwise. Mount both files."
NEEDS_TOKEN = (
    "The client takes the upload URL and the token only from its own options. They come from `netrc` and `index-url`."
)
NEEDS_PDM_TOKEN = "The client takes the token only from its own options. It needs the keys `netrc` and `pdm.toml`."

WITHOUT_TOKEN: Mapping[str, str] = {
    NEEDS_NETRC: "The client does not read pip.conf or uv.toml. It needs the key `index-url`.",
    NEEDS_PDM: "",
    NEEDS_PDM_TOKEN: "",
    NEEDS_TOKEN: "The client takes the upload URL only from its own options. It comes from `index-url`.",
}
"""The same reasons for a Secret without a token; empty if there is none: pdm.toml alone is enough."""
NOT_ASKED = "The client does not ask keyring for this index."
FIRST_SOURCE = "With `Extra`, pipenv takes a package from another source only if the Pipfile says so."
NO_PROXY = "Not run: hatch publish ignores the proxy that leads the tests to the emulated Artifact Registry."


@dataclass(frozen=True)
class Client:
    """One client, and what a user types.

    Attributes:
        name: the client with its version, as the page shows it.
        script: what a user types, of scripts.py.
        alone: the key that is enough for the client; otherwise why none is.
        environment: where its program is.
        uploads: whether it uploads; otherwise it installs.
        writes: the files in the working directory into which it writes the URL of the index.
        no_keyring: why it does not work with a Secret without a token; empty if it does.
        no_extra: why it does not find a package of a repository that is added to the public index; empty if it does.
    """

    name: str
    script: str
    alone: str = PIP_CONF
    environment: str = NEWEST
    uploads: bool = False
    writes: frozenset[str] = frozenset()
    no_keyring: str = ""
    no_extra: str = ""


CLIENTS = (
    Client("pip 23.2", scripts.PIP, environment=OLDEST),
    Client("pip", scripts.PIP),
    Client("uv 0.7.9: uv pip", scripts.UV, UV_TOML, OLDEST),
    Client("uv pip", scripts.UV, UV_TOML),
    Client("uv 0.7.9: uv sync", scripts.UV_PROJECT, UV_TOML, OLDEST),
    Client("uv sync", scripts.UV_PROJECT, UV_TOML),
    Client("pip-tools", scripts.PIP_TOOLS, writes=frozenset({"requirements.txt"})),
    Client(
        "pipenv",
        scripts.PIPENV,
        writes=frozenset({"Pipfile", "Pipfile.lock"}),
        no_keyring=NOT_ASKED,
        no_extra=FIRST_SOURCE,
    ),
    Client("pipx", scripts.PIPX, NEEDS_BOTH),
    Client("tox", scripts.TOX),
    Client("tox with tox-uv", scripts.TOX_UV, UV_TOML),
    Client("nox", scripts.NOX),
    Client("hatch", scripts.HATCH),
    Client("build", scripts.BUILD),
    Client("poetry", scripts.POETRY, NEEDS_NETRC),
    Client("pdm", scripts.PDM, NEEDS_PDM),
    Client("twine", scripts.TWINE, PYPIRC, uploads=True),
    Client("flit publish", scripts.FLIT_PUBLISH, PYPIRC, uploads=True, no_keyring=NOT_ASKED),
    Client("uv 0.7.9: uv publish", scripts.UV_PUBLISH, UV_TOML, OLDEST, uploads=True),
    Client("uv publish", scripts.UV_PUBLISH, UV_TOML, uploads=True),
    Client("poetry publish", scripts.POETRY_PUBLISH, NEEDS_TOKEN, uploads=True),
    Client("pdm publish", scripts.PDM_PUBLISH, NEEDS_PDM_TOKEN, uploads=True),
    Client("hatch publish", scripts.HATCH_PUBLISH, NEEDS_TOKEN, uploads=True, no_keyring=NO_PROXY),
)


@dataclass(frozen=True)
class Cell:
    """One client with one Secret in one layout."""

    client: Client
    mode: str
    layout: str
    index: str = PRIMARY

    def __str__(self) -> str:
        return f"{self.client.name}, {self.mode}, {self.layout}, {self.index}"

    @property
    def reason(self) -> str:
        """Why the cell is not supported; empty if it is."""
        mode, alone = MODES[self.mode], self.client.alone
        if mode.keyring and self.client.no_keyring:
            return self.client.no_keyring
        if self.index == EXTRA and self.client.no_extra:
            return self.client.no_extra
        if self.layout != SINGLE or alone == PYPIRC:
            return ""
        if alone in (PIP_CONF, UV_TOML):
            return mode.two_files
        return WITHOUT_TOKEN.get(alone, alone) if mode.keyring else alone

    @property
    def file(self) -> str:
        """The key that is enough for the client, if one is."""
        return PDM_TOML if self.client.alone in (NEEDS_PDM, NEEDS_PDM_TOKEN) else self.client.alone

    @property
    def script(self) -> str:
        """What a user types; without a token in the Secret, no variable has one."""
        script = scripts.elsewhere(self.client.script) if self.index == COMBINED else self.client.script
        return scripts.without_token(script) if MODES[self.mode].keyring else script


def cells() -> Iterator[Cell]:
    """All cells, those that are not supported too."""
    for client in CLIENTS:
        for mode in MODES:
            yield from (Cell(client, mode, layout, index) for layout in LAYOUTS for index in INDEXES)


def supported() -> list[Cell]:
    """The cells that work."""
    return [each for each in cells() if not each.reason]


def diagonal() -> list[Cell]:
    """One cell for each client; together they have every mode in every layout, and every index in every mode."""
    chosen: list[Cell] = []
    used: Counter[tuple[str, str]] = Counter()
    for client in CLIENTS:
        own = (each for each in supported() if each.client is client)
        chosen.append(min(own, key=lambda each: (used[each.mode, each.layout], used[each.mode, each.index])))
        used.update(((chosen[-1].mode, chosen[-1].layout), (chosen[-1].mode, chosen[-1].index)))
    return chosen


def table() -> str:
    """The table of the page, with the reasons as notes below it."""
    columns = [(mode, layout) for mode in MODES for layout in LAYOUTS]
    reasons = list(dict.fromkeys(each.reason for each in cells() if each.reason))
    lines = ["| client | " + " | ".join(f"{mode}: {layout}" for mode, layout in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for client in CLIENTS:
        marks = [_mark([Cell(client, *column, index).reason for index in INDEXES], reasons) for column in columns]
        lines.append(f"| {client.name} | " + " | ".join(marks) + " |")
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([*lines, "", *notes]) + "\n"


def _mark(found: list[str], reasons: list[str]) -> str:
    """Whether the client works with each of the indexes, and the notes that say why not."""
    notes = ", ".join(str(reasons.index(each) + 1) for each in dict.fromkeys(found) if each)
    works = "no" if all(found) else "yes"
    return f"{works} ({notes})" if notes else works


def written(page: str, text: str) -> str:
    """The page with another table between its two comments."""
    return re.sub(r"(<!-- table -->\n\n).*?(\n<!-- end of the table -->)", rf"\1{text}\2", page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(), table()))
