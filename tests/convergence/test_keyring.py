"""spec.secret.credential Keyring: the same files without a token, and changes from and to a Secret with one."""

import json
from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SELECTOR, join, places, summary
from convergence.scenes import PULL, access, condition, grants, members, owners, reason
from convergence.secret_scenes import HOUR, REFUSED, SECRET, distributed, edit, fail, heal, mints, secret, token
from convergence.simulation import Simulation
from convergence.test_impersonation import OWN, annotate, member
from structlog.testing import capture_logs

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.secret import AUTHENTICATION_ANNOTATION, EXPIRES_ANNOTATION, REFRESH_ANNOTATION

KEYRING: dict[str, Any] = SECRET | {"credential": "Keyring"}
FILES = {"pip.conf", "uv.toml", "pdm.toml", "index-url"}
LONG = 6 * HOUR


def annotations(simulation: Simulation, namespace: str = "owners") -> set[str]:
    """The Secret's annotations of Wheelhouse."""
    prefix = ".metadata.annotations."
    fields = secret(simulation, namespace).fields
    return {field.removeprefix(prefix) for field in fields if field.startswith(f"{prefix}wheelhouse.dev/")}


def bare(simulation: Simulation, namespace: str = "owners") -> bool:
    """Whether a Secret has the files and no trace of a token: none that was ever minted, and no times."""
    stored = secret(simulation, namespace)
    minted = list(simulation.fakes.tokens.minted)
    texts = json.dumps([dict(stored.data), {name: str(value) for name, value in stored.fields.items()}])
    assert not [value for value in minted if value in texts]
    assert "oauth2accesstoken@" in stored.data["pip.conf"]
    assert not annotations(simulation, namespace) & {EXPIRES_ANNOTATION, REFRESH_ANNOTATION}
    assert stored.fields[f".metadata.annotations.{AUTHENTICATION_ANNOTATION}"] == "Keyring"
    return set(stored.data) - {".pypirc"} == FILES


def verified(simulation: Simulation, key: ObjectKey) -> tuple[str, str]:
    """Status and reason of Verified."""
    row = condition(simulation, key, "Verified")
    return (row.status, row.reason) if row is not None else ("", "")


async def test_a_keyring_secret_costs_no_token_and_no_timer() -> None:
    """In six hours: one write, no mint, no probe of the index, no status write after the first; Verified is unknown."""
    simulation, key = await distributed(secret=KEYRING)
    assert bare(simulation)
    assert members(simulation)
    found = summary(simulation, key)
    assert (found["credential"], found["summary"], found["identity"]) == ("Keyring", "1/1", "owners/pull")
    assert not found.keys() & {"expirationTime", "refreshTime", "authentication", "keyringProvider"}
    assert verified(simulation, key) == ("Unknown", "NotApplicable")
    simulation.fakes.calls.clear()
    await simulation.run(LONG)
    counts = simulation.fakes.calls.count()
    assert (mints(simulation), counts["index.probe"]) == (0, 0)
    assert not [each for each in simulation.fakes.calls.changes if each.startswith(("update secret", "status owners"))]
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("authentication", [None, "Netrc", "URL"])
async def test_the_token_goes_at_once_and_comes_back(authentication: str | None) -> None:
    """Both changes take one write, and keep the grants; in between nothing is minted, and Verified follows."""
    wanted = SECRET | ({"authentication": authentication} if authentication else {})
    simulation, key = await distributed(role="Writer", secret=wanted)
    granted, before = grants(simulation, key), simulation.fakes.calls.count()["tokens.mint"]
    edit(simulation, key, secret=KEYRING)
    await simulation.run(5)
    assert bare(simulation)
    assert "password" not in secret(simulation).data[".pypirc"]
    assert reason(simulation, key) == "Ready"
    assert "expirationTime" not in summary(simulation, key)
    await simulation.run(LONG)
    assert mints(simulation) == before
    assert verified(simulation, key) == ("Unknown", "NotApplicable")
    edit(simulation, key, secret=wanted)
    await simulation.run(30)
    assert token(simulation)
    assert AUTHENTICATION_ANNOTATION in annotations(simulation) or authentication == "URL"
    assert EXPIRES_ANNOTATION in annotations(simulation)
    assert verified(simulation, key) == ("True", "Verified")
    assert (reason(simulation, key), grants(simulation, key)) == ("Ready", granted)
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


async def test_a_refused_token_leaves_the_keyring_files_in_place() -> None:
    """Until Google issues one, the Secret stays, and Distributed says why; nothing counts as edited."""
    simulation, key = await distributed(secret=KEYRING)
    fail(simulation, "tokens.mint", REFUSED)
    edit(simulation, key, secret=SECRET)
    await simulation.run(HOUR)
    assert bare(simulation)
    row = condition(simulation, key, "Distributed")
    assert row is not None
    assert (row.status, REFUSED.message in row.message) == ("False", True)
    simulation.boot()
    await simulation.run(HOUR)
    assert bare(simulation)
    heal(simulation)
    await simulation.run(HOUR)
    assert token(simulation)
    assert reason(simulation, key) == "Ready"
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


async def test_a_restart_writes_nothing() -> None:
    """Status says that there is a Secret without a token: a check, no write, and Ready stays."""
    simulation, key = await distributed(secret=KEYRING | {"keyringProvider": "Import"})
    version = secret(simulation).version
    for _ in range(3):
        simulation.fakes.calls.clear()
        simulation.boot()
        with capture_logs() as lines:
            await simulation.run(600)
        assert not [line for line in lines if line["event"] == "Secret written"]
        assert simulation.fakes.calls.changes == []
        assert secret(simulation).version == version
        assert reason(simulation, key) == "Ready"
        assert verified(simulation, key) == ("Unknown", "NotApplicable")
    assert summary(simulation, key)["keyringProvider"] == "Import"
    assert mints(simulation) == 0


async def test_an_update_brings_the_files_of_the_new_version() -> None:
    """There is no token whose refresh could bring them: the first pass does, and that is no edit of the Secret."""
    simulation, key = await distributed(secret=KEYRING)
    stored = secret(simulation)
    stored.fields.pop(".data.pdm.toml")
    for paths in stored.managers.values():
        paths.discard(".data.pdm.toml")
    summary(simulation, key).pop("formats")
    simulation.boot()
    await simulation.run(HOUR)
    assert bare(simulation)
    assert summary(simulation, key)["formats"] == ["netrc", "pdm", "pip", "pypirc", "uv"]
    assert mints(simulation) == 0
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_deleted_secret_comes_back(*, restarted: bool) -> None:
    """The sweep finds it missing within two minutes."""
    simulation, key = await distributed(secret=KEYRING)
    if restarted:
        simulation.boot()
        await simulation.run(5)
    del simulation.fakes.cluster.secrets["owners", "pip"]
    await simulation.run(125)
    assert bare(simulation)
    assert reason(simulation, key) == "Ready"


async def test_a_lost_status_leaves_no_token_behind() -> None:
    """The Secret had a token when its status was lost and the spec changed: the first pass removes it."""
    simulation, key = await distributed()
    edit(simulation, key, secret=KEYRING)
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
    simulation.boot()
    await simulation.run(120)
    assert bare(simulation)
    assert summary(simulation, key)["credential"] == "Keyring"


@pytest.mark.parametrize("lost", [False, True])
async def test_after_keyring_the_token_is_in_netrc(*, lost: bool) -> None:
    """A Secret without a token is no Secret with the token in its URLs, even if only its annotation tells."""
    simulation, key = await distributed(secret=KEYRING)
    edit(simulation, key, secret=SECRET)
    if lost:
        simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
        simulation.boot()
    await simulation.run(120)
    assert token(simulation) not in secret(simulation).data["pip.conf"]
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize(("before", "after"), [(SECRET, KEYRING), (KEYRING, SECRET)])
async def test_suspend_keeps_the_credential(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A Secret with a token is refreshed, and one without stays without, through restarts."""
    simulation, key = await distributed(secret=before)
    edit(simulation, key, secret=after, suspend=True)
    for _ in range(2):
        await simulation.run(HOUR)
        simulation.boot()
    await simulation.run(60)
    assert ("netrc" in secret(simulation).data) is (before is SECRET)
    row = condition(simulation, key, "Ready")
    assert row is not None
    assert "is not applied" in row.message
    edit(simulation, key, suspend=None)
    await simulation.run(120)
    assert ("netrc" in secret(simulation).data) is (after is SECRET)


async def test_an_access_without_a_service_account_for_it() -> None:
    """Its subjects get the role, and the Secret waits for the first grant; another subject changes nothing in it."""
    simulation = await owners()
    fail(simulation, "policies.set", REFUSED)
    two = [{"kind": "ServiceAccount", "name": "pull"}, {"kind": "GoogleGroup", "name": "team@acme.example"}]
    both = [*two, {"kind": "ServiceAccount", "name": "push"}]
    key = access(simulation, "owners", "one", subjects=both, secret=KEYRING)
    await simulation.run(60)
    assert places(simulation) == set()
    heal(simulation)
    await simulation.run(HOUR)
    assert bare(simulation)
    assert "identity" not in summary(simulation, key)
    assert (reason(simulation, key), len(grants(simulation, key))) == ("Ready", 3)
    simulation.boot()
    version = secret(simulation).version
    edit(simulation, key, subjects=both[1:], suspend=True)
    await simulation.run(HOUR)
    assert secret(simulation).version == version


async def test_lost_consent_removes_it() -> None:
    """As any other Secret: no grant and no Secret is left."""
    simulation, key = await distributed(secret=KEYRING)
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    assert places(simulation) == set()
    assert members(simulation) == set()


async def test_a_fan_out_without_tokens() -> None:
    """Each namespace gets the files, also a new one, and each ServiceAccount its grant; a change reaches all."""
    simulation = await owners()
    join(simulation, "a", "b", "c")
    key = access(simulation, "owners", "one", subjects=PULL, secret=LOCAL | {"credential": "Keyring"})
    await simulation.run(60)
    join(simulation, "d")
    await simulation.run(60)
    assert places(simulation) == {"a", "b", "c", "d"}
    assert all(bare(simulation, name) for name in "abcd")
    found = summary(simulation, key)
    assert (found["summary"], found["identity"], mints(simulation)) == ("4/4", "*/pull", 0)
    assert len(members(simulation)) == 5
    simulation.boot()
    await simulation.run(60)
    edit(simulation, key, secret=LOCAL)
    await simulation.run(120)
    assert all(token(simulation, name) for name in "abcd")
    edit(simulation, key, secret=LOCAL | {"credential": "Keyring", "index": "Extra"})
    await simulation.run(60)
    assert all(bare(simulation, name) for name in "abcd")
    assert (reason(simulation, key), verified(simulation, key)) == ("Ready", ("Unknown", "NotApplicable"))
    assert all("extra-index-url" in secret(simulation, name).data["pip.conf"] for name in "abcd")


async def test_a_fan_out_may_name_no_service_account() -> None:
    """Only the subjects get the role."""
    simulation = await owners()
    join(simulation, "a", "b")
    subjects = [{"kind": "ServiceAccount", "name": "pull", "namespaceSelector": SELECTOR}]
    key = access(simulation, "owners", "one", subjects=subjects, secret=LOCAL | {"credential": "Keyring"})
    await simulation.run(60)
    assert all(bare(simulation, name) for name in "ab")
    assert (reason(simulation, key), len(grants(simulation, key))) == ("Ready", 2)


async def test_a_google_service_account_is_proven_with_one_token() -> None:
    """The grant of an annotated ServiceAccount needs the proof; the token goes nowhere, and is not refreshed."""
    simulation = await owners()
    annotate(simulation, OWN)
    key = access(simulation, "owners", "one", subjects=PULL, secret=KEYRING)
    await simulation.run(60)
    assert members(simulation) == {member(OWN)}
    assert (mints(simulation), bare(simulation)) == (1, True)
    assert summary(simulation, key)["googleServiceAccount"] == OWN
    simulation.boot()
    await simulation.run(LONG)
    assert (mints(simulation), bare(simulation)) == (1, True)
    assert reason(simulation, key) == "Ready"
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "IdentityNotDedicated"]


async def test_a_refusal_of_the_old_token_is_forgotten() -> None:
    """Verified was False for the token that the Secret no longer has."""
    simulation, key = await distributed()
    simulation.fakes.index.propagating = True
    await simulation.run(2 * HOUR)
    assert verified(simulation, key) == ("False", "Refused")
    edit(simulation, key, secret=KEYRING)
    await simulation.run(60)
    assert (reason(simulation, key), verified(simulation, key)) == ("Ready", ("Unknown", "NotApplicable"))


async def test_a_missing_service_account_is_advice() -> None:
    """No token is requested that would fail, so Granted says it."""
    simulation = await owners()
    wanted = KEYRING | {"serviceAccountName": "later"}
    key = access(simulation, "owners", "one", subjects=PULL, secret=wanted)
    await simulation.run(60)
    row = condition(simulation, key, "Granted")
    assert row is not None
    assert "ServiceAccount owners/later does not exist yet" in row.message
    assert (reason(simulation, key), bare(simulation)) == ("Ready", True)


async def test_a_restored_secret_with_a_token_is_rewritten() -> None:
    """A backup brought the Secret back that had a token: the sweep removes it, also after a restart."""
    simulation, key = await distributed()
    before = secret(simulation).copy()
    edit(simulation, key, secret=KEYRING)
    await simulation.run(30)
    simulation.boot()
    await simulation.run(5)
    simulation.fakes.cluster.secrets["owners", "pip"] = before
    await simulation.run(125)
    assert bare(simulation)


async def test_what_an_older_operator_wrote_is_replaced_at_the_start() -> None:
    """It does not know the field: it recorded and wrote a Secret with a token for the same generation."""
    simulation, key = await distributed()
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"]["secret"] = KEYRING
    simulation.boot()
    await simulation.run(2)
    assert bare(simulation)
