"""A control plane with exactly what we ship, without the operator's process."""

from collections.abc import Iterator

import pytest
from support.hands import Hands

from wheelhouse_local import installation
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """An administrator of a cluster with the shipped definitions, permissions and admission policies."""
    world = World(tmp_path_factory.mktemp("shipped") / "world")
    world.up(Options(components=CONTROL_PLANE))
    try:
        installation.apply(world.state, lambda _line: None)
        installation.await_enforced(world.state)
        yield Hands(world.server, world.ca, (world.state.control_plane / "admin-token").read_text())
    finally:
        world.down(purge=True)


@pytest.fixture(scope="session")
def operator(shipped: Hands) -> Hands:
    """The operator's own ServiceAccount."""
    return shipped.account("wheelhouse-system", "wheelhouse-operator")
