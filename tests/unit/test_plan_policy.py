"""The plan of an IAM policy: add what is wanted, remove what is ours, change nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import GROUP_LIMIT, MEMBER_LIMIT, Binding, Grant, GrantRecord, GrantState, Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.policy import Circumstances, plan_policy

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
    return Claimant(key, wanted, may_add, ledger, uid=key.namespace)


def record(grant: Grant, state: GrantState = GrantState.GRANTED) -> GrantRecord:
    return GrantRecord(grant, state)


def granted(result: Policy | None) -> frozenset[tuple[str, str]]:
    assert result is not None
    return result.grants()


def test_wanted_and_absent_is_added() -> None:
    """A grant that an access wants and the policy lacks is recorded first and granted afterwards."""
    plan = plan_policy([claimant(A, PULL)], policy())
    assert plan.add == (PULL,)
    assert plan.before == {A: (record(PULL, GrantState.RECORDED),)}
    assert plan.after == {A: (record(PULL, GrantState.GRANTED),)}
    assert granted(plan.policy) == {PULL.identity}


def test_the_etag_that_was_read_is_the_one_that_is_set() -> None:
    """A planned policy has the etag and version of the one that it was computed from."""
    observed = Policy(b"\x07etag", 3, ())
    plan = plan_policy([claimant(A, PULL)], observed)
    assert plan.policy is not None
    assert (plan.policy.etag, plan.policy.version) == (b"\x07etag", 3)


def test_a_member_joins_the_first_unconditional_binding_of_its_role() -> None:
    """A new member is appended to the role's binding and no other member moves."""
    observed = policy(Binding(WRITER, ("user:w@x.y",)), Binding(READER, ("user:b@x.y", "user:a@x.y")))
    plan = plan_policy([claimant(A, PULL)], observed)
    assert plan.policy is not None
    assert plan.policy.bindings == (
        Binding(WRITER, ("user:w@x.y",)),
        Binding(READER, ("user:b@x.y", "user:a@x.y", PULL.member)),
    )


def test_owned_and_unwanted_is_removed() -> None:
    """A grant of ours that no access wants is removed, and leaves the ledger only after the policy was set."""
    plan = plan_policy([claimant(A, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))))
    assert plan.remove == (PULL,)
    assert plan.before == {A: (record(PULL),)}
    assert plan.after == {A: ()}
    assert plan.policy is not None
    assert plan.policy.bindings == ()


def test_a_recorded_grant_is_ours_to_remove() -> None:
    """A grant that was recorded before a crash and then set is removed like any other of ours."""
    ledger = (record(PULL, GrantState.RECORDED),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member, "user:o@x.y"))))
    assert plan.remove == (PULL,)
    assert granted(plan.policy) == {(READER, "user:o@x.y")}


def test_a_recorded_grant_found_in_the_policy_is_granted() -> None:
    """After a lost reply the recorded grant is found in the policy and counts as ours without another set."""
    ledger = (record(PULL, GrantState.RECORDED),)
    plan = plan_policy([claimant(A, PULL, ledger=ledger)], policy(Binding(READER, (PULL.member,))))
    assert plan.policy is None
    assert plan.after == {A: (record(PULL),)}


def test_a_grant_that_was_there_before_is_used_and_not_owned() -> None:
    """A grant that another client made serves the access as Existing."""
    plan = plan_policy([claimant(A, PULL)], policy(Binding(READER, (PULL.member,))))
    assert plan.policy is None
    assert plan.before == plan.after == {A: (record(PULL, GrantState.EXISTING),)}


def test_an_existing_grant_is_never_removed() -> None:
    """An Existing grant stays in the policy when its access no longer wants it."""
    ledger = (record(PULL, GrantState.EXISTING),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member,))))
    assert plan.policy is None
    assert plan.after == {A: ()}


def test_a_rejected_grant_is_never_removed() -> None:
    """A Rejected entry does not own a grant that another client makes later."""
    ledger = (record(PULL, GrantState.REJECTED),)
    plan = plan_policy([claimant(A, ledger=ledger)], policy(Binding(READER, (PULL.member,))))
    assert plan.policy is None


def test_a_grant_in_no_ledger_is_not_ours() -> None:
    """A member that looks like ours but is in no ledger is not changed."""
    foreign = Binding(READER, (f"{POOL}/ns/a/sa/orphan",))
    plan = plan_policy([claimant(A, PULL)], policy(foreign))
    assert (READER, foreign.members[0]) in granted(plan.policy)


def test_a_removed_grant_is_restored() -> None:
    """An owned grant that another client removed is added again; the ledger has it all the time."""
    plan = plan_policy([claimant(A, PULL, ledger=(record(PULL),))], policy())
    assert (plan.add, plan.restored) == ((PULL,), {PULL.identity})
    assert plan.before == plan.after == {A: (record(PULL),)}


def test_a_removed_grant_is_not_restored_while_nothing_may_be_added() -> None:
    """A removed grant is not restored while the repository is not usable; the ledger keeps it."""
    plan = plan_policy([claimant(A, PULL, may_add=False, ledger=(record(PULL),))], policy())
    assert plan.policy is None
    assert plan.missing == {PULL.identity}
    assert plan.before == plan.after == {A: (record(PULL),)}


def test_a_change_of_role_is_one_add_and_one_remove() -> None:
    """An access that turns from Reader to Writer changes both roles in one set."""
    writer = Grant(WRITER, PULL.member)
    plan = plan_policy([claimant(A, writer, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))))
    assert (plan.add, plan.remove) == ((writer,), (PULL,))
    assert plan.before == {A: (record(writer, GrantState.RECORDED), record(PULL))}
    assert plan.after == {A: (record(writer),)}
    assert granted(plan.policy) == {writer.identity}


def test_a_shared_grant_stays_while_one_access_claims_it() -> None:
    """If two accesses have the same grant, the first one that gives it up removes nothing."""
    observed = policy(Binding(READER, (PULL.member,)))
    leaving, staying = claimant(A, ledger=(record(PULL),)), claimant(B, PULL, ledger=(record(PULL),))
    plan = plan_policy([leaving, staying], observed)
    assert plan.policy is None
    assert plan.after == {A: (), B: (record(PULL),)}


def test_the_last_claimant_removes_a_shared_grant() -> None:
    """When both accesses give it up at once, the grant is removed."""
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, ledger=(record(PULL),)), claimant(B, ledger=(record(PULL),))], observed)
    assert plan.remove == (PULL,)
    assert plan.after == {A: (), B: ()}


def test_who_claims_an_owned_grant_records_it_before_the_other_drops_it() -> None:
    """A new claimant of an owned grant owns it in `before`, where the ledger of the other one still has it too."""
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, ledger=(record(PULL),)), claimant(B, PULL)], observed)
    assert plan.policy is None
    assert plan.before == {A: (record(PULL),), B: (record(PULL),)}
    assert plan.after == {A: (), B: (record(PULL),)}


def test_an_existing_entry_becomes_owned_when_another_ledger_owns_the_grant() -> None:
    """Owned has priority over Existing, so that the last claimant removes what Wheelhouse once granted."""
    observed = policy(Binding(READER, (PULL.member,)))
    one = claimant(A, PULL, ledger=(record(PULL, GrantState.EXISTING),))
    plan = plan_policy([one, claimant(B, PULL, ledger=(record(PULL),))], observed)
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
def test_bindings_of_others_stay_as_they_were_read(untouchable: Binding) -> None:
    """Conditional bindings, unknown roles, deleted members and the order are unchanged afterwards."""
    ours = Binding(WRITER, (PUSH.member,)), Binding(READER, (PULL.member,))
    last = Binding("roles/owner", ("user:z@x.y", "user:a@x.y"))
    ledger = (record(PUSH), record(PULL))
    plan = plan_policy([claimant(A, ledger=ledger)], policy(untouchable, *ours, last))
    assert plan.policy is not None
    assert plan.policy.bindings == (untouchable, last)


def test_a_conditional_grant_is_not_the_grant() -> None:
    """A member that has the role only under a condition is still added without one, in a separate binding."""
    conditional = Binding(READER, (PULL.member,), CONDITION)
    plan = plan_policy([claimant(A, PULL)], policy(conditional))
    assert plan.policy is not None
    assert plan.policy.bindings == (conditional, Binding(READER, (PULL.member,)))


@pytest.mark.parametrize("found", ["user:Ann@Example.com", "user:ANN@EXAMPLE.COM"])
def test_e_mails_are_compared_without_case(found: str) -> None:
    """IAM returns e-mails in any case; they are the same member, for keeping and for removing."""
    ann = Grant(READER, "user:ann@example.com")
    observed = policy(Binding(READER, (found,)))
    assert plan_policy([claimant(A, ann, ledger=(record(ann),))], observed).policy is None
    assert granted(plan_policy([claimant(A, ledger=(record(ann),))], observed).policy) == frozenset()


@pytest.mark.parametrize("found", [PULL.member.replace("/sa/pull", "/sa/Pull"), "principalSet" + PULL.member[9:]])
def test_principals_are_compared_exactly(found: str) -> None:
    """A principal of another case or type is another member: it neither counts as the grant nor is it removed."""
    observed = policy(Binding(READER, (found,)))
    assert plan_policy([claimant(A, PULL)], observed).add == (PULL,)
    assert plan_policy([claimant(A, ledger=(record(PULL),))], observed).policy is None


def test_the_type_prefix_of_a_member_is_exact() -> None:
    """`user:` and `serviceAccount:` with the same e-mail are two members."""
    wanted = Grant(READER, "serviceAccount:x@p.iam.gserviceaccount.com")
    observed = policy(Binding(READER, ("user:x@p.iam.gserviceaccount.com",)))
    assert plan_policy([claimant(A, wanted)], observed).add == (wanted,)


def _crowd(size: int) -> Binding:
    return Binding("roles/viewer", tuple(f"user:u{number}@x.y" for number in range(size)))


def test_the_last_free_place_is_used() -> None:
    """A policy of 1,499 principals has room for one more."""
    plan = plan_policy([claimant(A, PULL)], policy(_crowd(MEMBER_LIMIT - 1)))
    assert plan.policy is not None
    assert plan.policy.size == MEMBER_LIMIT
    assert plan.full == frozenset()


def test_what_passes_the_limit_is_left_out_and_named() -> None:
    """At 1,500 principals nothing is set, recorded or granted; the plan names the grant as not fitting."""
    plan = plan_policy([claimant(A, PULL)], policy(_crowd(MEMBER_LIMIT)))
    assert plan.policy is None
    assert plan.full == {PULL.identity}
    assert plan.before == plan.after == {A: ()}


def test_conditional_and_repeated_principals_count() -> None:
    """IAM counts each occurrence, so a conditional binding counts too."""
    crowd = _crowd(MEMBER_LIMIT - 1)
    conditional = Binding(READER, ("user:u1@x.y",), CONDITION)
    assert plan_policy([claimant(A, PULL)], policy(crowd, conditional)).full == {PULL.identity}


def test_what_is_removed_makes_room() -> None:
    """In a full policy a removal and an addition happen together."""
    observed = policy(_crowd(MEMBER_LIMIT - 1), Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, PUSH, ledger=(record(PULL),))], observed)
    assert (plan.add, plan.remove, plan.full) == ((PUSH,), (PULL,), frozenset())


def test_withdrawal_works_in_an_overfull_policy() -> None:
    """A policy that is already over the limit still loses our unwanted grants without an addition."""
    observed = policy(_crowd(MEMBER_LIMIT + 5), Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, ledger=(record(PULL),)), claimant(B, PUSH)], observed)
    assert (plan.add, plan.remove, plan.full) == ((), (PULL,), frozenset({PUSH.identity}))


@pytest.mark.parametrize("successor", [Grant(WRITER, PULL.member), PUSH], ids=["another role", "another member"])
def test_a_replacement_without_room_keeps_what_it_replaces(successor: Grant) -> None:
    """If a policy is over the limit, an access whose new grant does not fit keeps its old one."""
    observed = policy(_crowd(MEMBER_LIMIT + 5), Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, successor, ledger=(record(PULL),))], observed)
    assert (plan.policy, plan.full) == (None, {successor.identity})
    assert plan.after == {A: (record(PULL),)}


def test_an_access_gets_the_room_that_it_frees_itself() -> None:
    """In a full policy a change of role is applied, even if another access has waited longer for room."""
    writer = Grant(WRITER, PULL.member)
    observed = policy(_crowd(MEMBER_LIMIT - 1), Binding(READER, (PULL.member,)))
    changing = Claimant(B, (writer,), True, (record(PULL),), created="2026-01-02T00:00:00Z")
    waiting = Claimant(A, (PUSH,), True, (), created="2026-01-01T00:00:00Z")
    plan = plan_policy([waiting, changing], observed)
    assert (plan.add, plan.remove, plan.full) == ((writer,), (PULL,), {PUSH.identity})


def test_the_oldest_access_gets_the_last_place() -> None:
    """The age decides, not the name."""
    young = Claimant(A, (PULL,), True, (), created="2026-01-02T00:00:00Z")
    old = Claimant(B, (PUSH,), True, (), created="2026-01-01T00:00:00Z")
    plan = plan_policy([young, old], policy(_crowd(MEMBER_LIMIT - 1)))
    assert (plan.add, plan.full) == ((PUSH,), {PULL.identity})


def test_groups_have_a_limit_of_their_own() -> None:
    """The 251st group does not fit into a policy that has room for others."""
    groups = Binding("roles/viewer", tuple(f"group:g{number}@x.y" for number in range(GROUP_LIMIT)))
    team = Grant(READER, "group:team@x.y")
    plan = plan_policy([claimant(A, team, PULL)], policy(groups))
    assert (plan.add, plan.full) == ((PULL,), {team.identity})


def test_a_narrowing_waits_while_nothing_may_be_added() -> None:
    """A role that cannot be replaced now is kept, so that the access does not lose it without a successor."""
    reader = Grant(READER, PUSH.member)
    observed = policy(Binding(WRITER, (PUSH.member,)))
    plan = plan_policy([claimant(A, reader, may_add=False, ledger=(record(PUSH),))], observed)
    assert plan.policy is None
    assert plan.after == {A: (record(PUSH),)}


def test_a_grant_found_where_none_was_set_is_another_clients() -> None:
    """A grant that this process recorded and certainly never set is Existing when it is found, and is never removed."""
    ledger = (record(PULL, GrantState.RECORDED),)
    unset = Circumstances(unset={("a", PULL.identity)})
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, PULL, ledger=ledger)], observed, unset)
    assert plan.before == plan.after == {A: (record(PULL, GrantState.EXISTING),)}
    leaving = plan_policy([claimant(A, ledger=ledger)], observed, unset)
    assert (leaving.policy, leaving.after) == (None, {A: ()})


def test_what_another_ledger_may_have_set_is_ours() -> None:
    """A found grant is ours as long as any ledger has it that may have set it."""
    ledger = (record(PULL, GrantState.RECORDED),)
    observed = policy(Binding(READER, (PULL.member,)))
    claimants = [claimant(A, PULL, ledger=ledger), claimant(B, ledger=ledger)]
    plan = plan_policy(claimants, observed, Circumstances(unset={("a", PULL.identity)}))
    assert plan.after == {A: (record(PULL),), B: ()}
    assert plan.policy is None


@pytest.mark.parametrize("ledger", [(), (record(PULL, GrantState.EXISTING),)], ids=["new", "existing"])
def test_adoption_takes_over_what_no_ledger_owns(ledger: tuple[GrantRecord, ...]) -> None:
    """With adoptionPolicy Always an identical grant becomes the access's own, at once or later."""
    adopting = Claimant(A, (PULL,), True, ledger, adopts=True)
    plan = plan_policy([adopting], policy(Binding(READER, (PULL.member,))))
    assert plan.adopted == ((A, PULL),)
    assert plan.after == {A: (record(PULL),)}
    assert plan.policy is None


def test_adoption_waits_while_nothing_may_be_added() -> None:
    """An access that may add nothing does not adopt anything either."""
    adopting = Claimant(A, (PULL,), False, (record(PULL, GrantState.EXISTING),), adopts=True)
    assert plan_policy([adopting], policy(Binding(READER, (PULL.member,)))).adopted == ()


def test_a_debt_is_removed() -> None:
    """What a disappeared access left behind is removed, though no ledger has it."""
    plan = plan_policy([], policy(Binding(READER, (PULL.member, "user:o@x.y"))), Circumstances(debts=[record(PULL)]))
    assert (plan.remove, plan.unpaid) == ((PULL,), frozenset())
    assert granted(plan.policy) == {(READER, "user:o@x.y")}


def test_a_debt_that_is_wanted_gets_a_new_owner() -> None:
    """An existing access that wants the grant owns it; until that is recorded the debt stays."""
    observed = policy(Binding(READER, (PULL.member,)))
    plan = plan_policy([claimant(A, PULL)], observed, Circumstances(debts=[record(PULL)]))
    assert (plan.policy, plan.before) == (None, {A: (record(PULL),)})
    waits = plan_policy([claimant(A, PULL)], observed, Circumstances(debts=[record(PULL)], recorded=True))
    assert (waits.policy, waits.after, waits.unpaid) == (None, {A: ()}, {PULL.identity})
    paid = plan_policy([claimant(A, PULL, ledger=(record(PULL),))], observed, Circumstances(debts=[record(PULL)]))
    assert (paid.policy, paid.unpaid) == (None, frozenset())


def test_only_what_is_recorded_is_added() -> None:
    """Right before the set nothing is added that is in no ledger, and a grant that another one owns stays there."""
    observed = policy(Binding(WRITER, (PUSH.member,)))
    claimants = [claimant(A, PULL, PUSH), claimant(B, ledger=(record(PUSH),))]
    plan = plan_policy(claimants, observed, Circumstances(recorded=True))
    assert plan.policy is None
    assert plan.after == {A: (), B: (record(PUSH),)}


def test_what_is_withheld_is_unrecorded() -> None:
    """A grant of a refused set leaves the ledger if it was certainly not set, and stays if it may have been."""
    ledger = (record(PULL, GrantState.RECORDED), record(PUSH, GrantState.RECORDED))
    known = Circumstances(withheld={PULL.identity, PUSH.identity}, unset={("a", PULL.identity)}, recorded=True)
    plan = plan_policy([claimant(A, PULL, PUSH, ledger=ledger)], policy(), known)
    assert plan.policy is None
    assert plan.after == {A: (record(PUSH, GrantState.RECORDED),)}


def test_nothing_leaves_a_ledger_while_the_policy_cannot_be_set() -> None:
    """A grant to remove stays ours until a set has removed it."""
    plan = plan_policy(
        [claimant(A, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,))), Circumstances(still=True)
    )
    assert (plan.policy, plan.after) == (None, {A: (record(PULL),)})


@given(
    size=st.integers(MEMBER_LIMIT - 4, MEMBER_LIMIT + 2),
    sides=st.lists(
        st.tuples(
            st.lists(st.integers(0, 5), max_size=3, unique=True), st.lists(st.integers(0, 5), max_size=3, unique=True)
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_room_is_never_overdrawn_and_no_replacement_lost(size: int, sides: list[tuple[list[int], list[int]]]) -> None:
    """For any claims: no set exceeds the limit, and no access ends with fewer grants than it could keep."""
    held = {number for _, olds in sides for number in olds}
    ours = tuple(f"user:m{number}@x.y" for number in sorted(held))
    observed = policy(_crowd(size - len(ours)), Binding(READER, ours))
    claimants = [
        claimant(
            ObjectKey("n", f"a{position}"),
            *(Grant(WRITER, f"user:m{number}@x.y") for number in news),
            ledger=tuple(record(Grant(READER, f"user:m{number}@x.y")) for number in olds),
        )
        for position, (news, olds) in enumerate(sides)
    ]
    plan = plan_policy(claimants, observed)
    after = plan.policy or observed
    assert after.size <= max(MEMBER_LIMIT, observed.size - len(plan.remove))
    standing = after.grants()
    for each in claimants:
        had = {entry.grant.identity for entry in each.ledger}
        wanted = {grant.identity for grant in each.wanted}
        assert len((had | wanted) & standing) >= min(len(had), len(wanted))


@given(
    role=st.sampled_from([READER, WRITER]),
    keep=st.booleans(),
    crowd=st.lists(
        st.builds(
            Binding,
            st.sampled_from([READER, WRITER, "roles/viewer"]),
            st.lists(st.sampled_from(["user:a@x.y", "user:B@x.y", PULL.member, "allUsers"]), max_size=4).map(tuple),
            st.sampled_from([None, CONDITION]),
        ),
        max_size=5,
    ),
)
def test_a_change_touches_only_its_own_grant(role: str, keep: bool, crowd: list[Binding]) -> None:
    """In any policy, adding and removing one grant leaves every other member of every binding in its place."""
    grant = Grant(role, PULL.member)
    observed = policy(*crowd)
    ledger = () if keep else (record(grant),)
    plan = plan_policy([claimant(A, *([grant] if keep else []), ledger=ledger)], observed)
    after = plan.policy or observed

    def others(found: Policy) -> list[tuple[str, tuple[str, ...], bool]]:
        rest = [
            (b.role, tuple(m for m in b.members if b.condition or (b.role, m) != grant.identity), b.condition is None)
            for b in found.bindings
        ]
        return [each for each in rest if each[1] or not each[2]]

    assert [each for each in others(after) if each[1]] == [each for each in others(observed) if each[1]]
    assert (grant.identity in after.grants()) is keep


def test_a_rejected_member_is_left_out_with_iams_words() -> None:
    """A member that IAM rejected is marked Rejected on the access that wants it, and all others proceed."""
    plan = plan_policy(
        [claimant(A, PULL), claimant(B, PUSH)], policy(), Circumstances(rejected={PULL.identity: "does not exist"})
    )
    assert plan.add == (PUSH,)
    assert plan.after == {A: (GrantRecord(PULL, GrantState.REJECTED, "does not exist"),), B: (record(PUSH),)}


def test_a_rejection_that_has_lapsed_is_tried_again() -> None:
    """A Rejected entry does not prevent a grant once the rejection is forgotten."""
    ledger = (GrantRecord(PULL, GrantState.REJECTED, "does not exist"),)
    assert plan_policy([claimant(A, PULL, ledger=ledger)], policy()).add == (PULL,)


def test_a_rejected_member_that_is_there_after_all_is_existing() -> None:
    """If another client granted what IAM rejected for us, it is used."""
    plan = plan_policy(
        [claimant(A, PULL)], policy(Binding(READER, (PULL.member,))), Circumstances(rejected={PULL.identity: "no"})
    )
    assert plan.after == {A: (record(PULL, GrantState.EXISTING),)}


def test_an_attempt_adds_only_what_it_may() -> None:
    """During a bisection only the named grants are added; the others stay recorded."""
    plan = plan_policy([claimant(A, PULL, PUSH)], policy(), Circumstances(only={PUSH.identity}))
    assert plan.add == (PUSH,)
    assert plan.after == {A: (record(PULL, GrantState.RECORDED), record(PUSH))}


def test_nothing_new_is_added_while_nothing_may_be() -> None:
    """An access of a repository that is not Ready gets no new grant."""
    plan = plan_policy([claimant(A, PULL, may_add=False)], policy())
    assert plan.policy is None
    assert plan.before == plan.after == {A: ()}


@pytest.mark.parametrize("state", [GrantState.EXISTING, GrantState.RECORDED])
def test_only_a_granted_one_is_restored_while_nothing_may_be_added(state: GrantState) -> None:
    """What others granted, and what was never set, is new: it waits until new grants are allowed."""
    plan = plan_policy([claimant(A, PULL, may_add=False, ledger=(record(PULL, state),))], policy(), {})
    assert plan.add == ()
    assert plan.policy is None


def test_nothing_held_is_removed_while_nothing_may_be_added() -> None:
    """An access of a repository that is not Ready keeps what it has and gets nothing more."""
    plan = plan_policy(
        [claimant(A, PULL, PUSH, may_add=False, ledger=(record(PULL),))], policy(Binding(READER, (PULL.member,)))
    )
    assert plan.policy is None
    assert plan.after == {A: (record(PULL),)}


def test_withdrawal_does_not_wait_for_readiness() -> None:
    """A grant that an access no longer wants is removed even while nothing may be added."""
    observed = policy(Binding(READER, (PULL.member,)), Binding(WRITER, (PUSH.member,)))
    ledger = (record(PULL), record(PUSH))
    plan = plan_policy([claimant(A, PULL, may_add=False, ledger=ledger)], observed)
    assert plan.remove == (PUSH,)


def test_many_accesses_are_one_set() -> None:
    """However many accesses changed, one policy is planned, with each grant once."""
    claimants = [claimant(ObjectKey("n", f"a{number}"), PULL, PUSH) for number in range(20)]
    plan = plan_policy(claimants, policy())
    assert plan.policy is not None
    assert plan.policy.size == 2
    assert all(ledger == (record(PULL), record(PUSH)) for ledger in plan.after.values())


def test_the_plan_does_not_depend_on_the_order_of_accesses() -> None:
    """The same accesses in another order result in the same policy, so that two passes never conflict."""
    claimants = [claimant(A, PUSH, PULL), claimant(B, PULL)]
    assert plan_policy(claimants, policy()).policy == plan_policy(claimants[::-1], policy()).policy


def test_a_settled_state_plans_nothing() -> None:
    """After a pass, no other set is planned."""
    first = plan_policy([claimant(A, PULL)], policy())
    assert first.policy is not None
    second = plan_policy([claimant(A, PULL, ledger=first.after[A])], first.policy)
    assert second.policy is None
    assert second.before == second.after == first.after
