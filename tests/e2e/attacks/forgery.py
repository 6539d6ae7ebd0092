"""Records of the operator that the attacker writes itself: status, finalizer, labels, owners, managed fields."""

import base64

from e2e.attacks.answers import refused
from e2e.attacks.pair import SECRET, Json, Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.hands import JSON_PATCH, MERGE
from support.kube import ACCESSES, GROUP, REPOSITORIES

FINALIZER = "wheelhouse.dev/finalizer"
NO_STATUS = "Only Wheelhouse may write this status."
NO_STRIP = "Only Wheelhouse may remove the finalizer"


def theirs(pair: Pair) -> Steps:
    """Give the attacker a repository of its own, with an access and no Secret."""
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None))
    yield pair.ready(ACCESSES, "theirs")


def stolen(pair: Pair, plural: str) -> Json:
    """A status that would make an object responsible for the victim's repository and for its grant."""
    grant = {"role": role("Reader"), "member": pair.own, "state": "Granted"}
    more = {"grants": [grant]} if plural == ACCESSES else {"indexURL": "https://evil.example/simple/"}
    return {"observedGeneration": 1, "repository": pair.full_name, **more}


def status_by(pair: Pair, plural: str, name: str) -> Steps:
    """Write a status in each way that the API server has: nothing of it stays."""
    yield from theirs(pair)
    path, status = f"{pair.path(plural, name)}/status", stolen(pair, plural)
    body = {**pair.body(plural, name, {}), "status": status}
    del body["spec"]
    replaced = [{"op": "replace", "path": "/status", "value": status}]
    refused(pair.ask("PATCH", path, {"status": status}, content=MERGE), NO_STATUS)
    refused(pair.ask("PATCH", path, replaced, content=JSON_PATCH), NO_STATUS)
    refused(pair.hands.apply(path, body, "wheelhouse-operator", force=True), NO_STATUS)
    whole = pair.ask("GET", pair.path(plural, name))[1]
    refused(pair.ask("PUT", path, {**whole, "status": status}), NO_STATUS)
    pair.edit(plural, name, {"status": status})  # The API server drops it: the main resource has no status.
    if plural == ACCESSES:
        assert pair.ask("DELETE", pair.path(ACCESSES, name))[0] == 200
        yield pair.gone(ACCESSES, name)
        yield JUDGE
        return
    yield JUDGE
    found = pair.board.get(plural, pair.attacker, name)
    assert found is not None
    assert found["status"]["repository"].endswith(pair.mine)
    assert pair.own not in str(found["status"])


@attack()
def status_of_a_repository(pair: Pair) -> Steps:
    """The attacker writes into the status of its repository that it manages the victim's."""
    yield from status_by(pair, REPOSITORIES, pair.mine)


@attack()
def status_of_an_access(pair: Pair) -> Steps:
    """The attacker writes into the status of its access that the victim's grant is its own, so that it is revoked."""
    yield from status_by(pair, ACCESSES, "theirs")


@attack()
def status_from_the_start(pair: Pair) -> Steps:
    """The attacker creates an access that has a ledger with the victim's grant already, and deletes it."""
    body = {**pair.body(ACCESSES, "theirs", pair.wanted()), "status": stolen(pair, ACCESSES)}
    status, created = pair.ask("POST", pair.path(ACCESSES), body)
    assert status == 201
    assert created["status"] == {"observedGeneration": -1}
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE


def stripped(pair: Pair, change: Json | list[Json], content: str, again: str = NO_STRIP) -> Steps:
    """Strip the finalizer and delete the access: the first is refused, and the second revokes its grant."""
    yield from pair.gains()
    refused(pair.ask("PATCH", pair.path(ACCESSES, "theirs"), change, content=content), NO_STRIP)
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    refused(pair.ask("PATCH", pair.path(ACCESSES, "theirs"), change, content=content), again)
    yield pair.loses()
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE


@attack()
def finalizer_stripped(pair: Pair) -> Steps:
    """The attacker removes our finalizer and deletes its access, so that its grant stays without a record."""
    yield from stripped(pair, {"metadata": {"finalizers": None}}, MERGE)


@attack()
def finalizer_replaced(pair: Pair) -> Steps:
    """The attacker replaces our finalizer by its own."""
    swapped = [{"op": "replace", "path": "/metadata/finalizers", "value": ["acme.example/hold"]}]
    yield from stripped(pair, swapped, JSON_PATCH, again="no new finalizers can be added")


@attack()
def finalizer_lost_by_apply(pair: Pair) -> Steps:
    """The attacker makes itself the manager of our finalizer in the managed fields, and applies without it."""
    yield from pair.gains()
    manager = {
        "manager": "mallory",
        "operation": "Apply",
        "apiVersion": "wheelhouse.dev/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:finalizers": {f'v:"{FINALIZER}"': {}}}},
    }
    pair.edit(ACCESSES, "theirs", {"metadata": {"managedFields": [manager]}})
    body = pair.body(ACCESSES, "theirs", pair.wanted(role="Reader"))
    refused(pair.hands.apply(pair.path(ACCESSES, "theirs"), body, "mallory", force=True), NO_STRIP)
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.loses()
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE


@attack()
def markers_on_an_access(pair: Pair) -> Steps:
    """The attacker's access has the labels, the owner and the finalizer that the victim's access would have."""
    uid = pair.board.get(ACCESSES, pair.victim, "reader")
    assert uid is not None
    owner = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "RepositoryAccess", "name": "reader"}
    meta = {
        "labels": {"wheelhouse.dev/access": "reader", "wheelhouse.dev/access-namespace": pair.victim},
        "annotations": {
            "wheelhouse.dev/projects": "acme-packages",
            "wheelhouse.dev/expires-at": "2099-01-01T00:00:00Z",
        },
        "ownerReferences": [{**owner, "uid": uid["metadata"]["uid"], "controller": True}],
        "finalizers": [FINALIZER],
    }
    pair.declare(ACCESSES, "theirs", pair.wanted(), **meta)
    # The garbage collector deletes an object whose owner is not in its namespace.
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE


def bait(pair: Pair, name: str) -> Json:
    """A Secret with all the markers of the victim's access."""
    access = pair.board.get(ACCESSES, pair.victim, "reader")
    assert access is not None
    labels = {
        "app.kubernetes.io/managed-by": "wheelhouse",
        "wheelhouse.dev/access": "reader",
        "wheelhouse.dev/access-namespace": pair.victim,
        "wheelhouse.dev/access-uid": access["metadata"]["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "type": "wheelhouse.dev/pip-config",
        "data": {"netrc": base64.b64encode(b"bait").decode()},
    }


@attack()
def markers_on_a_secret(pair: Pair) -> Steps:
    """The attacker's Secret has the labels and the field manager of the victim's access, so that it gets its token."""
    access = pair.board.get(ACCESSES, pair.victim, "reader")
    assert access is not None
    path = f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"
    manager = f"wheelhouse.{access['metadata']['uid']}"
    assert pair.hands.apply(path, bait(pair, SECRET), manager, force=True)[0] == 201
    pair.secrets = {SECRET}
    before = pair.board.secrets(pair.victim)[SECRET]["data"]
    where = f"{GROUP}/namespaces/{pair.victim}/{ACCESSES}/reader"
    note = {"metadata": {"annotations": {"wheelhouse.dev/requested-at": "now"}}}
    assert pair.admin.ask("PATCH", where, note, content=MERGE)[0] == 200
    yield pair.renewed(pair.victim, before)
    yield JUDGE
    assert pair.board.secrets(pair.attacker)[SECRET]["data"] == bait(pair, SECRET)["data"]


@attack()
def markers_on_a_secret_without_consent(pair: Pair) -> Steps:
    """The attacker's access without consent asks for a Secret that exists with the markers of the victim's access."""
    path = f"/api/v1/namespaces/{pair.attacker}/secrets"
    assert pair.ask("POST", path, bait(pair, SECRET))[0] == 201
    pair.secrets = {SECRET}
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE
    assert pair.board.secrets(pair.attacker)[SECRET]["data"] == bait(pair, SECRET)["data"]


@attack()
def consent_in_an_annotation(pair: Pair) -> Steps:
    """The attacker writes the annotations of a Namespace onto its own objects, where they mean nothing."""
    listed = {"wheelhouse.dev/upstreams": pair.full_name, "wheelhouse.dev/projects": "other-project"}
    upstreams = [{"name": "loot", "priority": 1, "repository": pair.full_name}]
    spec = {"location": pair.location, "mode": "Virtual", "virtual": {"upstreams": upstreams}}
    pair.declare(REPOSITORIES, pair.mine, spec, annotations=listed)
    yield pair.shows(REPOSITORIES, pair.mine, "RefNotPermitted")
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "RefNotPermitted")


@attack()
def request_without_consent(pair: Pair) -> Steps:
    """The attacker requests a token for an access that has no consent."""
    note = {"wheelhouse.dev/requested-at": "2099-01-01T00:00:00Z"}
    pair.declare(ACCESSES, "theirs", pair.wanted(), annotations=note)
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    pair.edit(ACCESSES, "theirs", {"metadata": {"annotations": {"wheelhouse.dev/requested-at": "again"}}})
    yield pair.handled(ACCESSES, "theirs", "again")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def object_of_the_victim(pair: Pair) -> Steps:
    """The attacker writes into the victim's namespace itself: objects, Secrets, ServiceAccounts' tokens, labels."""
    space = f"/api/v1/namespaces/{pair.victim}"
    ours = f"{GROUP}/namespaces/{pair.victim}"
    opened = {"spec": {"accessFrom": {"namespaces": [pair.attacker]}}}
    refused(pair.ask("PATCH", f"{ours}/{REPOSITORIES}/{pair.key}", opened, content=MERGE), "cannot patch")
    refused(pair.ask("POST", f"{ours}/{ACCESSES}", pair.body(ACCESSES, "x", pair.access(pair.key))), "cannot create")
    refused(pair.ask("GET", f"{ours}/{REPOSITORIES}/{pair.key}"), "cannot get")
    refused(pair.ask("GET", f"{space}/secrets/{SECRET}"), "cannot get")
    refused(pair.ask("POST", f"{space}/serviceaccounts/reader/token", {}), "cannot create")
    refused(pair.ask("PATCH", space, {"metadata": {"labels": {"team": "red"}}}, content=MERGE), "cannot patch")
    yield JUDGE
