"""The first token of a Secret: requested while the policy waits, and only if a grant is about to come."""

from typing import Any

import pytest
from convergence.scenes import NAME, PULL, access, owners, reason
from convergence.secret_scenes import HOUR, SECRET, mints
from convergence.simulation import Simulation

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, PolicyKey, SecretKey, TokenKey
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME

USER = [{"kind": "GoogleUser", "name": "ada@example.com"}]


async def test_the_first_token_is_minted_while_the_policy_waits() -> None:
    """Google allows some tokens a second: a policy that waits to combine grants must not delay them."""
    simulation = await owners()
    first = access(simulation, "owners", "first", subjects=PULL, secret=SECRET)
    late = access(simulation, "owners", "late", subjects=USER)
    simulation.watch()
    simulation.fakes.calls.clear()
    identity = Identity("owners", "pull")
    for key in (AccessKey(first), SecretKey(first, "owners"), PolicyKey(NAME), TokenKey(identity, DEFAULT_LIFETIME)):
        await simulation.loop.reconcile(key)
    await simulation.loop.reconcile(SecretKey(first, "owners"))
    assert mints(simulation) == 1
    counts = simulation.fakes.calls.count()
    assert not {"policies.set", "secrets.apply"} & set(counts), "the policy does not wait, or the Secret does not"
    await simulation.run(30)
    assert {reason(simulation, key) for key in (first, late)} == {"Ready"}
    assert mints(simulation) == 1


@pytest.mark.parametrize(
    ("spec", "most"),
    [
        ({"subjects": PULL, "secret": {**SECRET, "credential": "Keyring"}}, 0),
        ({"subjects": PULL, "secret": SECRET, "suspend": True}, 0),
        ({"subjects": PULL, "secret": SECRET, "repositoryRef": {"name": "absent"}}, 0),
        ({"subjects": PULL}, 0),
        ({"subjects": PULL, "secret": {**SECRET, "namespaces": ["closed"], "identityFrom": "AccessNamespace"}}, 0),
        ({"subjects": PULL, "secret": SECRET}, 1),
    ],
    ids=["without a token", "suspended", "no repository", "no Secret", "no place", "rejected by IAM"],
)
async def test_no_token_is_minted_for_a_grant_that_does_not_come(spec: dict[str, Any], most: int) -> None:
    """Also not again: a token that no Secret is about to need is forgotten, and not refreshed."""
    simulation = await owners()
    fakes = simulation.fakes
    fakes.cluster.put_namespace("closed")
    fakes.google.rejected_members = {fakes.world.workload.member(Identity("owners", "pull"))}
    access(simulation, "owners", "one", **spec)
    await simulation.run(3 * HOUR)
    assert mints(simulation) == most
    assert not _follows_a_token(simulation)


async def test_a_missing_serviceaccount_is_told_before_the_grant() -> None:
    """And its creation brings the token at once, as after the grant."""
    simulation = await owners()
    fakes = simulation.fakes
    subjects = [{"kind": "ServiceAccount", "name": "late"}]
    key = access(simulation, "owners", "one", subjects=subjects, secret=SECRET)
    await simulation.run(60)
    assert reason(simulation, key, "Distributed") == "ServiceAccountNotFound"
    fakes.cluster.service_accounts.add(("owners", "late"))
    await simulation.run(10)
    assert reason(simulation, key) == "Ready"
    assert mints(simulation) == 1


def _follows_a_token(simulation: Simulation) -> bool:
    return any(simulation.loop._tokens._known)
