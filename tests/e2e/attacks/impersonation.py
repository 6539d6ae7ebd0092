"""Google service accounts in the annotation of the attacker's ServiceAccount: whose they are, and who may use them."""

import zlib

from e2e.attacks.identities import OUTSIDERS, acting_as
from e2e.attacks.pair import SECRET, Pair, role
from e2e.attacks.scenarios import JUDGE, Steps, attack
from support.google import ask
from support.kube import ACCESSES, PROJECT

from wheelhouse_local import trace

OUTSIDE = OUTSIDERS["GoogleServiceAccount"]


def google_account(pair: Pair, prefix: str, user: str) -> str:
    """Create a Google service account of the shared project that one ServiceAccount may act as; its e-mail."""
    name = f"{prefix}-{zlib.crc32(pair.key.encode()):08x}"
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    ask(pair.kube, "POST", f"projects/{PROJECT}/serviceAccounts", {"accountId": name})
    policy = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [user]}]}
    ask(pair.kube, "POST", f"projects/{PROJECT}/serviceAccounts/{email}:setIamPolicy", {"policy": policy})
    return email


def never_granted(pair: Pair, account: str, reason: str, *words: str) -> Steps:
    """Annotate before the access exists: neither the account nor the ServiceAccount gets a role."""
    acting_as(pair, account)
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.shows(ACCESSES, "theirs", reason)
    yield JUDGE
    pair.says(ACCESSES, "theirs", reason, *words)


def allowed_calls(pair: Pair, email: str) -> int:
    """How many tokens of a Google service account were issued."""
    rows = [row for row in trace.google(pair.kube.world.state) if row["method"] == "IamCredentials.GenerateAccessToken"]
    return sum(email in row["resource"] and row["status"] == "OK" for row in rows)


@attack()
def google_account_of_the_victim(pair: Pair) -> Steps:
    """The attacker names the victim's Google service account, which belongs to a project that both may use."""
    email = google_account(pair, "victim", pair.own)
    yield from never_granted(pair, email, "TokenRefused", email, "roles/iam.workloadIdentityUser")
    assert allowed_calls(pair, email) == 0


@attack()
def google_account_that_does_not_exist(pair: Pair) -> Steps:
    """The attacker names an account of the shared project that does not exist yet."""
    email = f"absent@{PROJECT}.iam.gserviceaccount.com"
    yield from never_granted(pair, email, "TokenRefused", email)


@attack()
def google_account_of_another_project(pair: Pair) -> Steps:
    """The attacker names a Google service account of its own project outside."""
    yield from never_granted(pair, OUTSIDE, "SubjectNotPermitted", OUTSIDE, "accessFrom.googleServiceAccounts")
    assert allowed_calls(pair, OUTSIDE) == 0


@attack()
def google_account_with_a_similar_project(pair: Pair) -> Steps:
    """The attacker's project has the name of the allowed one as its beginning."""
    email = f"mallory@{PROJECT}-evil.iam.gserviceaccount.com"
    yield from never_granted(pair, email, "SubjectNotPermitted", email)


@attack()
def google_account_in_capitals(pair: Pair) -> Steps:
    """The attacker writes an account of the allowed project in another way, to evade the comparison."""
    yield from never_granted(pair, f"Victim@{PROJECT.upper()}.iam.gserviceaccount.com", "SubjectNotPermitted")


@attack()
def google_account_that_is_none(pair: Pair) -> Steps:
    """The annotation has a line break, a path and all users in it."""
    text = "allUsers\r\nX-Goog-User: owner@acme.example/../../projects/-/serviceAccounts/x"
    yield from never_granted(pair, text, "SubjectNotPermitted", "is not the email address")


@attack()
def google_account_changed_after_consent(pair: Pair) -> Steps:
    """The attacker has its access, and then names a Google service account of its own project outside."""
    yield from pair.gains()
    acting_as(pair, OUTSIDE)
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    pair.members[role("Reader")].add(pair.theirs)
    pair.secrets = {SECRET}
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", OUTSIDE)
    assert pair.answer(SECRET) == 404  # Its own token still reads, and there is no such package.


@attack()
def google_account_exchanged_for_an_outside_one(pair: Pair) -> Steps:
    """The attacker's Google service account gets the role, and is then exchanged for one outside."""
    email = google_account(pair, "mallory", pair.theirs)
    acting_as(pair, email)
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.ready(ACCESSES, "theirs")
    pair.members[role("Reader")].add(f"serviceAccount:{email}")
    pair.secrets = {SECRET}
    acting_as(pair, OUTSIDE)
    yield pair.shows(ACCESSES, "theirs", "SubjectNotPermitted")
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", OUTSIDE)
    assert allowed_calls(pair, email) > 0


@attack()
def google_account_whose_project_is_no_longer_allowed(pair: Pair) -> Steps:
    """The administrator takes the project from the attacker's namespace: its Google service account loses the role."""
    email = google_account(pair, "mallory", pair.theirs)
    acting_as(pair, email)
    pair.open(namespaces=[pair.attacker])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.ready(ACCESSES, "theirs")
    pair.namespace(pair.attacker, projects="acme-staging")
    yield pair.healed()
    pair.secrets = {SECRET}  # With a token that may read nothing.
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", email)
    assert pair.answer(SECRET) == 403


@attack()
def google_account_that_the_owner_allows_no_longer(pair: Pair) -> Steps:
    """The owner allows an account, and then another one."""
    email = google_account(pair, "mallory", pair.theirs)
    pair.namespace(pair.attacker, projects="acme-staging")
    acting_as(pair, email)
    pair.open(namespaces=[pair.attacker], googleServiceAccounts=[email])
    pair.declare(ACCESSES, "theirs", pair.wanted())
    yield pair.ready(ACCESSES, "theirs")
    pair.open(namespaces=[pair.attacker], googleServiceAccounts=[f"x{email}"])
    yield pair.healed()
    pair.secrets = {SECRET}
    yield JUDGE
    pair.says(ACCESSES, "theirs", "SubjectNotPermitted", email)
    assert pair.answer(SECRET) == 403


@attack()
def google_account_of_a_subject(pair: Pair) -> Steps:
    """The annotated ServiceAccount is only a subject, and has no Secret: it is granted as itself."""
    acting_as(pair, OUTSIDE)
    yield from pair.gains(secret=None)
    pair.members[role("Reader")].add(pair.theirs)
    yield JUDGE
