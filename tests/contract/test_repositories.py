"""Repositories over gRPC: the same cases against the fake port and the real client, then the wire alone."""

from datetime import timedelta

import grpc
import pytest
from fakes.google_server import Wire
from fakes.world import Fakes
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from wheelhouse.clients.artifact_registry.calls import GoogleRepositories
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import DesiredRepository, Ownership, RepositoryPatch
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, Refused, Unavailable
from wheelhouse.reconcile.ports import Repositories

NAME = RepositoryName("acme-packages", "us-central1", "team-wheels")
OWNER = Ownership.of("cluster-1", ObjectKey("team-a", "wheels"))
DESIRED = DesiredRepository(NAME, OWNER, "Wheels of team A")


@pytest.fixture(params=["fake", "wire"])
def port(request: pytest.FixtureRequest) -> Repositories:
    """The Repositories port."""
    if request.param == "fake":
        return Fakes().repositories
    return GoogleRepositories(request.getfixturevalue("wire").google)


async def test_absent_is_none(port: Repositories) -> None:
    """404 is a value; so is an operation that nobody knows, and deleting what is gone is done."""
    assert await port.get(NAME) is None
    assert await port.poll(f"{NAME.parent}/operations/00000000-0000-4000-8000-000000000000") is None
    assert await port.delete(NAME) is None
    with pytest.raises(Conflict):
        await port.patch(NAME, RepositoryPatch(description="x"))


async def test_create_patch_delete(port: Repositories) -> None:
    """A repository's life: operations by name, labels as a whole map, only what the patch names."""
    operation = await port.create(DESIRED)
    assert operation.startswith(f"{NAME.parent}/operations/")
    result = await port.poll(operation)
    assert result is not None
    assert (result.done, result.error_code) == (True, "")
    found = await port.get(NAME)
    assert found is not None
    assert (found.name, found.format, found.mode) == (NAME, "PYTHON", "STANDARD_REPOSITORY")
    assert (found.description, found.labels) == ("Wheels of team A", OWNER.labels)
    assert found.registry_uri == "us-central1-python.pkg.dev/acme-packages/team-wheels"
    assert found.create_time is not None
    assert found.create_time.utcoffset() == timedelta()
    with pytest.raises(AlreadyExists):
        await port.create(DESIRED)
    await port.patch(NAME, RepositoryPatch(labels={"theirs": "stays"}))
    patched = await port.get(NAME)
    assert patched is not None
    assert (patched.description, patched.labels) == ("Wheels of team A", {"theirs": "stays"})
    await port.patch(NAME, RepositoryPatch(description=""))
    emptied = await port.get(NAME)
    assert emptied is not None
    assert (emptied.description, emptied.labels) == ("", {"theirs": "stays"})
    assert await port.delete(NAME) is not None
    assert await port.get(NAME) is None


async def test_every_request_is_authorized_and_counted(wire: Wire) -> None:
    """The operator's token is on it, and metrics hear method and code."""
    port = GoogleRepositories(wire.google)
    await port.get(NAME)
    wire.server.plant(NAME.full)
    await port.get(NAME)
    assert [data["authorization"] for data in wire.server.metadata] == ["Bearer ya29.operator"] * 2
    assert wire.seen == [("ArtifactRegistry.GetRepository", "NOT_FOUND"), ("ArtifactRegistry.GetRepository", "OK")]


async def test_a_patch_has_its_mask(wire: Wire) -> None:
    """Without one, everything else would be reset."""
    wire.server.plant(NAME.full)
    await GoogleRepositories(wire.google).patch(NAME, RepositoryPatch(description="a", labels={}))
    _, request = wire.server.requests[-1]
    assert list(request.update_mask.paths) == ["description", "labels"]


async def test_a_failed_operation_tells_its_code(wire: Wire) -> None:
    """The code's name and words, whatever the number; while it runs, it is not done."""
    port = GoogleRepositories(wire.google)
    name = await port.create(DESIRED)
    done = wire.server.operations[name]
    for code, expected in ((7, "PERMISSION_DENIED"), (999, "UNKNOWN")):
        done.error.CopyFrom(status_pb2.Status(code=code, message="no\nway"))
        result = await port.poll(name)
        assert result is not None
        assert (result.done, result.error_code, result.error_message) == (True, expected, "no way")
    done.Clear()
    done.name = name
    running = await port.poll(name)
    assert running is not None
    assert not running.done


async def test_unknown_enum_values_are_shown(wire: Wire) -> None:
    """A format or mode that this client has no name for is a number, not a crash."""
    wire.server.plant(NAME.full, format_=77, mode=66)
    found = await GoogleRepositories(wire.google).get(NAME)
    assert found is not None
    assert (found.format, found.mode) == ("77", "66")


INFO = error_details_pb2.ErrorInfo(reason="SERVICE_DISABLED", domain="googleapis.com")
RETRY = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=7, nanos=500_000_000))


@pytest.mark.parametrize(
    ("code", "details", "error", "check"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, [], Refused, ("reason", Reason.PERMISSION_DENIED)),
        (grpc.StatusCode.PERMISSION_DENIED, [INFO], Invalid, ("reason", Reason.API_DISABLED)),
        (grpc.StatusCode.INVALID_ARGUMENT, [], Invalid, ("reason", Reason.INVALID_ARGUMENT)),
        (grpc.StatusCode.FAILED_PRECONDITION, [], Invalid, ("reason", Reason.INVALID_ARGUMENT)),
        (grpc.StatusCode.ABORTED, [], Conflict, None),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, [RETRY], Unavailable, ("retry_after", 7.5)),
        (grpc.StatusCode.UNAVAILABLE, [], Unavailable, ("retry_after", None)),
        (grpc.StatusCode.UNAUTHENTICATED, [], Unavailable, None),
        (grpc.StatusCode.INTERNAL, [], Unavailable, None),
        (grpc.StatusCode.UNKNOWN, [], Unavailable, None),
        (grpc.StatusCode.UNIMPLEMENTED, [], Unavailable, None),
    ],
)
async def test_errors_are_named_by_what_happens_next(
    wire: Wire, code: grpc.StatusCode, details: list[Message], error: type[Exception], check: tuple[str, object] | None
) -> None:
    """Each gRPC code becomes one error of the tree, its words on one line and without a token."""
    wire.server.fail["GetRepository"] = (code, "because\nof Bearer abcdefghijklmnopqrstuvwxyz", details)
    with pytest.raises(error) as caught:
        await GoogleRepositories(wire.google).get(NAME)
    assert type(caught.value) is error
    if check is not None:
        assert getattr(caught.value, check[0]) == check[1]
    assert "abcdefgh" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert wire.seen == [("ArtifactRegistry.GetRepository", code.name)]


async def test_a_switched_off_api_says_the_command(wire: Wire) -> None:
    """With the project in it."""
    wire.server.fail["GetRepository"] = (grpc.StatusCode.PERMISSION_DENIED, "it is disabled", [INFO])
    with pytest.raises(Invalid, match=r"gcloud services enable artifactregistry\.googleapis\.com --project=acme-pack"):
        await GoogleRepositories(wire.google).get(NAME)


async def test_silence_ends(wire: Wire) -> None:
    """Every call has a timeout."""
    wire.server.silent.add("GetRepository")
    wire.google._timeout = 0.2
    with pytest.raises(Unavailable):
        await GoogleRepositories(wire.google).get(NAME)


async def test_too_long_an_answer_is_an_outage(wire: Wire) -> None:
    """A hostile answer does not fill the memory."""
    wire.server.plant(NAME.full, description="x" * 5 * 1024 * 1024)
    with pytest.raises(Unavailable):
        await GoogleRepositories(wire.google).get(NAME)
