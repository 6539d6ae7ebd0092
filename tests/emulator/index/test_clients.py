"""The package index with the real clients: pip, uv, twine and uv publish, and each way to give them credentials."""

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fakes.clients import Clients, Ran
from fakes.emulated import READER, WRITER, Emulated, upload_form, wheel
from fakes.registry_clients import STRANGER


@pytest.fixture
async def wheels(wheels: Emulated) -> Emulated:
    """A repository with a reader and a writer, and demo 1.0 in it."""
    await wheels.upload()
    return wheels


def netrc(google: Emulated, tools: Clients, identity: str) -> str:
    """Write a netrc like the one in the generated Secret; return its path."""
    path = tools.home / "netrc"
    host = urlsplit(google.index).hostname
    path.write_text(f"machine {host} login oauth2accesstoken password {google.token(identity)}\n")
    path.chmod(0o600)
    return str(path)


def keyring(google: Emulated, tools: Clients, identity: str) -> dict[str, str]:
    """A keyring program first on PATH that has a token, and records its calls."""
    folder = tools.home / "bin"
    folder.mkdir()
    script = folder / "keyring"
    reply = f'{{"username": "oauth2accesstoken", "password": "{google.token(identity)}"}}'
    program = folder / "answer.py"
    # The first line cannot be the interpreter itself: its path may contain a space.
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(program))} "$@"\n')
    program.write_text(
        "import json, pathlib, sys\n"
        f"pathlib.Path({str(tools.home / 'asked')!r}).touch()\n"
        f"print({reply!r} if '--output=json' in sys.argv else json.loads({reply!r})['password'])\n"
    )
    script.chmod(0o755)
    return {"PATH": f"{folder}:{tools.environment()['PATH']}"}


async def pip_install(tools: Clients, *arguments: str, **extra: str) -> Ran:
    """Install demo into an empty folder."""
    target = str(tools.home / "pip")
    return await tools.pip("install", "--no-deps", "--target", target, *arguments, "demo", **extra)


async def uv_install(tools: Clients, *arguments: str, **extra: str) -> Ran:
    """Install demo into an empty folder."""
    target = str(tools.home / "uv")
    return await tools.uv("pip", "install", "--python", sys.executable, "--target", target, *arguments, "demo", **extra)


def installed(folder: Path) -> bool:
    path = folder / "demo.py"
    return path.exists() and path.read_text() == 'VERSION = "1.0"\n'


async def test_pip_installs_with_credentials_in_the_url(wheels: Emulated, tools: Clients) -> None:
    """An index URL with oauth2accesstoken and a token is sufficient for pip."""
    ran = await pip_install(tools, "--index-url", wheels.url(wheels.token(READER)))
    assert ran.code == 0, ran.output
    assert installed(tools.home / "pip")


async def test_pip_reads_its_configuration_file(wheels: Emulated, tools: Clients) -> None:
    """A pip.conf with index-url, as in the Secret, is sufficient for pip."""
    path = tools.home / "pip.conf"
    path.write_text(f"[global]\nindex-url = {wheels.url(wheels.token(READER))}\n")
    ran = await pip_install(tools, PIP_CONFIG_FILE=str(path))
    assert ran.code == 0, ran.output


async def test_pip_sends_netrc_at_once(wheels: Emulated, tools: Clients) -> None:
    """With netrc pip never sends a request without credentials."""
    ran = await pip_install(tools, "--index-url", wheels.index + "simple/", NETRC=netrc(wheels, tools, READER))
    assert ran.code == 0, ran.output
    assert [row["status"] for row in wheels.trace() if row["method"] != "Index.Upload"] == ["200", "200"]


async def test_uv_installs_with_credentials_in_the_url(wheels: Emulated, tools: Clients) -> None:
    """An index URL with oauth2accesstoken and a token is sufficient for uv."""
    ran = await uv_install(tools, "--default-index", wheels.url(wheels.token(READER)))
    assert ran.code == 0, ran.output
    assert installed(tools.home / "uv")


async def test_uv_reads_netrc_and_its_variables(wheels: Emulated, tools: Clients) -> None:
    """Uv uses a netrc, and UV_INDEX_NAME_USERNAME and _PASSWORD of a named index."""
    ran = await uv_install(tools, "--default-index", wheels.index + "simple/", NETRC=netrc(wheels, tools, READER))
    assert ran.code == 0, ran.output
    named = {
        "UV_INDEX_TEAM_WHEELS_USERNAME": "oauth2accesstoken",
        "UV_INDEX_TEAM_WHEELS_PASSWORD": wheels.token(READER),
    }
    index = f"team-wheels={wheels.index}simple/"
    ran = await uv_install(tools, "--reinstall", "--default-index", index, **named)
    assert ran.code == 0, ran.output


async def test_a_keyring_is_asked_on_401(wheels: Emulated, tools: Clients) -> None:
    """Pip with a user and no password in the URL gets 401, calls its keyring, and installs."""
    url = wheels.url("").replace("oauth2accesstoken:@", "oauth2accesstoken@")
    ran = await pip_install(
        tools, "--keyring-provider", "subprocess", "--index-url", url, **keyring(wheels, tools, READER)
    )
    assert ran.code == 0, ran.output
    assert (tools.home / "asked").exists()
    assert [row["status"] for row in wheels.trace()][1:] == ["401", "200", "200"]


async def test_pip_asks_no_keyring_on_403(wheels: Emulated, tools: Clients) -> None:
    """A valid token without permission ends with pip's message for nothing found, and without a call of its keyring."""
    ran = await pip_install(
        tools,
        "--keyring-provider",
        "subprocess",
        "--index-url",
        wheels.url(wheels.token(STRANGER)),
        **keyring(wheels, tools, READER),
    )
    assert ran.code != 0
    assert "No matching distribution found for demo" in ran.output
    assert not (tools.home / "asked").exists()
    assert wheels.trace()[-1]["status"] == "403"


@pytest.mark.parametrize("identity", [STRANGER, None])
async def test_uv_says_why_it_was_refused(wheels: Emulated, tools: Clients, identity: str | None) -> None:
    """Uv distinguishes 401 and 403, and installs nothing."""
    token = wheels.token(READER, lifetime=0) if identity is None else wheels.token(identity)
    ran = await uv_install(tools, "--default-index", wheels.url(token))
    assert ran.code != 0
    assert ("401 Unauthorized" if identity is None else "403 Forbidden") in ran.output
    assert not installed(tools.home / "uv")


async def test_pip_with_an_expired_token_installs_nothing(wheels: Emulated, tools: Clients) -> None:
    """An expired token is 401, and pip fails without a prompt."""
    ran = await pip_install(tools, "--no-input", "--index-url", wheels.url(wheels.token(READER, lifetime=0)))
    assert ran.code != 0
    assert wheels.trace()[-1]["status"] == "401"


async def test_pip_heeds_what_a_file_requires(wheels: Emulated, tools: Clients) -> None:
    """A newer version for another Python is ignored: data-requires-python is on the page."""
    form = upload_form("demo", "9.0", *wheel("demo", "9.0"), requires_python=">=4")
    assert (await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)).status == 200
    ran = await pip_install(tools, "--index-url", wheels.url(wheels.token(READER)))
    assert ran.code == 0, ran.output
    assert installed(tools.home / "pip")


async def test_pip_notices_a_file_that_changed(wheels: Emulated, tools: Clients) -> None:
    """Pip checks the digest of the link: corrupted content on disk is rejected."""
    (content,) = (wheels.data / "files").iterdir()
    content.write_bytes(wheel("demo", "1.0", ">=3.9")[1])
    ran = await pip_install(tools, "--index-url", wheels.url(wheels.token(READER)))
    assert ran.code != 0
    assert "DO NOT MATCH THE HASHES" in ran.output


async def test_twine_uploads_with_variables_and_pip_installs_it(wheels: Emulated, tools: Clients) -> None:
    """Pip installs what twine uploads with TWINE_USERNAME and _PASSWORD."""
    variables = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": wheels.token(WRITER)}
    ran = await tools.twine("--repository-url", wheels.index, tools.wheel("Other.Name", "2.0"), **variables)
    assert ran.code == 0, ran.output
    target = tools.home / "there"
    url = wheels.url(wheels.token(READER))
    ran = await tools.pip("install", "--no-deps", "--target", str(target), "--index-url", url, "other-name==2.0")
    assert ran.code == 0, ran.output
    assert (target / "other_name.py").exists()


async def test_twine_reads_pypirc(wheels: Emulated, tools: Clients) -> None:
    """A .pypirc with the upload URL and the token, as in a writer's Secret, is sufficient for twine."""
    path = tools.home / ".pypirc"
    path.write_text(
        f"[distutils]\nindex-servers =\n    team-wheels\n\n[team-wheels]\nrepository = {wheels.index}\n"
        f"username = oauth2accesstoken\npassword = {wheels.token(WRITER)}\n"
    )
    ran = await tools.twine("--config-file", path, "--repository", "team-wheels", tools.wheel("other", "1.0"))
    assert ran.code == 0, ran.output


async def test_twine_shows_a_duplicate(wheels: Emulated, tools: Clients) -> None:
    """An existing file is 400 Bad Request, and twine shows the recorded message."""
    variables = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": wheels.token(WRITER)}
    ran = await tools.twine("--verbose", "--repository-url", wheels.index, tools.wheel(), **variables)
    assert ran.code != 0
    assert "400 Bad Request" in ran.output
    assert "Requested entity already exists." in ran.output


async def test_twine_as_a_reader_is_forbidden(wheels: Emulated, tools: Clients) -> None:
    """A reader's token is 403 for twine; a bad one is 401."""
    for token, status in ((wheels.token(READER), "403 Forbidden"), ("bad", "401 Unauthorized")):
        variables = {"TWINE_USERNAME": "oauth2accesstoken", "TWINE_PASSWORD": token}
        ran = await tools.twine("--repository-url", wheels.index, tools.wheel("other", "1.0"), **variables)
        assert ran.code != 0
        assert status in ran.output


async def test_uv_publishes(wheels: Emulated, tools: Clients) -> None:
    """Uv publish uploads with UV_PUBLISH_USERNAME and _PASSWORD, and shows the recorded message the second time."""
    variables = {"UV_PUBLISH_USERNAME": "oauth2accesstoken", "UV_PUBLISH_PASSWORD": wheels.token(WRITER)}
    path = tools.wheel("other", "1.0")
    ran = await tools.uv("publish", "--publish-url", wheels.index, path, **variables)
    assert ran.code == 0, ran.output
    ran = await tools.uv("publish", "--publish-url", wheels.index, path, **variables)
    assert ran.code != 0
    assert "Requested entity already exists." in ran.output


async def test_uv_publish_skips_what_is_there(wheels: Emulated, tools: Clients) -> None:
    """With netrc and --check-url uv publish finds the file on the page, and does not upload it again."""
    arguments = ("publish", "--publish-url", wheels.index, "--check-url", wheels.index + "simple/", tools.wheel())
    ran = await tools.uv(*arguments, NETRC=netrc(wheels, tools, WRITER))
    assert ran.code == 0, ran.output
    assert "already exists" in ran.output
    assert [row["method"] for row in wheels.trace()].count("Index.Upload") == 1
