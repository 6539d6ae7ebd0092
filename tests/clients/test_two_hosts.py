"""One Secret over two regions, and so over two hosts: clients install from one and upload to the other."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from clients.matrix import COMBINED, INJECTED, MODES, NO_PROXY, Cell, supported
from clients.pod import strays
from clients.test_long_tokens import ALWAYS
from clients.test_matrix import containing, pod, repository
from clients.workload import workload
from fakes.clients import clients
from fakes.emulated import READ, READER, REPOSITORY, WRITE, WRITER
from fakes.registry_clients import alone
from support.environments import programs
from support.pods import require_mounts

from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.model import ClientConfiguration, UploadIndex
from wheelhouse.domain.token import Token
from wheelhouse_local.constants import LOCATION, PROJECT

ELSEWHERE = "europe-west4"
LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
CELLS = [
    cell
    for cell in supported()
    if (cell.layout, cell.index) == (INJECTED, COMBINED)
    and not MODES[cell.mode].keyring
    and cell.client.no_keyring != NO_PROXY
    and (LONG or (cell.mode == "Netrc" and cell.client.name in ALWAYS))
]
NO_KEYRING = {"POETRY_KEYRING_ENABLED": "false"}
"""Otherwise poetry would ask the keyring plugin first, and get the token of the pod's own identity."""


def url(location: str, name: str) -> str:
    """The real URL of a repository, for uploads; the proxy of the pod leads there."""
    return f"https://{location}-python.pkg.dev/{PROJECT}/{name}/"


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_a_client_finds_the_token_for_both_hosts(cell: Cell, tmp_path: Path) -> None:
    """Each host gets the token of the Secret: nothing else in the pod has one."""
    require_mounts()
    async with alone(tmp_path / "google") as google, clients(tmp_path) as outside:
        await repository(google)
        there = REPOSITORY.replace(LOCATION, ELSEWHERE)
        google.create(there)
        google.grant((READ, READER), (WRITE, WRITER), repository=there)
        token = google.token(WRITER if cell.client.uploads else READER)
        upload = url(ELSEWHERE, "team-wheels")
        files = render(
            ClientConfiguration(
                "acme-index",
                f"{url(LOCATION, 'acme-index')}simple/",
                upload,
                Token(token),
                MODES[cell.mode].form,
                UploadIndex("team-wheels", f"{upload}simple/"),
            ),
            None,
        )
        container = pod(cell, tmp_path / "pod", files)
        (place := tmp_path / "identity").mkdir()
        async with workload(google, "not a token", place, outside) as own:
            container = replace(container, variables={**container.variables, **own, **NO_KEYRING})
            done = await container.sh(cell.script, programs(cell.client.environment), outside)
        assert done.returncode == 0, done.stdout + done.stderr
        assert strays(outside) == []
        assert token not in done.stdout + done.stderr
        assert MODES[cell.mode].form.in_urls or containing(tmp_path / "pod", token) == set()
        if cell.client.uploads:
            uploaded = await google.send(
                "GET", f"{google.endpoints['index']}{upload.removeprefix('https://')}simple/greeting/", token
            )
            assert "greeting" in uploaded.text
            assert (await google.get("simple/greeting/", token)).status == 404
