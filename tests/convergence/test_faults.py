"""Any users, any outage, any order: once the faults end the world is as desired, and then nothing is written."""

import random
from collections.abc import Callable

from convergence.simulation import Crash, Simulation
from convergence.specification import Specification
from convergence.test_crashes import ACTS, FOREIGN, NAME, TRAINING, declare, foreign_writer, namespaces
from fakes.calls import PortCall
from fakes.world import Fakes
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Conflict, Unavailable

ACT_NAMES = st.lists(st.sampled_from([name for name in ACTS if name != "create"]), max_size=4, unique=True)


def faults(seed: int, rate: float, *more: Exception) -> Callable[[PortCall], None]:
    """A hook that lets some port calls fail, or kills the process there; `more` are failures besides outages."""
    chance = random.Random(seed)

    def hook(call: PortCall) -> None:
        if chance.random() < rate:
            raise chance.choice([Unavailable("503"), Unavailable("429", retry_after=1.0), Crash(), *more])

    return hook


async def live(acts: list[str], before: int, after: int, rate: float) -> None:
    """Declare and act while calls fail, then let all ports work."""
    fakes = Fakes()
    namespaces(fakes)
    simulation = Simulation(fakes)
    specification = Specification(fakes)
    # A conflict is an answer: it comes before an effect and never after one. An outage may come after: a lost reply.
    fakes.calls.before, fakes.calls.after = faults(before, rate, Conflict("409")), faults(after, rate)
    declare(fakes)
    await simulation.run(60.0)
    for name in acts:
        foreign_writer(fakes)
        bindings = fakes.google.policy(NAME).bindings
        specification.foreign = {
            (NAME.full, binding.role, member)
            for binding in bindings
            for member in binding.members
            if member in FOREIGN.members
        }
        try:
            ACTS[name](fakes)
        except KeyError:
            continue  # The object was deleted already.
        await simulation.run(20.0)
    fakes.calls.before = fakes.calls.after = None
    await simulation.settle(specification.difference, seconds=3600.0)
    await simulation.run(1300.0)
    fakes.calls.clear()
    await simulation.run(100.0)
    assert [change for change in fakes.calls.changes if "secret" not in change and "status" not in change] == []
    assert specification.difference() is None


@given(
    acts=ACT_NAMES,
    before=st.integers(0, 1 << 16),
    after=st.integers(0, 1 << 16),
    rate=st.sampled_from([0.02, 0.1, 0.3]),
)
async def test_everything_heals(acts: list[str], before: int, after: int, rate: float) -> None:
    """Acts in any order, with calls that fail, lose their reply or kill the process: it settles, and then stays so."""
    await live(acts, before, after, rate)


async def test_a_namespace_that_is_deleted_takes_nothing_along() -> None:
    """A terminating namespace rejects new Secrets and tokens; its accesses are still released."""
    fakes = Fakes()
    namespaces(fakes)
    simulation = Simulation(fakes)
    specification = Specification(fakes)
    declare(fakes)
    await simulation.settle(specification.difference)
    fakes.cluster.put_namespace(TRAINING, opted_in=True, deleting=True, team="ml")
    for name in ("trainers", "reviewers"):
        fakes.cluster.delete(Kind.ACCESS, ObjectKey(TRAINING, name))
    await simulation.settle(specification.difference)
