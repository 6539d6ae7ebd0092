"""The name of a repository in clients: our token is sent to our URL, whatever its id means to a client."""

import configparser
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from support.uploaders import PYPI, TEST_PYPI, UPLOADERS, Upload, Uploader, hatch
from twine.utils import get_config

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.form import Form, Index
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.configuration.reserved import RESERVED, index_name
from wheelhouse.domain.names import RepositoryName, is_repository_id
from wheelhouse.domain.token import USERNAME, Token
from wheelhouse.domain.urls import index_urls

TOKEN = "ya29.our-token"
OTHERS = [
    "a", "default", "global", "install", "index", "index-servers", "simple", "legacy", "root", "user", "users",
    "passwords", "login", "server", "repository", "repositories", "upload", "publish", "uploads", "private",
    "internal", "public", "local", "remote", "extra", "primary", "netrc", "machine", "token", "urls", "name", "twine",
    "flit", "hatch", "pdm", "poetry", "maturin", "devpi", "uv", "pip", "pipenv", "setuptools", "conda", "pytorch",
    "artifact-registry", "none", "null", "true", "yes", "on", "pypi2", "pypi-org", "test-pypi", "pypitest",
    "testpypi2", "tests", "mains", "main-repository", "pypi-repository", "distutils2", "team-wheels",
]  # fmt: skip
PDM_SETTINGS = {"url", "username", "password"}
"""Settings of pdm's default index that are also possible ids."""
IDS = [*RESERVED, *OTHERS, "x" * 63]


def configuration(repository_id: str) -> ClientConfiguration:
    index_url, upload_url = index_urls(RepositoryName("acme-packages", "us-central1", repository_id), None)
    return ClientConfiguration(repository_id, index_url, upload_url, Token(TOKEN))


def astray(uploader: Uploader, text: str, repository_id: str) -> list[Upload]:
    """The uploads that send our token to another server, whatever name a person enters."""
    url, name = configuration(repository_id).upload_url, index_name(repository_id)
    found = [uploader(text, asked) for asked in (*RESERVED, repository_id, name, str(url), PYPI, TEST_PYPI)]
    # A name that hatch does not know is used as a URL, which leads nowhere.
    return [each for each in found if each and each.password == TOKEN and "://" in each.url and each.url != url]


def test_the_list_is_long_and_every_name_is_an_id() -> None:
    """All reserved names are possible ids, or the table would be pointless; fifty others are tested too."""
    assert set(RESERVED) == {"distutils", "server-login", "pypi", "testpypi", "main", "test", *PDM_SETTINGS}
    assert len(set(OTHERS)) >= 50
    assert not set(OTHERS) & set(RESERVED)
    assert all(is_repository_id(each) and is_repository_id(index_name(each)) for each in IDS)
    assert not {index_name(each) for each in IDS} & set(RESERVED)


@pytest.mark.parametrize("uploader", UPLOADERS, ids=lambda each: each.__name__)
def test_our_token_goes_to_our_server_only(uploader: Uploader) -> None:
    """Whatever a person enters, no client sends our token to PyPI's URL or another one."""
    for repository_id in IDS:
        text = render(configuration(repository_id), None)[".pypirc"]
        assert astray(uploader, text, repository_id) == [], repository_id


@pytest.mark.parametrize("uploader", UPLOADERS, ids=lambda each: each.__name__)
def test_asked_for_our_name_a_client_finds_us(uploader: Uploader) -> None:
    """The section has the upload URL, the user and the token; hatch has no sections and gets the URL."""
    for repository_id in IDS:
        ours = configuration(repository_id)
        name = str(ours.upload_url) if uploader is hatch else index_name(repository_id)
        found = uploader(render(ours, None)[".pypirc"], name)
        assert found == Upload(str(ours.upload_url), USERNAME, TOKEN), repository_id


def test_twine_has_our_token_in_our_section_alone(tmp_path: Path) -> None:
    """Twine reads nothing else from the file, except PyPI's own entry, which has no password."""
    path = tmp_path / ".pypirc"
    for repository_id in IDS:
        path.write_text(render(configuration(repository_id), None)[".pypirc"])
        ours = {"repository": configuration(repository_id).upload_url, "username": USERNAME, "password": TOKEN}
        pypi = {"repository": PYPI, "username": None, "password": None}
        assert get_config(str(path)) == {"pypi": pypi, index_name(repository_id): ours}


@pytest.mark.parametrize("repository_id", sorted(RESERVED.keys() - PDM_SETTINGS))
def test_every_name_of_the_table_is_there_for_a_reason(repository_id: str) -> None:
    """A file with the id itself as its section sends our token to another server, or is not valid."""
    text = render(configuration(repository_id), None)[".pypirc"].replace(index_name(repository_id), repository_id)
    try:
        assert any(astray(uploader, text, repository_id) for uploader in UPLOADERS)
    except configparser.DuplicateSectionError:
        assert repository_id == "distutils"


def test_all_formats_say_the_same_name() -> None:
    """The index in uv.toml, the server in .pypirc and those in pdm.toml have one name: the id, or `ID-repository`."""
    for repository_id in IDS:
        texts = render(configuration(repository_id), None)
        (index,) = tomllib.loads(texts["uv.toml"])["index"]
        parser = configparser.RawConfigParser()
        parser.read_string(texts[".pypirc"])
        expected = f"{repository_id}-repository" if repository_id in RESERVED else repository_id
        assert {index["name"], parser["distutils"]["index-servers"].strip()} == {expected}
        assert set(parser.sections()) == {"distutils", expected}
        added = replace(configuration(repository_id), form=Form(index=Index.EXTRA))
        toml = tomllib.loads(render(added, None)["pdm.toml"])
        assert set(toml["repository"]) == set(toml["pypi"]) == {expected}


def test_no_name_is_one_that_pdm_and_poetry_have() -> None:
    """pdm.project.config.DEFAULT_REPOSITORIES and poetry.factory: PyPI, whatever URL a project sets for the name."""
    assert not {index_name(each).lower() for each in IDS} & {"pypi", "testpypi"}


def test_every_source_is_named() -> None:
    """The table names the client whose source gives each name a meaning."""
    assert all(len(source) > 20 and source.endswith(".") for source in RESERVED.values())
