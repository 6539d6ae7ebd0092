"""Operators of two versions, one after the other: neither removes anything that it must not remove."""

import copy
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from convergence.scenes import WRITER, living_token, members, reason
from convergence.simulation import Simulation
from fakes.stored_secret import StoredSecret
from fakes.world import Fakes

from wheelhouse.domain.iam import Binding
from wheelhouse.domain.modes import Mode, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.repository import Ownership, RepositorySettings

BEFORE = Path(__file__).parent / "versions" / "schema-1.json"
"""Objects and Secrets of the operator whose definitions had no `wheelhouse.dev/schema-version`."""
WHEELS, ALL = ObjectKey("owners", "wheels"), ObjectKey("owners", "all")
PUSH, PEOPLE, PULL = ObjectKey("owners", "push"), ObjectKey("owners", "people"), ObjectKey("team", "pull")
REFRESH = 1800.0
"""When the tokens in the Secrets are due."""


def settings(key: ObjectKey) -> RepositorySettings:
    """A repository in Google."""
    labels = dict(Ownership.of("cluster-1", key).labels)
    if key == WHEELS:
        return RepositorySettings(Mode.STANDARD.wire, "Wheels", {"team": "platform", **labels})
    wheels = Upstream("wheels", RepositoryName("acme-packages", "us-central1", "wheels").full, 1)
    return RepositorySettings(Mode.VIRTUAL.wire, labels=labels, upstreams=frozenset({wheels}))


def left_behind(state: dict[str, Any]) -> Fakes:
    """The world that the previous operator leaves."""
    fakes = Fakes()
    cluster = fakes.cluster
    cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    cluster.put_namespace("team", opted_in=True)
    cluster.service_accounts |= {("owners", "push"), ("team", "pull")}
    bindings = []
    for body in copy.deepcopy(state["objects"]):
        name = body.pop("kind")
        kind = next(kind for kind in Kind if kind.kind == name)
        key = ObjectKey(body["metadata"]["namespace"], body["metadata"]["name"])
        cluster.objects[kind, key] = body
        if kind is Kind.REPOSITORY:
            created = datetime.fromisoformat(body["status"]["createTime"])
            fakes.clock.advance((created - fakes.clock.now()).total_seconds())
            fakes.google.plant(RepositoryName("acme-packages", "us-central1", key.name), settings(key))
        bindings += [Binding(row["role"], (row["member"],)) for row in body["status"].get("grants", ())]
    fakes.google.plant_policy(RepositoryName("acme-packages", "us-central1", "wheels"), *bindings)
    for place, secret in state["secrets"].items():
        managers = {name: set(paths) for name, paths in secret["managers"].items()}
        namespace, _, name = place.partition("/")
        cluster.secrets[namespace, name] = StoredSecret(secret["uid"], dict(secret["fields"]), managers)
    fakes.clock.advance(state["elapsed"] - fakes.clock.elapsed())
    return fakes


@pytest.fixture
def state() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BEFORE.read_text())
    return found


def granted(simulation: Simulation) -> tuple[set[str], set[str]]:
    """Readers and writers."""
    return members(simulation), members(simulation, role=WRITER)


async def test_what_the_version_before_wrote_is_read(state: dict[str, Any]) -> None:
    """An update mints nothing, writes no Secret and no policy before it is due, and each status at most once.

    pdm.toml is new since then: it comes with the next token.
    """
    simulation = Simulation(left_behind(state))
    calls = simulation.fakes.calls
    await simulation.run(REFRESH - 60 - simulation.fakes.clock.elapsed())
    assert calls.count()["tokens.mint"] == 0
    everything = [f"status {key}" for key in (WHEELS, ALL, PUSH, PEOPLE, PULL)]
    assert sorted(calls.changes) == sorted(set(calls.changes) & set(everything))
    for key in (PUSH, PEOPLE, PULL):
        assert reason(simulation, key) == "Ready"
    assert granted(simulation) == ({"group:data@acme.example", "team/pull"}, {"owners/push"})
    await simulation.run(3600)
    assert living_token(simulation, "owners", "upload")
    assert living_token(simulation, "team", "pip")
    for place in (("owners", "upload"), ("team", "pip")):
        assert "pdm.toml" in simulation.fakes.cluster.secrets[place].data
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


def edit(state: dict[str, Any], key: ObjectKey, part: str, **fields: Any) -> None:
    """Write fields of a newer version."""
    body = next(
        body
        for body in state["objects"]
        if (body["metadata"]["namespace"], body["metadata"]["name"]) == (key.namespace, key.name)
    )
    body[part] |= fields


@pytest.mark.parametrize(
    "spec",
    [
        {"expiresAt": "2027-01-01T00:00:00Z"},
        {"secret": {"name": "pip", "formats": ["poetry"], "mirrors": {"matchLabels": {"a": "b"}}}},
        {"subjects": [{"kind": "ServiceAccount", "name": "pull"}, {"kind": "Robot", "name": "r2"}]},
        {"role": "Auditor"},
        {"repositoryRef": {"name": "wheels", "namespace": "owners", "cluster": "elsewhere"}},
    ],
    ids=["field", "secret", "subject", "role", "reference"],
)
async def test_fields_of_a_newer_version_stop_no_refresh(state: dict[str, Any], spec: dict[str, Any]) -> None:
    """After a downgrade unknown fields and values in spec, status and Secret revoke nothing, and tokens stay valid."""
    edit(state, PULL, "spec", **spec)
    edit(state, WHEELS, "spec", quarantine={"days": 7})
    new = {"type": "Scanned", "status": "True", "reason": "Clean", "message": "", "lastTransitionTime": "x"}
    for key in (WHEELS, PULL):
        body = next(each for each in state["objects"] if each["metadata"]["name"] == key.name)
        rows = [{**row, "observedGeneration": 2} for row in (new, *body["status"]["conditions"])]
        edit(state, key, "metadata", generation=2)
        edit(state, key, "status", observedGeneration=2, conditions=rows, audit={"of": ["a", 1]})
    secret = state["secrets"]["team/pip"]
    more = {".data.poetry.toml": "[repositories]\n", ".metadata.annotations.wheelhouse.dev/authentication": "Netrc"}
    secret["fields"] |= more
    next(iter(secret["managers"].values())).extend(more)
    simulation = Simulation(left_behind(state))
    await simulation.run(REFRESH - 60 - simulation.fakes.clock.elapsed())
    assert simulation.fakes.calls.count()["tokens.mint"] == 0
    for _ in range(6):
        await simulation.run(600)
        assert granted(simulation) == ({"group:data@acme.example", "team/pull"}, {"owners/push"})
        assert ("team", "pip") in simulation.fakes.cluster.secrets
        if simulation.fakes.clock.elapsed() > REFRESH:
            assert living_token(simulation, "team", "pip")
    assert not any(each.startswith(("delete", "setIamPolicy")) for each in simulation.fakes.calls.changes)
    assert reason(simulation, WHEELS, of=Kind.REPOSITORY) == "Ready"
