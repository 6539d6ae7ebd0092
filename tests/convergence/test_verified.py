"""The index's answers for the tokens in Secrets, and the number of requests."""

import pytest
from convergence.scenes import PULL, access, condition, owners, reason
from convergence.secret_scenes import SECRET, distributed, fail, mints, secret

from wheelhouse.errors import Unavailable


async def test_the_index_is_asked_once_for_a_token_and_a_page() -> None:
    """Two accesses of one identity to one repository share the answer; a drift interval later it is requested again."""
    simulation, _ = await distributed()
    access(simulation, "owners", "two", subjects=PULL, secret={"name": "other"})
    await simulation.run(30)
    assert simulation.fakes.calls.count()["index.probe"] == 1
    await simulation.run(600)
    assert simulation.fakes.calls.count()["index.probe"] == 2
    assert all(
        call.args[0].endswith("/simple/wheelhouse-probe/")
        for call in simulation.fakes.calls.log
        if call.name == "index.probe"
    )


async def test_an_index_that_begins_to_refuse_shows() -> None:
    """A refusal soon after a success is Propagating, then Refused; and it recovers."""
    simulation, key = await distributed()
    simulation.fakes.index.propagating = True
    told: dict[str, float] = {}
    for _ in range(200):
        await simulation.run(10)
        told.setdefault(reason(simulation, key, "Verified"), simulation.fakes.clock.elapsed())
    assert list(told) == ["Verified", "Propagating", "Refused"]
    assert told["Propagating"] <= 730
    assert told["Refused"] == pytest.approx(960, abs=40)
    simulation.fakes.index.propagating = False
    await simulation.run(70)
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("effective", [True, False])
async def test_a_new_grant_that_is_not_in_effect_yet_is_no_failure(effective: bool) -> None:
    """IAM takes minutes until a grant works: 15 of them are Propagating, and only then Refused."""
    simulation = await owners()
    simulation.fakes.index.propagating = True
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    begun, told = simulation.fakes.clock.elapsed(), set()
    while simulation.fakes.clock.elapsed() - begun < 880:
        await simulation.run(10)
        told.add((reason(simulation, key, "Verified"), reason(simulation, key, "Stalled")))
    assert told - {("", "")} == {("Propagating", "")}
    found = condition(simulation, key, "Verified")
    assert found is not None
    assert "not in effect yet" in found.message
    assert secret(simulation)  # It is there already, and works as soon as the grant does.
    simulation.fakes.index.propagating = not effective
    await simulation.run(400)
    assert reason(simulation, key, "Verified") == ("Verified" if effective else "Refused")
    assert (reason(simulation, key) == "Ready") is effective
    events = [(event.reason, event.warning) for event in simulation.fakes.cluster.events if event.key == key]
    assert events == [("Propagating", False), ("Ready", False) if effective else ("Refused", True)]


async def test_a_token_that_the_index_does_not_know_is_minted_again_once() -> None:
    """401 causes a new token, once; if that one is rejected too, the access reports it."""
    simulation, key = await distributed()
    simulation.fakes.tokens.minted.clear()
    simulation.fakes.calls.clear()
    await simulation.run(700)
    assert mints(simulation) == 1
    assert reason(simulation, key) == "Ready"
    simulation.fakes.tokens.minted = _Forgetful()
    await simulation.run(700)
    assert mints(simulation) == 2
    assert reason(simulation, key, "Verified") == "Refused"


class _Forgetful(dict):  # type: ignore[type-arg]  # replaces the tokens that Google knows
    """Google knows none of the tokens that it issues."""

    def __setitem__(self, key: object, value: object) -> None:
        pass


async def test_an_index_that_does_not_answer_takes_nothing_away_for_15_minutes() -> None:
    """A 5xx at a drift check leaves Verified for 15 minutes."""
    simulation, key = await distributed()
    fail(simulation, "index.probe", Unavailable("503"))
    await simulation.run(1200)
    assert reason(simulation, key, "Verified") == "Verified"
    await simulation.run(400)
    assert reason(simulation, key, "Verified") == "Unavailable"
