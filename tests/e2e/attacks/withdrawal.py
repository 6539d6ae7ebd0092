"""Consent withdrawn: the attacker had an access by consent, and tries to keep it. It loses it within 60 seconds."""

from e2e.attacks.answers import condition
from e2e.attacks.pair import SECRET, Pair
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.google import owner_authorization, upload
from support.hands import MERGE
from support.kube import ACCESSES, GROUP, PROJECT, REPOSITORIES

HOLD = "acme.example/hold"
REQUESTED = "wheelhouse.dev/requested-at"


def lost(pair: Pair) -> Steps:
    """Wait for the withdrawal, and check what the attacker is told."""
    yield pair.loses()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted", "spec.accessFrom")


@attack()
def closed(pair: Pair) -> Steps:
    """The attacker keeps its access when the owner removes `accessFrom`."""
    yield from pair.gains()
    pair.open()
    yield from lost(pair)


@attack()
def named_no_longer(pair: Pair) -> Steps:
    """The attacker keeps its access when the owner names another namespace instead."""
    yield from pair.gains()
    pair.open(namespaces=[f"{pair.key}-friend"])
    yield from lost(pair)


@attack()
def role_withdrawn(pair: Pair) -> Steps:
    """The attacker has Writer, and keeps it when the owner offers only Reader."""
    yield from pair.gains("Writer", ("Reader", "Writer"))
    pair.open(namespaces=[pair.attacker])
    yield from lost(pair)


@attack(labels={"team": "red"})
def relabelled(pair: Pair) -> Steps:
    """The attacker's namespace loses the label that the owner selects."""
    yield from pair.gains()
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    pair.namespace(pair.attacker, {"team": "blue"})
    yield from lost(pair)


@attack()
def selector_changed(pair: Pair) -> Steps:
    """The owner's selector no longer selects the attacker's namespace."""
    yield from pair.gains()
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    yield from lost(pair)


@attack()
def suspended_access(pair: Pair) -> Steps:
    """The attacker suspends its access, so that nothing about it changes."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"spec": {"suspend": True}})
    yield pair.shows(ACCESSES, "theirs", "Suspended")
    pair.open()
    yield from lost(pair)


@attack()
def suspended_and_edited(pair: Pair) -> Steps:
    """The attacker suspends its access with Writer and edits it to Reader, so that the check is about Reader."""
    yield from pair.gains("Writer", ("Reader", "Writer"))
    pair.edit(ACCESSES, "theirs", {"spec": {"suspend": True, "role": "Reader"}})
    yield pair.shows(ACCESSES, "theirs", "Suspended")
    pair.open(namespaces=[pair.attacker])
    yield pair.loses()
    yield JUDGE
    # Reader is still offered, but a suspended access gets nothing new.
    pair.says(ACCESSES, "theirs", "Suspended", "adds no grants")


@attack()
def suspended_repository(pair: Pair) -> Steps:
    """The victim's repository is suspended when the owner removes the consent."""
    yield from pair.gains()
    pair.change({"suspend": True, "accessFrom": None})
    yield from lost(pair)


@attack()
def observed_repository(pair: Pair) -> Steps:
    """The victim's repository is only observed when the owner removes the consent."""
    yield from pair.gains()
    pair.change({"managementPolicy": "Observe"})
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    pair.open()
    yield from lost(pair)


@attack()
def broken_repository(pair: Pair) -> Steps:
    """The victim's namespace loses its project, so that its repository is not Ready, and then the consent goes."""
    yield from pair.gains()
    pair.namespace(pair.victim, projects="")
    yield pair.shows(REPOSITORIES, pair.key, "ProjectNotAllowed", pair.victim)
    pair.kept = False  # Its access keeps the grant and is not Ready.
    pair.open()
    yield from lost(pair)
    kept = pair.board.get(ACCESSES, pair.victim, "reader")
    assert kept is not None
    assert condition(kept, "Ready")["reason"] == "RepositoryNotReady"


@attack()
def deletion_held_up(pair: Pair) -> Steps:
    """The attacker's access is deleted, and a finalizer of the attacker's keeps the object."""
    yield from pair.gains()
    meta = {"finalizers": ["wheelhouse.dev/finalizer", HOLD]}
    pair.edit(ACCESSES, "theirs", {"metadata": meta})
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.loses()
    yield JUDGE
    body = pair.board.get(ACCESSES, pair.attacker, "theirs")
    assert body is not None
    assert body["metadata"]["finalizers"] == [HOLD]


@attack()
def deletion_held_up_by_a_secret(pair: Pair) -> Steps:
    """A finalizer of the attacker's keeps the Secret, so that its access cannot be released."""
    yield from pair.gains()
    path = f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"
    assert pair.ask("PATCH", path, {"metadata": {"finalizers": [HOLD]}}, content=MERGE)[0] == 200
    pair.secrets = {SECRET}
    pair.open()
    yield pair.loses()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    # The Secret goes once the attacker lets it; its token is of no use.
    assert pair.answer(SECRET) == 403
    assert "deletionTimestamp" in pair.board.secrets(pair.attacker)[SECRET]["metadata"]
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack(repository={"deletionPolicy": "DeleteIfEmpty"})
def repository_held_up(pair: Pair) -> Steps:
    """The victim's repository is being deleted, its packages hold that up, and the owner removes the consent."""
    yield from pair.gains()
    base = pair.kube.world.environment()["endpoints"]["index"]
    url = f"{base}{pair.location}-python.pkg.dev/{PROJECT}/{pair.key}/"
    upload(url, b"x", "a-1.0.zip", "a", "1.0", owner_authorization(pair.kube))
    status, _ = pair.admin.ask("DELETE", f"{GROUP}/namespaces/{pair.victim}/{REPOSITORIES}/{pair.key}")
    assert status == 200
    yield pair.shows(REPOSITORIES, pair.key, "NotEmpty", pair.victim)
    pair.kept = False  # It has its grant and its Secret; Ready says that the repository is being deleted.
    pair.open()
    yield from lost(pair)
    assert SECRET in pair.board.secrets(pair.victim)


@attack()
def repository_deleted(pair: Pair) -> Steps:
    """The attacker suspends its access and keeps it when the victim's object is deleted and its repository stays."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"spec": {"suspend": True}})
    path = f"{GROUP}/namespaces/{pair.victim}"
    for name in (f"{ACCESSES}/reader", f"{REPOSITORIES}/{pair.key}"):
        assert pair.admin.ask("DELETE", f"{path}/{name}")[0] == 200
    yield pair.gone(REPOSITORIES, pair.key, pair.victim)
    pair.members, pair.kept = {}, False
    yield from lost(pair)


@attack()
def consent_of_a_twin(pair: Pair) -> Steps:
    """The owner closes the repository, and the attacker declares an object of the same name in its own namespace."""
    yield from pair.gains()
    pair.open()
    spec = {"location": pair.location, "accessFrom": {"namespaces": [pair.attacker]}}
    pair.declare(REPOSITORIES, pair.key, spec)
    yield pair.shows(REPOSITORIES, pair.key, "OwnedElsewhere")
    yield from lost(pair)


@attack()
def declared_again(pair: Pair) -> Steps:
    """The attacker deletes its access after the withdrawal and declares it again, with another name as well."""
    yield from pair.gains()
    pair.open()
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.gone(ACCESSES, "theirs")
    for name in ("theirs", "again"):
        pair.declare(ACCESSES, name, pair.wanted(secret=name))
        yield pair.shows(ACCESSES, name, "RefNotPermitted")
    yield from lost(pair)
    pair.says(ACCESSES, "again", "RefNotPermitted")


@attack()
def two_accesses_for_one_grant(pair: Pair) -> Steps:
    """The attacker has two accesses with the same grant, so that each may keep it for the other."""
    yield from pair.gains()
    pair.declare(ACCESSES, "second", pair.wanted(secret="second"))
    yield pair.ready(ACCESSES, "second")
    pair.edit(ACCESSES, "second", {"spec": {"suspend": True}})
    pair.open()
    yield pair.shows(ACCESSES, "second", "RefNotPermitted")
    yield from lost(pair)


@attack()
def requests_in_a_row(pair: Pair) -> Steps:
    """The attacker requests a new token again and again, so that one is minted after the withdrawal."""
    yield from pair.gains()
    for number in range(5):
        pair.edit(ACCESSES, "theirs", {"metadata": {"annotations": {REQUESTED: f"before {number}"}}})
    pair.open()
    for number in range(20):
        pair.edit(ACCESSES, "theirs", {"metadata": {"annotations": {REQUESTED: f"after {number}"}}})
    yield from lost(pair)


@attack()
def request_too_long_for_status(pair: Pair) -> Steps:
    """The attacker writes a request of 100,000 characters, so that the operator cannot write it into status."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"metadata": {"annotations": {REQUESTED: "\u00e9" * 100_000}}})
    pair.open()
    yield from lost(pair)


@attack()
def object_too_large(pair: Pair) -> Steps:
    """The attacker fills its access with annotations up to the limit, so that a status no longer fits."""
    yield from pair.gains()
    text = "x" * (256 * 1024 - 10_000)
    pair.edit(ACCESSES, "theirs", {"metadata": {"annotations": {"acme.example/fill": text}}})
    pair.open()
    yield from lost(pair)


@attack()
def secret_edited(pair: Pair) -> Steps:
    """The attacker removes every marker from the Secret, so that it is not found at the withdrawal."""
    yield from pair.gains()
    change = {"metadata": {"labels": None, "annotations": None, "ownerReferences": None}}
    path = f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"
    assert pair.ask("PATCH", path, change, content=MERGE)[0] == 200
    pair.open()
    yield from lost(pair)


@attack()
def secret_immutable(pair: Pair) -> Steps:
    """The attacker makes the Secret immutable before the withdrawal."""
    yield from pair.gains()
    path = f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"
    assert pair.ask("PATCH", path, {"immutable": True}, content=MERGE)[0] == 200
    pair.open()
    yield from lost(pair)


@attack()
def managed_fields_of_the_access_wiped(pair: Pair) -> Steps:
    """The attacker wipes the managed fields of its access, which show what the operator wrote."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"metadata": {"managedFields": [{}]}})
    pair.open()
    yield from lost(pair)


@attack()
def managed_fields_of_the_secret_wiped(pair: Pair) -> Steps:
    """The attacker wipes the managed fields of the Secret, which show that the operator wrote it."""
    yield from pair.gains()
    path = f"/api/v1/namespaces/{pair.attacker}/secrets/{SECRET}"
    assert pair.ask("PATCH", path, {"metadata": {"managedFields": [{}]}}, content=MERGE)[0] == 200
    pair.secrets = {SECRET}  # Nothing shows any more that the operator wrote it, so it counts as the attacker's copy.
    pair.open()
    yield from lost(pair)
    assert pair.answer(SECRET) == 403


@attack()
def opted_out_and_in(pair: Pair) -> Steps:
    """The attacker's namespace opts out, loses the consent meanwhile, and opts in again."""
    yield from pair.gains()
    pair.namespace(pair.attacker, opted_in=False)
    yield pair.shows(ACCESSES, "theirs", "NotOptedIn")
    pair.open()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    pair.namespace(pair.attacker)
    yield from lost(pair)
