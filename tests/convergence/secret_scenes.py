"""A world with one Secret, and helpers to read and change it."""

from collections.abc import Callable

from convergence.scenes import PULL, access, owners, reason
from convergence.simulation import Simulation
from fakes.calls import PortCall
from fakes.stored_secret import StoredSecret

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused

HOUR = 3600.0
SECRET = {"name": "pip"}
REFUSED = Refused("The caller has no right to it.")


async def distributed(namespace: str = "owners", **spec: object) -> tuple[Simulation, ObjectKey]:
    """A Ready access `one` with a Secret `pip`."""
    simulation = await owners()
    key = access(simulation, namespace, "one", **{"subjects": PULL, "secret": SECRET, **spec})
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
    return simulation, key


def secret(simulation: Simulation, namespace: str = "owners", name: str = "pip") -> StoredSecret:
    """The current Secret."""
    return simulation.fakes.cluster.secrets[namespace, name]


def token(simulation: Simulation, namespace: str = "owners", name: str = "pip") -> str:
    """The token in a Secret."""
    return secret(simulation, namespace, name).data["netrc"].split()[-1]


def left(simulation: Simulation, namespace: str = "owners", name: str = "pip") -> float:
    """Remaining seconds of the token in a Secret."""
    minted = simulation.fakes.tokens.minted[token(simulation, namespace, name)][1]
    return (minted.expires - simulation.fakes.clock.now()).total_seconds()


def mints(simulation: Simulation) -> int:
    """The number of minted tokens."""
    return simulation.fakes.calls.count()["tokens.mint"]


def fail(
    simulation: Simulation, name: str, error: Exception, when: Callable[[PortCall], bool] = lambda _: True
) -> None:
    """Let calls of a port fail until `heal`."""

    def before(call: PortCall) -> None:
        if call.name == name and when(call):
            raise error

    simulation.fakes.calls.before = before


def heal(simulation: Simulation) -> None:
    """Let all ports work again."""
    simulation.fakes.calls.before = None


def edit(simulation: Simulation, key: ObjectKey, **spec: object) -> None:
    """Change fields of an access's spec; None removes one."""
    body = dict(simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]) | spec
    simulation.fakes.cluster.put(Kind.ACCESS, key, {name: value for name, value in body.items() if value is not None})


def asked_data(call: PortCall) -> bool:
    """Whether a call is an apply with data, and not a dry run."""
    return call.name == "secrets.apply" and not call.kwargs.get("dry_run")
