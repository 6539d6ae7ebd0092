"""A ServiceAccount that acts as a Google service account: proven before it is granted, and changed without a gap."""

import pytest
from convergence.scenes import PULL, WHEELS, access, condition, grants, living_token, members, owners, reason, wheels
from convergence.secret_scenes import HOUR, SECRET, edit, fail, heal, left, mints, token
from convergence.simulation import Simulation

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Refused, Unavailable

OWN = "ci@acme-packages.iam.gserviceaccount.com"
OTHER = "deploy@acme-packages.iam.gserviceaccount.com"
TEAM = "reader@acme-team.iam.gserviceaccount.com"
OUTSIDE = "eve@evil-project.iam.gserviceaccount.com"


def member(email: str) -> str:
    """The IAM member of a Google service account."""
    return f"serviceAccount:{email}"


def annotate(simulation: Simulation, email: str, namespace: str = "owners", *, may: bool = True) -> None:
    """Set the annotation of the ServiceAccount `pull`, and at Google whether it may act as that account."""
    simulation.fakes.cluster.google_accounts[namespace, "pull"] = email
    rights = simulation.fakes.tokens.may_act
    (rights.add if may else rights.discard)((Identity(namespace, "pull"), email))


def acting(simulation: Simulation, namespace: str = "owners") -> str:
    """As which Google service account the token in the Secret authenticates."""
    return simulation.fakes.tokens.acting.get(token(simulation, namespace), "")


def message_of(simulation: Simulation, key: ObjectKey) -> str:
    """The message of Granted."""
    row = condition(simulation, key, "Granted")
    return row.message if row is not None else ""


async def impersonating(namespace: str = "owners", email: str = OWN) -> tuple[Simulation, ObjectKey]:
    """A Ready access whose ServiceAccount acts as a Google service account."""
    simulation = await owners()
    if namespace == "team":
        simulation.fakes.cluster.put_namespace("team", projects="acme-team", opted_in=True)
    annotate(simulation, email, namespace)
    key = access(simulation, namespace, "one", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
    return simulation, key


def status(simulation: Simulation, key: ObjectKey) -> dict[str, object]:
    """status.secret of an access."""
    found: dict[str, object] = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]
    return found


@pytest.mark.parametrize(("namespace", "email"), [("owners", OWN), ("team", TEAM)])
async def test_the_google_service_account_gets_the_grant_and_its_token_is_in_the_secret(
    namespace: str, email: str
) -> None:
    """It alone is a member, although the ServiceAccount is a subject; one token is minted, for proof and Secret."""
    simulation, key = await impersonating(namespace, email)
    assert members(simulation) == {member(email)}
    assert acting(simulation, namespace) == email
    assert mints(simulation) == 1
    assert status(simulation, key)["googleServiceAccount"] == email
    assert status(simulation, key)["identity"] == f"{namespace}/pull"
    await simulation.run(HOUR)
    assert acting(simulation, namespace) == email
    assert left(simulation, namespace) > HOUR / 3


async def test_other_subjects_are_granted_as_their_principals() -> None:
    """Annotated or not: only the identity of the Secret is replaced."""
    simulation = await owners()
    annotate(simulation, OWN)
    simulation.fakes.cluster.google_accounts["owners", "push"] = OTHER
    subjects = [*PULL, {"kind": "ServiceAccount", "name": "push"}]
    access(simulation, "owners", "one", subjects=subjects, secret={**SECRET, "serviceAccountName": "pull"})
    access(simulation, "owners", "two", subjects=PULL)
    await simulation.run(30)
    assert members(simulation) == {member(OWN), "owners/push", "owners/pull"}


async def test_nothing_is_granted_before_google_issued_a_token() -> None:
    """A refusal is in Granted, with the remedy; once Google allows it, the access becomes Ready by itself."""
    simulation = await owners()
    annotate(simulation, OWN, may=False)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(120)
    assert members(simulation) == set()
    assert grants(simulation, key) == {}
    assert (reason(simulation, key, "Granted"), reason(simulation, key)) == ("TokenRefused", "TokenRefused")
    assert "does not let owners/pull act as" in message_of(simulation, key)
    annotate(simulation, OWN)
    await simulation.run(90)
    assert reason(simulation, key) == "Ready"
    assert members(simulation) == {member(OWN)}


async def test_an_outage_before_the_proof_grants_nothing_and_heals() -> None:
    """Neither a token nor a refusal: the access waits."""
    simulation = await owners()
    annotate(simulation, OWN)
    fail(simulation, "tokens.mint", Unavailable("IAM Credentials answered 503."))
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(120)
    assert members(simulation) == set()
    assert reason(simulation, key, "Granted") == "Pending"
    heal(simulation)
    await simulation.run(120)
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize(
    "email", [OUTSIDE, TEAM, "nobody", "user@example.com", OWN.upper(), f"{OWN}.evil.com", f"{OWN},{OUTSIDE}"]
)
async def test_an_account_from_outside_is_never_granted(email: str) -> None:
    """Even if Google lets the ServiceAccount act as it; no token of it is requested, and other accesses are Ready."""
    simulation = await owners()
    annotate(simulation, email)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    other = access(simulation, "team", "two", subjects=PULL, secret=SECRET)
    await simulation.run(60)
    assert reason(simulation, key) == "SubjectNotPermitted"
    message = message_of(simulation, key)
    assert "iam.gke.io/gcp-service-account" in message
    assert members(simulation) == {"team/pull"}
    assert reason(simulation, other) == "Ready"
    assert simulation.fakes.tokens.acting == {}


async def test_an_annotation_switches_the_member_without_a_gap() -> None:
    """The first member keeps grant and token until the second one works; the Secret always has a granted token."""
    simulation = await owners()
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    for email, expected in ((OWN, member(OWN)), (OTHER, member(OTHER)), ("", "owners/pull")):
        annotate(simulation, email)
        for _ in range(40):
            await simulation.run(0.5)
            assert members(simulation)
        assert members(simulation) == {expected}
        assert acting(simulation) == email
        assert reason(simulation, key) == "Ready"


async def test_a_shared_identity_is_reported_once() -> None:
    """A Warning Event for the Google service account, and none for a ServiceAccount of its own."""
    simulation, _ = await impersonating()
    access(simulation, "team", "two", subjects=PULL, secret=SECRET)
    await simulation.run(HOUR)
    events = [event for event in simulation.fakes.cluster.events if event.reason == "IdentityNotDedicated"]
    assert [(event.key.name, OWN in event.note) for event in events] == [("one", True)]


@pytest.mark.parametrize("email", [OUTSIDE, OTHER])
async def test_a_switch_that_fails_keeps_what_works(email: str) -> None:
    """An account from outside, or one that Google refuses: the token before is refreshed, and the condition tells."""
    simulation, key = await impersonating()
    annotate(simulation, email, may=email == OUTSIDE)
    await simulation.run(2 * HOUR)
    assert members(simulation) == {member(OWN)}
    assert acting(simulation) == OWN
    assert left(simulation) > HOUR / 3
    assert reason(simulation, key) == ("SubjectNotPermitted" if email == OUTSIDE else "TokenRefused")
    annotate(simulation, OWN)
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("pattern", [TEAM, "*@acme-team.iam.gserviceaccount.com"])
async def test_the_owner_of_the_repository_can_allow_an_account(pattern: str) -> None:
    """For one account or all of a project; without the pattern it is refused, and with it withdrawn, revoked."""
    simulation = await owners()
    annotate(simulation, TEAM, "team")
    key = access(simulation, "team", "one", subjects=PULL, secret=SECRET)
    for patterns, granted in (([], set()), ([pattern], {member(TEAM)}), ([OTHER], set()), ([pattern], {member(TEAM)})):
        allowed = {"namespaces": ["team"], "googleServiceAccounts": patterns}
        simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(accessFrom=allowed))
        await simulation.run(60)
        assert members(simulation) == granted
        assert reason(simulation, key) == ("Ready" if granted else "SubjectNotPermitted")


@pytest.mark.parametrize("restart", [False, True])
async def test_lost_consent_revokes_the_account(restart: bool) -> None:
    """The project is no longer allowed for the namespace: the grant goes, and the token is not refreshed."""
    simulation, key = await impersonating("team", TEAM)
    simulation.fakes.cluster.put_namespace("team", opted_in=True)
    if restart:
        simulation.boot()
    await simulation.run(60)
    assert members(simulation) == set()
    assert grants(simulation, key) == {}
    assert reason(simulation, key) == "SubjectNotPermitted"
    simulation.fakes.calls.clear()
    await simulation.run(2 * HOUR)
    assert mints(simulation) == 0


async def test_lost_consent_revokes_a_suspended_access_too() -> None:
    """Suspension stops no withdrawal."""
    simulation, key = await impersonating("team", TEAM)
    edit(simulation, key, suspend=True)
    await simulation.run(30)
    assert members(simulation) == {member(TEAM)}
    await simulation.run(HOUR)
    assert living_token(simulation, "team")
    simulation.fakes.cluster.put_namespace("team", opted_in=True)
    await simulation.run(60)
    assert members(simulation) == set()


async def test_a_restart_asks_for_no_new_proof() -> None:
    """The ledger has the member: no mint, no write, also with a refused token at that moment."""
    simulation, key = await impersonating()
    await simulation.run(700)  # The summary of the repository is written with its next check.
    simulation.fakes.calls.clear()
    fail(simulation, "tokens.mint", Refused("Google refused.", Reason.TOKEN_REFUSED))
    simulation.boot()
    await simulation.run(600)
    assert mints(simulation) == 0
    assert simulation.fakes.calls.changes == []
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_restart_during_the_proof_starts_it_again(after: int) -> None:
    """Wherever the process ends, it is Ready in the end, and no other member has a grant."""
    simulation = await owners()
    annotate(simulation, OWN)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    for _ in range(after):
        await simulation.step()
        await simulation.step()
        simulation.boot()
    await simulation.run(90)
    assert reason(simulation, key) == "Ready"
    assert members(simulation) == {member(OWN)}


async def test_a_deleted_serviceaccount_keeps_grant_and_token_while_it_lives() -> None:
    """Its annotation is gone with it: that does not change the member."""
    simulation, key = await impersonating()
    simulation.fakes.cluster.service_accounts.discard(("owners", "pull"))
    await simulation.run(1900)
    assert members(simulation) == {member(OWN)}
    assert living_token(simulation, "owners")
    assert reason(simulation, key, "Distributed") == "ServiceAccountNotFound"
    simulation.fakes.cluster.service_accounts.add(("owners", "pull"))
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("change", ["secret", "access", "account"])
async def test_nothing_is_left_behind(change: str) -> None:
    """A removed Secret, a deleted access, another ServiceAccount: the member goes."""
    simulation, key = await impersonating("team", TEAM)
    if change == "access":
        simulation.fakes.cluster.delete(Kind.ACCESS, key)
        expected: set[str] = set()
    elif change == "secret":
        edit(simulation, key, secret=None)
        expected = {"team/pull"}
    else:
        simulation.fakes.cluster.service_accounts.add(("team", "push"))
        edit(simulation, key, secret={**SECRET, "serviceAccountName": "push"}, subjects=None)
        expected = {"team/push"}
    await simulation.run(60)
    assert members(simulation) == expected


async def test_two_accesses_share_one_account_and_one_of_them_ends() -> None:
    """The member stays as long as one access wants it."""
    simulation, key = await impersonating()
    access(simulation, "owners", "two", subjects=PULL, secret={"name": "other"})
    await simulation.run(30)
    assert mints(simulation) == 1
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60)
    assert members(simulation) == {member(OWN)}


async def test_twelve_hours_are_possible_for_a_google_service_account() -> None:
    """The lifetime belongs to the token, with or without an annotation."""
    simulation, key = await impersonating()
    edit(simulation, key, secret={**SECRET, "tokenLifetime": "12h"})
    await simulation.run(30)
    assert left(simulation) == pytest.approx(12 * HOUR, abs=40)
    assert acting(simulation) == OWN


async def test_a_repository_that_is_not_usable_proves_nothing() -> None:
    """Without consent nothing may be added, so no token is requested either."""
    simulation = await owners()
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(accessFrom={"namespaces": []}))
    simulation.fakes.cluster.put_namespace("team", projects="acme-team", opted_in=True)
    annotate(simulation, TEAM, "team")
    access(simulation, "team", "one", subjects=PULL, secret=SECRET)
    await simulation.run(60)
    assert mints(simulation) == 0
    assert members(simulation) == set()
