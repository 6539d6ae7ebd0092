"""A person's access to the worker's world."""

import pytest
from support.kube import Kube

from wheelhouse_local.world import World


@pytest.fixture
def kube(world: World) -> Kube:
    """The world with a running operator, whatever the previous test did."""
    world.start("operator")
    return Kube(world)
