"""Names with a meaning to a client: each client's own code sends our password to our URL, and to no other."""

import json
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.environments import NEWEST, programs
from support.uploaders import PYPI, TEST_PYPI, Upload, flit, hatch, twine

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.form import Form, Index
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.configuration.reserved import RESERVED, index_name
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.token import Token
from wheelhouse.domain.urls import index_urls

CLIENTS = ("twine", "flit", "hatch", "pdm", "poetry")
USER, PASSWORD = "oauth2accesstoken", "ya29.our-token"
RULES = (twine, flit, hatch)
IDS = [*RESERVED, "team-wheels", "index-servers", "default", "repository", "pypi2", "mains", "root"]
ASKED = (*RESERVED, *(index_name(each) for each in IDS), PYPI, TEST_PYPI, PYPI.rstrip("/"))


def configuration(repository_id: str) -> ClientConfiguration:
    index_url, upload_url = index_urls(RepositoryName("acme-packages", "us-central1", repository_id), None)
    return ClientConfiguration(repository_id, index_url, upload_url, Token(PASSWORD))


def row(repository_id: str, name: str) -> dict[str, Any]:
    """One repository as a question: its name in the clients' files, and all that a person may enter."""
    ours = configuration(repository_id)
    text = render(ours, None)[".pypirc"].replace(index_name(repository_id), name)
    url = str(ours.upload_url)
    return {"name": name, "url": url, "pypirc": text, "asked": sorted({*ASKED, name, url})}


def ask(rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, list[str | None] | None]]]:
    """The answers of the clients: client → name → what was asked → URL, user and password."""
    script = Path(__file__).with_name("ask_names.py")
    done = subprocess.run(
        [programs(NEWEST) / "python", script],
        input=json.dumps({"rows": rows}), capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )  # fmt: skip
    answers: dict[str, dict[str, dict[str, list[str | None] | None]]] = json.loads(done.stdout)
    return answers


@cache
def answers() -> dict[str, dict[str, dict[str, list[str | None] | None]]]:
    """What the clients find for every repository, with the names that Wheelhouse gives."""
    return ask([row(each, index_name(each)) for each in IDS])


def astray(found: dict[str, list[str | None] | None], url: str) -> dict[str, list[str | None]]:
    """The answers in which our password goes to another URL; hatch uses an unknown name as a URL, which is none."""
    return {asked: to for asked, to in found.items() if to and PASSWORD in to and to[0] != url and "://" in str(to[0])}


@pytest.mark.parametrize("client", CLIENTS)
def test_our_password_goes_to_our_url_only(client: str) -> None:
    """Whatever a person enters, PyPI's URLs too, the client's own code sends our password to us or nowhere."""
    for repository_id in IDS:
        url = str(configuration(repository_id).upload_url)
        found = answers()[client][index_name(repository_id)]
        assert len(found) > len(RESERVED)
        assert astray(found, url) == {}, repository_id


@pytest.mark.parametrize("client", CLIENTS)
def test_asked_for_our_name_a_client_finds_us(client: str) -> None:
    """The client finds the URL, the user and the password; hatch has no names of its own, and is asked for the URL."""
    for repository_id in IDS:
        name, url = index_name(repository_id), str(configuration(repository_id).upload_url)
        asked = url if client == "hatch" else name
        assert answers()[client][name][asked] == [url, USER, PASSWORD], repository_id


@pytest.mark.parametrize(
    ("name", "clients"),
    [
        ("server-login", {"twine"}),
        ("pypi", {"poetry"}),
        ("main", {"hatch"}),
        ("test", {"hatch"}),
    ],
)
def test_without_another_name_a_client_sends_it_astray(name: str, clients: set[str]) -> None:
    """The clients that give a reserved name its meaning send our password to another server if it is a section."""
    wrong = ask([row(name, name)])
    url = str(configuration(name).upload_url)
    assert {client for client in CLIENTS if astray(wrong[client][name], url)} == clients


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.__name__)
def test_the_rules_of_the_unit_tests_are_the_clients(rule: Any) -> None:
    """support/uploaders.py repeats what flit, hatch and twine do: for each name, both give the same answer."""
    for repository_id in IDS:
        text = render(configuration(repository_id), None)[".pypirc"]
        for asked, found in answers()[rule.__name__][index_name(repository_id)].items():
            ruled = rule(text, asked)
            assert found in (None, ruled and [ruled.url, ruled.username, ruled.password]), (repository_id, asked)
            assert found or ruled is None or Upload(ruled.url, None, None) == ruled, (repository_id, asked)


PDM_SOURCES = """import json
from pdm.core import Core
project = Core().create_project(".")
print(json.dumps([[each.name, each.url, each.username, each.password] for each in project.sources]))
"""


def sources_of_pdm(folder: Path, text: str) -> list[list[str | None]]:
    """What pdm's own code makes of a pdm.toml: name, URL, user and password of each index, for an empty project."""
    path = folder / "xdg/pdm/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    done = subprocess.run(
        [programs(NEWEST) / "python", "-c", PDM_SOURCES], cwd=folder, capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_CONFIG_DIRS": str(folder / "xdg")},
    )  # fmt: skip
    found: list[list[str | None]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("repository_id", [*RESERVED, "team-wheels"])
def test_pdm_finds_our_index(repository_id: str, tmp_path: Path) -> None:
    """As the only index, or beside the public one under our name. The file has no user."""
    ours = configuration(repository_id)
    texts = (render(replace(ours, form=Form(index=index)), None)["pdm.toml"] for index in (Index.PRIMARY, Index.EXTRA))
    only, added = (sources_of_pdm(tmp_path, text) for text in texts)
    assert only == [["pypi", ours.index_url, None, None]]
    assert [each[0] for each in added] == ["pypi", index_name(repository_id)]
    assert added[1][1:] == [ours.index_url, None, None]
    assert "python.pkg.dev" not in str(added[0])


@pytest.mark.parametrize("name", ["url", "username", "password"])
def test_pdm_has_settings_with_reserved_names(name: str, tmp_path: Path) -> None:
    """An index with such a name is none to pdm."""
    assert name in RESERVED
    text = render(replace(configuration(name), form=Form(index=Index.EXTRA)), None)["pdm.toml"]
    found = sources_of_pdm(tmp_path, text.replace(f"pypi.{index_name(name)}", f"pypi.{name}"))
    assert [each[0] for each in found] == ["pypi"]


@pytest.mark.parametrize("repository_id", [*RESERVED, "team-wheels"])
def test_uv_finds_us_by_our_name_only(repository_id: str, tmp_path: Path) -> None:
    """`uv publish --index NAME` would upload to us for our name, and fails for the id if that is reserved."""
    (tmp_path / "uv.toml").write_text(render(configuration(repository_id), None)["uv.toml"])
    file = tmp_path / "demo-1.0.tar.gz"
    file.touch()
    uv = [programs(NEWEST) / "uv", "--config-file", tmp_path / "uv.toml", "publish", "--dry-run", file, "--index"]
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "UV_HTTP_RETRIES": "0"}
    for asked in {repository_id, index_name(repository_id)}:
        done = subprocess.run([*uv, asked], cwd=tmp_path, env=nowhere, capture_output=True, text=True, check=False)
        ours = f"us-central1-python.pkg.dev/acme-packages/{repository_id}/"
        assert (ours in done.stderr) == (asked == index_name(repository_id)), done.stderr
