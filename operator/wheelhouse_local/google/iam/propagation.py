"""The delay from a change of a policy to its effect: for the world, and for single members.

Two to seven minutes are typical in the real service (https://cloud.google.com/iam/docs/access-change-propagation).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.iam.v1 import policy_pb2

from wheelhouse_local.google.iam import members
from wheelhouse_local.google.store import Document, Store

KIND, SETTING = "propagation", "setting"
_NAME = "propagation"

Grants = Iterable[tuple[str, Sequence[str]]]
"""Roles and members that are in effect."""
_Tuple = tuple[str, str]


class Propagation:
    """Knows which grants of a policy are not in effect yet, and which revoked ones still are.

    A row for each resource has the pending changes: for each role and member whether the grant is in effect now, and
    at which Unix seconds it starts or ends.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    @property
    def world(self) -> float:
        """Seconds for members without a delay of their own."""
        return float(self._settings()["seconds"])

    @property
    def own(self) -> dict[str, float]:
        """Members with a delay of their own, in seconds."""
        return {str(member): float(seconds) for member, seconds in self._settings()["members"].items()}

    def set_world(self, seconds: float) -> None:
        """Set the delay of future changes; 0 also applies the pending ones of members without their own delay."""
        with self._store.transaction():
            self._store.put(SETTING, _NAME, {**self._settings(), "seconds": seconds})
            if not seconds:
                self._end(None)

    def set_own(self, member: str, seconds: float | None) -> None:
        """Set the delay of a member's future changes; 0 also applies the pending ones, and None ends its own delay."""
        settings, member = self._settings(), members.canonical(member)
        settings["members"].pop(member, None)
        if seconds is not None:
            settings["members"][member] = seconds
        with self._store.transaction():
            self._store.put(SETTING, _NAME, settings)
            if seconds == 0:
                self._end(member)

    def clear(self) -> None:
        """Remove all delays, and apply all pending changes."""
        with self._store.transaction():
            self._store.delete(SETTING, _NAME)
            self._end(None)

    def changed(self, name: str, before: policy_pb2.Policy, after: policy_pb2.Policy) -> None:
        """Delay the effect of a change of a policy."""
        settings = self._settings()
        if not settings["seconds"] and not settings["members"]:
            return
        pending = self._pending(name)
        old, new = _tuples(before), _tuples(after)
        for key in old ^ new:
            seconds = settings["members"].get(members.canonical(key[1]), settings["seconds"])
            if not seconds:
                pending.pop(key, None)
                continue
            at = self._clock() + seconds
            change = pending.setdefault(key, {"now": key in old, "then": []})
            # A later change replaces an earlier one that is not in effect before it.
            change["then"] = [step for step in change["then"] if step[0] < at] + [[at, key in new]]
        self._write(name, pending)

    def felt(self, name: str, policy: policy_pb2.Policy) -> Grants:
        """The grants in effect of a resource with this policy; conditions never hold here."""
        grants = [(each.role, each.members) for each in policy.bindings if not each.HasField("condition")]
        pending = self._pending(name)
        if not pending:
            return grants
        current = [(role, [m for m in who if (role, m) not in pending]) for role, who in grants]
        return current + [(role, [member]) for (role, member), change in pending.items() if change["now"]]

    def drop(self, name: str) -> None:
        """Apply the pending changes of a resource and of its children."""
        self._store.delete(KIND, name)
        for child, _ in self._store.list(KIND, f"{name}/"):
            self._store.delete(KIND, child)

    def forget(self, member: str) -> None:
        """Forget the pending changes of a member, which is in effect nowhere after that."""
        self._end(members.canonical(member))

    def _settings(self) -> Document:
        return self._store.get(SETTING, _NAME) or {"seconds": 0.0, "members": {}}

    def _pending(self, name: str) -> dict[_Tuple, dict[str, Any]]:
        """The changes that are still pending, with those in effect whose time has come."""
        row, now = self._store.get(KIND, name), self._clock()
        found = {}
        for role, member, change in row["changes"] if row else ():
            passed = [granted for at, granted in change["then"] if at <= now]
            then = [step for step in change["then"] if step[0] > now]
            if then:
                found[role, member] = {"now": passed[-1] if passed else change["now"], "then": then}
        return found

    def _write(self, name: str, pending: dict[_Tuple, dict[str, Any]]) -> None:
        if pending:
            self._store.put(KIND, name, {"changes": [[*key, change] for key, change in pending.items()]})
        else:
            self._store.delete(KIND, name)

    def _end(self, member: str | None) -> None:
        """Apply the pending changes of a member, or those of members without their own delay."""
        own = self._settings()["members"]
        for name, _ in self._store.list(KIND):
            pending = self._pending(name)
            for key in list(pending):
                who = members.canonical(key[1])
                if who == member or (member is None and who not in own):
                    del pending[key]
            self._write(name, pending)


def _tuples(policy: policy_pb2.Policy) -> set[_Tuple]:
    return {
        (binding.role, member)
        for binding in policy.bindings
        if not binding.HasField("condition")
        for member in binding.members
    }
