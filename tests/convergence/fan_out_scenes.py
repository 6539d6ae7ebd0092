"""A world with a fan-out, and helpers to read it."""

from typing import Any

from convergence.scenes import PULL, access, owners, reason
from convergence.simulation import Simulation

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind

SELECTOR = {"matchLabels": {"tier": "app"}}
SHARED = {"name": "pip", "namespaceSelector": SELECTOR, "identityFrom": "AccessNamespace"}
LOCAL = {"name": "pip", "namespaceSelector": SELECTOR}


def join(simulation: Simulation, *names: str, account: bool = True) -> None:
    """Create namespaces that the selector matches, with a ServiceAccount `pull` each."""
    for name in names:
        simulation.fakes.cluster.put_namespace(name, opted_in=True, tier="app")
        if account:
            simulation.fakes.cluster.service_accounts.add((name, "pull"))


async def fan_out(*names: str, secret: dict[str, Any] = SHARED, **spec: Any) -> tuple[Simulation, ObjectKey]:
    """A Ready access owners/one that writes a Secret `pip` into these namespaces."""
    simulation = await owners()
    join(simulation, *names)
    key = access(simulation, "owners", "one", subjects=PULL, secret=secret, **spec)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    return simulation, key


def places(simulation: Simulation, name: str = "pip") -> set[str]:
    """The namespaces that have the Secret."""
    return {namespace for namespace, secret in simulation.fakes.cluster.secrets if secret == name}


def summary(simulation: Simulation, key: ObjectKey) -> dict[str, Any]:
    """`status.secret` of an access."""
    found: dict[str, Any] = simulation.fakes.cluster.objects[Kind.ACCESS, key].get("status", {}).get("secret", {})
    return found


def holder(simulation: Simulation, namespace: str, name: str = "pip") -> ObjectKey:
    """The access whose field manager owns the Secret."""
    uid = simulation.fakes.cluster.secrets[namespace, name].fields[".metadata.labels.wheelhouse.dev/access-uid"]
    bodies = simulation.fakes.cluster.objects.items()
    return next(key for (_, key), body in bodies if body["metadata"]["uid"] == uid)
