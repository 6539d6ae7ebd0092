"""Grants to accounts that were deleted in Google: ours are removed, those of others stay."""

import pytest

from wheelhouse.domain.iam import Binding, Grant, GrantRecord, GrantState, Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.policy import Circumstances, plan_policy

READER, WRITER = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
ROBOT = Grant(READER, "serviceAccount:ci@acme-packages.iam.gserviceaccount.com")
TOMBSTONE = f"deleted:{ROBOT.member}?uid=104209384712093847120"
ACCESS = ObjectKey("owners", "people")


def policy(*bindings: Binding) -> Policy:
    return Policy(b"e", 1, bindings)


def claimant(*wanted: Grant, state: GrantState | None = GrantState.GRANTED) -> Claimant:
    ledger = () if state is None else (GrantRecord(ROBOT, state),)
    return Claimant(ACCESS, wanted, may_add=True, ledger=ledger, uid="u")


def members(result: Policy | None) -> list[str]:
    assert result is not None
    return [member for binding in result.bindings for member in binding.members]


def test_a_deleted_account_leaves_nothing_when_its_access_is_deleted() -> None:
    """The tombstone of our grant is removed with the claim, and the ledger is empty."""
    plan = plan_policy([claimant()], policy(Binding(READER, (TOMBSTONE, "user:ann@example.com"))))
    assert members(plan.policy) == ["user:ann@example.com"]
    assert plan.after[ACCESS] == ()
    assert plan.remove == (Grant(READER, TOMBSTONE),)


def test_an_account_that_was_created_again_gets_its_grant_in_the_same_set() -> None:
    """IAM accepts no policy with both the deleted and the new account, so one set replaces the one by the other."""
    plan = plan_policy([claimant(ROBOT)], policy(Binding(READER, (TOMBSTONE,))))
    assert members(plan.policy) == [ROBOT.member]


def test_while_the_account_is_missing_its_tombstone_is_removed() -> None:
    """After IAM has rejected the account, the next attempt still removes the tombstone."""
    known = Circumstances(rejected={ROBOT.identity: "does not exist"})
    plan = plan_policy([claimant(ROBOT)], policy(Binding(READER, (TOMBSTONE,))), known)
    assert members(plan.policy) == []
    assert plan.after[ACCESS] == (GrantRecord(ROBOT, GrantState.REJECTED, "does not exist"),)


@pytest.mark.parametrize(
    ("observed", "state"),
    [
        (Binding(READER, (TOMBSTONE,)), None),
        (Binding(READER, (TOMBSTONE,)), GrantState.EXISTING),
        (Binding(READER, (TOMBSTONE,)), GrantState.RECORDED),
        (Binding(READER, (TOMBSTONE,)), GrantState.REJECTED),
        (Binding(READER, (TOMBSTONE, ROBOT.member)), GrantState.EXISTING),
        (Binding(WRITER, (TOMBSTONE,)), GrantState.GRANTED),
        (Binding(READER, (TOMBSTONE,), {"title": "hours", "expression": "true"}), GrantState.GRANTED),
        (Binding(READER, (TOMBSTONE.replace("ci@", "other@"),)), GrantState.GRANTED),
        (Binding(READER, (TOMBSTONE.replace("serviceAccount", "user"),)), GrantState.GRANTED),
    ],
    ids=[
        "no ledger",
        "made by another client",
        "perhaps never made",
        "rejected",
        "the grant exists",
        "another role",
        "with a condition",
        "another account",
        "another type",
    ],
)
def test_tombstones_of_others_stay(observed: Binding, state: GrantState | None) -> None:
    """Only what is left of a grant that we certainly made is removed."""
    plan = plan_policy([claimant(state=state)], policy(observed))
    assert plan.policy is None


def test_nothing_is_removed_while_the_policy_cannot_be_set() -> None:
    """After a refusal, a plan only changes ledgers."""
    plan = plan_policy([claimant()], policy(Binding(READER, (TOMBSTONE,))), Circumstances(still=True))
    assert (plan.policy, plan.remove) == (None, ())
