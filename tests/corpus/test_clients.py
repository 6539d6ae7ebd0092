"""What the corpus leaves valid, read by the clients' own code and by the real pip and uv."""

import subprocess
from functools import cache
from pathlib import Path

import pytest
from clients.test_names import CLIENTS, PASSWORD, USER, ask, astray, configuration, row
from corpus.fields import fields
from corpus.test_parsed import accepted
from support.environments import NEWEST, OLDEST, programs

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.form import Authentication, Form
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.configuration.reserved import index_name

SAMPLES = 20


@cache
def repository_ids() -> tuple[str, ...]:
    """The ids of repositories that the parser accepts."""
    (field,) = (each for each in fields() if each.place == ("repositoryId",))
    return tuple(text for text, _ in accepted(field))


@cache
def answers() -> dict[str, dict[str, dict[str, list[str | None] | None]]]:
    """What the clients read from .pypirc or their own configuration for each id."""
    return ask([row(each, index_name(each)) for each in repository_ids()])


def test_there_are_enough_samples() -> None:
    """The corpus leaves at least 20 ids of repositories."""
    assert len(set(repository_ids())) >= SAMPLES


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_sends_our_password_to_us(client: str) -> None:
    """twine, flit, hatch, pdm and poetry find exactly our URL for each id, and no other URL with our password."""
    for each in repository_ids():
        name, url = index_name(each), str(configuration(each).upload_url)
        found = answers()[client][name]
        assert astray(found, url) == {}, each
        assert found[url if client == "hatch" else name] == [url, USER, PASSWORD], each


@pytest.mark.parametrize("environment", [OLDEST, NEWEST])
def test_the_real_pip_reads_one_value(environment: str, tmp_path: Path) -> None:
    """`pip config list` shows exactly the URL of each sample, with the token in it."""
    without = pip_settings(environment, tmp_path / "none")
    for each in repository_ids()[:SAMPLES]:
        plain = configuration(each)
        ours = ClientConfiguration(each, plain.index_url, None, plain.token, Form(Authentication.URL))
        (tmp_path / "pip.conf").write_text(render(ours, None)["pip.conf"])
        found = pip_settings(environment, tmp_path / "pip.conf")
        assert found - without == {f"global.index-url='{ours.url(ours.index_url)}'"}, each


def pip_settings(environment: str, file: Path) -> set[str]:
    """What pip reads from a file, besides what the machine has in /etc."""
    file.touch()
    kept = {"PATH": "/usr/bin:/bin", "HOME": str(file.parent), "PIP_CONFIG_FILE": str(file)}
    pip = [programs(environment) / "python", "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(pip, env=kept, capture_output=True, text=True, check=True)
    return {line for line in done.stdout.splitlines() if not line.startswith(":env:")}


def test_the_real_uv_uploads_to_us(tmp_path: Path) -> None:
    """`uv publish` would send each sample to exactly our host and path; uv 0.7.9 has no dry run of it."""
    file = tmp_path / "demo-1.0.tar.gz"
    file.touch()
    uv = [programs(NEWEST) / "uv", "--config-file", tmp_path / "uv.toml", "publish", "--dry-run", file, "--index"]
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "UV_HTTP_RETRIES": "0"}
    for each in repository_ids()[:SAMPLES]:
        (tmp_path / "uv.toml").write_text(render(configuration(each), None)["uv.toml"])
        done = subprocess.run(
            [*uv, index_name(each)], cwd=tmp_path, env=nowhere, capture_output=True, text=True, check=False
        )
        assert f"https://us-central1-python.pkg.dev/acme-packages/{each}/" in done.stderr, done.stderr
