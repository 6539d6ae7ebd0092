"""Grants, policies and Workload Identity as in IAM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Binding, Grant, GrantRecord, GrantState, Identity, Policy, Role, WorkloadIdentity

READER = "roles/artifactregistry.reader"


@pytest.mark.parametrize(
    ("role", "iam", "uploads"),
    [(Role.READER, READER, False), (Role.WRITER, "roles/artifactregistry.writer", True)],
)
def test_roles_are_the_predefined_ones(role: Role, iam: str, uploads: bool) -> None:
    """Each role is the predefined role of Artifact Registry, and only a Writer uploads."""
    assert (role.iam, role.uploads) == (iam, uploads)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("user:ann@x.y", "user:Ann@X.Y", True),
        ("group:g@x.y", "group:G@x.y", True),
        ("serviceAccount:s@p.iam", "serviceAccount:S@p.iam", True),
        ("user:ann@x.y", "User:ann@x.y", False),
        ("user:ann@x.y", "group:ann@x.y", False),
        ("user:ann@x.y", "deleted:user:ann@x.y?uid=1", False),
        ("principal://i/ns/a/sa/x", "principal://i/ns/a/sa/X", False),
        ("principal://i/ns/a/sa/x", "principalSet://i/ns/a/sa/x", False),
        ("principalSet://i/namespace/a", "principalSet://i/namespace/A", False),
        ("allUsers", "allusers", False),
    ],
)
def test_members_are_the_same_as_iam_sees_them(one: str, other: str, same: bool) -> None:
    """E-mails are case-insensitive; type prefixes, principals and texts without a colon are exact."""
    assert (Grant(READER, one).identity == Grant(READER, other).identity) is same


@given(member=st.text(max_size=30))
def test_the_identity_of_an_identity_is_itself(member: str) -> None:
    """A grant built from its own identity is the same grant, whatever the policy contains."""
    identity = Grant("r", member).identity
    assert Grant(*identity).identity == identity


def test_roles_are_part_of_a_grant() -> None:
    """The same member in two roles is two grants."""
    assert Grant("roles/a", "user:a@x.y").identity != Grant("roles/b", "user:a@x.y").identity


@pytest.mark.parametrize(
    ("state", "owned"),
    [
        (GrantState.RECORDED, True),
        (GrantState.GRANTED, True),
        (GrantState.EXISTING, False),
        (GrantState.REJECTED, False),
    ],
)
def test_recorded_and_granted_are_ours(state: GrantState, owned: bool) -> None:
    """Only a grant that a ledger has as Recorded or Granted may ever be removed."""
    assert state.owned is owned


def test_a_new_state_drops_the_old_message() -> None:
    """IAM's message belongs only to the rejection."""
    rejected = GrantRecord(Grant(READER, "user:a@x.y"), GrantState.REJECTED, "does not exist")
    assert rejected.with_state(GrantState.GRANTED) == GrantRecord(rejected.grant, GrantState.GRANTED)


def test_only_unconditional_grants_count() -> None:
    """A conditional binding grants nothing that we could rely on, but still counts against the limits."""
    policy = Policy(b"", 3, (Binding(READER, ("user:A@x.y",)), Binding("r", ("user:b@x.y",), {"expression": "true"})))
    assert policy.grants() == {(READER, "user:a@x.y")}
    assert policy.size == 2


def test_principals_are_counted_by_occurrence() -> None:
    """The same principal in two bindings, or twice in one, counts each time, as IAM counts."""
    member = "user:a@x.y"
    assert Policy(b"", 1, (Binding("a", (member, member)), Binding("b", (member,)))).size == 3


def test_a_serviceaccount_on_gke_is_known_by_namespace_and_name() -> None:
    """On GKE the subject is ns/…/sa/…, in the pool of the pool's own project."""
    member = WorkloadIdentity("123456789012", "acme.svc.id.goog").member(Identity("team-a", "pull"))
    assert member == (
        "principal://iam.googleapis.com/projects/123456789012/locations/global/"
        "workloadIdentityPools/acme.svc.id.goog/subject/ns/team-a/sa/pull"
    )


def test_a_serviceaccount_elsewhere_is_known_by_its_kubernetes_user_name() -> None:
    """Outside GKE the subject is the API server's name of the ServiceAccount."""
    workload = WorkloadIdentity("1", "pool", gke=False)
    assert workload.member(Identity("team-a", "pull")).endswith("/subject/system:serviceaccount:team-a:pull")


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True), st.sampled_from(["a", "b.c"])),
        min_size=2,
        max_size=2,
        unique=True,
    ),
    st.booleans(),
)
def test_two_serviceaccounts_are_never_one_member(pairs: list[tuple[str, str]], gke: bool) -> None:
    """Different namespaces or names are different members, on GKE and elsewhere."""
    workload = WorkloadIdentity("1", "pool", gke=gke)
    one, other = (workload.member(Identity(*pair)) for pair in pairs)
    assert one != other
