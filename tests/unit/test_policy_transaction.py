"""What a pass makes of a ledger that another operator writes while the policy is being set."""

from fakes.calls import PortCall
from fakes.policies import PolicyRoom

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind

READER = "roles/artifactregistry.reader"


def beside(room: PolicyRoom, key: ObjectKey, *members: str) -> None:
    """While the next policy is set, another operator records that it granted these."""

    def before(call: PortCall) -> None:
        if call.name != "policies.set":
            return
        room.fakes.calls.before = None
        body = room.fakes.cluster.objects[Kind.ACCESS, key]
        rows = [{"role": READER, "member": f"user:{name}@example.com", "state": "Granted"} for name in members]
        body["status"]["grants"] = rows
        room.fakes.cluster.touch(body)
        room.watch()

    room.fakes.calls.before = before


async def test_what_another_operator_granted_stays_in_the_ledger() -> None:
    """This pass does not know the other entry: both are recorded, and a later pass revokes the unwanted one."""
    room = PolicyRoom()
    room.plant_members("bob")
    key = room.want("team", "ann")
    beside(room, key, "ann", "bob")
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted", "bob": "Granted"}
    await room.settle()
    assert room.states(key) == {"ann": "Granted"}
    assert room.members() == {"ann"}


async def test_what_another_operator_granted_is_not_taken_for_a_strangers() -> None:
    """This pass finds a grant that is there already; the ledger of the other one owns it, and that counts."""
    room = PolicyRoom()
    room.plant_members("ann")
    key = room.want("team", "ann", "cid")
    beside(room, key, "ann", "cid")
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted", "cid": "Granted"}


async def test_an_entry_that_this_pass_withdrew_does_not_come_back() -> None:
    """The other operator still lists it: it was in the ledger that this pass planned from, so it is gone."""
    room = PolicyRoom()
    key = room.want("team", "ann", "bob")
    await room.settle()
    room.want("team", "ann", "cid")
    beside(room, key, "ann", "bob", "cid")
    await room.reconcile()
    assert room.states(key) == {"ann": "Granted", "cid": "Granted"}
    assert room.members() == {"ann", "cid"}
