"""The plan of an IAM policy: add what is wanted, remove what is ours, touch nothing else."""

import pytest

from wheelhouse.domain.iam import MEMBER_LIMIT, Binding, Grant, GrantRecord, GrantState, Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.policy import Claimant, plan_policy

READER = "roles/artifactregistry.reader"
WRITER = "roles/artifactregistry.writer"
POOL = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/subject"
PULL = Grant(READER, f"{POOL}/ns/a/sa/pull")
PUSH = Grant(WRITER, f"{POOL}/ns/a/sa/push")
CONDITION = {"title": "until", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}

A, B = ObjectKey("a", "one"), ObjectKey("b", "two")


def policy(*bindings: Binding, etag: bytes = b"\x01") -> Policy:
    return Policy(etag, 1, bindings)


def claimant(
    key: ObjectKey = A, *wanted: Grant, may_add: bool = True, ledger: tuple[GrantRecord, ...] = ()
) -> Claimant:
    return Claimant(key, wanted, may_add, ledger)


def record(grant: Grant, state: GrantState = GrantState.GRANTED) -> GrantRecord:
    return GrantRecord(grant, state)


def granted(result: Policy | None) -> frozenset[tuple[str, str]]:
    assert result is not None
    return result.grants()


def test_wanted_and_absent_is_added() -> None:
    """What an access wants and the policy lacks is recorded first and granted afterwards."""
    plan = plan_policy([claimant(A, PULL)], policy(), {})
    assert plan.add == (PULL,)
    assert plan.before == {A: (record(PULL, GrantState.RECORDED),)}
    assert plan.after == {A: (record(PULL, GrantState.GRANTED),)}
    assert granted(plan.policy) == {PULL.identity}


def test_the_etag_that_was_read_is_the_one_that_is_set() -> None:
    """A planned policy carries the etag and version of the one it was computed from."""
    observed = Policy(b"\x07etag", 3, ())
    plan = plan_policy([claimant(A, PULL)], observed, {})
    assert plan.policy is not None
    assert (plan.policy.etag, plan.policy.version) == (b"\x07etag", 3)


def test_a_member_joins_the_first_unconditional_binding_of_its_role() -> None:
    """A new member is appended to the role's binding and nobody's place changes."""
    observed = policy(Binding(WRITER, ("user:w@x.y",)), Binding(READER, ("user:b@x.y", "user:a@x.y")))
    plan = plan_policy([claimant(A, PULL)], observed, {})
    assert plan.policy is not None
    assert plan.policy.bindings == (
        Binding(WRITER, ("user:w@x.y",)),
        Binding(READER, ("user:b@x.y", "user:a@x.y", PULL.member)),
    )


def test_owned_and_unwanted_is_removed() -> None:
    """What is ours and nobody wants any longer goes, and leaves the ledger only after the policy was set."""
    plan = plan_policy([claimant(A, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))), {})
    assert plan.remove == (PULL,)
    assert plan.before == {A: (record(PULL),)}
    assert plan.after == {A: ()}
    assert plan.policy is not None
    assert plan.policy.bindings == ()


def test_a_recorded_grant_is_ours_to_remove() -> None:
    """A grant that was recorded before a crash and got set is removed like any other of ours."""
    ledger = (record(PULL, GrantState.RECORDED),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member, "user:o@x.y"))), {})
    assert plan.remove == (PULL,)
    assert granted(plan.policy) == {(READER, "user:o@x.y")}


def test_a_recorded_grant_found_in_the_policy_is_granted() -> None:
    """After a lost reply the recorded grant is found in place and counted as ours without another set."""
    ledger = (record(PULL, GrantState.RECORDED),)
    plan = plan_policy([claimant(A, PULL, ledger=ledger)], policy(Binding(READER, (PULL.member,))), {})
    assert plan.policy is None
    assert plan.after == {A: (record(PULL),)}


def test_a_grant_that_was_there_before_is_used_and_not_owned() -> None:
    """A grant that somebody else made serves the access as Existing."""
    plan = plan_policy([claimant(A, PULL)], policy(Binding(READER, (PULL.member,))), {})
    assert plan.policy is None
    assert plan.before == plan.after == {A: (record(PULL, GrantState.EXISTING),)}


def test_an_existing_grant_is_never_removed() -> None:
    """An Existing grant stays in the policy when its access lets go of it."""
    ledger = (record(PULL, GrantState.EXISTING),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member,))), {})
    assert plan.policy is None
    assert plan.after == {A: ()}


def test_a_rejected_grant_is_never_removed() -> None:
    """A Rejected entry gives no right over a grant that somebody makes later."""
    ledger = (record(PULL, GrantState.REJECTED),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member,))), {})
    assert plan.policy is None


def test_a_grant_that_no_ledger_knows_is_foreign() -> None:
    """A member that looks like ours but stands in no ledger is left alone."""
    foreign = Binding(READER, (f"{POOL}/ns/a/sa/orphan",))
    plan = plan_policy([claimant(A, PULL)], policy(foreign), {})
    assert (READER, foreign.members[0]) in granted(plan.policy)


def test_a_vanished_grant_is_put_back() -> None:
    """An owned grant that somebody took out of the policy is added again."""
    plan = plan_policy([claimant(A, PULL, ledger=(record(PULL),))], policy(), {})
    assert plan.add == (PULL,)
    assert plan.before == {A: (record(PULL, GrantState.RECORDED),)}
    assert plan.after == {A: (record(PULL),)}


def test_a_change_of_role_is_one_add_and_one_remove() -> None:
    """An access that turns from Reader to Writer changes both roles in one set."""
    writer = Grant(WRITER, PULL.member)
    plan = plan_policy([claimant(A, writer, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))), {})
    assert (plan.add, plan.remove) == ((writer,), (PULL,))
    assert plan.before == {A: (record(writer, GrantState.RECORDED), record(PULL))}
    assert plan.after == {A: (record(writer),)}
    assert granted(plan.policy) == {writer.identity}


def test_a_shared_grant_stays_while_one_access_claims_it() -> None:
    """Of two accesses with the same grant, the first that lets go removes nothing."""
    observed = policy(Binding(READER, (PULL.member,)))
    leaving, staying = claimant(A, ledger=(record(PULL),)), claimant(B, PULL, ledger=(record(PULL),))
    plan = plan_policy([leaving, staying], observed, {})
    assert plan.policy is None
    assert plan.after == {A: (), B: (record(PULL),)}


def test_the_last_claimant_removes_a_shared_grant() -> None:
    """When both accesses let go at once, the grant goes with them."""
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, ledger=(record(PULL),)), claimant(B, ledger=(record(PULL),))], observed, {})
    assert plan.remove == (PULL,)
    assert plan.after == {A: (), B: ()}


def test_who_claims_an_owned_grant_records_it_before_the_other_drops_it() -> None:
    """A new claimant of an owned grant owns it in `before`, where the releasing access still holds it too."""
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, ledger=(record(PULL),)), claimant(B, PULL)], observed, {})
    assert plan.policy is None
    assert plan.before == {A: (record(PULL),), B: (record(PULL),)}
    assert plan.after == {A: (), B: (record(PULL),)}


def test_an_existing_entry_becomes_owned_when_another_ledger_owns_the_grant() -> None:
    """Owned beats Existing, so that the last claimant removes what Wheelhouse once granted."""
    observed = policy(Binding(READER, (PULL.member,)))
    one = claimant(A, PULL, ledger=(record(PULL, GrantState.EXISTING),))
    plan = plan_policy([one, claimant(B, PULL, ledger=(record(PULL),))], observed, {})
    assert plan.after == {A: (record(PULL),), B: (record(PULL),)}


@pytest.mark.parametrize(
    "untouchable",
    [
        Binding(READER, (PULL.member, "user:o@x.y"), CONDITION),
        Binding("roles/unheard.of", (PULL.member,)),
        Binding(READER, (f"deleted:{PULL.member}?uid=1", "deleted:user:o@x.y?uid=123")),
        Binding(READER, ("allUsers", "domain:X.y", "user:Mixed@Case.Y", "user:Mixed@Case.Y")),
    ],
    ids=["conditional", "unknown role", "deleted members", "odd members"],
)
def test_foreign_bindings_stay_as_they_were_read(untouchable: Binding) -> None:
    """Conditional bindings, unknown roles, deleted members and the order of things are equal afterwards."""
    ours = Binding(WRITER, (PUSH.member,)), Binding(READER, (PULL.member,))
    last = Binding("roles/owner", ("user:z@x.y", "user:a@x.y"))
    ledger = (record(PUSH), record(PULL))
    plan = plan_policy([claimant(A, ledger=ledger)], policy(untouchable, *ours, last), {})
    assert plan.policy is not None
    assert plan.policy.bindings == (untouchable, last)


def test_a_conditional_grant_is_not_the_grant() -> None:
    """A member that has the role under a condition only is still added without one, in a binding of its own."""
    conditional = Binding(READER, (PULL.member,), CONDITION)
    plan = plan_policy([claimant(A, PULL)], policy(conditional), {})
    assert plan.policy is not None
    assert plan.policy.bindings == (conditional, Binding(READER, (PULL.member,)))


@pytest.mark.parametrize("found", ["user:Ann@Example.com", "user:ANN@EXAMPLE.COM"])
def test_e_mails_are_compared_without_case(found: str) -> None:
    """IAM hands e-mails back in any case; they are the same member, for keeping and for removing."""
    ann = Grant(READER, "user:ann@example.com")
    observed = policy(Binding(READER, (found,)))
    assert plan_policy([claimant(A, ann, ledger=(record(ann),))], observed, {}).policy is None
    assert granted(plan_policy([claimant(A, ledger=(record(ann),))], observed, {}).policy) == frozenset()


@pytest.mark.parametrize(
    "found", [PULL.member.replace("/sa/pull", "/sa/Pull"), f"deleted:{PULL.member}", "principalSet" + PULL.member[9:]]
)
def test_principals_are_compared_exactly(found: str) -> None:
    """A principal of another case or type is another member: it neither satisfies nor is it removed."""
    observed = policy(Binding(READER, (found,)))
    assert plan_policy([claimant(A, PULL)], observed, {}).add == (PULL,)
    assert plan_policy([claimant(A, ledger=(record(PULL),))], observed, {}).policy is None


def test_the_type_prefix_of_a_member_is_exact() -> None:
    """`user:` and `serviceAccount:` with the same e-mail are two members."""
    wanted = Grant(READER, "serviceAccount:x@p.iam.gserviceaccount.com")
    observed = policy(Binding(READER, ("user:x@p.iam.gserviceaccount.com",)))
    assert plan_policy([claimant(A, wanted)], observed, {}).add == (wanted,)


def _crowd(size: int) -> Binding:
    return Binding("roles/viewer", tuple(f"user:u{number}@x.y" for number in range(size)))


def test_the_last_free_place_is_used() -> None:
    """A policy of 1,499 principals takes one more."""
    plan = plan_policy([claimant(A, PULL)], policy(_crowd(MEMBER_LIMIT - 1)), {})
    assert plan.policy is not None
    assert plan.policy.size == MEMBER_LIMIT
    assert plan.full == frozenset()


def test_what_passes_the_limit_is_left_out_and_named() -> None:
    """At 1,500 principals nothing is set, recorded or granted; the grant is named as having no room."""
    plan = plan_policy([claimant(A, PULL)], policy(_crowd(MEMBER_LIMIT)), {})
    assert plan.policy is None
    assert plan.full == {PULL.identity}
    assert plan.before == plan.after == {A: ()}


def test_conditional_and_repeated_principals_count() -> None:
    """IAM counts each occurrence, so a conditional binding takes room too."""
    crowd = _crowd(MEMBER_LIMIT - 1)
    conditional = Binding(READER, ("user:u1@x.y",), CONDITION)
    assert plan_policy([claimant(A, PULL)], policy(crowd, conditional), {}).full == {PULL.identity}


def test_what_is_removed_makes_room() -> None:
    """In a full policy a removal and an addition go together."""
    observed = policy(_crowd(MEMBER_LIMIT - 1), Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, PUSH, ledger=(record(PULL),))], observed, {})
    assert (plan.add, plan.remove, plan.full) == ((PUSH,), (PULL,), frozenset())


def test_withdrawal_works_in_an_overfull_policy() -> None:
    """A policy that is over the limit already still loses what is ours."""
    observed = policy(_crowd(MEMBER_LIMIT + 5), Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, PUSH, ledger=(record(PULL),))], observed, {})
    assert (plan.add, plan.remove, plan.full) == ((), (PULL,), frozenset({PUSH.identity}))


def test_a_rejected_member_is_left_out_with_iams_words() -> None:
    """What IAM refused is marked Rejected on the access that wants it, and all others proceed."""
    plan = plan_policy([claimant(A, PULL), claimant(B, PUSH)], policy(), {PULL.identity: "does not exist"})
    assert plan.add == (PUSH,)
    assert plan.after == {A: (GrantRecord(PULL, GrantState.REJECTED, "does not exist"),), B: (record(PUSH),)}


def test_a_rejection_that_has_lapsed_is_tried_again() -> None:
    """A Rejected entry does not keep a grant from being added once the rejection is forgotten."""
    ledger = (GrantRecord(PULL, GrantState.REJECTED, "does not exist"),)
    assert plan_policy([claimant(A, PULL, ledger=ledger)], policy(), {}).add == (PULL,)


def test_a_rejected_member_that_is_there_after_all_is_existing() -> None:
    """Where somebody else granted what IAM refused us, it is used."""
    plan = plan_policy([claimant(A, PULL)], policy(Binding(READER, (PULL.member,))), {PULL.identity: "no"})
    assert plan.after == {A: (record(PULL, GrantState.EXISTING),)}


def test_an_attempt_adds_only_what_it_may() -> None:
    """While bisecting only the named grants are added; the others stay recorded."""
    plan = plan_policy([claimant(A, PULL, PUSH)], policy(), {}, only={PUSH.identity})
    assert plan.add == (PUSH,)
    assert plan.after == {A: (record(PULL, GrantState.RECORDED), record(PUSH))}


def test_nothing_new_is_added_while_nothing_may_be() -> None:
    """An access of a repository that is not Ready gets no new grant."""
    plan = plan_policy([claimant(A, PULL, may_add=False)], policy(), {})
    assert plan.policy is None
    assert plan.before == plan.after == {A: ()}


def test_nothing_held_is_removed_while_nothing_may_be_added() -> None:
    """An access of a repository that is not Ready keeps what it has and gets nothing besides."""
    plan = plan_policy(
        [claimant(A, PULL, PUSH, may_add=False, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))), {}
    )
    assert plan.policy is None
    assert plan.after == {A: (record(PULL),)}


def test_withdrawal_does_not_wait_for_readiness() -> None:
    """What an access wants no longer goes even while nothing may be added."""
    observed = policy(Binding(READER, (PULL.member,)), Binding(WRITER, (PUSH.member,)))
    ledger = (record(PULL), record(PUSH))
    plan = plan_policy([claimant(A, PULL, may_add=False, ledger=ledger)], observed, {})
    assert plan.remove == (PUSH,)


def test_many_accesses_are_one_set() -> None:
    """However many accesses changed, one policy is planned, with each grant once."""
    claimants = [claimant(ObjectKey("n", f"a{number}"), PULL, PUSH) for number in range(20)]
    plan = plan_policy(claimants, policy(), {})
    assert plan.policy is not None
    assert plan.policy.size == 2
    assert all(ledger == (record(PULL), record(PUSH)) for ledger in plan.after.values())


def test_the_plan_does_not_depend_on_the_order_of_accesses() -> None:
    """The same accesses in another order plan the same policy, so that two passes never fight."""
    claimants = [claimant(A, PUSH, PULL), claimant(B, PULL)]
    assert plan_policy(claimants, policy(), {}).policy == plan_policy(claimants[::-1], policy(), {}).policy


def test_a_settled_state_plans_nothing() -> None:
    """What a pass left plans no other set."""
    first = plan_policy([claimant(A, PULL)], policy(), {})
    assert first.policy is not None
    second = plan_policy([claimant(A, PULL, ledger=first.after[A])], first.policy, {})
    assert second.policy is None
    assert second.before == second.after == first.after
