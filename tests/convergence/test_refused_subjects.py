"""Subjects and roles that the API server refuses, put into a cluster past it: the operator sends none to IAM."""

import pytest
from convergence.simulation import Simulation
from fakes.world import Fakes
from support.cases import ACCESS_CASES
from support.cases.case import Case

from wheelhouse.domain.iam import Binding
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind

OWNERS, NAME = "data-platform", RepositoryName("acme-packages", "us-central1", "team-wheels")
READER = "roles/artifactregistry.reader"
CASES = [
    each for each in ACCESS_CASES if each.words is not None and (each.place == "role" or each.place.startswith("subj"))
]
NAMED = ["allUsers", "deleted:user:", "\\u0430nn@", "\\r\\nbcc:", "ANN@", "role-", "principalSet://"]
"""Parts of the names of cases that must be among them."""


async def declared(*cases: Case) -> tuple[Simulation, list[ObjectKey]]:
    """An operator that has seen all of these specs, beside an access with one valid subject."""
    fakes = Fakes()
    fakes.cluster.put_namespace(OWNERS, projects=NAME.project, opted_in=True)
    fakes.cluster.put(Kind.REPOSITORY, ObjectKey(OWNERS, NAME.repository_id), {"location": NAME.location})
    simulation = Simulation(fakes)
    await simulation.run(30)
    keys = [ObjectKey(OWNERS, f"case-{number}") for number in range(len(cases))]
    for key, each in zip(keys, cases, strict=True):
        fakes.cluster.put(Kind.ACCESS, key, each.spec())
    group = {"kind": "GoogleGroup", "name": "team@acme.example"}
    spec = {"repositoryRef": {"name": NAME.repository_id}, "subjects": [group]}
    fakes.cluster.put(Kind.ACCESS, ObjectKey(OWNERS, "valid"), spec)
    await simulation.run(120)
    return simulation, keys


@pytest.mark.parametrize("word", NAMED)
def test_the_cases_have_what_an_attacker_tries(word: str) -> None:
    """The table may change, but not lose these."""
    assert any(word in each.name for each in CASES)


async def test_what_the_api_server_refuses_reaches_no_policy() -> None:
    """Each object reports the error, nothing of it is granted, and the valid access beside them is."""
    assert len(CASES) >= 150
    simulation, keys = await declared(*CASES)
    policy = simulation.fakes.google.policy(NAME)
    assert policy.bindings == (Binding(READER, ("group:team@acme.example",)),)
    assert simulation.fakes.calls.count()["policies.set"] == 1
    for key, each in zip(keys, CASES, strict=True):
        status = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]
        rows = {row["type"]: row for row in status["conditions"]}
        assert (rows["Ready"]["status"], rows["Ready"]["reason"]) == ("False", "InvalidArgument"), each.name
        assert "grants" not in status, each.name
    assert not simulation.fakes.cluster.secrets
