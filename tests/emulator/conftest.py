"""Common parts of the tests of the emulated Google: the emulation, a cluster that it trusts, and real clients."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.clients import Clients, clients
from fakes.emulated import Cluster, Emulated
from fakes.gcloud import Gcloud
from fakes.registry_clients import alone

from wheelhouse_local.state import State


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """An API server's key set."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    async with Cluster(folder).serving() as found:
        yield found


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[Emulated]:
    """The emulated Google, empty and without a token exchange."""
    async with alone(tmp_path / "google") as found:
        yield found


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Clients]:
    """Real pip, uv and twine, which can reach only 127.0.0.1."""
    home = tmp_path / "home"
    home.mkdir()
    async with clients(home) as found:
        yield found


@pytest.fixture
async def gcloud(tmp_path: Path) -> AsyncIterator[Gcloud]:
    """The real gcloud, with the variables of `wheelhouse local env`, and an emulated Google of its own."""
    state = State(tmp_path / "world")
    state.create()
    async with alone(state.google) as google:
        yield Gcloud(google, state)
