"""A repository of another namespace without consent for this namespace, or for this role."""

from e2e.attacks.pair import SECRET, Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from e2e.attacks.twins import same
from support.kube import ACCESSES, REPOSITORIES

REMEDY = ("does not exist, or does not allow the role", "spec.accessFrom")


def denied(pair: Pair, **spec: object) -> Steps:
    """Ask for the victim's repository and for one that does not exist: both tell the same, and give nothing."""
    absent = pair.access("absent", pair.victim, **spec)
    pair.declare(ACCESSES, "theirs", pair.wanted(**spec))
    pair.declare(ACCESSES, "absent", absent)
    for name in ("theirs", "absent"):
        yield pair.shows(ACCESSES, name, "RefNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted", *REMEDY)
    same(pair, ACCESSES, "theirs", "absent", {f"{pair.victim}/absent": f"{pair.victim}/{pair.key}"})


@attack()
def no_consent(pair: Pair) -> Steps:
    """The attacker reads a repository that is open to no other namespace."""
    yield from denied(pair)


@attack()
def consent_for_another(pair: Pair) -> Steps:
    """The attacker reads a repository that is open to another namespace only."""
    pair.open(namespaces=[f"{pair.key}-friend"])
    yield from denied(pair)


@attack()
def consent_for_a_longer_name(pair: Pair) -> Steps:
    """The attacker has a namespace whose name is the beginning, or the end, of one that may read."""
    pair.open(namespaces=[f"{pair.attacker}-2", f"x{pair.attacker}"])
    yield from denied(pair)


@attack()
def consent_for_the_victim(pair: Pair) -> Steps:
    """The attacker reads a repository that names its own namespace in `accessFrom`, which opens it to no other."""
    pair.open(namespaces=[pair.victim])
    yield from denied(pair)


@attack(labels={"team": "blue"})
def consent_for_a_label(pair: Pair) -> Steps:
    """The attacker's namespace has the label that the owner selects, with another value."""
    pair.open(namespaceSelector={"matchLabels": {"team": "red"}})
    yield from denied(pair)


@attack(labels={"team": "blue"})
def consent_for_two_labels(pair: Pair) -> Steps:
    """The attacker's namespace has one of two labels that the owner selects."""
    rows = [{"key": "stage", "operator": "Exists"}]
    pair.open(namespaceSelector={"matchLabels": {"team": "blue"}, "matchExpressions": rows})
    yield from denied(pair)


@attack(labels={"team": "blue"})
def consent_but_for_a_label(pair: Pair) -> Steps:
    """The attacker's namespace has the label that the owner excludes."""
    rows = [{"key": "team", "operator": "NotIn", "values": ["blue"]}]
    pair.open(namespaceSelector={"matchExpressions": rows})
    yield from denied(pair)


@attack()
def role_not_offered(pair: Pair) -> Steps:
    """The attacker may read, and asks to write."""
    pair.open(namespaces=[pair.attacker])
    yield from denied(pair, role="Writer")


@attack()
def administrator_not_offered(pair: Pair) -> Steps:
    """The attacker may read and write, and asks to delete packages."""
    pair.open(namespaces=[pair.attacker], roles=["Reader", "Writer"])
    yield from denied(pair, role="RepoAdmin")


@attack()
def reader_not_offered(pair: Pair) -> Steps:
    """The attacker may write, and asks to read, which the owner left out of the roles."""
    pair.open(namespaces=[pair.attacker], roles=["Writer"])
    yield from denied(pair)


@attack()
def role_changed_later(pair: Pair) -> Steps:
    """The attacker has the role that it may have, and then edits it to a larger one."""
    yield from pair.gains()
    pair.edit(ACCESSES, "theirs", {"spec": {"role": "RepoAdmin"}})
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield pair.loses()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted", "RepoAdmin")


@attack()
def larger_role_beside(pair: Pair) -> Steps:
    """The attacker has one access with the role that it may have, and asks for a larger one in another."""
    yield from pair.gains()
    pair.declare(ACCESSES, "more", pair.wanted(role="Writer", secret="more"))
    yield pair.shows(ACCESSES, "more", "RefNotPermitted")
    pair.members[role("Reader")].add(pair.theirs)
    pair.secrets = {SECRET}
    yield JUDGE
    pair.says(ACCESSES, "more", "RefNotPermitted", "Writer")


@attack()
def suspended_before_it_began(pair: Pair) -> Steps:
    """The attacker's access is suspended from the beginning, in case that a pause also pauses the check of consent."""
    yield from denied(pair, suspend=True)


@attack()
def adopting_without_consent(pair: Pair) -> Steps:
    """The attacker asks to take over grants of a repository that is not open to it."""
    yield from denied(pair, adoptionPolicy="Always")


@attack()
def hidden_in_another_namespace(pair: Pair) -> Steps:
    """The attacker compares a closed repository with one in a namespace that does not exist."""
    nowhere = pair.access(pair.key, f"{pair.key}-nowhere")
    pair.declare(ACCESSES, "theirs", pair.wanted())
    pair.declare(ACCESSES, "nowhere", nowhere)
    for name in ("theirs", "nowhere"):
        yield pair.shows(ACCESSES, name, "RefNotPermitted")
    yield JUDGE
    same(pair, ACCESSES, "theirs", "nowhere", {f"{pair.key}-nowhere/": f"{pair.victim}/"})


@attack()
def watched_through_its_owner(pair: Pair) -> Steps:
    """The attacker watches its refused access to see when the victim edits, breaks, or closes the repository."""
    pair.declare(ACCESSES, "theirs", pair.wanted())
    pair.declare(ACCESSES, "absent", pair.access("absent", pair.victim))
    for name in ("theirs", "absent"):
        yield pair.shows(ACCESSES, name, "RefNotPermitted")
    for number, change in enumerate(
        (
            {"description": "edited"},
            {"accessFrom": {"namespaces": ["somebody"]}},
            {"suspend": True},
            {"suspend": False, "accessFrom": None, "labels": {"edited": "yes"}},
        )
    ):
        pair.change(change)
        yield pair.shows(REPOSITORIES, pair.key, "Suspended" if number == 2 else "Ready", pair.victim)
    yield JUDGE
    same(pair, ACCESSES, "theirs", "absent", {f"{pair.victim}/absent": f"{pair.victim}/{pair.key}"})
