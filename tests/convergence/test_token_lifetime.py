"""spec.secret.tokenLifetime: requested, changed, removed again, and shortened by Google."""

from datetime import timedelta

import pytest
from convergence.scenes import reason
from convergence.secret_scenes import HOUR, SECRET, distributed, edit, left, mints, token
from convergence.simulation import Simulation

MINUTE = 60.0


def capped(simulation: Simulation) -> list[str]:
    """The notes of the Events about shortened tokens."""
    return [event.note for event in simulation.fakes.cluster.events if event.reason == "LifetimeCapped"]


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("90m", 5400), ("12h", 43200)])
async def test_the_token_lives_as_long_as_requested(text: str, seconds: float) -> None:
    """It is minted for that time, and replaced at half of it; nothing else mints or writes in between."""
    simulation, key = await distributed(secret={**SECRET, "tokenLifetime": text})
    assert left(simulation) == pytest.approx(seconds, abs=40)
    before = token(simulation)
    await simulation.run(seconds / 2 - 60)
    assert (token(simulation), mints(simulation)) == (before, 1)
    await simulation.run(120)
    assert token(simulation) != before
    assert left(simulation) == pytest.approx(seconds, abs=120)
    assert reason(simulation, key) == "Ready"
    assert capped(simulation) == []


async def test_another_lifetime_is_written_at_once_also_a_shorter_one() -> None:
    """The rule against shorter tokens compares tokens of one lifetime; without the field it is an hour again."""
    simulation, key = await distributed()
    for text, seconds in (("12h", 12 * HOUR), ("10m", 600.0), (None, HOUR)):
        edit(simulation, key, secret=SECRET if text is None else {**SECRET, "tokenLifetime": text})
        await simulation.run(40)
        # A token of this lifetime that is still in memory may be used again.
        assert 0.75 * seconds <= left(simulation) <= seconds
        assert reason(simulation, key) == "Ready"


async def test_a_restart_keeps_a_long_token() -> None:
    """Its recorded times are within the requested lifetime, so they count: no mint, no write."""
    simulation, key = await distributed(secret={**SECRET, "tokenLifetime": "12h"})
    await simulation.run(600)
    simulation.fakes.calls.clear()
    simulation.boot()
    await simulation.run(2 * HOUR)
    assert mints(simulation) == 0
    assert reason(simulation, key) == "Ready"


async def test_a_shortened_token_is_reported_once_and_kept_fresh() -> None:
    """Google issues an hour instead of twelve: one Event, and the real lifetime decides when it is replaced."""
    simulation, key = await distributed(secret={**SECRET, "tokenLifetime": "12h"})
    simulation.fakes.tokens.lifetime = timedelta(hours=1)
    edit(simulation, key, secret={**SECRET, "tokenLifetime": "11h"})
    lowest = HOUR
    for _ in range(90):
        await simulation.run(2 * MINUTE)
        lowest = min(lowest, left(simulation))
    assert lowest > 0.4 * HOUR
    (note,) = capped(simulation)
    assert "60 minutes" in note
    assert "tokenLifetime" in note
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("life", [300, 60])
async def test_a_very_short_token_of_a_long_request_stays_fresh(life: int) -> None:
    """The least time between mints follows the short life, not the twelve hours."""
    simulation, key = await distributed()
    simulation.fakes.tokens.lifetime = timedelta(seconds=life)
    edit(simulation, key, secret={**SECRET, "tokenLifetime": "12h"})
    await simulation.run(60)
    for _ in range(200):
        await simulation.run(5)
        assert left(simulation) > 0
