"""The form of a Secret: the spec decides, and a Secret that exists stays as it is while the spec does not say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from convergence.scenes import PULL as PULLS
from convergence.scenes import WHEELS, access, condition, living_token, reason, wheels
from convergence.secret_scenes import HOUR, SECRET, distributed, edit, secret, token
from convergence.simulation import Simulation
from convergence.test_versions import BEFORE, PULL, REFRESH, left_behind
from convergence.test_versions import edit as write
from fakes.world import Fakes

from wheelhouse.domain.configuration.files import denied_formats
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.secret import AUTHENTICATION_ANNOTATION
from wheelhouse.plan.secret_advice import AUTHENTICATION_NOT_SET

ANNOTATION = f".metadata.annotations.{AUTHENTICATION_ANNOTATION}"


def form(simulation: Simulation, namespace: str = "owners") -> str:
    """Where a Secret has the token; its files and its annotation agree."""
    stored = secret(simulation, namespace)
    found = token(simulation, namespace)
    in_urls = [key for key in ("pip.conf", "uv.toml") if found in stored.data[key]]
    assert in_urls in ([], ["pip.conf", "uv.toml"])
    assert (stored.fields.get(ANNOTATION) == "Netrc") is not bool(in_urls)
    return "URL" if in_urls else "Netrc"


def recorded(simulation: Simulation, key: ObjectKey) -> str | None:
    """The form in status."""
    found: str | None = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"].get("authentication")
    return found


def warnings(simulation: Simulation) -> list[str]:
    """The notes of the Events about an unset form."""
    return [each.note for each in simulation.fakes.cluster.events if each.reason == AUTHENTICATION_NOT_SET]


def of(authentication: str | None) -> dict[str, str]:
    """The part `secret` of a spec."""
    return SECRET | ({"authentication": authentication} if authentication else {})


@pytest.mark.parametrize(("spec", "made"), [(None, "Netrc"), ("Netrc", "Netrc"), ("URL", "URL")])
async def test_a_new_secret_has_the_specs_form(spec: str | None, made: str) -> None:
    """Without the field it is Netrc; status records it before the Secret is written, and no request is added for it."""
    simulation, key = await distributed(secret=of(spec))
    assert (form(simulation), recorded(simulation, key)) == (made, made)
    assert warnings(simulation) == []
    assert simulation.fakes.calls.count()["secrets.apply"] == 1


@pytest.mark.parametrize(("before", "after"), [("Netrc", "URL"), ("URL", "Netrc")])
async def test_a_changed_form_is_written_at_once_with_the_same_token(before: str, after: str) -> None:
    """Nothing is minted for it."""
    simulation, key = await distributed(secret=of(before))
    written = token(simulation)
    edit(simulation, key, secret=of(after))
    await simulation.run(30)
    assert (form(simulation), recorded(simulation, key), token(simulation)) == (after, after, written)


@pytest.mark.parametrize("made", ["Netrc", "URL"])
async def test_a_form_stays_when_the_field_is_removed(made: str) -> None:
    """The pods that mount the Secret need no change, whatever restarts; URL is warned about once."""
    simulation, key = await distributed(secret=of(made))
    edit(simulation, key, secret=SECRET)
    for _ in range(2):
        await simulation.run(HOUR)
        simulation.boot()
    await simulation.run(HOUR)
    assert (form(simulation), recorded(simulation, key)) == (made, made)
    assert living_token(simulation, "owners")
    assert len(warnings(simulation)) == (1 if made == "URL" else 0)


@pytest.mark.parametrize("made", ["Netrc", "URL"])
async def test_a_form_outlives_a_lost_status(made: str) -> None:
    """The Secret's annotation tells it after another client emptied the status while no operator ran."""
    simulation, key = await distributed(secret=of(made))
    edit(simulation, key, secret=SECRET)
    await simulation.run(30)
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
    simulation.boot()
    await simulation.run(HOUR)
    assert (form(simulation), recorded(simulation, key)) == (made, made)


async def test_an_emptied_status_changes_no_form_of_a_running_operator() -> None:
    """Memory has it."""
    simulation, key = await distributed(secret=of("URL"))
    edit(simulation, key, secret=SECRET)
    await simulation.run(30)
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {}
    await simulation.run(HOUR)
    assert form(simulation) == "URL"


async def test_a_secret_that_is_requested_again_is_new() -> None:
    """Without `spec.secret` the Secret is deleted; the next one is Netrc."""
    simulation, key = await distributed(secret=of("URL"))
    edit(simulation, key, secret=None)
    await simulation.run(30)
    edit(simulation, key, secret=SECRET)
    await simulation.run(30)
    assert form(simulation) == "Netrc"
    assert warnings(simulation) == []


async def test_formats_come_and_go() -> None:
    """A key that is no longer requested is removed, and suspend keeps the keys through a restart; nothing is edited."""
    token_only = {"index-url", "username", "token"}
    simulation, key = await distributed(role="Writer", secret=SECRET | {"formats": ["token"]})
    assert set(secret(simulation).data) == token_only
    edit(simulation, key, secret=SECRET, suspend=True)
    for _ in range(2):
        await simulation.run(HOUR)
        simulation.boot()
    assert set(secret(simulation).data) == token_only
    edit(simulation, key, suspend=None)
    await simulation.run(120)
    assert set(secret(simulation).data) == {"pip.conf", "uv.toml", "pdm.toml", "netrc", ".pypirc", "index-url"}
    edit(simulation, key, secret=SECRET | {"formats": ["netrc", "pypirc"]}, role="Reader")
    await simulation.run(HOUR)
    assert set(secret(simulation).data) == {"netrc", "index-url"}
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


async def test_suspend_keeps_the_form() -> None:
    """A refresh while the spec waits, also after a restart, writes the form that the Secret has."""
    simulation, key = await distributed(secret=of("Netrc") | {"index": "Extra"})
    edit(simulation, key, secret=of("URL"), suspend=True)
    for _ in range(2):
        await simulation.run(HOUR)
        simulation.boot()
    assert form(simulation) == "Netrc"
    assert "extra-index-url" in secret(simulation).data["pip.conf"]
    assert "is not applied" in str(condition(simulation, key, "Ready"))
    edit(simulation, key, suspend=None)
    await simulation.run(120)
    assert form(simulation) == "URL"
    assert "extra-index-url" not in secret(simulation).data["pip.conf"]


async def test_a_denied_format_is_left_out_and_said() -> None:
    """The other files are written and refreshed, one Event names the format, and nothing counts as edited."""
    fakes = Fakes()
    fakes.options = replace(fakes.options, denied_formats=denied_formats({"netrc", "token"}))
    fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    fakes.cluster.service_accounts.add(("owners", "pull"))
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels())
    simulation = Simulation(fakes)
    formats = ["pip", "uv", "netrc", "token"]
    key = access(simulation, "owners", "one", subjects=PULLS, secret=of("URL") | {"formats": formats})
    await simulation.run(HOUR)
    assert set(secret(simulation).data) == {"pip.conf", "uv.toml", "index-url"}
    assert reason(simulation, key) == "Ready"
    told = [each.note for each in fakes.cluster.events if each.reason == "FormatDenied"]
    assert len(told) == 1
    assert "the formats netrc, token" in told[0]
    assert not [each for each in fakes.cluster.events if each.reason == "SecretEdited"]


@pytest.fixture
def state() -> dict[str, Any]:
    """The world that an earlier version left behind."""
    found: dict[str, Any] = json.loads(Path(BEFORE).read_text())
    return found


async def test_a_secret_of_an_earlier_version_keeps_its_urls(state: dict[str, Any]) -> None:
    """Refreshed, it still has the token in its URLs; one Event and Distributed have the line to write."""
    updated = Simulation(left_behind(state))
    await updated.run(REFRESH + 600)
    updated.boot()
    await updated.run(HOUR)
    assert (form(updated, "team"), recorded(updated, PULL)) == ("URL", "URL")
    assert living_token(updated, "team")
    told = [each for each in warnings(updated) if "Secret pip " in each]
    assert len(told) == 1
    assert "`authentication: URL`" in told[0]
    row = condition(updated, PULL, "Distributed")
    assert row is not None
    assert (row.status, told[0] in row.message) == ("True", True)
    assert reason(updated, PULL) == "Ready"


@pytest.mark.parametrize("wished", ["Netrc", "URL"])
async def test_the_line_ends_the_advice(state: dict[str, Any], wished: str) -> None:
    """Netrc changes the Secret, URL keeps it, and neither needs advice."""
    write(state, PULL, "spec", secret=of(wished))
    write(state, PULL, "metadata", generation=2)
    simulation = Simulation(left_behind(state))
    await simulation.run(120)
    assert form(simulation, "team") == wished
    assert not [each for each in warnings(simulation) if "Secret pip " in each]
    row = condition(simulation, PULL, "Distributed")
    assert row is not None
    assert (row.generation, "authentication" in row.message) == (2, False)
