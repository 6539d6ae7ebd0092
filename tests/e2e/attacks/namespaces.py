"""Namespaces that go, come back with the same name, or change what they say about themselves."""

from e2e.attacks.answers import refused
from e2e.attacks.pair import SECRET, Pair
from e2e.attacks.scenarios import JUDGE, Steps, attack
from e2e.attacks.upstreams import upstreams, virtual
from support.hands import MERGE
from support.kube import ACCESSES, PROJECT, REPOSITORIES

HOLD = "acme.example/hold"


def removed(pair: Pair) -> Steps:
    """Delete the attacker's namespace, and wait until it is gone with everything in it."""
    path = f"/api/v1/namespaces/{pair.attacker}"
    assert pair.admin.ask("DELETE", path)[0] == 200
    yield pair.loses()
    yield pair.gone(ACCESSES, "theirs")
    yield pair.namespace_gone()


def refused_again(pair: Pair) -> Steps:
    """The attacker's namespace is made again, with the same ServiceAccount and access, and without consent."""
    pair.namespace(pair.attacker)
    pair.put(f"/api/v1/namespaces/{pair.attacker}/serviceaccounts", "v1", "ServiceAccount", "reader")
    pair.hands = pair.arm(pair.attacker)
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(labels={"team": "red"})
def made_again_without_the_label(pair: Pair) -> Steps:
    """The attacker makes the namespace again that the owner's selector selected, and has no label this time."""
    yield from pair.gains()
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    yield from removed(pair)
    yield from refused_again(pair)


@attack()
def made_again_after_the_withdrawal(pair: Pair) -> Steps:
    """The owner withdraws the consent while the attacker's namespace does not exist, and it is made again."""
    yield from pair.gains()
    yield from removed(pair)
    pair.open()
    yield from refused_again(pair)


@attack()
def made_again_and_left_empty(pair: Pair) -> Steps:
    """The namespace is made again with the name that may read: no one in it has an access that no user declared."""
    yield from pair.gains()
    yield from removed(pair)
    pair.namespace(pair.attacker)
    pair.put(f"/api/v1/namespaces/{pair.attacker}/serviceaccounts", "v1", "ServiceAccount", "reader")
    yield JUDGE


@attack()
def deletion_of_the_namespace_held_up(pair: Pair) -> Steps:
    """The attacker's namespace is being deleted, and a finalizer of the attacker's keeps its access."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"metadata": {"finalizers": ["wheelhouse.dev/finalizer", HOLD]}})
    assert pair.admin.ask("DELETE", f"/api/v1/namespaces/{pair.attacker}")[0] == 200
    yield pair.loses()
    yield JUDGE
    body = pair.board.get(ACCESSES, pair.attacker, "theirs")
    assert body is not None
    assert body["metadata"]["finalizers"] == [HOLD]


@attack(labels={"team": "red"})
def consent_moved_to_another(pair: Pair) -> Steps:
    """The label moves from the attacker's namespace to a friend's, and back and forth, while tokens are requested."""
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.ready(ACCESSES, "theirs")
    for team in ("blue", "red", "blue", "red", "blue"):
        pair.namespace(pair.attacker, {"team": team})
        note = {"metadata": {"annotations": {"wheelhouse.dev/requested-at": team}}}
        pair.edit(ACCESSES, "theirs", note)
    yield pair.loses()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(projects="")
def marks_by_an_administrator_of_objects(pair: Pair) -> Steps:
    """Somebody with the roles `admin` and `wheelhouse-edit` labels and annotates its own Namespace."""
    tenant = pair.arm(pair.attacker, ("admin", "wheelhouse-edit"), "tenant")
    path = f"/api/v1/namespaces/{pair.attacker}"
    for marks in (
        {"labels": {"team": "red"}},
        {"annotations": {"wheelhouse.dev/projects": "acme-packages"}},
        {"annotations": {"wheelhouse.dev/upstreams": pair.full_name}},
    ):
        refused(tenant.ask("PATCH", path, {"metadata": marks}, content=MERGE), "cannot patch")
    yield JUDGE


@attack(projects="")
def marks_by_the_owner_of_a_namespace(pair: Pair) -> Steps:
    """The attacker may patch its own Namespace by RBAC, and allows itself the victim's project and repository."""
    path = f"/api/v1/namespaces/{pair.attacker}"
    marks = {"wheelhouse.dev/projects": PROJECT, "wheelhouse.dev/upstreams": pair.full_name}
    change = {"metadata": {"annotations": marks}}
    yield pair.denied(path, change)
    refused(pair.ask("PATCH", path, change, content=MERGE), "Only an administrator of namespaces")
    body = pair.ask("GET", path)[1]
    body["metadata"]["annotations"] |= marks
    for subresource in ("", "/status", "/finalize"):
        refused(pair.ask("PUT", f"{path}{subresource}", body), "Only an administrator of namespaces")
    assert pair.ask("PATCH", path, {"metadata": {"labels": {"team": "mallory"}}}, content=MERGE)[0] == 200
    pair.declare(REPOSITORIES, pair.mine, virtual(pair, {"repository": pair.full_name}))
    yield pair.shows(REPOSITORIES, pair.mine, "ProjectNotAllowed")
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "ProjectNotAllowed", "wheelhouse.dev/projects")
    assert upstreams(pair) is None


@attack()
def service_account_made_again(pair: Pair) -> Steps:
    """The attacker deletes its ServiceAccount and makes it again after the withdrawal, for a token of the new one."""
    yield from pair.gains()
    path = f"/api/v1/namespaces/{pair.attacker}/serviceaccounts"
    assert pair.ask("DELETE", f"{path}/reader")[0] == 200
    pair.open()
    again = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}}
    assert pair.ask("POST", path, again)[0] == 201
    yield pair.loses()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def look_alike_of_the_victims_namespace(pair: Pair) -> Steps:
    """The attacker's reference names a namespace whose name only looks like the victim's."""
    looks = pair.access(pair.key, pair.victim.replace("v", "\u03bd", 1))
    body = pair.body(ACCESSES, "theirs", looks)
    refused(pair.ask("POST", pair.path(ACCESSES), body), "repositoryRef.namespace")
    yield JUDGE


@attack()
def own_repository_of_the_same_name(pair: Pair) -> Steps:
    """The attacker's object has the name of the victim's, and only a namespace in the reference tells them apart."""
    spec = {"location": pair.location, "repositoryId": pair.mine, "accessFrom": {"namespaceSelector": {}}}
    pair.declare(REPOSITORIES, pair.key, spec)
    yield pair.ready(REPOSITORIES, pair.key)
    pair.declare(ACCESSES, "own", pair.access(pair.key))
    pair.declare(ACCESSES, "theirs", pair.wanted(secret="theirs"))
    yield pair.ready(ACCESSES, "own")
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    pair.secrets = {SECRET}
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
