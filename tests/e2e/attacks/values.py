"""Values that no one may write: sent as raw JSON to the API server, which refuses each of them with a sentence."""

from e2e.attacks.answers import refused
from e2e.attacks.pair import Json, Pair
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.kube import ACCESSES, PROJECT, REPOSITORIES

EMAIL = "must be an email address in lower case"
GOOGLE_ACCOUNT = "must be the email address of a Google service account in lower case"
ACCOUNT = "must be the name of a Kubernetes ServiceAccount"
CONTROLS = ("\r\n", "\n", "\r", "\0", "\u0085", "\u2028", "\t")
EVERYONE = ("allUsers", "allAuthenticatedUsers")


def never(pair: Pair, plural: str, spec: Json, *words: str) -> None:
    """Create an object with this spec: the API server refuses it and says what is wrong, and nothing is stored."""
    refused(pair.ask("POST", pair.path(plural), pair.body(plural, "theirs", spec)), *words)
    body = pair.body(plural, "theirs", spec)
    refused(pair.hands.apply(pair.path(plural, "theirs"), body, "mallory", force=True), *words)


def members(pair: Pair, kind: str, names: tuple[str, ...], *words: str) -> Steps:
    """Name each of these as a subject of this kind, with the consent of the repository's owner."""
    pair.open(namespaces=[pair.attacker])
    for name in names:
        never(pair, ACCESSES, pair.wanted(subjects=[{"kind": kind, "name": name}], secret=None), *words)
    yield JUDGE
    assert pair.board.get(ACCESSES, pair.attacker, "theirs") is None


@attack()
def everyone_as_a_user(pair: Pair) -> Steps:
    """The attacker gives the role to everybody, as a user or a group."""
    yield from members(pair, "GoogleUser", (*EVERYONE, "allusers", "*", "*@*.*"), EMAIL)


@attack()
def everyone_as_a_group(pair: Pair) -> Steps:
    """The attacker gives the role to everybody, as a group."""
    yield from members(pair, "GoogleGroup", (*EVERYONE, "group:all@example.com"), EMAIL)


@attack()
def everyone_as_a_kind(pair: Pair) -> Steps:
    """The attacker invents kinds of subjects for everybody, for domains and for owners of projects."""
    pair.open(namespaces=[pair.attacker])
    kinds = (*EVERYONE, "Domain", "domain", "ProjectOwner", "projectOwner", "deleted", "Group", "User", "user", "")
    for kind in kinds:
        never(pair, ACCESSES, pair.wanted(subjects=[{"kind": kind, "name": "acme.example"}]), "Unsupported value")
    yield JUDGE


@attack()
def everyone_as_a_service_account(pair: Pair) -> Steps:
    """The attacker gives the role to everybody, as a ServiceAccount of the cluster."""
    yield from members(pair, "ServiceAccount", (*EVERYONE, "*", "system:serviceaccounts", "default/*"), ACCOUNT)


@attack()
def deleted_member(pair: Pair) -> Steps:
    """The attacker names a deleted user, whose grant another account might inherit."""
    names = ("deleted:user:ann@example.com?uid=1", "ann@example.com?uid=1", "deleted:ann@example.com")
    yield from members(pair, "GoogleUser", names, EMAIL)


@attack()
def domain_member(pair: Pair) -> Steps:
    """The attacker names a whole domain."""
    yield from members(pair, "GoogleGroup", ("domain:example.com", "example.com", "@example.com"), EMAIL)


@attack()
def owners_of_a_project(pair: Pair) -> Steps:
    """The attacker names the owners, editors and viewers of a project."""
    names = tuple(f"{kind}:{PROJECT}" for kind in ("projectOwner", "projectEditor", "projectViewer"))
    yield from members(pair, "GoogleServiceAccount", names, GOOGLE_ACCOUNT)


@attack()
def principal_as_an_email(pair: Pair) -> Steps:
    """The attacker names a principal of a pool as if it were an e-mail address."""
    yield from members(pair, "GoogleUser", (pair.own, f"principalSet:{pair.own}", f"user:{pair.own}"), EMAIL)


@attack()
def email_in_upper_case(pair: Pair) -> Steps:
    """The attacker writes an address in upper case, so that it differs from the one in the policy."""
    yield from members(pair, "GoogleUser", ("Ann@example.com", "ann@EXAMPLE.com", "ANN@EXAMPLE.COM"), EMAIL)


@attack()
def email_that_looks_alike(pair: Pair) -> Steps:
    """The attacker writes an address with letters of other alphabets that look the same."""
    names = ("\u0430nn@example.com", "ann@ex\u0430mple.com", "ann@example\uff0ecom", "ann\u200b@example.com")
    yield from members(pair, "GoogleUser", names, EMAIL)


@attack()
def email_with_a_second_line(pair: Pair) -> Steps:
    """The attacker writes an address with line breaks and control characters, and a second member behind them."""
    lines = tuple(f"ann@example.com{control}allUsers" for control in CONTROLS)
    ends = tuple(f"ann@example.com{control}" for control in CONTROLS)
    yield from members(pair, "GoogleUser", lines + ends, EMAIL)


@attack()
def google_account_of_no_project(pair: Pair) -> Steps:
    """The attacker names an ordinary address as a Google service account, or one with something behind it."""
    good = "ci@acme-packages.iam.gserviceaccount.com"
    names = (f"{good}.evil.example", f"{good}\r\n", "ci@example.com", good.upper(), f"{good},{good}")
    yield from members(pair, "GoogleServiceAccount", names, GOOGLE_ACCOUNT)


@attack()
def too_many_subjects(pair: Pair) -> Steps:
    """The attacker names 101 ServiceAccounts, to fill the victim's policy."""
    pair.open(namespaces=[pair.attacker])
    subjects = [{"kind": "ServiceAccount", "name": f"reader-{number}"} for number in range(101)]
    never(pair, ACCESSES, pair.wanted(subjects=subjects, secret=None), "must have at most 100 items")
    yield JUDGE


@attack()
def role_outside_the_three(pair: Pair) -> Steps:
    """The attacker asks for roles of IAM and for other spellings of ours."""
    pair.open(namespaces=[pair.attacker], roles=["Reader", "Writer", "RepoAdmin"])
    for name in ("Owner", "roles/owner", "roles/artifactregistry.admin", "reader", "Reader\n", "Admin", ""):
        never(pair, ACCESSES, pair.wanted(role=name), "Unsupported value")
    yield JUDGE


@attack()
def reference_with_a_path(pair: Pair) -> Steps:
    """The attacker's reference leaves its namespace through the name, in each notation of a path."""
    for name in (
        f"{pair.victim}/{pair.key}",
        f"../{pair.key}",
        f"%2e%2e%2f{pair.key}",
        pair.full_name,
        pair.key.upper(),
    ):
        never(pair, ACCESSES, pair.access(name), "repositoryRef.name")
    for namespace in (f"{pair.victim}\n", pair.victim.upper(), f"{pair.victim}.svc", "*", f"{pair.victim},x"):
        never(pair, ACCESSES, pair.access(pair.key, namespace), "repositoryRef.namespace")
    yield JUDGE


@attack()
def reference_changed_later(pair: Pair) -> Steps:
    """The attacker has an access to its own repository, and edits the reference so that it names the victim's."""
    pair.declare(REPOSITORIES, pair.mine, {"location": pair.location})
    pair.declare(ACCESSES, "theirs", pair.access(pair.mine, secret=None))
    yield pair.ready(ACCESSES, "theirs")
    for reference in ({"namespace": pair.victim}, {"name": pair.key}, {"name": pair.key, "namespace": pair.victim}):
        change = {"spec": {"repositoryRef": reference}}
        answer = pair.ask("PATCH", pair.path(ACCESSES, "theirs"), change, content="application/merge-patch+json")
        refused(answer, "repositoryRef cannot be changed")
    yield JUDGE


@attack()
def secret_with_a_path(pair: Pair) -> Steps:
    """The attacker's Secret is named so that it leaves the namespace, or is a key of a file."""
    names = (f"../../{pair.victim}/secrets/pip-config", "a/b", "UPPER", "a\r\nb", "x" * 64, "", ".", "..")
    for name in names:
        never(pair, ACCESSES, pair.wanted(secret=None) | {"secret": {"name": name}}, "secret.name")
    yield JUDGE


@attack()
def location_as_a_host(pair: Pair) -> Steps:
    """The attacker's location turns the URL that a token is sent to into a host of the attacker's."""
    for text in (
        "evil.example/#",
        "x@evil.example:80/",
        "us-central1\n",
        "US-CENTRAL1",
        "us-central1.evil",
        "\u0075\u0455",
    ):
        never(pair, REPOSITORIES, {"location": text}, "must be an Artifact Registry location")
    yield JUDGE


@attack()
def repository_with_a_path(pair: Pair) -> Steps:
    """The attacker's repository ID leaves its project, or changes the configuration of pip."""
    for text in ("../../other", "r\n[install]\nno-deps = true", "r\rextra-index-url=x", "R", "r%2f..", "-r"):
        never(pair, REPOSITORIES, {"location": pair.location, "repositoryId": text}, "must be a repository ID")
    yield JUDGE


@attack()
def project_with_a_path(pair: Pair) -> Steps:
    """The attacker's project is a number, a path, or the project of the system in a notation with a colon."""
    for text in ("123456789012", f"{PROJECT}/locations/us", "system:masters", PROJECT.upper(), f"{PROJECT}\n", "-"):
        never(pair, REPOSITORIES, {"location": pair.location, "project": text}, "must be a Google Cloud project ID")
    yield JUDGE


@attack()
def key_in_another_location(pair: Pair) -> Steps:
    """The attacker's key is in another location, or is no key."""
    key = f"projects/{PROJECT}/locations/nowhere/keyRings/ring/cryptoKeys/key"
    never(pair, REPOSITORIES, {"location": pair.location, "kmsKeyName": key}, "must be a key in the location")
    for text in (f"{key}/../../x", f"{key}\r\n", "key"):
        never(pair, REPOSITORIES, {"location": pair.location, "kmsKeyName": text}, "must be the full name of a key")
    yield JUDGE


@attack()
def url_that_hides_a_host(pair: Pair) -> Steps:
    """The attacker's upstream hides Artifact Registry, the metadata server or a user name in its URL."""
    for text in (
        f"https://US-python.pkg.dev/{PROJECT}/{pair.key}/",
        f"https://user@{pair.location}-python.pkg.dev/{PROJECT}/{pair.key}/",
        f"https://{pair.location}-python.pkg.dev/{PROJECT}/x/../{pair.key}/",
        f"https://{pair.location}-python.pkg.dev./{PROJECT}/{pair.key}/",
        f"https://{pair.location}-python.pkg.dev/{PROJECT}/%70/",
        "https://169.254.169.254/computeMetadata/v1/",
        "http://metadata.google.internal/",
        "https://0x7f000001/",
        "file:///etc/passwd",
    ):
        spec = {"location": pair.location, "mode": "Remote", "remote": {"url": text}}
        never(pair, REPOSITORIES, spec, "must be an https URL with a host name in lower case")
    yield JUDGE
