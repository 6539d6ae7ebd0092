"""The matrix of clients on the real programs: one cell for each client, and in `make test-long` all of them."""

import base64
import os
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from clients import shop
from clients.matrix import (
    CLIENTS,
    COMBINED,
    EXTRA,
    INDEXES,
    INJECTED,
    LAYOUTS,
    MANUAL,
    MODES,
    PAGE,
    Cell,
    diagonal,
    supported,
    table,
)
from clients.packages import GREETING, GREETING_PROJECT, PACKAGES
from clients.pod import Pod, injected, manual, single, strays
from clients.workload import workload
from fakes.clients import clients
from fakes.emulated import READ, READER, WRITE, WRITER, Emulated, upload_form
from fakes.registry_clients import alone
from support.environments import programs
from support.pods import require_mounts

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration, UploadIndex
from wheelhouse.domain.token import Token

LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"


async def repository(google: Emulated) -> None:
    """A repository with a reader, a writer, and the packages that the scripts install; and a Virtual one over it."""
    google.create()
    google.grant((READ, READER), (WRITE, WRITER))
    for name, (filename, content) in PACKAGES.items():
        form = upload_form(name, "1.0", filename, content)
        reply = await google.send("POST", google.index, google.token(WRITER), data=form)
        assert reply.status == 200, reply.text
    await shop.virtual(google, "team-wheels")


def secret(google: Emulated, cell: Cell, token: str) -> Mapping[str, str]:
    """The keys and texts of the Secret, as the operator renders them; the keyring plugin needs the real hosts."""
    template: str | None = google.endpoints["index"] + "{location}-python.pkg.dev/{project}/{repository}/"
    index, secret_token = google.index, Token(token)
    if MODES[cell.mode].keyring:
        template, index, secret_token = None, google.index.replace(google.endpoints["index"], "https://"), None
    form = replace(MODES[cell.mode].form, index=Index.EXTRA if cell.index == EXTRA else Index.PRIMARY)
    if cell.index == COMBINED:
        virtual, upload = index.replace("team-wheels", "acme-index"), UploadIndex("team-wheels", f"{index}simple/")
        wanted = ClientConfiguration("acme-index", f"{virtual}simple/", index, secret_token, form, upload)
    else:
        upload_url = index if cell.client.uploads else None
        wanted = ClientConfiguration("team-wheels", f"{index}simple/", upload_url, secret_token, form)
    return render(wanted, template)


def public(google: Emulated, cell: Cell) -> Mapping[str, str]:
    """The variables that say where the public index is, to which `Extra` adds the repository."""
    url = shop.public(google, "simple/")
    return dict.fromkeys(("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PDM_PYPI_URL"), url) if cell.index == EXTRA else {}


def pod(cell: Cell, folder: Path, files: Mapping[str, str]) -> Pod:
    """The Secret in the layout of the cell, and something to upload."""
    work = folder / "work"
    (work / "dist").mkdir(parents=True)
    if cell.client.uploads:
        (work / "dist" / GREETING[0]).write_bytes(GREETING[1])
        (work / "greeting.py").write_text('"""A greeting."""\n')
        (work / "pyproject.toml").write_text(GREETING_PROJECT)
    if cell.layout == INJECTED:
        return injected(folder, files)
    return manual(folder, files) if cell.layout == MANUAL else single(folder, files, cell.file)


def containing(folder: Path, token: str) -> set[str]:
    """The files in the working directory and the home, with its caches, that have the token: as it is, or in base64."""
    forms = token.encode(), base64.b64encode(f"oauth2accesstoken:{token}".encode()).rstrip(b"=")
    found = [path for name in ("work", "home") for path in (folder / name).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix() for path in found if any(form in path.read_bytes() for form in forms)}


@pytest.mark.parametrize("cell", supported() if LONG else diagonal(), ids=str)
async def test_a_client_works_with_the_files_of_the_secret(cell: Cell, tmp_path: Path) -> None:
    """The script of the client succeeds, asks no other server, prints no token, and leaves it in no unexpected file."""
    require_mounts()
    async with alone(tmp_path / "google") as google, clients(tmp_path) as outside:
        await repository(google)
        token = google.token(WRITER if cell.client.uploads else READER)
        container = pod(cell, tmp_path / "pod", secret(google, cell, token))
        container = replace(container, variables={**container.variables, **public(google, cell)})
        async with AsyncExitStack() as stack:
            if MODES[cell.mode].keyring:
                (place := tmp_path / "identity").mkdir()
                own = await stack.enter_async_context(workload(google, token, place, outside))
                container = replace(container, variables={**container.variables, **own})
            done = await container.sh(cell.script, programs(cell.client.environment), outside)
        assert done.returncode == 0, done.stdout + done.stderr
        assert strays(outside) == []
        assert token not in done.stdout + done.stderr
        mode = MODES[cell.mode]
        written = set() if mode.two_files or mode.keyring else {f"work/{name}" for name in cell.client.writes}
        assert containing(tmp_path / "pod", token) == written
        if cell.client.uploads:
            assert "greeting" in (await google.get("simple/greeting/", token)).text


def test_the_diagonal_has_every_client_mode_and_layout() -> None:
    """`make test` runs each client once, each mode in each layout, and each index in each mode."""
    chosen = diagonal()
    assert [each.client for each in chosen] == list(CLIENTS)
    assert {(each.mode, each.layout) for each in chosen} == {(mode, layout) for mode in MODES for layout in LAYOUTS}
    assert {(each.mode, each.index) for each in chosen} == {(mode, index) for mode in MODES for index in INDEXES}


def test_the_page_shows_the_table() -> None:
    """docs/reference/clients.md has the table of this test."""
    found = re.search(r"<!-- table -->\n\n(.*?)\n<!-- end of the table -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == table()


def test_the_page_says_which_files_get_the_token() -> None:
    """Each client that writes the index's URL into a file is on the page, with the files."""
    text = PAGE.read_text()
    assert [each.name for each in CLIENTS if each.writes] == ["pip-tools", "pipenv"]
    for client in CLIENTS:
        assert all(f"`{name}`" in text for name in client.writes), client.name
