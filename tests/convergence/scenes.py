"""Initial worlds of the convergence tests, and helpers to read them."""

from dataclasses import dataclass
from typing import Any

from convergence.simulation import Simulation
from fakes.world import Fakes

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind

WHEELS = ObjectKey("owners", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
PULL = [{"kind": "ServiceAccount", "name": "pull"}]
READER, WRITER = "roles/artifactregistry.reader", "roles/artifactregistry.writer"


@dataclass(frozen=True)
class Row:
    """One condition."""

    status: str
    reason: str
    message: str
    generation: int


async def owners(**spec: Any) -> Simulation:
    """A Ready repository owners/wheels that allows `team`; both namespaces have opted in and have ServiceAccounts."""
    fakes = Fakes()
    fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    fakes.cluster.put_namespace("team", opted_in=True)
    fakes.cluster.service_accounts |= {("owners", "pull"), ("team", "pull"), ("owners", "push")}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(**spec))
    simulation = Simulation(fakes)
    await simulation.run(30)
    return simulation


def wheels(**spec: Any) -> dict[str, Any]:
    """The spec of owners/wheels."""
    return {"location": "us-central1", "accessFrom": {"namespaces": ["team"]}, **spec}


def access(simulation: Simulation, namespace: str, name: str, **spec: Any) -> ObjectKey:
    """Declare an access to owners/wheels."""
    key = ObjectKey(namespace, name)
    body = {"repositoryRef": {"name": "wheels", "namespace": "owners"}, **spec}
    simulation.fakes.cluster.put(Kind.ACCESS, key, body)
    return key


def condition(simulation: Simulation, key: ObjectKey, kind: str, of: Kind = Kind.ACCESS) -> Row | None:
    """A condition of an object."""
    status = simulation.fakes.cluster.objects[of, key].get("status", {})
    row = next((row for row in status.get("conditions", ()) if row["type"] == kind), None)
    return row and Row(row["status"], row["reason"], row["message"], row["observedGeneration"])


def reason(simulation: Simulation, key: ObjectKey, kind: str = "Ready", of: Kind = Kind.ACCESS) -> str:
    """The reason of a condition, empty without one."""
    row = condition(simulation, key, kind, of)
    return row.reason if row is not None else ""


def members(simulation: Simulation, name: RepositoryName = NAME, role: str = READER) -> set[str]:
    """The members with a role on a repository; those of this cluster as `namespace/name`."""
    found = {
        member
        for binding in simulation.fakes.google.policy(name).bindings
        if binding.role == role
        for member in binding.members
    }
    return {short(member) for member in found}


def short(member: str) -> str:
    """`team/pull` for a ServiceAccount's principal, others in IAM's form."""
    subject = member.partition("/subject/ns/")[2]
    return subject.replace("/sa/", "/") if subject else member


def grants(simulation: Simulation, key: ObjectKey) -> dict[str, str]:
    """The ledger of an access: members and their states."""
    rows = simulation.fakes.cluster.objects[Kind.ACCESS, key].get("status", {}).get("grants", [])
    return {short(row["member"]): row["state"] for row in rows}


def living_token(simulation: Simulation, namespace: str, name: str = "pip") -> bool:
    """Whether the Secret has a token that has not expired."""
    stored = simulation.fakes.cluster.secrets.get((namespace, name))
    if stored is None:
        return False
    minted = simulation.fakes.tokens.minted.get(stored.data["netrc"].split()[-1])
    return minted is not None and minted[1].expires > simulation.fakes.clock.now()
