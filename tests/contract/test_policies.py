"""IAM policies over gRPC: everything that we did not change stays the same byte for byte."""

from dataclasses import replace

import grpc
import pytest
from fakes.google_server import Wire
from fakes.world import Fakes
from google.iam.v1 import policy_pb2
from google.rpc import error_details_pb2
from google.type import expr_pb2
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.clients.google.policies import GooglePolicies, from_wire, to_wire
from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, Unavailable
from wheelhouse.reconcile.ports import Policies

NAME = RepositoryName("acme-packages", "us-central1", "team-wheels")
READERS = Binding("roles/artifactregistry.reader", ("user:ann@acme.example", "group:all@acme.example"))


@pytest.fixture(params=["fake", "wire"])
def port(request: pytest.FixtureRequest) -> Policies:
    """The Policies port over a repository that exists."""
    if request.param == "fake":
        fakes = Fakes()
        fakes.google.plant(NAME)
        return fakes.policies
    wire = request.getfixturevalue("wire")
    wire.server.plant(NAME.full)
    return GooglePolicies(wire.google)


async def test_a_fresh_policy_is_empty_and_has_an_etag(port: Policies) -> None:
    """`ACAB`, no version, no bindings."""
    assert await port.get(NAME) == Policy(b"\x00\x20\x01", 0, ())


async def test_read_modify_write(port: Policies) -> None:
    """A get returns what was set; another writer in between makes the etag stale."""
    first = await port.get(NAME)
    assert first is not None
    await port.set(NAME, replace(first, bindings=(READERS,)))
    second = await port.get(NAME)
    assert second is not None
    assert (second.version, second.bindings) == (1, (READERS,))
    assert second.etag != first.etag
    with pytest.raises(Conflict):
        await port.set(NAME, replace(first, bindings=()))
    assert await port.get(NAME) == second


async def test_a_repository_that_is_gone(port: Policies) -> None:
    """A get returns None, and a set is a conflict."""
    gone = NAME._replace(repository_id="gone")
    assert await port.get(gone) is None
    with pytest.raises(Conflict):
        await port.set(gone, Policy(b"\x00\x20\x01", 0, (READERS,)))


async def test_conditions_are_asked_for(wire: Wire) -> None:
    """Every get requests version 3."""
    wire.server.plant(NAME.full)
    await GooglePolicies(wire.google).get(NAME)
    assert wire.server.requests[-1][1].options.requested_policy_version == 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("User nobody@acme.example does not exist.", Reason.MEMBER_REJECTED),
        ("One or more users named in the policy do not belong to a permitted customer.", Reason.MEMBER_REJECTED),
        (
            "The number of members in the policy (1,501) is larger than the maximum allowed size 1,500.",
            Reason.POLICY_FULL,
        ),
    ],
)
async def test_rejections_are_distinguished(wire: Wire, words: str, reason: Reason) -> None:
    """A rejected member affects one access, a full policy all of them."""
    wire.server.plant(NAME.full)
    for code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION):
        wire.server.fail["SetIamPolicy"] = (code, words, [])
        with pytest.raises(Invalid) as caught:
            await GooglePolicies(wire.google).set(NAME, Policy(b"\x00\x20\x01", 0, (READERS,)))
        assert caught.value.reason is reason


async def test_the_members_that_an_organization_policy_rejects_are_in_the_details(wire: Wire) -> None:
    """The message of allowed domains names no member; the violations do, and tokens in them are masked."""
    failure = error_details_pb2.PreconditionFailure()
    for who in ("user:eve@evil.example", "Bearer abcdefghijklmnopqrstuvwxyz"):
        failure.violations.add(description=f"User {who} is not in permitted organization.")
    wire.server.plant(NAME.full)
    words = "One or more users named in the policy do not belong to a permitted customer."
    wire.server.fail["SetIamPolicy"] = (grpc.StatusCode.FAILED_PRECONDITION, words, [failure])
    with pytest.raises(Invalid) as caught:
        await GooglePolicies(wire.google).set(NAME, Policy(b"\x00\x20\x01", 0, (READERS,)))
    assert caught.value.reason is Reason.MEMBER_REJECTED
    assert caught.value.details[0] == "User user:eve@evil.example is not in permitted organization."
    assert "abcdefgh" not in caught.value.details[1]


async def test_never_without_an_etag(wire: Wire) -> None:
    """No set is sent without one, and no policy without one is accepted."""
    wire.server.plant(NAME.full)
    port = GooglePolicies(wire.google)
    with pytest.raises(Unavailable):
        await port.set(NAME, Policy(b"", 1, ()))
    assert wire.server.requests == []
    wire.server.policies[NAME.full] = policy_pb2.Policy(version=1)
    with pytest.raises(Unavailable):
        await port.get(NAME)


def expressions() -> st.SearchStrategy[expr_pb2.Expr]:
    texts = st.text(max_size=8)
    return st.builds(expr_pb2.Expr, expression=texts, title=texts, description=texts, location=texts)


@st.composite
def bindings(draw: st.DrawFn) -> policy_pb2.Binding:
    members = draw(st.lists(st.sampled_from(["user:a@b.example", "deleted:user:x?uid=1", "allUsers", "new-kind:ü"])))
    role = draw(st.sampled_from(["roles/x", "projects/p/roles/y", "unheard of"]))
    binding = policy_pb2.Binding(role=role, members=members)
    condition = draw(st.none() | expressions())
    if condition is not None:
        binding.condition.CopyFrom(condition)
    if draw(st.booleans()):
        binding.MergeFromString(b"\xfa\x01\x03new")  # field 31, which is unknown to all clients
    return binding


@given(listed=st.lists(bindings(), max_size=6), audited=st.booleans(), unknown=st.booleans())
def test_nothing_is_lost_on_the_way(listed: list[policy_pb2.Binding], audited: bool, unknown: bool) -> None:
    """Order, duplicates, conditions, unknown roles, audit configurations and unknown fields survive a round trip."""
    conditional = any(binding.HasField("condition") for binding in listed)
    message = policy_pb2.Policy(etag=b"\x07etag", version=3 if conditional else 1, bindings=listed)
    if audited:
        message.audit_configs.add(service="allServices").audit_log_configs.add(log_type=1)
    if unknown:
        message.MergeFromString(b"\xfa\x01\x03new")
    read = from_wire(message)
    assert to_wire(read).SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
    # After the plan's change, all but the removed member is still there.
    changed = replace(read, bindings=(*read.bindings, Binding("roles/added", ("user:new@b.example",))))
    after = to_wire(changed)
    assert list(after.bindings)[:-1] == list(message.bindings)
    assert after.audit_configs == message.audit_configs
