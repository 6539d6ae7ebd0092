"""Asks the clients' own code where an upload to a name goes, and with which password.

It runs in an environment of support/environments.py, so it imports nothing of Wheelhouse. From standard input it reads
rows of JSON: for each repository its name, its upload URL and its .pypirc, and the names and URLs that a person enters.
It prints, for each client, what each of them leads to.
"""

import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flit.upload
import twine.utils
from cleo.io.null_io import NullIO
from hatch.publish.auth import AuthenticationCredentials
from hatch.publish.index import IndexPublisher
from hatch.utils.fs import Path as HatchPath
from pdm.project.config import Config as PdmConfig
from poetry.config.config import Config as PoetryConfig
from poetry.core.packages.project_package import ProjectPackage
from poetry.publishing.publisher import Publisher

Row = dict[str, str]
Found = list[str | None] | None
"""The URL, the user and the password; None if the client fails."""
USER, PASSWORD = "oauth2accesstoken", "ya29.our-token"


class Refused(Exception):
    """The client would ask a person, or stop."""


def ask_twine(row: Row, asked: str) -> Found:
    """`twine upload -r NAME`, and twine's `get_config` for the whole file."""
    path = Path("~/.pypirc").expanduser()
    found = twine.utils.get_repository_from_config(str(path), asked)
    return [found["repository"], found["username"], found["password"]]


def ask_flit(row: Row, asked: str) -> Found:
    """`flit publish --repository NAME`."""
    found = flit.upload.get_repositories(io.StringIO(row["pypirc"]))[asked]
    return [found.url, found.username, found.password]


def ask_hatch(row: Row, asked: str) -> Found:
    """`hatch publish --repo NAME`; an unknown name is used as a URL."""
    app = SimpleNamespace(abort=refuse, prompt=refuse)
    publisher = IndexPublisher(app, Path.cwd(), Path.cwd(), {}, {})
    config = publisher.get_repos().get(asked, {"url": asked})
    credentials = AuthenticationCredentials(
        app=app, cache_dir=HatchPath("cache"), options={"no_prompt": True}, repo=asked, repo_config=config
    )
    return [config["url"], credentials.username, credentials.password]


def ask_pdm(row: Row, asked: str) -> Found:
    """`pdm publish -r NAME`, with our name in pdm's configuration."""
    path = Path("~/pdm.toml").expanduser()
    user = f'username = "{USER}"\npassword = "{PASSWORD}"\n'
    path.write_text(f'[repository."{row["name"]}"]\nurl = "{row["url"]}"\n{user}')
    found = PdmConfig(path, is_global=True).get_repository_config(asked, "repository")
    return found and [found.url, found.username, found.password]


def ask_poetry(row: Row, asked: str) -> Found:
    """`poetry publish -r NAME`, with our name in poetry's configuration; without a name it means PyPI."""
    config = PoetryConfig(use_environment=False)
    user = {"username": USER, "password": PASSWORD}
    config.merge(
        {
            "keyring": {"enabled": False},
            "repositories": {row["name"]: {"url": row["url"]}},
            "http-basic": {row["name"]: user},
        }
    )
    sent: list[Any] = []
    project = SimpleNamespace(config=config, package=ProjectPackage("demo", "1.0"))
    publisher = Publisher(project, NullIO(), Path.cwd())
    publisher._uploader = SimpleNamespace(
        version="1.0", auth=lambda *user: sent.extend(user), upload=lambda url, **_: sent.insert(0, url)
    )
    publisher.publish("" if asked == "pypi" else asked, None, None)
    return sent


def refuse(*_: Any, **__: Any) -> None:
    """What a client does instead of asking a person."""
    raise Refused


CLIENTS: dict[str, Callable[[Row, str], Found]] = {
    "twine": ask_twine,
    "flit": ask_flit,
    "hatch": ask_hatch,
    "pdm": ask_pdm,
    "poetry": ask_poetry,
}


def answer(ask: Callable[[Row, str], Found], row: Row, asked: str) -> Found:
    """What a client finds; None for every way to fail: none of them sends anything."""
    try:
        return ask(row, asked)
    except Exception:  # noqa: BLE001 - each client has errors of its own
        return None


def main() -> None:
    """Print the answers: client → repository's name → what was asked → what it leads to."""
    question = json.load(sys.stdin)
    answers: dict[str, dict[str, dict[str, Found]]] = {name: {} for name in CLIENTS}
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        for row in question["rows"]:
            Path(home, ".pypirc").write_text(row["pypirc"])
            for name, ask in CLIENTS.items():
                answers[name][row["name"]] = {asked: answer(ask, row, asked) for asked in (*row["asked"],)}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
