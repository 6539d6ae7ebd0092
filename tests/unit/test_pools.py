"""A change of the pool with existing ledgers: nothing is rewritten by accident, and a migration leaves no gap."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Grant, GrantRecord, GrantState, Identity, Role, WorkloadIdentity
from wheelhouse.domain.pools import Pool, is_gke_pool, principal
from wheelhouse.plan.pools import outgoing_grants, pool_complaint

NEW = WorkloadIdentity("987654321098", "fleet-host.svc.id.goog")
OLD = WorkloadIdentity("123456789012", "acme-packages.svc.id.goog")
ON_PREM = WorkloadIdentity("123456789012", "on-prem", gke=False)
PULL = Identity("team-a", "pull")
READER, WRITER = Role.READER.iam, Role.WRITER.iam
OWNED = [GrantState.RECORDED, GrantState.GRANTED]


def record(
    workload: WorkloadIdentity, identity: Identity = PULL, state: GrantState = GrantState.GRANTED, role: str = READER
) -> GrantRecord:
    return GrantRecord(Grant(role, workload.member(identity)), state)


@pytest.mark.parametrize("workload", [OLD, ON_PREM])
def test_a_member_is_read_back_in_either_form(workload: WorkloadIdentity) -> None:
    """Pool and ServiceAccount, whether the subject is in GKE's or in Kubernetes' form."""
    assert principal(workload.member(PULL)) == (Pool.of(workload), PULL)
    assert is_gke_pool(workload.pool) is workload.gke


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(LABELS, st.lists(LABELS, min_size=1, max_size=3).map(".".join), st.sampled_from([OLD, NEW, ON_PREM]))
def test_every_serviceaccount_is_read_back(namespace: str, name: str, workload: WorkloadIdentity) -> None:
    """Any name that Kubernetes accepts for a ServiceAccount."""
    assert principal(workload.member(Identity(namespace, name))) == (Pool.of(workload), Identity(namespace, name))


@pytest.mark.parametrize(
    "member",
    [
        "user:ann@example.com",
        "serviceAccount:ci@acme-packages.iam.gserviceaccount.com",
        "group:team@example.com",
        OLD.member(PULL) + "\n",
        OLD.member(PULL).replace("principal://", "principalSet://"),
        OLD.member(PULL).replace("123456789012", "acme-packages"),
        OLD.member(PULL).replace("/sa/", "/x/"),
        OLD.member(PULL).replace("subject/ns/team-a/sa/pull", "subject/repo:acme/wheels"),
        OLD.member(PULL).replace("locations/global", "locations/us"),
        "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ann",
        "",
        "None",
    ],
)
def test_other_members_were_made_for_no_pool(member: str) -> None:
    """E-mails, sets, subjects of other kinds and invalid texts in a status do not block anything."""
    assert principal(member) is None
    assert pool_complaint([GrantRecord(Grant(READER, member), GrantState.GRANTED)], NEW, None) is None


@pytest.mark.parametrize("full", ["", "projects/1/locations/global/workloadIdentityPools/", "1/on-prem", "projects/x"])
def test_what_is_no_pool(full: str) -> None:
    """Only a full resource name is."""
    assert Pool.parse(full) is None


def test_a_pool_is_read_back() -> None:
    """The full name of the pool, and of a provider in it."""
    assert Pool.parse(Pool.of(OLD).full) == Pool.of(OLD)
    assert Pool.parse(f"{Pool.of(ON_PREM)}/providers/cluster") == Pool.of(ON_PREM)


@pytest.mark.parametrize(
    ("records", "migrate", "ready"),
    [
        ([], None, True),
        ([record(NEW)], None, True),
        ([record(OLD)], None, False),
        ([record(NEW), record(OLD)], None, False),
        ([record(OLD, state=GrantState.RECORDED)], None, False),
        ([record(OLD, state=GrantState.EXISTING)], None, True),
        ([record(OLD, state=GrantState.REJECTED)], None, True),
        ([record(WorkloadIdentity("1", NEW.pool))], None, False),
        ([record(WorkloadIdentity(NEW.project_number, OLD.pool))], None, False),
        ([record(OLD)], OLD, True),
        ([record(NEW), record(OLD)], OLD, True),
        ([record(OLD)], ON_PREM, False),
        ([record(OLD), record(ON_PREM)], OLD, False),
    ],
)
def test_when_the_operator_may_not_begin(
    records: list[GrantRecord], migrate: WorkloadIdentity | None, ready: bool
) -> None:
    """Any grant of ours for a pool that is neither the configured nor the previous one."""
    found = pool_complaint(records, NEW, Pool.of(migrate) if migrate else None)
    assert (found is None) is ready


def test_the_sentence_names_both_pools_and_both_remedies() -> None:
    """The value to set can be copied from the message."""
    found = pool_complaint([record(OLD), record(OLD, Identity("team-b", "push")), record(NEW)], NEW, None) or ""
    assert found.startswith(f"2 of the grants in status were made for the Workload Identity pool {Pool.of(OLD)}, ")
    assert f"pool is {Pool.of(NEW)}" in found
    assert "correct WHEELHOUSE_WORKLOAD_IDENTITY_POOL" in found
    assert f"set WHEELHOUSE_WORKLOAD_IDENTITY_MIGRATE_FROM={Pool.of(OLD)}." in found


def test_the_sentence_is_bounded() -> None:
    """However many pools are in the ledgers, one is named and the others are counted."""
    records = [record(WorkloadIdentity(str(number), f"pool-{number}", gke=False)) for number in range(1, 1000)]
    found = pool_complaint(records, NEW, None) or ""
    assert "and some for 998 others" in found
    assert len(found) < 1000


def test_a_principal_that_a_spec_names_is_no_sign_of_another_pool() -> None:
    """A subject may name a ServiceAccount of another cluster: the operator starts, and no migration moves it."""
    verbatim = GrantRecord(replace(record(OLD).grant, verbatim=True), GrantState.GRANTED)
    assert pool_complaint([verbatim, record(NEW)], NEW, None) is None
    assert outgoing_grants([verbatim], wanted(PULL), Pool.of(OLD)) == ()
    assert outgoing_grants([record(OLD)], [verbatim.grant], Pool.of(OLD)) == ()


def wanted(*identities: Identity, role: str = READER) -> list[Grant]:
    return [Grant(role, NEW.member(identity)) for identity in identities]


@pytest.mark.parametrize("old", [OLD, ON_PREM])
@pytest.mark.parametrize("state", OWNED)
def test_the_old_member_stays_until_the_new_token_is_verified(old: WorkloadIdentity, state: GrantState) -> None:
    """The same ServiceAccount and role in the previous pool, even if its subjects have the other form."""
    ledger = [record(old, state=state), record(NEW, state=GrantState.RECORDED)]
    assert outgoing_grants(ledger, wanted(PULL), Pool.of(old)) == (ledger[0].grant,)


@pytest.mark.parametrize(
    ("ledger", "wishes", "migrate"),
    [
        ([record(OLD)], wanted(PULL), None),
        ([record(OLD)], wanted(PULL), ON_PREM),
        ([record(OLD)], [], OLD),
        ([record(OLD)], wanted(Identity("team-a", "push")), OLD),
        ([record(OLD)], wanted(Identity("team-b", "pull")), OLD),
        ([record(OLD, role=WRITER)], wanted(PULL), OLD),
        ([record(OLD, state=GrantState.EXISTING)], wanted(PULL), OLD),
        ([record(OLD, state=GrantState.REJECTED)], wanted(PULL), OLD),
        ([record(NEW)], wanted(PULL), OLD),
        ([GrantRecord(Grant(READER, "user:ann@example.com"), GrantState.GRANTED)], wanted(PULL), OLD),
    ],
)
def test_a_migration_keeps_nothing_else(
    ledger: list[GrantRecord], wishes: list[Grant], migrate: WorkloadIdentity | None
) -> None:
    """No migration, another pool, revoked or reduced permissions, grants of others: it keeps none of these."""
    assert outgoing_grants(ledger, wishes, Pool.of(migrate) if migrate else None) == ()


@given(
    st.lists(
        st.builds(
            record,
            st.sampled_from([OLD, NEW, ON_PREM]),
            st.builds(Identity, st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])),
            st.sampled_from(list(GrantState)),
            st.sampled_from([READER, WRITER]),
        )
    ),
    st.lists(st.builds(Identity, st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]))),
    st.sampled_from([None, OLD, ON_PREM]),
)
def test_what_is_kept_is_ours_old_and_still_wanted(
    ledger: list[GrantRecord], identities: list[Identity], migrate: WorkloadIdentity | None
) -> None:
    """Never a grant that the ledger does not own, and never one that the access may not have in the new pool."""
    pool = Pool.of(migrate) if migrate else None
    kept = outgoing_grants(ledger, wanted(*identities), pool)
    owned = {each.grant for each in ledger if each.state.owned}
    assert set(kept) <= owned
    for grant in kept:
        found = principal(grant.member)
        assert found is not None
        assert found[0] == pool
        assert Grant(grant.role, NEW.member(found[1])) in wanted(*identities)
