"""The limits of an IAM policy, which can be lowered.

The published proto has the two numbers, and says that each occurrence of a principal counts.
"""

from collections import Counter
from dataclasses import asdict, dataclass

from google.iam.v1 import policy_pb2

from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

PRINCIPALS, GROUPS = 1500, 250
SETTING, _NAME = "setting", "policy-limits"


@dataclass(frozen=True, slots=True)
class Limits:
    """Occurrences of principals, those of groups, and bytes of the serialized policy; None is no limit."""

    principals: int = PRINCIPALS
    groups: int = GROUPS
    bytes: int | None = None

    def check(self, policy: policy_pb2.Policy) -> None:
        """Reject a policy that is larger.

        The first message is quoted in public threads. The other two are ours in the same words: inferred, as is that
        there is a limit of the size.

        Raises:
            ApiError: INVALID_ARGUMENT.
        """
        count = Counter(member.partition(":")[0] for binding in policy.bindings for member in binding.members)
        _require("number of members in the policy", count.total(), self.principals)
        _require("number of groups in the policy", count["group"], self.groups)
        if self.bytes is not None:
            content = policy_pb2.Policy(bindings=policy.bindings)
            _require("number of bytes in the policy", content.ByteSize(), self.bytes)

    def put(self, store: Store) -> None:
        """Store them.

        Raises:
            ApiError: INVALID_ARGUMENT if one is not positive, or higher than Google's.
        """
        for name, value, most in (
            ("principals", self.principals, PRINCIPALS),
            ("groups", self.groups, GROUPS),
            ("bytes", self.bytes, None),
        ):
            if value is not None and (value < 1 or (most is not None and value > most)):
                upper = f" and at most {most}" if most else ""
                raise ApiError("INVALID_ARGUMENT", f"{name}: expected a number that is at least 1{upper}.")
        store.put(SETTING, _NAME, asdict(self))


def stored(store: Store) -> Limits:
    """The limits of this world."""
    return Limits(**(store.get(SETTING, _NAME) or {}))


def _require(what: str, found: int, most: int) -> None:
    if found > most:
        text = f"The {what} ({found:,}) is larger than the maximum allowed size {most:,}."
        raise ApiError("INVALID_ARGUMENT", text)
