"""Grants of ours whose account was deleted: the policy keeps them as tombstones, and the operator removes its own.

A tombstone that stays makes IAM reject the account when it is created again, and grants again when it is undeleted.
"""

from collections.abc import Callable

import pytest
from fakes.calls import PortCall
from fakes.emulated_policies import EmulatedFakes
from fakes.policies import NAME, PolicyRoom

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused

TEAM = "group:team@example.com"


def refuse(call: PortCall) -> None:
    """Google denies every set."""
    if call.name == "policies.set":
        raise Refused("403")


def strip(room: PolicyRoom, key: ObjectKey) -> None:
    """The object disappears without a release."""
    room.fakes.cluster.objects.pop((Kind.ACCESS, key))


def delete(room: PolicyRoom, key: ObjectKey) -> None:
    """The access is deleted."""
    room.fakes.cluster.delete(Kind.ACCESS, key)


def change(room: PolicyRoom, key: ObjectKey) -> None:
    """The access requests something else."""
    room.want(key.name, "ann")


@pytest.mark.parametrize("refused", [False, True], ids=["", "while sets are denied"])
@pytest.mark.parametrize("leave", [strip, delete, change])
async def test_no_tombstone_of_ours_stays(leave: Callable[[PolicyRoom, ObjectKey], None], refused: bool) -> None:
    """However the access stops requesting the grant, its tombstone goes as soon as Google allows sets."""
    room = PolicyRoom(EmulatedFakes())
    key = room.want("one", TEAM)
    await room.settle()
    principals = room.fakes.google.emulation.principals  # type: ignore[attr-defined]  # of EmulatedFakes
    principals.delete(TEAM)
    leave(room, key)
    if refused:
        room.fakes.calls.before = refuse
        for _ in range(3):
            await room.reconcile()
            room.fakes.clock.advance(60.0)
        assert any("deleted:" in member for _, member in room.fakes.google.policy(NAME).grants())
        room.fakes.calls.before = None
        room.fakes.clock.advance(700.0)
    await room.settle()
    assert not any("deleted:" in member for _, member in room.fakes.google.policy(NAME).grants())
    assert room.debts.grants(NAME) == ()
    principals.create(TEAM)
    again = room.want("again", TEAM)
    await room.settle()
    assert room.condition(again) == ("True", "Granted")
