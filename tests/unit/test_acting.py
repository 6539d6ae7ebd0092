"""Which Google service accounts a ServiceAccount may act as."""

import pytest

from wheelhouse.domain.actors import Actor, google_account, google_project
from wheelhouse.domain.iam import Identity, WorkloadIdentity
from wheelhouse.domain.objects import Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.plan.acting import Allowed, judge

PULL = Identity("team", "pull")
TEAM = Namespace("team", projects=("acme-team", "acme.example:scoped"))
EMAIL = "ci@acme-team.iam.gserviceaccount.com"
OUTSIDE = "ci@outside-1.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("email", "project"),
    [
        (EMAIL, "acme-team"),
        ("ci@scoped.acme.example.iam.gserviceaccount.com", "acme.example:scoped"),
        ("acme-team@appspot.gserviceaccount.com", "acme-team"),
        ("scoped.acme.example@appspot.gserviceaccount.com", None),
        ("123-compute@developer.gserviceaccount.com", None),
        ("service-1@gcp-sa-run.iam.gserviceaccount.com", "gcp-sa-run"),
    ],
)
def test_the_project_of_an_email(email: str, project: str | None) -> None:
    """As Google documents the forms; where the e-mail has no ID, there is none."""
    assert google_project(email) == project


@pytest.mark.parametrize(
    ("email", "patterns", "permits"),
    [
        (EMAIL, (), True),
        ("ci@scoped.acme.example.iam.gserviceaccount.com", (), True),
        ("acme-team@appspot.gserviceaccount.com", (), True),
        (OUTSIDE, (), False),
        (OUTSIDE, (OUTSIDE,), True),
        (OUTSIDE, ("*@outside-1.iam.gserviceaccount.com",), True),
        (OUTSIDE, ("*@outside-12.iam.gserviceaccount.com", "x" + OUTSIDE), False),
        ("ci@x.outside-1.iam.gserviceaccount.com", ("*@outside-1.iam.gserviceaccount.com",), False),
        ("x@xoutside-1.iam.gserviceaccount.com", ("*@outside-1.iam.gserviceaccount.com",), False),
        ("123-compute@developer.gserviceaccount.com", (), False),
        ("123-compute@developer.gserviceaccount.com", ("123-compute@developer.gserviceaccount.com",), True),
        (OUTSIDE, None, None),
        (EMAIL, None, True),
    ],
)
def test_the_namespace_or_the_repository_permits_it(
    email: str, patterns: tuple[str, ...] | None, permits: bool | None
) -> None:
    """The projects of the namespace, or a pattern of the repository; unreadable patterns are not a refusal."""
    assert Allowed(TEAM, False, patterns).permits(email) is permits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann@acme.example",
        EMAIL.upper(),
        EMAIL + "\n",
        f" {EMAIL}",
        f"{EMAIL}.evil.com",
        f"a{EMAIL},b",
        "*@acme-team",
    ],
)
def test_what_is_not_an_email_is_never_permitted(text: str) -> None:
    """Not even where every project is allowed, nor by a pattern with the same text."""
    assert Allowed(TEAM, True, (text,)).permits(text) is False


def test_every_project_can_be_allowed() -> None:
    """With the setting project_policy: Any."""
    assert Allowed(None, True, None).permits(OUTSIDE) is True
    assert Allowed(None, False, ()).permits(OUTSIDE) is None


def test_the_verdict_about_an_annotation() -> None:
    """No annotation: itself. Permitted: the account. Not permitted: a reason with the remedy. Unknown: neither."""
    assert judge(PULL, "", Allowed(TEAM, False, ())).actor == Actor(PULL)
    assert judge(PULL, EMAIL, Allowed(TEAM, False, ())).actor == Actor(PULL, EMAIL)
    unknown = judge(PULL, OUTSIDE, Allowed(TEAM, False, None))
    assert (unknown.actor, unknown.invalid) == (None, None)
    for annotation, words in ((OUTSIDE, "accessFrom.googleServiceAccounts"), ("eve", "not the email address")):
        refused = judge(PULL, annotation, Allowed(TEAM, False, ()))
        assert refused.actor is None
        assert refused.invalid is not None
        assert refused.invalid.reason is Reason.SUBJECT_NOT_PERMITTED
        assert words in refused.invalid.message


def test_members() -> None:
    """The Google service account, or the principal of the ServiceAccount."""
    workload = WorkloadIdentity("1", "acme.svc.id.goog")
    assert Actor(PULL, EMAIL).member(workload) == f"serviceAccount:{EMAIL}"
    assert Actor(PULL).member(workload) == workload.member(PULL)
    assert google_account(f"serviceAccount:{EMAIL}") == EMAIL
    for other in (EMAIL, f"user:{EMAIL}", "serviceAccount:acme.svc.id.goog[team/pull]", workload.member(PULL)):
        assert google_account(other) is None
