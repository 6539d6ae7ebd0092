"""Subjects of an access → the grants that it requests, and what it may not request."""

from collections.abc import Callable

import pytest
from support.cases.subjects import GKE, NO_PRINCIPALS, PRINCIPALS

from wheelhouse.desired.subjects import desired_grants
from wheelhouse.domain.access import DesiredAccess, DesiredSecret, Subject, SubjectKind
from wheelhouse.domain.iam import Grant, Identity, Role, WorkloadIdentity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Requirement, Selector
from wheelhouse.domain.principals import PRINCIPAL_LENGTH, is_principal
from wheelhouse.domain.reasons import Reason

WORKLOAD = WorkloadIdentity("123456789012", "acme-packages.svc.id.goog")
READER = "roles/artifactregistry.reader"
OWNERS, TEAM = "owners", "team-a"
ML = Selector((Requirement("team", "In", ("ml",)),))
EVERYWHERE = Selector((Requirement("kubernetes.io/metadata.name", "Exists"),))
GITHUB = "principalSet://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/github/*"


def account(name: str, namespace: str | None = None, selector: Selector | None = None) -> Subject:
    return Subject(SubjectKind.SERVICE_ACCOUNT, name, namespace, selector)


def selected(selector: Selector) -> tuple[str, ...] | None:
    return None if selector == EVERYWHERE else ("ml-a", "ml-b")


def grants(
    *subjects: Subject,
    namespace: str = OWNERS,
    secret: DesiredSecret | None = None,
    choose: Callable[[Selector], tuple[str, ...] | None] = selected,
) -> tuple[list[str], Reason | None]:
    """The members that an access to a repository of `owners` gets, and the reason of its complaint."""
    access = DesiredAccess(ObjectKey(namespace, "pull"), ObjectKey(OWNERS, "wheels"), Role.READER, subjects, secret)
    found, invalid = desired_grants(access, WORKLOAD, choose)
    assert {grant.role for grant in found} <= {READER}
    return [grant.member for grant in found], invalid.reason if invalid else None


def member(namespace: str, name: str) -> str:
    return WORKLOAD.member(Identity(namespace, name))


def test_a_serviceaccount_of_another_namespace() -> None:
    """The repository's namespace may name it; another namespace may name only its own ServiceAccounts."""
    builds = account("ci", "builds")
    assert grants(builds) == ([member("builds", "ci")], None)
    assert grants(builds, account("pull"), namespace=TEAM) == ([member(TEAM, "pull")], Reason.SUBJECT_NOT_PERMITTED)
    assert grants(account("pull", TEAM), namespace=TEAM) == ([member(TEAM, "pull")], None)


def test_a_selector_stands_for_one_serviceaccount_in_each_namespace() -> None:
    """Only in the repository's namespace; a selector that matches nothing is no error."""
    trainers = account("trainer", selector=ML)
    assert grants(trainers) == ([member("ml-a", "trainer"), member("ml-b", "trainer")], None)
    assert grants(trainers, namespace=TEAM) == ([], Reason.SUBJECT_NOT_PERMITTED)
    assert grants(trainers, choose=lambda _selector: ()) == ([], None)


def test_a_selector_that_matches_every_namespace_is_refused() -> None:
    """The message names the member for all ServiceAccounts; the other subjects are granted."""
    everywhere = account("trainer", selector=EVERYWHERE)
    assert grants(everywhere, account("pull")) == ([member(OWNERS, "pull")], Reason.SUBJECT_NOT_PERMITTED)
    access = DesiredAccess(ObjectKey(OWNERS, "x"), ObjectKey(OWNERS, "wheels"), Role.READER, (everywhere,), None)
    invalid = desired_grants(access, WORKLOAD, selected)[1]
    assert invalid is not None
    assert WORKLOAD.everyone in invalid.message


def test_a_principal_is_granted_as_it_is_written() -> None:
    """Only in the repository's namespace, and marked so that it does not follow a change of the cluster's pool."""
    subject = Subject(SubjectKind.PRINCIPAL, GITHUB)
    assert grants(subject) == ([GITHUB], None)
    assert grants(subject, namespace=TEAM) == ([], Reason.SUBJECT_NOT_PERMITTED)
    access = DesiredAccess(
        ObjectKey(OWNERS, "x"), ObjectKey(OWNERS, "wheels"), Role.READER, (subject, account("pull")), None
    )
    found, _ = desired_grants(access, WORKLOAD, selected)
    assert [(grant.member, grant.verbatim) for grant in found] == [(GITHUB, True), (member(OWNERS, "pull"), False)]


def test_a_member_that_two_subjects_name_is_granted_once() -> None:
    """By name, by selector and as the Secret's identity."""
    secret = DesiredSecret("pip", Identity(OWNERS, "pull"))
    found, complaint = grants(account("pull"), account("pull", OWNERS), account("pull", selector=ML), secret=secret)
    assert (found, complaint) == ([member(OWNERS, "pull"), member("ml-a", "pull"), member("ml-b", "pull")], None)


def test_a_subject_that_is_too_long_in_one_namespace_is_granted_in_the_others() -> None:
    """IAM's limit applies to each namespace of a selector."""
    name, long = "a" * 60 + "." + "b" * 40, "n" * 63
    found, complaint = grants(account(name, selector=ML), choose=lambda _selector: ("ml-a", long))
    assert (found, complaint) == ([member("ml-a", name)], Reason.SUBJECT_TOO_LONG)


@pytest.mark.parametrize("name", PRINCIPALS)
def test_every_documented_form_is_a_principal(name: str) -> None:
    """The forms of https://cloud.google.com/iam/docs/principal-identifiers."""
    assert is_principal(name)


@pytest.mark.parametrize("name", [*NO_PRINCIPALS, f"principalSet://{GKE}/namespace/ml\n", "x" * PRINCIPAL_LENGTH])
def test_nothing_else_is(name: str) -> None:
    """Other members, other hosts, forms of other pools, path steps, escapes and look-alikes."""
    assert not is_principal(name)


def test_a_grant_is_the_same_whether_it_follows_the_pool_or_not() -> None:
    """The mark is not part of what IAM sees."""
    assert Grant(READER, GITHUB, verbatim=True) == Grant(READER, GITHUB)
