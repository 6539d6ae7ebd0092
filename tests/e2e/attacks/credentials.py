"""Secrets and tokens that belong to something else: another client, another access, a namespace that did not ask."""

import base64

from e2e.attacks.answers import refused
from e2e.attacks.pair import SECRET, Json, Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.kube import ACCESSES, REPOSITORIES

from wheelhouse_local import trace


def of_another_client(data: str, name: str = SECRET) -> Json:
    """A Secret with a password."""
    encoded = base64.b64encode(data.encode()).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"password": encoded}}


def minted(pair: Pair) -> int:
    """How many tokens the operator requested for ServiceAccounts of the attacker's namespace."""
    path = f"/namespaces/{pair.attacker}/serviceaccounts/"
    rows = trace.kubernetes(pair.kube.world.state)
    return sum(path in row["resource"] for row in rows if row["method"] == "create serviceaccounts/token")


@attack(opted_in=False)
def namespace_not_opted_in(pair: Pair) -> Steps:
    """The attacker may read, and wants a Secret in a namespace that did not opt in."""
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "NotOptedIn")
    pair.members[role("Reader")].add(pair.theirs)  # The grant needs only the consent of the repository's owner.
    yield pair.healed()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "NotOptedIn", "wheelhouse.dev/credentials=enabled")
    assert minted(pair) == 0


@attack(opted_in=False, labels={"wheelhouse.dev/credentials": "Enabled"})
def opted_in_in_upper_case(pair: Pair) -> Steps:
    """The label of the attacker's namespace has another value than the one that opts in."""
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "NotOptedIn")
    pair.members[role("Reader")].add(pair.theirs)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "NotOptedIn")
    assert minted(pair) == 0


@attack()
def token_without_consent(pair: Pair) -> Steps:
    """The attacker wants a Secret for a repository that is not open to it: no token is requested for it."""
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
    assert minted(pair) == 0


@attack()
def secret_of_another_client(pair: Pair) -> Steps:
    """Somebody with rights on our kinds alone wants the Secret of another client to be overwritten."""
    assert pair.ask("POST", f"/api/v1/namespaces/{pair.attacker}/secrets", of_another_client("keep me"))[0] == 201
    editor = pair.arm(pair.attacker, ("wheelhouse-edit",), "editor")
    refused(editor.ask("GET", f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"), "cannot get")
    pair.open(namespaces=[pair.attacker])
    body = pair.body(ACCESSES, "theirs", pair.wanted())
    assert editor.ask("POST", pair.path(ACCESSES), body)[0] == 201
    yield pair.shows(ACCESSES, "theirs", "SecretConflict")
    assert editor.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.gone(ACCESSES, "theirs")
    pair.secrets = {SECRET}
    yield JUDGE
    assert pair.board.secrets(pair.attacker)[SECRET]["data"] == of_another_client("keep me")["data"]


def second(pair: Pair) -> Steps:
    """Let the attacker have an access with a Secret, and declare a second one with the same Secret for another role."""
    yield from pair.gains("Reader", ("Reader", "Writer"))
    pair.members = {role("Reader"): {pair.own, pair.theirs}, role("Writer"): {pair.theirs}}
    pair.secrets = {SECRET}
    editor = pair.arm(pair.attacker, ("wheelhouse-edit",), "editor")
    uid = pair.ask("GET", pair.path(ACCESSES, "theirs"))[1]["metadata"]["uid"]
    labels = {"wheelhouse.dev/access": "theirs", "wheelhouse.dev/access-uid": uid}
    body = pair.body(ACCESSES, "second", pair.wanted(role="Writer"), labels=labels)
    assert editor.ask("POST", pair.path(ACCESSES), body)[0] == 201
    yield pair.shows(ACCESSES, "second", "SecretConflict")


@attack()
def secret_of_another_access(pair: Pair) -> Steps:
    """A second access asks for the Secret of the first, with the labels of the first on itself."""
    yield from second(pair)
    yield JUDGE
    pair.says(ACCESSES, "second", "SecretConflict", f"RepositoryAccess {pair.attacker}/theirs")
    labels = pair.board.secrets(pair.attacker)[SECRET]["metadata"]["labels"]
    assert labels["wheelhouse.dev/access"] == "theirs"
    assert ".pypirc" not in pair.board.secrets(pair.attacker)[SECRET]["data"]


@attack()
def secret_removed_with_another_access(pair: Pair) -> Steps:
    """A second access asks for the Secret of the first, and is deleted, so that the Secret goes with it."""
    yield from second(pair)
    assert pair.ask("DELETE", pair.path(ACCESSES, "second"))[0] == 200
    yield pair.gone(ACCESSES, "second")
    del pair.members[role("Writer")]
    yield JUDGE
    assert pair.board.get(ACCESSES, pair.attacker, "theirs") is not None


@attack()
def secret_renamed_onto_another(pair: Pair) -> Steps:
    """The attacker edits the name of the Secret of its access into the name of another client's."""
    body = of_another_client("keep me", "database")
    assert pair.ask("POST", f"/api/v1/namespaces/{pair.attacker}/secrets", body)[0] == 201
    yield from pair.gains()
    change = {"spec": {"secret": {"name": "database"}}}
    answer = pair.ask("PATCH", pair.path(ACCESSES, "theirs"), change, content="application/merge-patch+json")
    refused(answer, "secret.name cannot be changed")
    pair.members[role("Reader")].add(pair.theirs)
    pair.secrets = {SECRET, "database"}
    yield JUDGE
    assert pair.board.secrets(pair.attacker)["database"]["data"] == body["data"]


@attack()
def secret_of_the_operator(pair: Pair) -> Steps:
    """The attacker acts as the operator: it asks for the operator's token and impersonates its account."""
    space = "/api/v1/namespaces/wheelhouse-system"
    refused(pair.ask("POST", f"{space}/serviceaccounts/wheelhouse-operator/token", {}), "cannot create")
    refused(pair.ask("GET", f"{space}/secrets"), "cannot list")
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/wheelhouse-status"
    refused(pair.ask("DELETE", policies), "cannot delete")
    refused(pair.ask("GET", "/api/v1/secrets"), "cannot list")
    refused(pair.ask("GET", f"/apis/wheelhouse.dev/v1alpha1/{REPOSITORIES}"), "cannot list")
    yield JUDGE
