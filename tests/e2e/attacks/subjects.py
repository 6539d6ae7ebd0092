"""Principals, and ServiceAccounts of other namespaces: only the owner of a repository may name them."""

from e2e.attacks.answers import Json
from e2e.attacks.pair import Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from e2e.attacks.values import CONTROLS, EVERYONE, never
from support.kube import ACCESSES, PROJECT

POOLS = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools"
POOL = f"//{POOLS}/{PROJECT}.svc.id.goog"
OUTSIDE = f"//{POOLS.replace('123456789012', '999999999999')}/mallory-pool"
GRAMMAR = "must be a principal of a workload identity pool or workforce pool"


def foreign(pair: Pair, *subjects: Json) -> Steps:
    """Name each of these in an access that has consent: only its own ServiceAccounts get the role."""
    pair.open(namespaces=[pair.attacker])
    for number, subject in enumerate(subjects):
        pair.declare(ACCESSES, f"theirs-{number}", pair.wanted(subjects=[subject], secret=None))
    for number in range(len(subjects)):
        yield pair.shows(ACCESSES, f"theirs-{number}", "SubjectNotPermitted")
    yield JUDGE
    for number in range(len(subjects)):
        pair.says(ACCESSES, f"theirs-{number}", "SubjectNotPermitted", pair.victim)


def principal_of(name: str) -> Json:
    """A subject of the kind Principal."""
    return {"kind": "Principal", "name": name}


def account(**more: object) -> Json:
    """The ServiceAccount `reader` of other namespaces."""
    return {"kind": "ServiceAccount", "name": "reader", **more}


@attack()
def principal_of_another_namespace(pair: Pair) -> Steps:
    """The attacker may read, and gives the role to a ServiceAccount of a third namespace by its principal."""
    yield from foreign(pair, principal_of(f"principal:{POOL}/subject/ns/third/sa/reader"))


@attack()
def principals_of_the_whole_cluster(pair: Pair) -> Steps:
    """The attacker may read, and gives the role to all ServiceAccounts, and to those of a namespace."""
    yield from foreign(pair, *(principal_of(f"principalSet:{POOL}/{each}") for each in ("*", "namespace/third")))


@attack()
def principals_of_another_pool(pair: Pair) -> Steps:
    """The attacker may read, and gives the role to its own pool outside the cluster."""
    one = principal_of(f"principal:{OUTSIDE}/subject/mallory")
    yield from foreign(pair, one, principal_of(f"principalSet:{OUTSIDE}/group/mallory"))


@attack()
def principals_of_a_workforce(pair: Pair) -> Steps:
    """The attacker may read, and gives the role to people of a workforce pool."""
    pool = "//iam.googleapis.com/locations/global/workforcePools/mallory-people"
    yield from foreign(pair, principal_of(f"principal:{pool}/subject/mallory"))


@attack()
def principal_of_its_own(pair: Pair) -> Steps:
    """The attacker may read, and writes its own ServiceAccount as a principal, which only the owner may do."""
    yield from foreign(pair, principal_of(pair.theirs))


@attack()
def account_of_another_namespace(pair: Pair) -> Steps:
    """The attacker may read, and names ServiceAccounts of the victim's namespace and of a third one."""
    yield from foreign(pair, account(namespace=f"{pair.key}-third"), account(namespace="kube-system"))


@attack()
def accounts_of_selected_namespaces(pair: Pair) -> Steps:
    """The attacker may read, and selects namespaces by their labels."""
    by_name = {"matchLabels": {"kubernetes.io/metadata.name": f"{pair.key}-third"}}
    yield from foreign(pair, account(namespaceSelector=by_name))


@attack()
def accounts_of_every_namespace(pair: Pair) -> Steps:
    """The attacker may read, and selects every namespace that has a name."""
    rows = [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]
    yield from foreign(pair, account(namespaceSelector={"matchExpressions": rows}))


@attack()
def account_of_another_namespace_among_others(pair: Pair) -> Steps:
    """The attacker hides a ServiceAccount of a third namespace behind its own: only its own gets the role."""
    pair.open(namespaces=[pair.attacker])
    subjects = [account(), account(namespace=f"{pair.key}-third")]
    pair.declare(ACCESSES, "theirs", pair.wanted(subjects=subjects, secret=None))
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    pair.members[role("Reader")].add(pair.theirs)
    yield pair.healed()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted")


@attack()
def identity_of_another_namespace(pair: Pair) -> Steps:
    """The attacker wants a Secret, and its only ServiceAccount subject is the victim's."""
    spec = pair.wanted(subjects=[account(namespace=pair.victim)])
    never(pair, ACCESSES, spec, "secret.serviceAccountName")
    yield JUDGE


@attack(labels={"team": "red"})
def selected_by_the_owner_no_longer(pair: Pair) -> Steps:
    """The owner selects namespaces in an access, and the attacker's namespace loses the label."""
    selector = {"matchLabels": {"team": "red"}}
    pair.as_victim(ACCESSES, "team", pair.access(pair.key, subjects=[account(namespaceSelector=selector)], secret=None))
    yield pair.has(role("Reader"), pair.theirs)
    pair.namespace(pair.attacker, {"team": "blue"})
    yield pair.loses()
    yield JUDGE


@attack()
def principal_that_is_none(pair: Pair) -> Steps:
    """The attacker writes everybody, other hosts, paths and line breaks where a principal is expected."""
    good = f"principal:{POOL}/subject/ns/a/sa/b"
    bad = (
        *EVERYONE,
        "user:ann@example.com",
        good.replace("iam.googleapis.com", "evil.example"),
        good.replace("principal:", "Principal:"),
        good.replace("/subject/", "/subject/../"),
        good.replace("/sa/", "/%2e%2e/"),
        f"deleted:{good}?uid=1",
        f"principalSet:{POOL}/**",
        *(f"{good}{control}allUsers" for control in CONTROLS),
        *(f"{good}{control}" for control in CONTROLS),
    )
    for name in bad:
        never(pair, ACCESSES, pair.wanted(subjects=[principal_of(name)], secret=None), GRAMMAR)
    yield JUDGE


@attack()
def place_of_another_kind(pair: Pair) -> Steps:
    """The attacker gives a namespace to kinds that have none, and both places to a ServiceAccount."""
    selector = {"matchLabels": {"team": "red"}}
    user = {"kind": "GoogleUser", "name": "ann@example.com", "namespace": pair.victim}
    never(pair, ACCESSES, pair.wanted(subjects=[user], secret=None), "only for the kind ServiceAccount")
    both = account(namespace=pair.victim, namespaceSelector=selector)
    never(pair, ACCESSES, pair.wanted(subjects=[both], secret=None), "not both")
    every = account(namespaceSelector={})
    never(pair, ACCESSES, pair.wanted(subjects=[every], secret=None), "matches every namespace")
    yield JUDGE
