"""The policy unit is killed before and after every port call of a pass: nothing is lost, and nothing is left over."""

from collections.abc import Callable

import pytest
from convergence.test_policy_machine import NAMES, Disturbance, Disturbances, PolicyMachine

Act = Callable[[PolicyMachine, Disturbances], None]


def several(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """Four new accesses at once, of which some share a grant."""
    for name in NAMES[1:3]:
        machine.user_wants(name=name, members=["bob", "cid"], role="Reader", disturbed=None)
    machine.user_wants(name=NAMES[3], members=["ann", "bob"], role="Writer", disturbed=disturbed)


def other_role(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """Reader becomes Writer."""
    machine.settle()
    machine.user_wants(name=NAMES[0], members=["ann"], role="Writer", disturbed=disturbed)


def deleted(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """One of two accesses that share a grant is deleted."""
    machine.user_wants(name=NAMES[1], members=["ann", "bob"], role="Reader", disturbed=None)
    machine.settle()
    machine.user_deletes(name=NAMES[1], disturbed=disturbed)


def all_deleted(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """The last claimant of a grant is deleted with the one before it."""
    machine.user_wants(name=NAMES[1], members=["ann", "bob"], role="Reader", disturbed=None)
    machine.settle()
    machine.user_deletes(name=NAMES[0], disturbed=None)
    machine.user_deletes(name=NAMES[1], disturbed=disturbed)


def taken_over(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """An access asks for the grant of one that is deleted in the same moment."""
    machine.settle()
    machine.user_deletes(name=NAMES[0], disturbed=None)
    machine.user_wants(name=NAMES[1], members=["ann"], role="Reader", disturbed=disturbed)


def rejected(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """IAM rejects one of two new members."""
    machine.reject({"user:bob@example.com"}, named=True)
    machine.user_wants(name=NAMES[1], members=["bob", "cid"], role="Reader", disturbed=disturbed)


def conflict(machine: PolicyMachine, disturbed: Disturbances) -> None:
    """Another client adds a wanted grant just before the set, and the next pass is killed."""
    machine.user_wants(name=NAMES[1], members=["bob"], role="Reader", disturbed={"policies.set": RACE})
    machine.time_passes(seconds=60.0, disturbed=disturbed)


RACE = Disturbance(after=False, what="race")
ACTS: list[Act] = [several, other_role, deleted, all_deleted, taken_over, rejected, conflict]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_call(act: Act, after: bool) -> None:
    """After each crash the next process reaches what is wanted, with the grants of others as they were."""
    position = 0
    while crashed(act, {position: Disturbance(after, "crash")}):
        position += 1
    assert position >= 3, "the pass was too short to prove anything"


def crashed(act: Act, disturbed: Disturbances) -> bool:
    """Play an act and what follows; return whether a process was killed in it."""
    machine = PolicyMachine()
    try:
        machine.begin(writers=3)
        act(machine, disturbed)
        machine.nothing_foreign_is_touched()
        machine.settle()
        machine.nothing_foreign_is_touched()
        return bool(machine.crashes)
    finally:
        machine.teardown()
