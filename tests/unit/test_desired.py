"""Spec → desired state: the only place that converts a spec into the domain's values."""

from typing import Any

import pytest

from wheelhouse.desired.access import declared_access, desired_access
from wheelhouse.desired.repository import access_from_of, declared_repository, deletion_policy, parsed_repository
from wheelhouse.desired.subjects import desired_grants
from wheelhouse.domain.access import DesiredSecret, Subject, SubjectKind
from wheelhouse.domain.iam import Grant, Identity, Role, WorkloadIdentity
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Namespace, Requirement, Selector, compact
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom, DeletionPolicy, DesiredRepository, Ownership
from wheelhouse.errors import Invalid

NAMESPACE = Namespace("team-a", projects=("acme-packages", "acme-other"))
GKE = WorkloadIdentity("123456789012", "acme-packages.svc.id.goog")
READER, WRITER = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
POOL = "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-packages.svc.id.goog"


def stored(name: str = "wheels", generation: int = 1, uid: str = "u", **spec: Any) -> CustomObject:
    return CustomObject(ObjectKey("team-a", name), uid, generation, "1", False, (), compact(spec), "{}")


def repository(
    namespace: Namespace | None = NAMESPACE, *, name: str = "wheels", any_project: bool = False, **spec: Any
) -> DesiredRepository:
    spec = {"location": "us-central1"} | spec
    return parsed_repository(stored(name, **spec)).desired(namespace, "cluster-1", any_project=any_project)


def access(generation: int = 1, uid: str = "u", **spec: Any) -> CustomObject:
    return stored("pull", generation, uid, **({"repositoryRef": {"name": "wheels"}} | spec))


def account(name: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": name}


def selected(selector: Selector) -> tuple[str, ...] | None:
    """Two namespaces, or all of them for a selector that only names a label."""
    return None if selector.requirements[0].operator == "Exists" else ("ml-a", "ml-b")


def grants(workload: WorkloadIdentity = GKE, **spec: Any) -> tuple[tuple[Grant, ...], Reason | None]:
    found, complaint = desired_grants(desired_access(access(**spec)), workload, selected)
    return found, complaint.reason if complaint else None


def test_a_small_spec_is_enough() -> None:
    """With only a location, the object's name and the namespace's first project identify the repository."""
    assert repository() == DesiredRepository(
        name=RepositoryName("acme-packages", "us-central1", "wheels"),
        ownership=Ownership.of("cluster-1", ObjectKey("team-a", "wheels")),
        description=None,
    )


def test_every_field_of_the_spec_counts() -> None:
    """The spec has priority over every default."""
    desired = repository(project="acme-other", repositoryId="team-wheels", description="ours", deletionPolicy="Delete")
    assert desired.name == RepositoryName("acme-other", "us-central1", "team-wheels")
    assert desired.description == "ours"


def admitted(location: object = "us-central1", **access_from: Any) -> AccessFrom | None:
    return access_from_of(declared_repository(stored(location=location, accessFrom=access_from)))


def test_whom_a_repository_lets_in() -> None:
    """Names and selector are used unchanged, whatever the project is."""
    expressions = [
        {"key": "env", "operator": "NotIn", "values": ["dev"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    found = admitted(
        namespaces=["team-b"], namespaceSelector={"matchLabels": {"team": "b"}, "matchExpressions": expressions}
    )
    requirements = (
        Requirement("team", "In", ("b",)),
        Requirement("env", "NotIn", ("dev",)),
        Requirement("old", "DoesNotExist"),
    )
    assert found == AccessFrom(frozenset({"team-b"}), Selector(requirements))
    assert access_from_of(declared_repository(stored(location="us-central1"))) == AccessFrom()


def test_consent_is_read_even_where_the_rest_does_not_parse() -> None:
    """The current `accessFrom` counts; if it is invalid too, the last valid one does, otherwise it is unknown."""
    assert admitted(location=7, namespaces=["team-b"]) == AccessFrom(frozenset({"team-b"}))
    assert access_from_of(declared_repository(stored(location=7))) == AccessFrom()
    assert admitted(location=7, namespaces="team-b") is None
    valid = declared_repository(stored(location="us-central1", accessFrom={"namespaces": ["team-b"]}))
    broken = stored(generation=2, location=7, accessFrom={"namespaces": 7})
    assert access_from_of(declared_repository(broken, valid)) == AccessFrom(frozenset({"team-b"}))


def test_a_broken_spec_keeps_the_last_valid_wish() -> None:
    """The same object's last valid state is kept with the complaint, but not that of another object with its name."""
    subject = [account("pull")]
    before = declared_access(access(subjects=subject))
    broken = declared_access(access(generation=2, subjects=subject, role="Emperor"), before)
    assert (broken.current, broken.last) == (None, before.current)
    assert broken.invalid is not None
    other = declared_access(access(generation=2, uid="other", subjects=subject, role="Emperor"), before)
    assert other.effective is not None
    assert other.effective.partial


def test_what_can_be_read_of_a_broken_access_is_read() -> None:
    """After a restart the reference and a valid Secret are known, even if the rest of the spec does not parse."""
    broken = access(role="Emperor", secret={"name": "pip", "serviceAccountName": "ci"})
    wish = declared_access(broken).effective
    assert wish is not None
    assert (wish.repository, wish.partial) == (ObjectKey("team-a", "wheels"), True)
    assert wish.secret == DesiredSecret("pip", Identity("team-a", "ci"))
    assert declared_access(access(repositoryRef={"name": 7})).effective is None
    assert declared_access(access(repositoryRef="x")).effective is None


def test_an_unchanged_generation_is_not_parsed_again() -> None:
    """Seen again with another status, the object keeps its parsed spec."""
    before = declared_access(access(subjects=[account("pull")]))
    assert declared_access(access(subjects=[account("pull")]), before).current is before.current


def test_fields_of_a_newer_version_are_passed_over() -> None:
    """An older operator continues with the declaration of a newer one."""
    assert repository(unheardOf=1).name.repository_id == "wheels"
    assert desired_access(access(subjects=[account("pull")], unheardOf={"a": 1})).role is Role.READER


def test_an_empty_selector_selects_all_and_no_selector_none() -> None:
    """`namespaceSelector: {}` selects all namespaces; without it none is selected."""
    assert admitted(namespaceSelector={}) == AccessFrom(frozenset(), Selector())
    assert admitted() == AccessFrom()
    assert admitted(namespaces=["b"]) == AccessFrom(frozenset({"b"}))


@pytest.mark.parametrize(
    ("namespace", "project"),
    [(Namespace("team-a"), None), (None, None), (NAMESPACE, "acme-third"), (Namespace("team-a"), "acme-packages")],
    ids=["no default", "unknown namespace", "not listed", "nothing listed"],
)
def test_a_project_must_be_allowed_for_the_namespace(namespace: Namespace | None, project: str | None) -> None:
    """Only the namespace's annotation allows a project."""
    with pytest.raises(Invalid) as caught:
        repository(namespace, project=project)
    assert caught.value.reason is Reason.PROJECT_NOT_ALLOWED


def test_any_project_is_allowed_where_the_setting_says_so() -> None:
    """With the policy Any an unlisted project is allowed; without a project and a default there is still none."""
    assert repository(Namespace("team-a"), any_project=True, project="acme-third").name.project == "acme-third"
    with pytest.raises(Invalid):
        repository(Namespace("team-a"), any_project=True)


def test_a_malformed_default_project_is_refused() -> None:
    """A project from the annotation must match the grammar too, because it becomes part of URLs."""
    with pytest.raises(Invalid):
        repository(Namespace("team-a", projects=("evil.com/#",)))


def test_a_name_that_is_no_repository_id_asks_for_one() -> None:
    """An object name with a dot is valid if the spec has a repositoryId."""
    with pytest.raises(Invalid, match=r"spec\.repositoryId"):
        repository(name="my.wheels")
    assert repository(name="my.wheels", repositoryId="wheels").name.repository_id == "wheels"


@pytest.mark.parametrize(
    "spec",
    [
        {"location": "evil.com/#"},
        {"location": "us-central1\n"},
        {"location": None},
        {"project": "system:masters"},
        {"repositoryId": "../../other"},
        {"repositoryId": "r\n[install]"},
        {"description": "a\rb"},
        {"deletionPolicy": "delete"},
        {"accessFrom": {"namespaces": "team-b"}},
        {"accessFrom": {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}},
    ],
    ids=str,
)
def test_what_the_api_server_would_refuse_is_refused_here_too(spec: dict[str, Any]) -> None:
    """A spec that got past the schema is Invalid, and the message names a field and no value."""
    with pytest.raises(Invalid, match=r"^spec\.") as caught:
        repository(**spec)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert not any(isinstance(value, str) and value in caught.value.message for value in spec.values())


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("Delete", DeletionPolicy.DELETE),
        ("Orphan", DeletionPolicy.ORPHAN),
        ("delete", DeletionPolicy.ORPHAN),
        (["Delete"], DeletionPolicy.ORPHAN),
        (None, DeletionPolicy.ORPHAN),
    ],
)
def test_nothing_but_delete_deletes(value: object, policy: DeletionPolicy) -> None:
    """Even if the spec no longer parses, anything but `Delete` keeps the repository."""
    assert deletion_policy(stored(deletionPolicy=value, location=7)) is policy


def test_a_reference_without_a_namespace_is_the_own() -> None:
    """The access's own namespace is the default of repositoryRef."""
    subject = {"subjects": [account("pull")]}
    assert desired_access(access(**subject)).repository == ObjectKey("team-a", "wheels")
    elsewhere = access(repositoryRef={"name": "wheels", "namespace": "owners"}, **subject)
    assert desired_access(elsewhere).repository == ObjectKey("owners", "wheels")


def test_an_access_reads_and_has_no_secret_by_default() -> None:
    """Reader is the default role, and no Secret is created without a request."""
    desired = desired_access(access(subjects=[account("pull")]))
    assert (desired.role, desired.secret) == (Role.READER, None)
    assert desired.subjects == (Subject(SubjectKind.SERVICE_ACCOUNT, "pull"),)


def test_the_only_serviceaccount_lends_its_identity() -> None:
    """With one ServiceAccount among the subjects the token belongs to it; a named one has priority."""
    subjects = [account("pull"), {"kind": "GoogleUser", "name": "ann@example.com"}]
    one = desired_access(access(subjects=subjects, secret={"name": "pip"}))
    assert one.secret == DesiredSecret("pip", Identity("team-a", "pull"))
    other = desired_access(access(subjects=subjects, secret={"name": "pip", "serviceAccountName": "ci"}))
    assert other.secret == DesiredSecret("pip", Identity("team-a", "ci"))


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_whose_token_it_is_must_be_clear(names: list[str]) -> None:
    """Without a ServiceAccount, or with several, a Secret must name one."""
    with pytest.raises(Invalid):
        desired_access(access(subjects=[account(name) for name in names], secret={"name": "pip"}))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"subjects": [{"kind": "Everybody", "name": "x"}]},
        {"subjects": [account("pull\n")]},
        {"subjects": [{"kind": "GoogleUser", "name": "Ann@example.com"}]},
        {"subjects": [{"kind": "GoogleServiceAccount", "name": "x@evil.com"}]},
        {"subjects": [{"kind": "GoogleUser", "name": "allUsers"}]},
        {"subjects": [account("pull")], "role": "Admin"},
        {"subjects": [account("pull")], "repositoryRef": {"name": "../x"}},
        {"subjects": [account("pull")], "repositoryRef": {}},
        {"subjects": [account("pull")], "secret": {"name": "a\nb"}},
    ],
    ids=str,
)
def test_an_access_that_does_not_parse_is_invalid(spec: dict[str, Any]) -> None:
    """Whatever violates the schema is Invalid, and does not add a grant."""
    with pytest.raises(Invalid):
        desired_access(access(**spec))


def test_serviceaccounts_are_granted_as_principals() -> None:
    """Each ServiceAccount, and the Secret's identity, gets the role once."""
    found, complaint = grants(role="Writer", subjects=[account("pull")], secret={"serviceAccountName": "pull"})
    assert found == (Grant(WRITER, f"{POOL}/subject/ns/team-a/sa/pull"),)
    assert complaint is None
    both, _ = grants(subjects=[account("pull")], secret={"serviceAccountName": "ci"})
    assert [grant.member.rpartition("/")[2] for grant in both] == ["pull", "ci"]


@pytest.mark.parametrize(
    ("kind", "name", "member"),
    [
        ("GoogleUser", "ann@example.com", "user:ann@example.com"),
        ("GoogleGroup", "team@example.com", "group:team@example.com"),
        (
            "GoogleServiceAccount",
            "ci@acme-packages.iam.gserviceaccount.com",
            "serviceAccount:ci@acme-packages.iam.gserviceaccount.com",
        ),
    ],
)
def test_google_subjects_are_granted_by_e_mail(kind: str, name: str, member: str) -> None:
    """In the repository's own namespace a principal outside the cluster is allowed."""
    assert grants(subjects=[{"kind": kind, "name": name}]) == ((Grant(READER, member),), None)


def test_a_google_subject_from_another_namespace_is_not_granted() -> None:
    """Across namespaces the ServiceAccounts are granted, and the first other subject is the complaint."""
    found, complaint = grants(
        repositoryRef={"name": "wheels", "namespace": "owners"},
        subjects=[{"kind": "GoogleUser", "name": "ann@example.com"}, account("pull")],
    )
    assert found == (Grant(READER, f"{POOL}/subject/ns/team-a/sa/pull"),)
    assert complaint is Reason.SUBJECT_NOT_PERMITTED


@pytest.mark.parametrize(("gke", "prefix"), [(True, "ns/team-a/sa/"), (False, "system:serviceaccount:team-a:")])
def test_a_subject_of_more_than_127_bytes_is_refused_before_the_call(gke: bool, prefix: str) -> None:
    """The limit applies to the subject in the cluster's form; the others are granted."""
    longest = 127 - len(prefix)
    workload = WorkloadIdentity("1", "pool", gke=gke)
    fits, complaint = grants(workload, subjects=[account("a" * 60 + "." + "a" * (longest - 61))])
    assert (len(fits), complaint) == (1, None)
    others, complaint = grants(workload, subjects=[account("a" * 60 + "." + "a" * (longest - 60)), account("pull")])
    assert [grant.member[-4:] for grant in others] == ["pull"]
    assert complaint is Reason.SUBJECT_TOO_LONG


def test_where_secrets_are() -> None:
    """Names and a selector that demands the opt-in with exactly its value; an empty list is as good as none."""
    spec = {"name": "pip", "serviceAccountName": "ci", "namespaces": ["b", "a", "b"], "namespaceSelector": {}}
    found = desired_access(access(secret=spec)).secret
    assert found is not None
    assert found.fan_out is not None
    assert found.fan_out.namespaces == ("b", "a")
    selector = found.fan_out.selector
    assert selector is not None
    assert selector.matches({"wheelhouse.dev/credentials": "enabled"})
    assert not selector.matches({"wheelhouse.dev/credentials": "disabled"})
    assert found.local_identities
    for alone in ({}, {"namespaces": []}):
        spec = {"name": "pip", "serviceAccountName": "ci", **alone}
        found = desired_access(access(secret=spec)).secret
        assert found == DesiredSecret("pip", Identity("team-a", "ci"))
