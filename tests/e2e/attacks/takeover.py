"""The victim's repository in Google, which the attacker declares as its own: both may use the same project."""

from e2e.attacks.answers import refused
from e2e.attacks.pair import Json, Pair
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.google import ask
from support.hands import MERGE
from support.kube import ACCESSES, GROUP, PROJECT, REPOSITORIES

ELSEWHERE = ("belongs to another PythonRepository", "spec.accessFrom")


def described(pair: Pair) -> Json:
    """The victim's repository in Google, without the times that a read by itself may change."""
    found = ask(pair.kube, "GET", pair.full_name)
    return {name: found.get(name) for name in ("labels", "description", "createTime", "cleanupPolicies", "format")}


def taken(pair: Pair, reason: str, name: str = "", **spec: object) -> Steps:
    """Declare the victim's repository, with an access to it as its administrator: nothing is taken."""
    name, before = name or pair.key, described(pair)
    pair.declare(REPOSITORIES, name, {"location": pair.location, "description": "mine", **spec})
    pair.declare(ACCESSES, "theirs", pair.access(name, role="RepoAdmin"))
    yield pair.shows(REPOSITORIES, name, reason)
    yield pair.shows(ACCESSES, "theirs", "RepositoryNotReady")
    yield JUDGE
    pair.says(REPOSITORIES, name, reason, *(ELSEWHERE if reason == "OwnedElsewhere" else ()))
    pair.says(ACCESSES, "theirs", "RepositoryNotReady")
    assert described(pair) == before


@attack()
def same_name(pair: Pair) -> Steps:
    """The attacker declares an object with the name, the project and the location of the victim's."""
    yield from taken(pair, "OwnedElsewhere")


@attack()
def same_id(pair: Pair) -> Steps:
    """The attacker's object has another name, and names the victim's repository in `repositoryId`."""
    yield from taken(pair, "OwnedElsewhere", pair.mine, project=PROJECT, repositoryId=pair.key)


@attack()
def adoption_if_unmanaged(pair: Pair) -> Steps:
    """The attacker adopts the victim's repository with `IfUnmanaged`."""
    yield from taken(pair, "OwnedElsewhere", adoptionPolicy="IfUnmanaged")


@attack()
def adoption_always(pair: Pair) -> Steps:
    """The attacker adopts the victim's repository with `Always`."""
    yield from taken(pair, "OwnedElsewhere", adoptionPolicy="Always")


@attack()
def observation(pair: Pair) -> Steps:
    """The attacker only observes the victim's repository, so that its own accesses may use it."""
    yield from taken(pair, "OwnedElsewhere", managementPolicy="Observe")


@attack(repository={"managementPolicy": "Observe"}, victim=False)
def observation_of_an_observed_one(pair: Pair) -> Steps:
    """The victim observes a repository that Terraform keeps, and the attacker observes the same one later."""
    where, _, name = pair.full_name.rpartition("/repositories/")
    ask(pair.kube, "POST", f"{where}/repositories?repositoryId={name}", {"format": "PYTHON"})
    pair.as_victim(REPOSITORIES, pair.key, {"location": pair.location, "managementPolicy": "Observe"})
    yield pair.ready(REPOSITORIES, pair.key, pair.victim)
    yield from taken(pair, "OwnedElsewhere", managementPolicy="Observe")


@attack()
def adoption_of_an_observed_one(pair: Pair) -> Steps:
    """The victim's object turns to Observe, and the attacker adopts the repository with `Always`."""
    pair.change({"managementPolicy": "Observe"})
    yield pair.shows(REPOSITORIES, pair.key, "Ready", pair.victim)
    yield from taken(pair, "OwnedElsewhere", adoptionPolicy="Always")


@attack()
def deletion_as_its_owner(pair: Pair) -> Steps:
    """The attacker declares the victim's repository with `deletionPolicy: Delete`, and deletes its object."""
    before = described(pair)
    spec = {"location": pair.location, "adoptionPolicy": "Always", "deletionPolicy": "Delete"}
    pair.declare(REPOSITORIES, pair.key, spec)
    yield pair.shows(REPOSITORIES, pair.key, "OwnedElsewhere")
    assert pair.ask("DELETE", pair.path(REPOSITORIES, pair.key))[0] == 200
    yield pair.gone(REPOSITORIES, pair.key)
    yield JUDGE
    assert described(pair) == before


@attack()
def identity_changed_later(pair: Pair) -> Steps:
    """The attacker has a repository of its own, and edits its object so that it names the victim's."""
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    yield pair.ready(REPOSITORIES, pair.mine)
    for change in ({"repositoryId": pair.key}, {"project": "other-project"}, {"location": "us"}):
        answer = pair.ask("PATCH", pair.path(REPOSITORIES, pair.mine), {"spec": change}, content=MERGE)
        refused(answer, "cannot be changed")
    yield JUDGE


@attack(projects="acme-staging")
def project_not_allowed(pair: Pair) -> Steps:
    """The attacker's namespace may use another project, and its object names the victim's project."""
    yield from taken(pair, "ProjectNotAllowed", project=PROJECT, adoptionPolicy="Always")


@attack(projects="")
def project_of_no_one(pair: Pair) -> Steps:
    """The attacker's namespace may use no project, and its object names none."""
    yield from taken(pair, "ProjectNotAllowed", managementPolicy="Observe")


@attack()
def key_of_another_project(pair: Pair) -> Steps:
    """The attacker encrypts its repository with a key of a project that its namespace may not use."""
    name = f"projects/victims-keys/locations/{pair.location}/keyRings/ring/cryptoKeys/key"
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location, "kmsKeyName": name})
    yield pair.shows(REPOSITORIES, pair.mine, "ProjectNotAllowed")
    yield JUDGE
    pair.says(REPOSITORIES, pair.mine, "ProjectNotAllowed", "kmsKeyName", "wheelhouse.dev/projects")
    path = f"v1/{pair.full_name.replace(pair.key, pair.mine)}"
    assert pair.kube.google("GET", path)[0] == 404


@attack()
def released_by_its_owner(pair: Pair) -> Steps:
    """The victim deletes its object and keeps the repository, and the attacker declares an object for it at once."""
    path = f"{GROUP}/namespaces/{pair.victim}"
    for name in (f"{ACCESSES}/reader", f"{REPOSITORIES}/{pair.key}"):
        assert pair.admin.ask("DELETE", f"{path}/{name}")[0] == 200
    pair.members, pair.kept = {}, False
    yield pair.gone(REPOSITORIES, pair.key, pair.victim)
    yield from taken(pair, "AlreadyExists")


@attack()
def made_again_by_a_stranger(pair: Pair) -> Steps:
    """A stranger deletes the repository in Google and makes one of the same name, to which our grants would return."""
    yield from pair.gains()
    where, _, name = pair.full_name.rpartition("/repositories/")
    ask(pair.kube, "DELETE", pair.full_name)
    ask(pair.kube, "POST", f"{where}/repositories?repositoryId={name}", {"format": "PYTHON"})
    note = {"metadata": {"annotations": {"wheelhouse.dev/requested-at": "now"}}}
    for path in (f"{REPOSITORIES}/{pair.key}", f"{ACCESSES}/reader"):
        status, _ = pair.admin.ask("PATCH", f"{GROUP}/namespaces/{pair.victim}/{path}", note, content=MERGE)
        assert status == 200
    pair.edit(ACCESSES, "theirs", note)
    yield pair.shows(REPOSITORIES, pair.key, "AlreadyExists", pair.victim)
    pair.members, pair.kept, pair.secrets = {}, False, {"pip-config"}
    yield pair.handled(ACCESSES, "theirs", "now")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RepositoryNotReady")
    assert pair.answer("pip-config") == 403


@attack()
def made_again_by_a_stranger_while_we_were_away(pair: Pair) -> Steps:
    """The stranger's repository has the victim's labels, and was created later than the ledger of the attacker says."""
    yield from pair.gains()
    labels = described(pair)["labels"]
    where, _, name = pair.full_name.rpartition("/repositories/")
    ask(pair.kube, "DELETE", pair.full_name)
    ask(pair.kube, "POST", f"{where}/repositories?repositoryId={name}", {"format": "PYTHON", "labels": labels})
    pair.open()
    yield pair.shows(ACCESSES, "theirs", "RefNotPermitted")
    yield pair.healed()
    yield JUDGE
    pair.says(ACCESSES, "theirs", "RefNotPermitted")
