"""What one process remembers of a policy: members that IAM rejected are retried ever more seldom."""

from wheelhouse.domain.iam import Grant
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.claimant import Claimant
from wheelhouse.reconcile.policy.memory import LONGEST_REMEMBERED, Memory
from wheelhouse.reconcile.policy.oversize import REMEMBERED, Oversize

GRANT = Grant("roles/artifactregistry.reader", "user:ann@example.com")
PAIR = GRANT.identity


def test_each_rejection_doubles_the_wait() -> None:
    """Ten minutes, twenty, and so on, up to six hours: k bad members cost about k sets, not k every ten minutes."""
    memory, now, waits = Memory(), 0.0, []
    for _ in range(12):
        memory.reject([PAIR], "does not exist", now)
        assert memory.rejections(now) == {PAIR: "does not exist"}
        waits.append(memory.rejected[PAIR].retry_at - now)
        now = memory.rejected[PAIR].retry_at
        assert memory.rejections(now) == {}
    assert waits[:3] == [REMEMBERED, 2 * REMEMBERED, 4 * REMEMBERED]
    assert waits[-1] == LONGEST_REMEMBERED


def test_a_person_can_ask_for_a_retry() -> None:
    """After a request the access's own grants are tried again, and those of others are not; the count stays."""
    other = ("roles/artifactregistry.reader", "user:bob@example.com")
    memory = Memory(oversize=Oversize(waiting={PAIR, other}))
    memory.reject([PAIR, other], "does not exist", 0.0)
    memory.retry([PAIR])
    assert (set(memory.rejections(1.0)), memory.oversize.waiting) == ({other}, {other})
    memory.reject([PAIR], "does not exist", 1.0)
    assert memory.rejected[PAIR].times == 2


def test_a_member_that_no_access_wants_is_forgotten() -> None:
    """The wait starts again for a subject that was removed and added later."""
    memory = Memory()
    memory.reject([PAIR], "does not exist", 0.0)
    wanting = Claimant(ObjectKey("a", "one"), (GRANT,), may_add=True, ledger=())
    memory.prune([wanting])
    assert PAIR in memory.rejected
    memory.prune([Claimant(ObjectKey("a", "one"), (), may_add=True, ledger=())])
    assert memory.rejected == {}


def test_new_grants_that_are_too_much_delay_no_retry() -> None:
    """A tenant that adds accesses to a full policy all the time must not keep the others waiting."""
    oversize = Oversize()
    oversize.outgrew([PAIR], 7, 0.0)
    oversize.outgrew([("roles/artifactregistry.reader", "user:bob@example.com")], 7, REMEMBERED - 1)
    assert oversize.until_retry(REMEMBERED - 1) == 1.0
