"""Secrets in the namespaces of others: only the owner of a repository writes them, and only where they are let in."""

from typing import Any

from e2e.attacks.answers import Json
from e2e.attacks.pair import SECRET, Pair, Wait, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.kube import ACCESSES, REPOSITORIES


def spread(pair: Pair, name: str = SECRET, **places: Any) -> Json:
    """A Secret in other namespaces, with the token of the attacker's ServiceAccount."""
    return {"name": name, "serviceAccountName": "reader", "identityFrom": "AccessNamespace", **places}


def third(pair: Pair, *, opted_in: bool = True) -> str:
    """A namespace of somebody else."""
    name = f"{pair.key}-third"
    pair.namespace(name, {"team": pair.key}, opted_in=opted_in)
    return name


def owns(pair: Pair) -> Steps:
    """Let the attacker have a repository of its own."""
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    yield pair.ready(REPOSITORIES, pair.mine)


def foreign(pair: Pair, secret: Json) -> Steps:
    """The attacker may read, and wants its Secret in other namespaces too."""
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted(secret=None) | {"secret": secret})
    yield pair.shows(ACCESSES, "theirs", "FanOutNotAllowed")
    pair.members[role("Reader")].add(pair.theirs)
    yield pair.healed()


@attack()
def into_the_owners_namespace(pair: Pair) -> Steps:
    """The attacker names the namespace of the repository's owner, with the name of the owner's Secret."""
    yield from foreign(pair, spread(pair, namespaces=[pair.victim]))
    yield JUDGE
    pair.says(ACCESSES, "theirs", "FanOutNotAllowed", pair.victim)


@attack()
def into_every_namespace(pair: Pair) -> Steps:
    """The attacker selects every namespace that has opted in."""
    elsewhere = third(pair)
    yield from foreign(pair, spread(pair, pair.mine, namespaceSelector={}))
    yield JUDGE
    pair.says(ACCESSES, "theirs", "FanOutNotAllowed", pair.victim)
    assert pair.board.secrets(elsewhere) == {}
    assert pair.mine not in pair.board.secrets(pair.victim)


@attack()
def own_namespace_among_others(pair: Pair) -> Steps:
    """The attacker hides another namespace behind its own: only its own gets the Secret."""
    elsewhere = third(pair)
    pair.secrets.add(SECRET)
    yield from foreign(pair, spread(pair, namespaces=[pair.attacker, elsewhere]))
    yield pair.loses()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "FanOutNotAllowed")
    assert pair.board.secrets(elsewhere) == {}


@attack()
def over_the_secret_of_another(pair: Pair) -> Steps:
    """The attacker owns a repository, and writes its configuration under the name of the victim's Secret."""
    yield from owns(pair)
    secret = spread(pair, namespaces=[pair.victim])
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None) | {"secret": secret})
    yield pair.shows(ACCESSES, "theirs", "SecretConflict")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SecretConflict", f"{pair.victim}/reader", "has priority")


@attack()
def into_a_namespace_that_did_not_opt_in(pair: Pair) -> Steps:
    """The attacker owns a repository, and names and selects a namespace that lets no Secrets in."""
    elsewhere = third(pair, opted_in=False)
    yield from owns(pair)
    named, selected = {"namespaces": [elsewhere]}, {"namespaceSelector": {"matchLabels": {"team": pair.key}}}
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None) | {"secret": spread(pair, **named)})
    pair.declare(ACCESSES, "more", pair.access(pair.mine, secret=None) | {"secret": spread(pair, "more", **selected)})
    yield pair.shows(ACCESSES, "theirs", "NotOptedIn")
    yield pair.ready(ACCESSES, "more")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "NotOptedIn", elsewhere, "wheelhouse.dev/credentials=enabled")
    assert pair.board.secrets(elsewhere) == {}


@attack()
def token_of_the_account_of_another(pair: Pair) -> Steps:
    """The attacker owns a repository, and wants a token of the victim's ServiceAccount: it stays in its namespace."""
    yield from owns(pair)
    secret = {"name": "theirs", "namespaces": [pair.victim], "serviceAccountName": "reader"}
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None) | {"secret": secret})
    yield pair.ready(ACCESSES, "theirs")
    yield JUDGE
    assert pair.board.secrets(pair.attacker) == {}
    body = pair.board.get(ACCESSES, pair.attacker, "theirs")
    assert body is not None
    assert body["status"]["secret"]["identity"] == "*/reader"


@attack(opted_in=False)
def shared_account_of_a_closed_namespace(pair: Pair) -> Steps:
    """The attacker's namespace has not opted in, and wants a token of its ServiceAccount in one that has."""
    elsewhere = third(pair)
    yield from owns(pair)
    secret = spread(pair, namespaces=[elsewhere])
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None) | {"secret": secret})
    yield pair.shows(ACCESSES, "theirs", "NotOptedIn")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "NotOptedIn", pair.attacker)
    assert pair.board.secrets(elsewhere) == {}


@attack(labels={"team": "red"})
def selected_by_a_fan_out_no_longer(pair: Pair) -> Steps:
    """The owner's fan-out selected the attacker's namespace, which loses the label: its Secret goes."""
    secret = spread(pair, "fan", namespaceSelector={"matchLabels": {"team": "red", "fan": pair.key}})
    pair.namespace(pair.attacker, {"team": "red", "fan": pair.key})
    pair.as_victim(ACCESSES, "fan", pair.access(pair.key, secret=None) | {"secret": secret})
    yield Wait(lambda: "fan" in pair.board.secrets(pair.attacker), "the Secret of the fan-out")
    pair.namespace(pair.attacker, {"team": "blue", "fan": pair.key})
    yield pair.loses()
    yield JUDGE
