"""Identities that are not the attacker's to name: outside the cluster, of other namespaces, or of another team."""

from e2e.attacks.answers import condition, refused
from e2e.attacks.pair import SECRET, Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.hands import MERGE
from support.kube import ACCESSES, PROJECT

ACT_AS = "iam.gke.io/gcp-service-account"
OUTSIDERS = {
    "GoogleUser": "mallory@example.com",
    "GoogleGroup": "everybody@example.com",
    "GoogleServiceAccount": "mallory@mallory-project.iam.gserviceaccount.com",
}


def outside(pair: Pair, kind: str) -> Steps:
    """Name somebody outside the cluster in an access that has consent: only the repository's owner may."""
    pair.open(namespaces=[pair.attacker])
    subjects = [{"kind": kind, "name": OUTSIDERS[kind]}]
    pair.declare(ACCESSES, "theirs", pair.wanted(subjects=subjects, secret=None))
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", OUTSIDERS[kind], pair.victim)


@attack()
def outside_user(pair: Pair) -> Steps:
    """The attacker may read, and gives its Google account outside the cluster the same role."""
    yield from outside(pair, "GoogleUser")


@attack()
def outside_group(pair: Pair) -> Steps:
    """The attacker may read, and gives a Google group the same role."""
    yield from outside(pair, "GoogleGroup")


@attack()
def outside_service_account(pair: Pair) -> Steps:
    """The attacker may read, and gives a service account of its own project the same role."""
    yield from outside(pair, "GoogleServiceAccount")


@attack()
def outside_user_among_others(pair: Pair) -> Steps:
    """The attacker hides a Google account among subjects that it may name: only those get the role."""
    pair.open(namespaces=[pair.attacker])
    subjects = [{"kind": "ServiceAccount", "name": "reader"}, {"kind": "GoogleUser", "name": OUTSIDERS["GoogleUser"]}]
    pair.declare(ACCESSES, "theirs", pair.wanted(subjects=subjects, secret=None))
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    pair.members[role("Reader")].add(pair.theirs)
    yield pair.healed()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", OUTSIDERS["GoogleUser"])


@attack()
def outside_user_added_later(pair: Pair) -> Steps:
    """The attacker has its access, and adds a Google account to it."""
    yield from pair.gains(secret=None)
    subjects = [{"kind": "ServiceAccount", "name": "reader"}, {"kind": "GoogleUser", "name": OUTSIDERS["GoogleUser"]}]
    pair.edit(ACCESSES, "theirs", {"spec": {"subjects": subjects}})
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    pair.members[role("Reader")].add(pair.theirs)
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted")


@attack()
def outside_user_without_consent(pair: Pair) -> Steps:
    """The attacker names a Google account on a closed repository, to see an answer that an absent one has not."""
    subjects = [{"kind": "GoogleUser", "name": OUTSIDERS["GoogleUser"]}]
    pair.declare(ACCESSES, "theirs", pair.wanted(subjects=subjects, secret=None))
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")


@attack()
def adoption_of_grants(pair: Pair) -> Steps:
    """The attacker takes over its own grant that the victim made with gcloud, so that it is revoked with its access."""
    pair.members = {role("Reader"): {pair.own, pair.theirs}}
    policy = {"bindings": [{"role": role("Reader"), "members": [pair.own, pair.theirs]}]}
    status, found = pair.kube.google("GET", f"v1/{pair.full_name}:getIamPolicy")
    policy["etag"] = found["etag"]
    status, _ = pair.kube.google("POST", f"v1/{pair.full_name}:setIamPolicy", {"policy": policy})
    assert status == 200
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted(adoptionPolicy="Always", secret=None))
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    said = pair.board.get(ACCESSES, pair.attacker, "theirs")
    assert said is not None
    assert "adoptionPolicy" in condition(said, "Ready")["message"]
    assert pair.ask("DELETE", pair.path(ACCESSES, "theirs"))[0] == 200
    yield pair.gone(ACCESSES, "theirs")
    yield JUDGE


@attack()
def service_account_of_the_victim(pair: Pair) -> Steps:
    """The attacker names the victim's ServiceAccount in each notation that a name could have."""
    member = pair.own.partition("/subject/")[2]
    for name in (f"{pair.victim}/reader", f"{pair.victim}:reader", member, "../reader", f"reader\n{member}"):
        subjects = [{"kind": "ServiceAccount", "name": name}]
        body = pair.body(ACCESSES, "theirs", pair.wanted(subjects=subjects))
        refused(pair.ask("POST", pair.path(ACCESSES), body), "must be the name of a Kubernetes ServiceAccount")
        named = {"name": SECRET, "serviceAccountName": name}
        body = {**body, "spec": pair.wanted(secret=None) | {"secret": named}}
        refused(pair.ask("POST", pair.path(ACCESSES), body), "serviceAccountName")
    yield JUDGE


@attack()
def service_account_of_the_same_name(pair: Pair) -> Steps:
    """The attacker's ServiceAccount has the name of the victim's, and the Secret must be for the attacker's own."""
    yield from pair.gains()
    pair.members[role("Reader")].add(pair.theirs)
    pair.secrets = {SECRET}
    yield JUDGE
    body = pair.board.get(ACCESSES, pair.attacker, "theirs")
    assert body is not None
    assert body["status"]["secret"]["identity"] == f"{pair.attacker}/reader"
    assert body["status"]["grants"] == [{"role": role("Reader"), "member": pair.theirs, "state": "Granted"}]


def acting_as(pair: Pair, account: str) -> None:
    """Let the attacker's ServiceAccount claim to act as a Google service account."""
    path = f"/api/v1/namespaces/{pair.attacker}/serviceaccounts/reader"
    note = {"metadata": {"annotations": {ACT_AS: account}}}
    assert pair.ask("PATCH", path, note, content=MERGE)[0] == 200


@attack()
def google_account_in_an_annotation(pair: Pair) -> Steps:
    """The attacker's ServiceAccount is annotated with the victim's Google service account, and has no consent."""
    acting_as(pair, f"victim@{PROJECT}.iam.gserviceaccount.com")
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
