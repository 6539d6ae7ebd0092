"""Tokens that are too short, already expired or very long: the Secret keeps the best one, and no neighbor suffers."""

from datetime import timedelta

import pytest
from convergence.fan_out_scenes import fan_out
from convergence.scenes import PULL, access, living_token, reason
from convergence.secret_scenes import HOUR, SECRET, distributed, left, mints, secret, token

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.token import MintedToken

LONGEST = 12288
"""Bytes of a token, as the Security Token Service documents them."""


async def test_a_shorter_token_does_not_replace_a_longer_one() -> None:
    """Google starts to issue tokens for five minutes: the one in the Secret stays until it is no better than those."""
    simulation, key = await distributed()
    old = token(simulation)
    simulation.fakes.tokens.lifetime = timedelta(minutes=5)
    while token(simulation) == old:
        before = left(simulation)
        assert before > 0
        await simulation.run(10)
    assert before <= 300 + 60 + 20
    for _ in range(120):
        await simulation.run(10)
        assert living_token(simulation, "owners")
    assert reason(simulation, key) == "Ready"
    simulation.fakes.tokens.lifetime = None
    await simulation.run(300)
    assert left(simulation) > HOUR / 2


@pytest.mark.parametrize("life", [timedelta(), timedelta(hours=-1), timedelta(days=-20000)])
async def test_an_expired_token_is_never_written(life: timedelta) -> None:
    """It counts as a refusal: the old token stays while it lives, and other namespaces are Ready all the time."""
    simulation, key = await distributed()
    other = access(simulation, "team", "two", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    issue = simulation.fakes.tokens.mint

    async def mint(identity: Identity, lifetime: timedelta, impersonate: str = "") -> MintedToken:
        minted = await issue(identity, lifetime, impersonate)
        if identity.namespace != "owners":
            return minted
        return MintedToken(minted.token, minted.issued, minted.issued + life)

    simulation.fakes.tokens.mint = mint  # type: ignore[method-assign]  # this one answers wrongly
    old = token(simulation)
    await simulation.run(HOUR - 70)
    assert token(simulation) == old
    assert living_token(simulation, "owners")
    assert reason(simulation, key, "Distributed") == "TokenRefused"
    assert reason(simulation, other) == "Ready"
    await simulation.run(130)
    assert reason(simulation, key, "Distributed") == "Expired"
    assert left(simulation, "team") > 0
    simulation.fakes.tokens.mint = issue  # type: ignore[method-assign]  # it answers correctly again
    await simulation.run(90)
    assert reason(simulation, key) == "Ready"


async def test_a_token_of_the_maximum_size_reaches_every_file() -> None:
    """It is minted, written, read back and verified like any other, and it costs no more mints."""
    simulation, key = await distributed(secret={**SECRET, "authentication": "URL"})
    simulation.fakes.tokens.size = LONGEST
    await simulation.run(HOUR)
    assert reason(simulation, key) == "Ready"
    assert len(token(simulation)) == LONGEST
    files = secret(simulation).data
    assert all(token(simulation) in files[name] for name in ("netrc", "pip.conf", "uv.toml"))
    assert mints(simulation) <= 3


@pytest.mark.parametrize("acting", [False, True])
async def test_a_token_of_the_maximum_size_reaches_every_namespace(*, acting: bool) -> None:
    """In each Secret of a fan-out, as the ServiceAccount itself and as a Google service account; still one mint."""
    simulation, key = await fan_out("a", "b", "c")
    email = "ci@acme-packages.iam.gserviceaccount.com"
    if acting:
        simulation.fakes.cluster.google_accounts["owners", "pull"] = email
        simulation.fakes.tokens.may_act.add((Identity("owners", "pull"), email))
    simulation.fakes.tokens.size = LONGEST
    await simulation.run(HOUR)
    assert reason(simulation, key) == "Ready"
    tokens = {token(simulation, namespace) for namespace in ("a", "b", "c")}
    assert [len(each) for each in tokens] == [LONGEST]
    assert (tokens & set(simulation.fakes.tokens.acting) == tokens) is acting
