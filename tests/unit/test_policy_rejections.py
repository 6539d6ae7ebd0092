"""The search for members that IAM rejects: all others are set, and it ends soon."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Binding, Grant, Policy
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid
from wheelhouse.reconcile.policy.rejections import Search, names, words_about

READER = "roles/artifactregistry.reader"
EMPTY = Policy(b"e", 1, ())
SILENT = Invalid("One or more users do not belong to a permitted customer.", Reason.MEMBER_REJECTED)


def grant(number: int) -> Grant:
    return Grant(READER, f"user:u{number}@example.com")


def searched(count: int, bad: set[int], *, naming: bool) -> tuple[set[Grant], set[Grant], int]:
    """Search among this many additions; return what was set, what was rejected, and the number of sets."""
    search, waiting, done, blamed, sets = Search(), {grant(n) for n in range(count)}, set(), set(), 0
    wrong = {grant(number) for number in bad}
    while not search.over:
        only = search.only
        tried = sorted(each for each in waiting if only is None or each.identity in only)
        sets += bool(tried)
        if found := wrong.intersection(tried):
            words = Invalid(f"{min(found).member} does not exist.") if naming else SILENT
            culprits = set(search.refused(tried, words, EMPTY))
        else:
            done |= set(tried)
            waiting -= done
            culprits = set(search.accepted(tried)[0])
        blamed |= culprits
        waiting -= culprits
    return done, blamed, sets


@given(count=st.integers(0, 128), bad=st.sets(st.integers(0, 127), max_size=5), naming=st.booleans())
def test_all_but_the_bad_ones_are_set(count: int, bad: set[int], naming: bool) -> None:
    """Whichever members are bad, exactly these are found and all others set, in O(k log n) sets."""
    bad = {number for number in bad if number < count}
    done, blamed, sets = searched(count, bad, naming=naming)
    assert blamed == {grant(number) for number in bad}
    assert done == {grant(number) for number in range(count)} - blamed
    most = len(bad) + 1 if naming else 1 + 2 * len(bad) * math.ceil(math.log2(max(count, 2)))
    assert sets <= most


def test_the_details_name_every_member_at_once_and_each_access_reads_only_its_own() -> None:
    """An organization policy names the members in its details: one set finds all, and no access sees another's."""
    details = ("User user:u1@example.com is not in permitted organization.", "User u2@example.com is not permitted.")
    error = Invalid(SILENT.message, Reason.MEMBER_REJECTED, details)
    assert set(Search().refused([grant(0), grant(1), grant(2)], error, EMPTY)) == {grant(1), grant(2)}
    assert words_about(grant(1).member, error) == f"{SILENT.message} {details[0]}"
    assert words_about(grant(0).member, error) == SILENT.message


def test_a_policy_that_is_rejected_without_additions_is_no_members_fault() -> None:
    """The error is raised again if nothing was added."""
    with pytest.raises(Invalid):
        Search().refused((), SILENT, EMPTY)


def test_a_rejected_member_of_another_client_is_no_additions_fault() -> None:
    """If IAM's message names a member that was already in the policy, no addition is rejected."""
    standing = Policy(b"e", 1, (Binding(READER, ("user:gone@example.com",)),))
    with pytest.raises(Invalid):
        Search().refused([grant(1), grant(2)], Invalid("user:gone@example.com does not exist."), standing)


@pytest.mark.parametrize(
    ("words", "member", "named"),
    [
        (
            "Service account x@p.iam.gserviceaccount.com does not exist.",
            "serviceAccount:x@p.iam.gserviceaccount.com",
            1,
        ),
        ("User Ann@Example.com is not in permitted organization.", "user:ann@example.com", 1),
        ("User ann@example.com.", "user:ann@example.com", 1),
        ("user:joann@example.com does not exist.", "user:ann@example.com", 0),
        ("user:ann@example.com.br does not exist.", "user:ann@example.com", 0),
        ("principal://pool/subject/ns/a/sa/pull-2 is bad", "principal://pool/subject/ns/a/sa/pull", 0),
        ("principal://pool/subject/ns/a/sa/pull is bad", "principal://pool/subject/ns/a/sa/pull", 1),
        ("allUsers is not allowed", "allUsers", 1),
    ],
)
def test_only_the_member_itself_is_named(words: str, member: str, named: int) -> None:
    """A name within a longer name is another member, which must not be left out."""
    assert names(words, member) is bool(named)
