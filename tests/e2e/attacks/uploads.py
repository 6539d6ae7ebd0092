"""Uploads to the repository of another namespace: what a Secret shows of it, and what the attacker is told."""

import base64

from e2e.attacks.pair import SECRET, Json, Pair, Wait
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.kube import ACCESSES, PROJECT, REPOSITORIES

WORDS = ("spec.secret.uploadRepositoryRef", "does not exist, or does not allow the role Writer", "spec.accessFrom")


def naming(repository: str, namespace: str, name: str = SECRET) -> Json:
    """The part `secret` of an access that names a repository for uploads."""
    return {"secret": {"name": name, "uploadRepositoryRef": {"name": repository, "namespace": namespace}}}


def shown(pair: Pair) -> list[str]:
    """What the attacker can read: its Secrets, and the status of its accesses."""
    texts = [
        base64.b64decode(text).decode()
        for body in pair.board.secrets(pair.attacker).values()
        for text in body.get("data", {}).values()
    ]
    bodies = (pair.board.get(ACCESSES, pair.attacker, name) for name in ("theirs", "absent"))
    return texts + [str(body["status"]) for body in bodies if body is not None]


def names_it(pair: Pair) -> bool:
    """Whether any of that has the victim's repository in Google."""
    full, url = f"repositories/{pair.key}'", f"/{PROJECT}/{pair.key}/"
    return any(full in text or url in text for text in shown(pair))


def installs(pair: Pair, *names: str) -> Steps:
    """The attacker has a repository of its own to install from, and the Secrets of its accesses to it."""
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    yield pair.ready(REPOSITORIES, pair.mine)
    for name, target, secret in (("theirs", pair.key, SECRET), ("absent", "absent", "absent")):
        if name in names:
            pair.declare(ACCESSES, name, pair.access(pair.mine, secret=None) | naming(target, pair.victim, secret))
            pair.secrets.add(secret)
    yield Wait(lambda: set(pair.board.secrets(pair.attacker)) == pair.secrets, "the Secrets")


def refused(pair: Pair) -> Steps:
    """Name the victim's repository, and one that does not exist: both tell the same, and show nothing."""
    yield from installs(pair, "theirs", "absent")
    for name in ("theirs", "absent"):
        yield pair.shows(ACCESSES, name, "RefNotPermitted")
    yield JUDGE
    assert not names_it(pair)
    told = [
        pair.says(ACCESSES, name, "RefNotPermitted", *WORDS)["status"]["conditions"] for name in ("theirs", "absent")
    ]
    first, second = ([(row["type"], row["reason"], row["message"]) for row in rows] for rows in told)
    there, absent = f"{pair.victim}/{pair.key} ", f"{pair.victim}/absent "
    assert [
        (kind, why, text.replace(there, absent).replace(f"Secret {SECRET} ", "Secret absent "))
        for kind, why, text in first
    ] == second


@attack()
def uploads_without_consent(pair: Pair) -> Steps:
    """The attacker names a repository for uploads that is open to no other namespace."""
    yield from refused(pair)


@attack()
def uploads_with_the_consent_of_a_reader(pair: Pair) -> Steps:
    """The attacker may read the repository, and names it for uploads."""
    pair.open(namespaces=[pair.attacker])
    yield from refused(pair)


@attack()
def uploads_of_another_namespace(pair: Pair) -> Steps:
    """The attacker names a repository that is open to the writers of another namespace."""
    pair.open(namespaces=[f"{pair.key}-friend"], roles=["Reader", "Writer"])
    yield from refused(pair)


@attack()
def uploads_after_consent(pair: Pair) -> Steps:
    """The attacker had consent, and keeps the repository in its Secret: it is removed within 60 seconds."""
    pair.open(namespaces=[pair.attacker], roles=["Writer"])
    yield from installs(pair, "theirs")
    yield Wait(lambda: names_it(pair), "the uploads")
    pair.open()
    yield Wait(lambda: not names_it(pair), "the removal of the uploads")
    yield JUDGE
    assert not names_it(pair)
    pair.says(ACCESSES, "theirs", "RefNotPermitted", *WORDS)


@attack()
def uploads_through_a_fan_out(pair: Pair) -> Steps:
    """The attacker has consent, and shows the repository in a Secret of another namespace."""
    pair.open(namespaces=[pair.attacker], roles=["Writer"])
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    yield pair.ready(REPOSITORIES, pair.mine)
    secret = naming(pair.key, pair.victim)["secret"] | {"namespaces": [pair.attacker, pair.victim], "name": "spread"}
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None) | {"secret": secret})
    pair.secrets.add("spread")
    yield pair.shows(ACCESSES, "theirs", "FanOutNotAllowed")
    yield JUDGE
    assert not names_it(pair)
    pair.says(ACCESSES, "theirs", "FanOutNotAllowed", "spec.secret.uploadRepositoryRef")
