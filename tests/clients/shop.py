"""An index with what the examples name: private packages, a public index, and a Virtual repository over both."""

import re
from collections.abc import Mapping
from pathlib import Path

from clients.packages import pack
from clients.pod import Pod, injected
from fakes.emulated import READ, READER, REPOSITORY, WRITE, WRITER, Emulated, upload_form
from fakes.registry_clients import body

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.token import Token

PARENT = REPOSITORY.rpartition("/repositories/")[0]
HOST = "us-central1-python.pkg.dev"
GREETING = pack("acme-greeting", "1.0", 'print("Hello from a private wheel!")\n')
PYPI = {"pythonRepository": {"publicRepository": "PYPI"}}


async def stock(google: Emulated) -> None:
    """acme-greeting 1.0 in team-wheels, and six on the public index."""
    google.create()
    google.grant((READ, READER), (WRITE, WRITER))
    await add(google, google.index, "acme-greeting", "1.0", GREETING, google.token(WRITER))
    await add(google, public(google, "legacy/"), "six", "1.17.0", pack("six", "1.17.0", ""))


def public(google: Emulated, path: str) -> str:
    """A URL of the public index, which stands for PyPI."""
    return f"{google.endpoints['publicIndex']}{path}"


async def add(
    google: Emulated, url: str, name: str, version: str, wheel: tuple[str, bytes], token: str | None = None
) -> None:
    """Upload a wheel, given as its file name and content."""
    reply = await google.send("POST", url, token, data=upload_form(name, version, *wheel))
    assert reply.status == 200, reply.text


async def virtual(google: Emulated, private: str) -> None:
    """The Virtual repository acme-index over a Standard one and PyPI."""
    wanted = {"format": "PYTHON", "mode": "REMOTE_REPOSITORY", "remoteRepositoryConfig": PYPI}
    await body(google, "POST", f"{PARENT}/repositories?repositoryId=public-wheels", json=wanted)
    policies = [
        {"id": name, "repository": f"{PARENT}/repositories/{name}", "priority": priority}
        for name, priority in ((private, 100), ("public-wheels", 50))
    ]
    wanted = {
        "format": "PYTHON",
        "mode": "VIRTUAL_REPOSITORY",
        "virtualRepositoryConfig": {"upstreamPolicies": policies},
    }
    await body(google, "POST", f"{PARENT}/repositories?repositoryId=acme-index", json=wanted)
    google.grant((READ, READER), (READ, WRITER), repository=f"{PARENT}/repositories/acme-index")


def here(text: str, google: Emulated) -> str:
    """A text with the URLs of the emulated Artifact Registry; its netrc is for this machine."""
    scheme, _, place = google.endpoints["index"].partition("://")
    text = re.sub(rf"https://([^/\s\"]*@)?{HOST}/", rf"{scheme}://\g<1>{place}{HOST}/", text)
    return re.sub(rf"(machine |_HOST: ){HOST}", r"\g<1>127.0.0.1", text)


def mounted(google: Emulated, folder: Path, token: str, *, uploads: bool = False) -> Pod:
    """A pod that mounts the Secret of a reader or a writer of team-wheels."""
    template = google.endpoints["index"] + "{location}-python.pkg.dev/{project}/{repository}/"
    upload_url = google.index if uploads else None
    wanted = ClientConfiguration("team-wheels", f"{google.index}simple/", upload_url, Token(token))
    return injected(folder, render(wanted, template))


def outside(folder: Path, token: str) -> Pod:
    """A machine without a Secret, whose gcloud prints a token."""
    (folder / "etc").mkdir(parents=True)
    gcloud = folder / "home/bin/gcloud"
    gcloud.parent.mkdir(parents=True)
    gcloud.write_text(f'#!/bin/sh\n[ "$*" = "auth print-access-token" ] && echo {token}\n')
    gcloud.chmod(0o755)
    return Pod(folder, {})


def files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into the working directory."""
    for name, text in texts.items():
        path = folder / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
