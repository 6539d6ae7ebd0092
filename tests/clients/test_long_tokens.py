"""Tokens of the maximum length that the Security Token Service documents, with the real clients."""

import os
from pathlib import Path

import pytest
from clients.matrix import INJECTED, PRIMARY, Cell, supported
from clients.test_matrix import containing, pod, repository, secret
from fakes.clients import clients
from fakes.emulated import READER, WRITER
from fakes.registry_clients import alone
from support.environments import programs
from support.pods import require_mounts

LONGEST = 12_288
"""Bytes (https://sts.googleapis.com/$discovery/rest?version=v1, accessToken)."""
PART = 39
"""Characters of a token that are searched for. With the user name they are a multiple of three, as base64 needs."""
ALWAYS = {"pip", "uv pip", "twine", "uv publish"}
"""The clients of `make test`; `make test-long` tries all."""
LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
CELLS = [
    cell
    for cell in supported()
    if (cell.layout, cell.index) == (INJECTED, PRIMARY)
    and cell.mode in {"Netrc", "URL"}
    and (LONG or cell.client.name in ALWAYS)
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_a_client_works_with_the_longest_token(cell: Cell, tmp_path: Path) -> None:
    """It installs or uploads, and prints no part of the token. In the mode Netrc the token is in no file it writes."""
    require_mounts()
    async with alone(tmp_path / "google") as google, clients(tmp_path) as outside:
        await repository(google)
        token = google.long_token(WRITER if cell.client.uploads else READER, LONGEST)
        container = pod(cell, tmp_path / "pod", secret(google, cell, token))
        done = await container.sh(cell.client.script, programs(cell.client.environment), outside)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
        assert token[:PART] not in done.stdout + done.stderr
        assert cell.mode != "Netrc" or containing(tmp_path / "pod", token[:PART]) == set()
        # uv 0.7.9 sends its first request of an upload without credentials.
        assert "200" in {row["status"] for row in google.trace() if row["method"].startswith("Index.")}


def test_the_clients_of_make_test_are_in_the_matrix() -> None:
    """A client that is renamed would no longer be tried."""
    assert {cell.client.name for cell in CELLS} >= ALWAYS
    assert {cell.mode for cell in CELLS} == {"Netrc", "URL"}
