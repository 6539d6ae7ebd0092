"""Any clocks, outages, restarts and lifetimes: no Secret holds a dead token for longer than the retries that follow."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from convergence.scenes import PULL, access, living_token, owners, reason
from convergence.simulation import Simulation
from fakes.calls import PortCall
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Unavailable

PLACE = ("owners", "pip")
KEY = ObjectKey("owners", "one")
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

    def recorded(self, call: PortCall) -> None:
        """What a crash right after this write would leave: status names the Secret, and no end later than its own."""
        fakes = self.simulation.fakes
        stored = fakes.cluster.secrets.get(PLACE)
        if call.name != "secrets.apply" or call.kwargs.get("dry_run") or stored is None or fakes.clock.skew:
            return
        ledger = fakes.cluster.objects[Kind.ACCESS, KEY]["status"]["secret"]
        assert (ledger["namespaces"], ledger["name"]) == ([PLACE[0]], PLACE[1])
        minted = fakes.tokens.minted.get(stored.data["netrc"].split()[-1])
        if minted is not None:
            assert datetime.fromisoformat(ledger.get("expirationTime", "0001-01-01T00:00:00Z")) <= minted[1].expires

    def happen(self, what: str) -> None:
        """Let one thing happen; what it disturbs may take a while to be put right."""
        fakes = self.simulation.fakes
        match what.split():
            case ["outage", *ports]:
                self._fail(Unavailable("503"), ports)
            case ["conflicts", *ports]:
                self._fail(Conflict("409"), ports)
            case ["recovery"]:
                fakes.calls.before = None
            case ["restart"]:
                self.simulation.boot()
                self.starts += 1
            case ["clock", hours]:
                fakes.clock.set_ahead(timedelta(hours=float(hours)))
                return
            case ["suspend", seconds]:
                fakes.clock.suspend(float(seconds))
            case ["life", minutes]:
                fakes.tokens.lifetime = timedelta(minutes=float(minutes))
                return
            case ["remove"]:
                fakes.cluster.secrets.pop(PLACE, None)
            case ["edit"] if PLACE in fakes.cluster.secrets:
                fakes.cluster.secrets[PLACE].edit("kubectl-edit", {".data.netrc": "machine evil login a password gone"})
        self.well_since = self.now

    def _fail(self, error: Exception, ports: list[str]) -> None:
        def before(call: PortCall) -> None:
            if call.name in ports:
                raise error

        self.simulation.fakes.calls.before = before


COMMON = [
    "outage tokens.mint",
    "outage secrets.apply",
    "outage tokens.mint secrets.apply objects.write_status index.probe",
    "conflicts secrets.apply objects.write_status",
    "recovery",
    "restart",
    "remove",
    "edit",
    "life 5",
    "life 20",
    "life 60",
    "life 120",
]
CLOCKS = [f"clock {hours}" for hours in (0, 0.5, -0.5, 1, -1, 5, -5, 9000)]
SLEEPS = [f"suspend {seconds}" for seconds in (60, 1000, 4000, 90000)]
PAUSES = st.sampled_from([1.0, 40.0, 500.0, 2000.0, 4000.0])


@settings(max_examples=settings().max_examples // 3)
@given(
    # Not both: after a clock was set back, neither clock tells how long a machine slept.
    st.one_of(*(st.lists(st.tuples(st.sampled_from(COMMON + more), PAUSES), max_size=8) for more in (CLOCKS, SLEEPS)))
)
@example([("clock -1", 40.0), ("clock 1", 4000.0), ("remove", 1.0)])
@example([("clock 0.5", 4000.0), ("clock 5", 2000.0), ("clock -5", 500.0), ("remove", 1.0), ("clock -5", 1.0)])
async def test_no_secret_holds_a_dead_token_for_long(story: list[tuple[str, float]]) -> None:
    """Once all ports answer it takes a retry or two; mints keep their distance whatever happens; it ends well."""
    simulation = await owners()
    life = Life(simulation)
    simulation.fakes.calls.after = life.recorded
    access(simulation, KEY.namespace, KEY.name, subjects=PULL, secret={"name": "pip"})
    await life.wait(30)
    for what, seconds in story:
        life.happen(what)
        await life.wait(seconds)
    for what in ("clock 0", "life 60", "recovery"):
        life.happen(what)
    await life.wait(5000)
    assert len(simulation.fakes.tokens.minted) <= life.now / 30 + 2 * life.starts
    assert reason(simulation, KEY) == "Ready"


async def test_a_clock_that_is_set_ahead_during_a_write_delays_no_token() -> None:
    """A token that was minted just before, and is not in the Secret yet, looks expired: the next one comes at once."""
    simulation = await owners()
    access(simulation, KEY.namespace, KEY.name, subjects=PULL, secret={"name": "pip"})
    await simulation.run(30)
    fakes = simulation.fakes
    first, begun = len(fakes.tokens.minted), fakes.clock.now()

    def before(call: PortCall) -> None:
        if call.name == "secrets.apply" and len(fakes.tokens.minted) > first and not fakes.clock.skew:
            fakes.clock.set_ahead(timedelta(hours=1))
            raise Unavailable("503")

    fakes.calls.before = before
    while not fakes.clock.skew:
        await simulation.run(1)
        assert fakes.clock.now() - begun < timedelta(hours=1)
    fakes.calls.before = None
    await simulation.run(5)
    stored = fakes.cluster.secrets[PLACE]
    assert stored.data["netrc"].split()[-1] == list(fakes.tokens.minted)[-1]
    assert len(fakes.tokens.minted) == first + 2
