"""Any clocks, outages, restarts and lifetimes: no Secret holds a dead token for longer than the retries that follow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from convergence.scenes import PULL, access, living_token, owners, reason
from convergence.simulation import Simulation
from fakes.calls import PortCall
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.errors import Conflict, Unavailable

PLACE = ("owners", "pip")
RECOVERY = 130.0
"""Seconds after an outage until a token lives again: a retry of the mint, one of the write, or a look at the Secret."""


@dataclass
class Life:
    """A simulation whose Secret is watched while things happen to it."""

    simulation: Simulation
    well_since: float = 0.0
    starts: int = 1

    @property
    def now(self) -> float:
        """Seconds since the beginning, by a clock that nothing touches."""
        fakes = self.simulation.fakes
        return (fakes.clock.time - fakes.clock.start).total_seconds()

    async def wait(self, seconds: float) -> None:
        """Let time pass, and see that the token lives all the while."""
        until = self.now + seconds
        while self.now < until:
            await self.simulation.run(min(60.0, until - self.now))
            if self.simulation.fakes.calls.before is None and self.now - self.well_since > RECOVERY:
                assert living_token(self.simulation, *PLACE), f"dead at {self.now}"

    def disturb(self) -> None:
        """Something happened that takes a while to put right."""
        self.well_since = self.now


Happening = Callable[[Life], None]


def outage(*ports: str) -> Happening:
    """Let ports answer nothing."""

    def begin(life: Life) -> None:
        def before(call: PortCall) -> None:
            if call.name in ports:
                raise Unavailable("503")

        life.simulation.fakes.calls.before = before

    return begin


def recovery(life: Life) -> None:
    if life.simulation.fakes.calls.before is not None:
        life.disturb()
    life.simulation.fakes.calls.before = None


def conflicts(life: Life) -> None:
    def before(call: PortCall) -> None:
        if call.name in {"secrets.apply", "objects.write_status"}:
            raise Conflict("409")

    life.simulation.fakes.calls.before = before


def clock(skew: timedelta) -> Happening:
    """Set the operator's clock."""

    def jump(life: Life) -> None:
        life.simulation.fakes.clock.set_ahead(skew)

    return jump


def suspend(seconds: float) -> Happening:
    """Let the operator's machine sleep."""

    def sleep(life: Life) -> None:
        life.simulation.fakes.clock.suspend(seconds)
        life.disturb()

    return sleep


def restart(life: Life) -> None:
    life.simulation.boot()
    life.starts += 1
    life.disturb()


def lifetime(granted: timedelta | None) -> Happening:
    """What the exchange grants from now on."""

    def change(life: Life) -> None:
        life.simulation.fakes.tokens.lifetime = granted

    return change


def remove(life: Life) -> None:
    life.simulation.fakes.cluster.secrets.pop(PLACE, None)
    life.disturb()


def edit(life: Life) -> None:
    stored = life.simulation.fakes.cluster.secrets.get(PLACE)
    if stored is not None:
        stored.edit("kubectl-edit", {".data.netrc": "machine evil login a password gone"})
        life.disturb()


HAPPENINGS = st.one_of(
    st.sampled_from(
        [
            outage("tokens.mint"),
            outage("secrets.apply"),
            outage("tokens.mint", "secrets.apply", "objects.write_status", "index.probe"),
            conflicts,
            recovery,
            recovery,
            restart,
            remove,
            edit,
        ]
    ),
    st.sampled_from([0, 1, -1, 5, -5, 0.5, -0.5, 9000]).map(lambda hours: clock(timedelta(hours=hours))),
    st.sampled_from([60.0, 1000.0, 4000.0, 90000.0]).map(suspend),
    st.sampled_from([None, 5, 20, 60, 120]).map(
        lambda minutes: lifetime(None if minutes is None else timedelta(minutes=minutes))
    ),
)
STORIES = st.lists(st.tuples(HAPPENINGS, st.sampled_from([1.0, 40.0, 500.0, 2000.0, 4000.0])), max_size=8)


@given(STORIES)
async def test_no_secret_holds_a_dead_token_for_long(story: list[tuple[Happening, float]]) -> None:
    """Once all ports answer it takes a retry or two; mints keep their distance whatever happens; it ends well."""
    simulation = await owners()
    key = access(simulation, "owners", "one", subjects=PULL, secret={"name": "pip"})
    await simulation.run(30)
    life = Life(simulation)
    life.disturb()
    for happening, seconds in story:
        happening(life)
        await life.wait(seconds)
    recovery(life)
    clock(timedelta())(life)
    lifetime(None)(life)
    life.disturb()
    await life.wait(9000)
    assert len(simulation.fakes.tokens.minted) <= life.now / 30 + 2 * life.starts
    assert reason(simulation, key) == "Ready"
