"""A person's access to the worker's world, and the operator's clock in a world of one's own."""

from pathlib import Path

import pytest
from support.clock import Clock, problem
from support.kube import Kube

from wheelhouse_local.world import World


@pytest.fixture
def kube(world: World) -> Kube:
    """The world with a running operator, whatever the previous test did."""
    world.start("operator")
    return Kube(world)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """The clock of an operator that starts with its variables; right at first."""
    if why := problem():
        pytest.fail(f"The clock of the operator cannot be changed: {why}")
    return Clock(tmp_path / "offset")
