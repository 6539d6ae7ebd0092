"""The limits of IAM policies: Google's, and lower ones that the owner of the world sets."""

from typing import Any

import pytest
from fakes.emulated import REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, body, refusal
from google.iam.v1 import policy_pb2

SET = f"{REPOSITORY}:setIamPolicy"
READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
USER = "user:u0@acme.example"


@pytest.fixture
def google(google: Emulated) -> Emulated:
    """With one repository."""
    google.create()
    return google


def many(count: int, kind: str = "user") -> list[str]:
    return [f"{kind}:u{number}@acme.example" for number in range(count)]


def policy(*grants: tuple[str, list[str]]) -> dict[str, Any]:
    return {"policy": {"bindings": [{"role": role, "members": members} for role, members in grants]}}


async def limit(google: Emulated, **wanted: int | None) -> Any:
    return await body(google, "POST", "/control/limits", json=wanted)


async def refused(google: Emulated, *grants: tuple[str, list[str]]) -> str:
    """The message of a failed write."""
    status, name, message = await refusal(google, "POST", SET, OPERATOR, json=policy(*grants))
    assert (status, name) == (400, "INVALID_ARGUMENT")
    return str(message)


async def accepted(google: Emulated, *grants: tuple[str, list[str]]) -> None:
    await body(google, "POST", SET, OPERATOR, json=policy(*grants))


async def test_1500_members_each_occurrence_counted(google: Emulated) -> None:
    """The message is the one of public threads; a member with two roles counts twice."""
    await accepted(google, (READ, many(1499)), (WRITE, [USER]))
    text = "The number of members in the policy (1,501) is larger than the maximum allowed size 1,500."
    assert await refused(google, (READ, many(1500)), (WRITE, [USER])) == text


async def test_250_groups(google: Emulated) -> None:
    """Users beside them do not count."""
    await accepted(google, (READ, [*many(250, "group"), *many(100)]))
    text = "The number of groups in the policy (251) is larger than the maximum allowed size 250."
    assert await refused(google, (READ, many(251, "group"))) == text


async def test_lower_limits(google: Emulated) -> None:
    """Fewer members and groups, for a test at the limit in a small policy."""
    assert await limit(google, principals=3, groups=1) == {"principals": 3, "groups": 1, "bytes": None}
    await accepted(google, (READ, [*many(2), "group:g@acme.example"]))
    assert "members in the policy (4)" in await refused(google, (READ, many(3)), (WRITE, [USER]))
    assert "groups in the policy (2)" in await refused(google, (READ, many(2, "group")))


async def test_a_size_that_is_met_earlier(google: Emulated) -> None:
    """The bytes of the policy, whatever the number of members."""
    members = many(10)
    size = policy_pb2.Policy(bindings=[policy_pb2.Binding(role=READ, members=members)]).ByteSize()
    await limit(google, bytes=size)
    await accepted(google, (READ, members))
    text = f"The number of bytes in the policy ({size + 1}) is larger than the maximum allowed size {size}."
    assert await refused(google, (READ, [*members[:-1], f"{members[-1]}x"])) == text


async def test_limits_are_restored(google: Emulated) -> None:
    """A limit of null is Google's own limit; limits that are not named stay."""
    await limit(google, principals=1, bytes=1)
    assert await limit(google, bytes=None) == {"principals": 1, "groups": 250, "bytes": None}
    assert await limit(google, principals=None) == {"principals": 1500, "groups": 250, "bytes": None}
    await accepted(google, (READ, many(2)))


async def test_a_policy_over_a_lower_limit_can_only_shrink_below_it(google: Emulated) -> None:
    """A write is measured by its own size, not by what it changes."""
    await accepted(google, (READ, many(5)))
    await limit(google, principals=3)
    await refused(google, (READ, many(4)))
    await accepted(google, (READ, many(3)))
