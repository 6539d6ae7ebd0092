"""Consent withdrawn between the check and the commit: the emulated Google delays a call, and meanwhile it changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.attacks.answers import refused
from e2e.attacks.pair import Pair, Wait, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.hands import MERGE
from support.kube import ACCESSES, GROUP, REPOSITORIES, await_that, principal

from wheelhouse_local import constants, control, trace

READ, SET, MINT = "ArtifactRegistry.GetIamPolicy", "ArtifactRegistry.SetIamPolicy", "Sts.Token"
FIND = "ArtifactRegistry.GetRepository"
DELAY = 4.0
"""Seconds: enough for a change to arrive while the call is under way."""


def rows(pair: Pair, method: str) -> list[dict[str, Any]]:
    """The answered calls of the operator for the victim's repository; the resource of a mint is not known."""
    found = (row for row in trace.google(pair.kube.world.state) if row["method"] == method)
    mine = (row for row in found if method == MINT or row["resource"] == pair.full_name)
    return [row for row in mine if row["caller"] != f"user:{constants.OWNER}"]


def sets(pair: Pair) -> int:
    """How many policies were set on the victim's repository."""
    return len(rows(pair, SET))


def settled(pair: Pair) -> Steps:
    """Wait for a later grant in the same policy, which comes after what was under way: policies are set one by one."""
    later = principal(pair.victim, "later")
    subjects = [{"kind": "ServiceAccount", "name": "later"}]
    pair.as_victim(ACCESSES, "later", pair.access(pair.key, secret=None, subjects=subjects))
    pair.members[role("Reader")].add(later)
    yield pair.has(role("Reader"), later)


def delayed(pair: Pair, on: str, **fault: object) -> None:
    """Delay the next call for the victim's repository; the resource of a mint is not known."""
    where = {} if on == MINT else {"resource": pair.full_name}
    control.fault(pair.kube.world.state, {"on": on, "times": 1, "delay": DELAY, **where, **fault})


def caught(pair: Pair, on: str) -> bool:
    """Whether a call for the victim's repository is being delayed."""
    rows = control.faults(pair.kube.world.state)["faults"]
    mine = [row for row in rows if row["on"] == on and row.get("resource", pair.full_name) == pair.full_name]
    return any(row["times"] == 0 for row in mine)


def during(pair: Pair, on: str, meanwhile: Callable[[], None], *, answered: bool = True) -> Steps:
    """Change something as soon as a call for the victim's repository is being delayed, and wait for its answer.

    A thread watches for it: the loop over all scenarios may take longer than the delay.
    """

    def change() -> None:
        await_that(lambda: caught(pair, on), f"a delayed {on}")
        meanwhile()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(change)
        yield Wait(done.done, f"a change during {on}")
        done.result()
    if answered:
        late = DELAY * 1000
        yield Wait(lambda: any(row["ms"] >= late for row in rows(pair, on)), f"the answer to the delayed {on}")


def race(pair: Pair, on: str, meanwhile: Callable[[], None], *, answered: bool = True, **fault: object) -> Steps:
    """Declare an access that has consent, and change something while a call for it is under way."""
    pair.open(namespaces=[pair.attacker])
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    delayed(pair, on, **fault)
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield from during(pair, on, meanwhile, answered=answered)
    if pair.kept:
        yield from settled(pair)
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield pair.loses()


def deleted(pair: Pair) -> None:
    """Delete the attacker's access."""
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200


def killed(pair: Pair) -> None:
    """Kill the operator, withdraw the consent, and start the operator again."""
    pair.kube.world.kill("operator")
    pair.open()
    pair.kube.world.start("operator")


@attack()
def while_the_policy_is_read(pair: Pair) -> Steps:
    """The consent goes while the policy is being read: the grant is never set."""
    before = sets(pair)
    yield from race(pair, READ, pair.open)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
    assert sets(pair) == before + 1  # The later grant.


@attack()
def while_the_repository_is_read(pair: Pair) -> Steps:
    """The consent goes after the policy was read, while the operator makes sure that the repository is the same."""
    before = sets(pair)
    yield from race(pair, FIND, pair.open)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
    assert sets(pair) == before + 1  # The later grant.


@attack()
def while_the_policy_is_set(pair: Pair) -> Steps:
    """The consent goes while the grant is being set: it is revoked at once."""
    yield from race(pair, SET, pair.open)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def while_the_answer_is_lost(pair: Pair) -> Steps:
    """The consent goes while the grant is being set, and the answer to the set is lost."""
    yield from race(pair, SET, pair.open, dropReply=True)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def while_another_writer_was_faster(pair: Pair) -> Steps:
    """The consent goes while Google refuses the set again and again, because another client writes the policy."""
    before = sets(pair)
    yield from race(pair, SET, pair.open, status=409)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
    assert sets(pair) == before + 2  # The refused one, and the later grant.


@attack(alone=True)
def while_the_token_is_minted(pair: Pair) -> Steps:
    """The consent goes while the token for the Secret is being minted: the Secret is not written, or removed."""
    yield from race(pair, MINT, pair.open)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(labels={"team": "red"})
def while_the_namespace_is_relabelled(pair: Pair) -> Steps:
    """The attacker's namespace loses the label that the owner selects while the policy is being read."""
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    before = sets(pair)
    delayed(pair, READ)
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield from during(pair, READ, lambda: pair.namespace(pair.attacker, {"team": "blue"}))
    yield from settled(pair)
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield pair.loses()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
    assert sets(pair) == before + 1  # The later grant.


@attack()
def while_the_role_is_withdrawn(pair: Pair) -> Steps:
    """The attacker edits its role to one that is offered, and the owner takes it back while the policy is read."""
    yield from pair.gains("Reader", ("Reader", "Writer"))
    delayed(pair, READ)
    pair.edit(ACCESSES, "theirs", {"spec": {"role": "Writer"}})
    yield from during(pair, READ, lambda: pair.open(namespaces=[pair.attacker]))
    yield from settled(pair)
    yield pair.loses()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted", "Writer")


@attack()
def while_the_access_is_deleted(pair: Pair) -> Steps:
    """The attacker deletes its access while its grant is being set, so that the grant stays without a record."""
    pair.open(namespaces=[pair.attacker])
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    delayed(pair, SET)
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield from during(pair, SET, lambda: deleted(pair))
    yield from settled(pair)
    yield pair.gone(ACCESSES, "theirs")
    yield pair.loses()
    yield JUDGE


@attack(alone=True)
def while_the_operator_is_killed(pair: Pair) -> Steps:
    """The operator is killed while it sets the grant, and the consent goes before it is started again."""
    pair.open(namespaces=[pair.attacker])
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    delayed(pair, SET)
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield from during(pair, SET, lambda: killed(pair), answered=False)
    yield from settled(pair)
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield pair.loses()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(alone=True)
def while_the_operator_is_killed_with_a_token(pair: Pair) -> Steps:
    """The operator is killed between the grant and the Secret, and the consent goes before it is started again."""
    yield from race(pair, MINT, lambda: killed(pair), answered=False)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(alone=True)
def while_the_operator_is_down(pair: Pair) -> Steps:
    """The attacker has its access, and strips and deletes it while the operator is down, which admission refuses."""
    yield from pair.gains()
    pair.kube.world.stop("operator")
    stripped = {"metadata": {"finalizers": None}}
    refused(pair.ask("PATCH", pair.path(ACCESSES, "theirs"), stripped, content=MERGE), "Only Wheelhouse may remove")
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    pair.kube.world.start("operator")
    yield pair.gone(ACCESSES, "theirs")
    yield pair.loses()
    yield JUDGE


@attack(alone=True)
def while_google_is_down(pair: Pair) -> Steps:
    """Google answers no policy call while the consent goes, and the attacker loses its access once it answers."""
    yield from pair.gains()
    down = {"on": "ArtifactRegistry.*IamPolicy", "status": 503}
    control.fault(pair.kube.world.state, down)
    pair.open()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield Wait(lambda: not pair.board.secrets(pair.attacker), "the Secret to go while the grant cannot")
    control.clear(pair.kube.world.state)
    yield pair.loses()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def while_the_repository_is_deleted(pair: Pair) -> Steps:
    """The victim deletes its object while the grant is being set, and the attacker keeps what was set."""
    pair.members, pair.kept = {}, False

    def released() -> None:
        path = f"{GROUP}/namespaces/{pair.victim}"
        for name in (f"{ACCESSES}/reader", f"{REPOSITORIES}/{pair.key}"):
            assert pair.admin.ask("DELETE", f"{path}/{name}")[0] == 200

    yield from race(pair, SET, released)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
