"""Outages, restarts, wrong clocks, requests in a loop: a Secret's token stays valid, and its reports are true."""

from dataclasses import replace
from datetime import timedelta

import pytest
from convergence.scenes import NAME, PULL, WHEELS, access, living_token, members, owners, reason, wheels
from convergence.secret_scenes import (
    HOUR,
    REFUSED,
    SECRET,
    asked_data,
    distributed,
    edit,
    fail,
    heal,
    left,
    mints,
    secret,
    token,
)
from convergence.simulation import Simulation

from wheelhouse.domain.objects import REQUESTED_ANNOTATION, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.status.conditions import timestamp

# Outages


async def test_an_outage_is_reported_when_a_quarter_is_left_and_expiry_on_time() -> None:
    """Distributed stays True while there is time, then is Unavailable, then Expired; then the token is valid soon."""
    simulation, key = await distributed()
    fail(simulation, "tokens.mint", Unavailable("The Security Token Service answered 503."))
    told: dict[str, float] = {}
    while left(simulation) > -120:
        await simulation.run(5)
        told.setdefault(reason(simulation, key, "Distributed"), left(simulation))
    assert list(told) == ["Distributed", "Unavailable", "Expired"]
    assert told["Unavailable"] == pytest.approx(HOUR / 4, abs=10)
    assert told["Expired"] == pytest.approx(0, abs=10)
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]["current"] == 0
    heal(simulation)
    await simulation.run(61)
    assert living_token(simulation, "owners")
    await simulation.run(10)
    assert reason(simulation, key) == "Ready"


async def test_a_refused_token_is_reported_at_once() -> None:
    """A ServiceAccount without permission is reported at the refresh, while the old token is still valid."""
    simulation, key = await distributed()
    fail(simulation, "tokens.mint", Refused("Google refused a token.", Reason.TOKEN_REFUSED))
    await simulation.run(1900)
    assert living_token(simulation, "owners")
    assert reason(simulation, key, "Distributed") == "TokenRefused"
    assert mints(simulation) < 10


async def test_retries_are_paced_by_the_life_of_the_token() -> None:
    """An outage of the Security Token Service with tokens of one hour: an attempt every 5 to 60 seconds."""
    simulation, _ = await distributed()
    await simulation.run(1700)
    fail(simulation, "tokens.mint", Unavailable("503"))
    simulation.fakes.calls.clear()
    await simulation.run(1200)
    assert 1200 / 60 - 5 <= mints(simulation) <= 1200 / 5


@pytest.mark.parametrize("call", ["tokens.mint", "secrets.apply"])
async def test_a_refusal_does_not_outlast_a_short_token(call: str) -> None:
    """An API server that has just started denies everything for a moment; a token of ten minutes is soon replaced."""
    simulation, key = await distributed(secret={**SECRET, "tokenLifetime": "10m"})
    fail(simulation, call, Refused("RBAC denies it.", Reason.TOKEN_REFUSED))
    await simulation.run(250)
    while reason(simulation, key, "Distributed") != "TokenRefused":
        await simulation.run(1)
    heal(simulation)
    await simulation.run(13)
    assert left(simulation) > 560


async def test_a_retry_after_is_a_floor_for_mints() -> None:
    """If the Security Token Service requests 45 seconds, no attempt is earlier, even after a change."""
    simulation, _ = await distributed()
    fail(simulation, "tokens.mint", Unavailable("429", retry_after=45.0))
    await simulation.run(1801)
    simulation.fakes.calls.clear()
    accounts = simulation.fakes.cluster.service_accounts
    for _ in range(45):
        accounts.discard(("owners", "pull"))
        await simulation.run(5)
        accounts.add(("owners", "pull"))
        await simulation.run(5)
    assert 8 <= mints(simulation) <= 11
    assert living_token(simulation, "owners")


@pytest.mark.parametrize("error", [Invalid("no"), REFUSED, Unavailable("503")])
async def test_a_secret_that_cannot_be_written_heals(error: Exception) -> None:
    """Whatever the API server answers to an apply: the access reports it, its neighbor is Ready, and it recovers."""
    simulation = await owners()
    fail(
        simulation,
        "secrets.apply",
        error,
        lambda call: call.args[0].name == "pip" and asked_data(call),
    )
    bad = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    good = access(simulation, "owners", "two", subjects=PULL, secret={"name": "other"})
    await simulation.run(90)
    assert reason(simulation, bad, "Distributed") not in {"Distributed", "Pending"}
    assert reason(simulation, good) == "Ready"
    heal(simulation)
    await simulation.run(90)
    assert reason(simulation, bad) == "Ready"


# ServiceAccounts


async def test_a_missing_service_account_costs_no_request_and_is_awaited() -> None:
    """It is reported, no request is sent to the API server, and its creation mints at once."""
    simulation = await owners()
    key = access(simulation, "owners", "one", secret={"name": "pip", "serviceAccountName": "late"})
    await simulation.run(300)
    assert reason(simulation, key, "Distributed") == "ServiceAccountNotFound"
    assert mints(simulation) == 0
    simulation.fakes.cluster.service_accounts.add(("owners", "late"))
    await simulation.run(2)
    assert living_token(simulation, "owners")


async def test_a_deleted_service_account_is_reported_at_the_refresh() -> None:
    """The current token stays valid; the refresh reports what is missing, and recovers when it exists again."""
    simulation, key = await distributed()
    simulation.fakes.cluster.service_accounts.discard(("owners", "pull"))
    await simulation.run(1900)
    assert reason(simulation, key, "Distributed") == "ServiceAccountNotFound"
    simulation.fakes.cluster.service_accounts.add(("owners", "pull"))
    await simulation.run(5)
    assert reason(simulation, key) == "Ready"
    assert left(simulation) > HOUR - 60


# requested-at


async def test_a_request_mints_and_writes_now_but_not_in_a_loop() -> None:
    """A changed requested-at causes a new token at once; sixty in a minute cause three at most."""
    simulation, key = await distributed()
    before = token(simulation)
    spec = simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]
    await simulation.run(60)
    simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: "now"})
    await simulation.run(3)
    assert token(simulation) != before
    assert left(simulation) > HOUR - 10
    simulation.fakes.calls.clear()
    for number in range(60):
        simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: str(number)})
        await simulation.run(1)
    assert 1 <= mints(simulation) <= 3
    await simulation.run(31)  # Status names a request once its token is minted.
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["lastHandledRequest"] == "59"


async def test_a_request_checks_the_policy_but_not_in_a_loop() -> None:
    """A grant that another client removed is back at once; sixty requests in a minute read the policy three times."""
    simulation, key = await distributed()
    spec = simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]
    await simulation.run(60)
    policy = simulation.fakes.google.policies[NAME.full]
    simulation.fakes.google.policies[NAME.full] = replace(policy, bindings=())
    simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: "now"})
    await simulation.run(5)
    assert members(simulation)
    simulation.fakes.calls.clear()
    for number in range(60):
        simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: str(number)})
        await simulation.run(1)
    assert 1 <= simulation.fakes.calls.count()["policies.get"] <= 3


async def test_a_crash_before_the_mint_loses_no_request() -> None:
    """Status names the request only after the mint, so that the next process makes up for it."""
    simulation, key = await distributed()
    await simulation.run(60)
    old = token(simulation)
    spec = simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]
    fail(simulation, "tokens.mint", Unavailable("503"))
    simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: "now"})
    await simulation.run(10)
    assert token(simulation) == old
    heal(simulation)
    simulation.boot()
    await simulation.run(10)
    assert token(simulation) != old
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["lastHandledRequest"] == "now"


@pytest.mark.parametrize("before", ["", "earlier"], ids=["the first", "a later one"])
async def test_a_request_while_no_operator_runs_is_heard(before: str) -> None:
    """The start compares it with what status says was handled last: one token, and none at the start after that."""
    simulation, key = await distributed()
    spec = simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]
    if before:
        simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: before})
    await simulation.run(120)
    old = token(simulation)
    simulation.fakes.cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: "meanwhile"})
    simulation.fakes.calls.clear()
    simulation.boot()
    await simulation.run(130)
    assert mints(simulation) == 1
    assert token(simulation) != old
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["lastHandledRequest"] == "meanwhile"
    simulation.fakes.calls.clear()
    simulation.boot()
    await simulation.run(130)
    assert mints(simulation) == 0
    assert simulation.fakes.calls.changes == []


async def test_requests_are_heard_every_30_seconds_also_for_short_tokens() -> None:
    """Tokens of ten minutes may be minted every five seconds; a person gets one in thirty."""
    simulation = Simulation()
    cluster = simulation.fakes.cluster
    cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    cluster.service_accounts.add(("owners", "pull"))
    cluster.put(Kind.REPOSITORY, WHEELS, wheels())
    key = access(simulation, "owners", "one", subjects=PULL, secret={**SECRET, "tokenLifetime": "10m"})
    await simulation.run(60)
    spec = cluster.objects[Kind.ACCESS, key]["spec"]
    simulation.fakes.calls.clear()
    for number in range(60):
        cluster.put(Kind.ACCESS, key, spec, annotations={REQUESTED_ANNOTATION: str(number)})
        await simulation.run(1)
    assert 2 <= mints(simulation) <= 3


# Restarts and clocks


async def test_a_restart_mints_nothing_before_it_is_due() -> None:
    """Times come from status: a start writes no Secret, mints no token and writes no status."""
    simulation, key = await distributed()
    for _ in range(5):
        await simulation.run(200)
        simulation.fakes.calls.clear()
        simulation.boot()
        await simulation.run(130)
        assert mints(simulation) == 0
        assert simulation.fakes.calls.changes == []
        assert reason(simulation, key) == "Ready"
    await simulation.run(300)
    assert mints(simulation) == 1
    assert left(simulation) > HOUR - 300


async def test_what_was_edited_while_the_operator_was_down_is_written_at_the_start() -> None:
    """A role that changed meanwhile does not wait for the next refresh."""
    simulation, key = await distributed()
    edit(simulation, key, role="Writer")
    simulation.boot()
    await simulation.run(60)
    assert ".pypirc" in secret(simulation).data


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=400), timedelta(minutes=40)])
async def test_a_clock_that_was_ahead_leaves_no_dead_token(ahead: timedelta) -> None:
    """The operator starts with a wrong clock, mints, and is restarted with a right one: the token is replaced."""
    simulation, _ = await distributed()
    simulation.fakes.clock.set_ahead(ahead)
    simulation.boot()
    await simulation.run(120)
    simulation.fakes.clock.set_ahead(timedelta())
    simulation.boot()
    for _ in range(60):
        await simulation.run(120)
        assert living_token(simulation, "owners")


@pytest.mark.parametrize(
    "jump", [timedelta(hours=3), timedelta(days=-400), timedelta(minutes=20), timedelta(minutes=-50)]
)
async def test_a_clock_that_jumps_leaves_no_dead_token(jump: timedelta) -> None:
    """In a running operator the clock jumps, and back again an hour later."""
    simulation, _ = await distributed()
    for skew in (jump, timedelta(), jump, timedelta()):
        simulation.fakes.clock.set_ahead(skew)
        for _ in range(30):
            await simulation.run(120)
            assert living_token(simulation, "owners")
    assert mints(simulation) < 30


async def test_a_suspended_machine_wakes_up_to_a_new_token() -> None:
    """The timers stopped while the token expired: it is replaced at once."""
    simulation, key = await distributed()
    simulation.fakes.clock.suspend(2 * HOUR)
    await simulation.run(11)
    assert living_token(simulation, "owners")
    assert reason(simulation, key) == "Ready"


async def test_a_suspended_machine_whose_clock_is_set_back_wakes_up_to_a_new_token() -> None:
    """The wall clock shows none of the sleep, and no timer is early: the next look at the Secret tells."""
    simulation, key = await distributed()
    simulation.fakes.clock.suspend(2 * HOUR, set_back=True)
    await simulation.run(70)
    assert living_token(simulation, "owners")
    assert reason(simulation, key) == "Ready"


async def test_the_secret_itself_tells_how_long_its_token_lives() -> None:
    """Status has plausible but wrong times: the next check of the Secret corrects them."""
    simulation, key = await distributed()
    await simulation.run(1600)
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    now = simulation.fakes.clock.now()
    body["status"]["secret"]["refreshTime"] = timestamp(now + timedelta(minutes=32))
    body["status"]["secret"]["expirationTime"] = timestamp(now + timedelta(minutes=59))
    simulation.fakes.cluster.touch(body)
    simulation.boot()
    for _ in range(60):
        await simulation.run(60)
        assert left(simulation) > HOUR / 2 - 180


@pytest.mark.parametrize("field", ["expirationTime", "refreshTime"])
@pytest.mark.parametrize("value", ["2999-01-01T00:00:00Z", "tomorrow", None, "2026-01-01T00:00:00Z"])
async def test_forged_times_leave_no_dead_token(field: str, value: str | None) -> None:
    """A status with impossible times, or none, has no effect after a restart."""
    simulation, key = await distributed()
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    body["status"]["secret"][field] = value
    simulation.fakes.cluster.touch(body)
    simulation.boot()
    for _ in range(40):
        await simulation.run(120)
        assert living_token(simulation, "owners")
    assert mints(simulation) < 6


async def test_an_edit_after_a_restart_does_not_wait_for_a_new_token() -> None:
    """If the Secret stays as it is, so does what the index answered for its token."""
    simulation, key = await distributed()
    simulation.boot()
    await simulation.run(100)
    edit(simulation, key, subjects=[*PULL, {"kind": "GoogleGroup", "name": "readers@acme.example"}])
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
