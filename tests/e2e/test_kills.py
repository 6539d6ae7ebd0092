"""The operator is killed at random times of everything it does, and still reaches the desired state."""

import os
import random
import time

import pytest
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, full_name, principal

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS = 20
ROUNDS = 5
READER = "roles/artifactregistry.reader"


def kill_within(kube: Kube, moments: random.Random, seconds: float) -> None:
    """Kill the operator at a random time within this span, and restart it as a Deployment would."""
    time.sleep(moments.uniform(0.0, seconds))  # The time is random here.
    kube.world.kill("operator")
    kube.world.start("operator")


def test_twenty_kills_end_in_the_right_state(kube: Kube) -> None:
    """Create, grant, Secret write and delete, each with kills in between: the right state, and nothing orphaned."""
    seed = int(os.environ.get("WHEELHOUSE_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"WHEELHOUSE_TEST_SEED={seed}")
    moments = random.Random(seed)
    kube.namespace("kills")
    for number in range(ROUNDS):
        repository = f"kills-{number}"
        kube.repository("kills", repository, deletionPolicy="Delete")
        kube.reader("kills", f"keeps-{number}", repository, f"keeps-{number}", secret=f"keeps-{number}")
        kube.reader("kills", f"goes-{number}", repository, f"goes-{number}", secret=f"goes-{number}")
        kill_within(kube, moments, 0.4)
        kill_within(kube, moments, 0.4)
        kube.await_ready(ACCESSES, "kills", f"keeps-{number}", f"goes-{number}")
        kube.delete(ACCESSES, "kills", f"goes-{number}")
        kill_within(kube, moments, 0.15)
        kube.await_gone(ACCESSES, "kills", f"goes-{number}")
        assert kube.members(repository) == {READER: [principal("kills", f"keeps-{number}")]}
        assert kube.secret("kills", f"goes-{number}") is None
        assert kube.secret("kills", f"keeps-{number}") is not None
        kube.delete(REPOSITORIES, "kills", repository)
        kube.delete(ACCESSES, "kills", f"keeps-{number}")
        kill_within(kube, moments, 0.15)
        kube.await_gone(REPOSITORIES, "kills", repository)
        kube.await_gone(ACCESSES, "kills", f"keeps-{number}")
        assert kube.google("GET", f"v1/{full_name(repository)}")[0] == 404
        await_that(lambda number=number: kube.secret("kills", f"keeps-{number}") is None, "the Secret to go")
    assert ROUNDS * 4 == KILLS
