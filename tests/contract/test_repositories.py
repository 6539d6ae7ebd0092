"""Repositories over gRPC: the same cases against the fake port and the real client, then the wire alone."""

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from fakes import wishes
from fakes.google_server import Wire
from fakes.world import Fakes
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from hypothesis import HealthCheck, given, settings

from wheelhouse.clients.google.artifact_registry.calls import GoogleRepositories
from wheelhouse.domain.modes import Mode, Remote, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    DesiredRepository,
    Ownership,
    RepositoryPatch,
    RepositorySettings,
)
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, Refused, Unavailable
from wheelhouse.plan.settings import managed_by, mask, target
from wheelhouse.reconcile.ports import Repositories

NAME = RepositoryName("acme-packages", "us-central1", "team-wheels")
OWNER = Ownership.of("cluster-1", ObjectKey("team-a", "wheels"))
SETTINGS = RepositorySettings(Mode.STANDARD.wire, "Wheels of team A", OWNER.labels)


@pytest.fixture(params=["fake", "wire"])
def port(request: pytest.FixtureRequest) -> Repositories:
    """The Repositories port."""
    if request.param == "fake":
        return Fakes().repositories
    return GoogleRepositories(request.getfixturevalue("wire").google)


async def test_absent_is_none(port: Repositories) -> None:
    """404 is a value; so is an unknown operation, and deleting a missing repository succeeds."""
    assert await port.get(NAME) is None
    assert await port.poll(f"{NAME.parent}/operations/00000000-0000-4000-8000-000000000000") is None
    assert await port.delete(NAME) is None
    with pytest.raises(Conflict):
        await port.patch(NAME, described("x"))


async def test_create_patch_delete(port: Repositories) -> None:
    """A repository's lifecycle: operations by name, labels as a whole map, only the fields of the patch."""
    operation = await port.create(NAME, SETTINGS)
    assert operation.startswith(f"{NAME.parent}/operations/")
    result = await port.poll(operation)
    assert result is not None
    assert (result.done, result.error_code) == (True, "")
    found = await port.get(NAME)
    assert found is not None
    assert (found.name, found.format, found.settings) == (NAME, "PYTHON", SETTINGS)
    assert found.registry_uri == "us-central1-python.pkg.dev/acme-packages/team-wheels"
    assert found.create_time is not None
    assert found.create_time.utcoffset() == timedelta()
    with pytest.raises(AlreadyExists):
        await port.create(NAME, SETTINGS)
    await port.patch(NAME, RepositoryPatch(replace(SETTINGS, description="", labels={"theirs": "stays"}), ("labels",)))
    patched = await port.get(NAME)
    assert patched is not None
    assert patched.settings == replace(SETTINGS, labels={"theirs": "stays"})
    await port.patch(NAME, described(""))
    emptied = await port.get(NAME)
    assert emptied is not None
    assert emptied.settings == replace(SETTINGS, description="", labels={"theirs": "stays"})
    assert await port.delete(NAME) is not None
    assert await port.get(NAME) is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wishes.desired, wishes.upstreams, wishes.desired)
async def test_every_setting_survives_the_wire(
    wire: Wire, first: DesiredRepository, upstreams: frozenset[Upstream], second: DesiredRepository
) -> None:
    """A created repository reads back as requested, and after a patch to other settings nothing is left to patch."""
    port, mode = GoogleRepositories(wire.google), first.mode
    wire.server.repositories.clear()
    blank = RepositorySettings(mode.wire)
    made = target(first, upstreams, blank, frozenset())
    await port.create(NAME, made)
    found = await port.get(NAME)
    assert found is not None
    assert found.settings == read_back(made)
    source = first.remote.source if first.remote else ""
    remote = replace(second.remote or Remote(source), source=source) if mode is Mode.REMOTE else None
    wanted = target(
        replace(second, mode=mode, remote=remote, kms_key_name=None), frozenset(), found.settings, managed_by(first)
    )
    await port.patch(NAME, RepositoryPatch(wanted, mask(found.settings, wanted)))
    after = await port.get(NAME)
    assert after is not None
    assert (after.settings, mask(after.settings, wanted)) == (read_back(wanted), ())


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"python_repository": {"public_repository": 1}}, "PyPI"),
        ({"python_repository": {"custom_repository": {"uri": "https://a.example"}}}, "https://a.example"),
        ({"common_repository": {"uri": "https://a.example"}}, "https://a.example"),
        ({"python_repository": {}}, "(python_repository)"),
        ({"npm_repository": {"public_repository": 1}}, "(npm_repository)"),
        ({}, "(nothing)"),
    ],
)
async def test_sources_are_distinguished(wire: Wire, fields: dict[str, object], source: str) -> None:
    """Both forms of a URL are one source; a kind that no spec can request never counts as one that a spec can."""
    wire.server.plant(NAME.full, mode="REMOTE_REPOSITORY", remote_repository_config=fields)
    found = await GoogleRepositories(wire.google).get(NAME)
    assert found is not None
    assert found.settings.remote == Remote(source)


async def test_a_cleanup_policy_that_only_others_use_is_a_difference(wire: Wire) -> None:
    """Tags mean nothing for Python, but a policy with them is not the one without."""
    condition = {"older_than": {"seconds": 60}, "tag_prefixes": ["v"]}
    policies = {"old": {"id": "old", "action": "DELETE", "condition": condition}}
    wire.server.plant(NAME.full, cleanup_policies=policies)
    found = await GoogleRepositories(wire.google).get(NAME)
    assert found is not None
    (policy,) = found.settings.cleanup.policies
    assert (policy.condition and policy.condition.older_than, policy.other) == (60, "v")


async def test_whether_a_repository_is_empty(wire: Wire) -> None:
    """One package is enough, and a missing repository has none."""
    port = GoogleRepositories(wire.google)
    assert await port.empty(NAME)
    wire.server.plant(NAME.full)
    assert await port.empty(NAME)
    wire.server.packages.append(f"{NAME.full}/packages/a")
    assert not await port.empty(NAME)
    assert wire.server.requests[-1][1].page_size == 1


async def test_an_upstream_is_not_validated_where_the_spec_says_so(wire: Wire) -> None:
    """Input-only: sent with a create, and with a patch of the credentials."""
    port = GoogleRepositories(wire.google)
    remote = Remote("https://a.example", validate=False)
    made = RepositorySettings(Mode.REMOTE.wire, remote=remote)
    await port.create(NAME, made)
    assert wire.server.requests[-1][1].repository.remote_repository_config.disable_upstream_validation
    await port.patch(NAME, RepositoryPatch(made, ("remote_repository_config.upstream_credentials",)))
    request = wire.server.requests[-1][1]
    assert request.repository.remote_repository_config.disable_upstream_validation
    assert "remote_repository_config.disable_upstream_validation" in request.update_mask.paths


def described(text: str) -> RepositoryPatch:
    return RepositoryPatch(replace(SETTINGS, description=text, labels={}), ("description",))


def read_back(made: RepositorySettings) -> RepositorySettings:
    return replace(made, remote=made.remote and replace(made.remote, validate=True))


async def test_every_request_is_authorized_and_counted(wire: Wire) -> None:
    """It has the operator's token, and metrics get method and code."""
    port = GoogleRepositories(wire.google)
    await port.get(NAME)
    wire.server.plant(NAME.full)
    await port.get(NAME)
    assert [data["authorization"] for data in wire.server.metadata] == ["Bearer ya29.operator"] * 2
    assert wire.seen == [("ArtifactRegistry.GetRepository", "NOT_FOUND"), ("ArtifactRegistry.GetRepository", "OK")]


async def test_a_patch_has_its_mask(wire: Wire) -> None:
    """Without it, all other fields would be reset."""
    wire.server.plant(NAME.full)
    await GoogleRepositories(wire.google).patch(
        NAME, RepositoryPatch(RepositorySettings(Mode.STANDARD.wire), ("description", "labels"))
    )
    _, request = wire.server.requests[-1]
    assert list(request.update_mask.paths) == ["description", "labels"]


async def test_a_failed_operation_has_its_code(wire: Wire) -> None:
    """The code's name and message, whatever the number; while it runs, it is not done."""
    port = GoogleRepositories(wire.google)
    name = await port.create(NAME, SETTINGS)
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
    """A format or mode that is unknown to this client is a number, not a crash."""
    wire.server.plant(NAME.full, format_=77, mode=66)
    found = await GoogleRepositories(wire.google).get(NAME)
    assert found is not None
    assert (found.format, found.settings.mode) == ("77", "66")


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
    """Each gRPC code becomes one error class, with its message on one line and without a token."""
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
