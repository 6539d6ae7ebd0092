"""A person's hands on the worker's world."""

import pytest
from support.kube import Kube

from wheelhouse_local.world import World


@pytest.fixture
def kube(world: World) -> Kube:
    """The world with the operator running, whatever the test before left."""
    world.start("operator")
    return Kube(world)
