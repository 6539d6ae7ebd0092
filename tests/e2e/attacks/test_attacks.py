"""The attack matrix: what a tenant with all rights in its own namespace tries to get from another one.

All scenarios run in one world, with the shipped rights and admission policies. They are applied first and judged
together, so that a grant that comes late is found too. A scenario succeeds if its attack fails.
"""

import pytest
from e2e.attacks import (
    consent,
    credentials,
    fan_out,
    forgery,
    identities,
    impersonation,
    namespaces,
    races,
    subjects,
    takeover,
    uploads,
    upstreams,
    values,
    withdrawal,
)
from e2e.attacks.scenarios import ATTACKS, Attack, Matrix

from wheelhouse_local.world import World

pytestmark = pytest.mark.e2e

MODULES = (
    *(
        consent,
        withdrawal,
        races,
        namespaces,
        forgery,
        takeover,
        upstreams,
        identities,
        impersonation,
        credentials,
        values,
        subjects,
        fan_out,
        uploads,
    ),
)
"""Each of them registers its scenarios."""


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest, world: World) -> Matrix:
    """The selected scenarios, applied."""
    world.start("operator")
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    chosen = [call.params["attack"] for call in calls if call is not None]
    return Matrix(world, chosen)


def test_every_kind_has_scenarios() -> None:
    """Each module registers scenarios, their names are unique, and there are at least 60."""
    assert {attack.kind for attack in ATTACKS} == {module.__name__.rpartition(".")[2] for module in MODULES}
    assert len({attack.key for attack in ATTACKS}) == len(ATTACKS) >= 60


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.kind}-{attack.key}")
def test_an_attack_fails(matrix: Matrix, attack: Attack) -> None:
    """The attacker has no grant, Secret or token that it must not have, is told why, and the victim keeps its own."""
    matrix.judge(attack)
