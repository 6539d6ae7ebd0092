"""Where programs that read .pypirc send an upload, and with which password: each by the rules in its source.

twine itself is used. The others would need a hundred packages, so their rules are implemented here.
tests/clients/test_names.py compares the rules of flit and hatch with their code. Those of devpi-client 7.3 and of
distutils of Python 3.11 were compared with their results for every name of the test.
"""

import configparser
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twine import exceptions, utils

PYPI, TEST_PYPI = utils.DEFAULT_REPOSITORY, utils.TEST_REPOSITORY


@dataclass(frozen=True)
class Upload:
    """The URL of an upload, and the credentials."""

    url: str
    username: str | None
    password: str | None


Uploader = Callable[[str, str], Upload | None]
"""The text of .pypirc, and the name or URL that a person enters → the upload, None if the program fails."""


def twine(text: str, asked: str) -> Upload | None:
    """What twine 7 does: twine.utils.get_repository_from_config."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, ".pypirc")
        path.write_text(text)
        try:
            found = utils.get_repository_from_config(str(path), asked)
        except exceptions.InvalidConfiguration:
            return None
    return Upload(str(found["repository"]), found["username"], found["password"])


def flit(text: str, asked: str) -> Upload | None:
    """What flit 4 does: flit.upload.get_repositories; a server without a URL is PyPI."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    if asked not in parser.get("distutils", "index-servers", fallback="pypi").split():
        return None
    return Upload(parser.get(asked, "repository", fallback=PYPI), *_user(parser, asked))


def hatch(text: str, asked: str) -> Upload:
    """What hatch 1 does: publish.index.IndexPublisher.get_repos and publish.auth; an unknown name is used as a URL."""
    url = {"main": PYPI, "test": TEST_PYPI}.get(asked, asked)
    parser = configparser.ConfigParser()
    parser.read_string(text)
    by_url = [name for name in parser.sections() if parser.get(name, "repository", fallback=None) == url]
    section = asked if parser.has_section(asked) else by_url[0] if by_url else ""
    return Upload(url, *_user(parser, section))


def devpi(text: str, asked: str) -> Upload | None:
    """What devpi-client 7 does: devpi.pypirc and devpi.push; a section without a URL is PyPI."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    if not parser.has_option(asked, "username"):
        return None
    return Upload(parser.get(asked, "repository", fallback=PYPI), *_user(parser, asked))


def maturin(text: str, asked: str) -> Upload | None:
    """What maturin 1 does: complete_registry in src/upload.rs; PyPI's URLs use the password for their names."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    known = {"pypi": PYPI, "testpypi": TEST_PYPI}
    if "://" in asked:
        section = next((name for name, url in known.items() if url == asked), "")
        return Upload(asked, *_user(parser, section))
    url = parser.get(asked, "repository", fallback=known.get(asked))
    return Upload(url, *_user(parser, asked)) if url else None


def distutils(text: str, asked: str) -> Upload | None:
    """What Python 3.11 and older do: distutils.config.PyPIRCCommand; for `pypi`, that section goes to PyPI."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    for server in parser.get("distutils", "index-servers").split("\n"):
        if not server.strip():
            continue
        url = parser.get(server, "repository", fallback=PYPI)
        if server == "pypi" and asked in {PYPI, "pypi"}:
            return Upload(PYPI, *_user(parser, server))
        if asked in {server, url}:
            return Upload(url, *_user(parser, server))
    return None


def _user(parser: configparser.RawConfigParser, section: str) -> tuple[str | None, str | None]:
    return parser.get(section, "username", fallback=None), parser.get(section, "password", fallback=None)


UPLOADERS: tuple[Uploader, ...] = (twine, flit, hatch, devpi, maturin, distutils)
