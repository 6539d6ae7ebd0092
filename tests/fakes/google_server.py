"""A small Artifact Registry on the wire, to test the real client with each response.

It answers as recordings of the real one do, and with any error that a test sets. It has no permissions.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.cloud import artifactregistry_v1 as registry
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse_local.google.registry.masks import assign

SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"
Refusal = tuple[grpc.StatusCode, str, list[Message]]


class Refused(Exception):
    """The error of an RPC."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.refusal: Refusal = (code, message, [])


@dataclass(slots=True)
class GoogleServer:
    """State to change and read; `fail` by RPC name makes the next call fail."""

    repositories: dict[str, registry.Repository] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    policies: dict[str, policy_pb2.Policy] = field(default_factory=dict)
    operations: dict[str, operations_pb2.Operation] = field(default_factory=dict)
    fail: dict[str, Refusal] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    permissions: set[str] = field(default_factory=set)
    """What every caller may do on every repository."""

    def plant(self, name: str, **fields: Any) -> None:
        """A repository that another client created."""
        _, project, _, location, _, repository = name.split("/")
        uri = f"{location}-python.pkg.dev/{project}/{repository}"
        self.repositories[name] = registry.Repository(
            {"name": name, "format_": "PYTHON", "mode": "STANDARD_REPOSITORY", "registry_uri": uri} | fields
        )

    def policy(self, name: str) -> policy_pb2.Policy:
        """The current policy; one that was never set has no version."""
        return self.policies.get(name, policy_pb2.Policy(etag=b"\x00\x20\x01"))

    def _existing(self, name: str) -> registry.Repository:
        if name not in self.repositories:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")
        return self.repositories[name]

    def get_repository(self, request: registry.GetRepositoryRequest) -> registry.Repository:
        return self._existing(request.name)

    def create_repository(self, request: registry.CreateRepositoryRequest) -> operations_pb2.Operation:
        name = f"{request.parent}/repositories/{request.repository_id}"
        if name in self.repositories:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, "the repository already exists")
        self.plant(name)
        uri = self.repositories[name].registry_uri
        made = registry.Repository(request.repository)
        made.name, made.registry_uri, made.create_time = name, uri, _now()
        if "remote_repository_config" in made:
            made.remote_repository_config.disable_upstream_validation = False  # input-only
        self.repositories[name] = made
        return self._operation(request.parent, registry.Repository.pb(self.repositories[name]))

    def update_repository(self, request: registry.UpdateRepositoryRequest) -> registry.Repository:
        found = self._existing(request.repository.name)
        change = registry.Repository.pb(found)
        for path in request.update_mask.paths:
            if not path.endswith("disable_upstream_validation"):
                assign(change, registry.Repository.pb(request.repository), path.split("."))
        return found

    def list_packages(self, request: registry.ListPackagesRequest) -> registry.ListPackagesResponse:
        self._existing(request.parent)
        names = [name for name in self.packages if name.startswith(f"{request.parent}/")]
        return registry.ListPackagesResponse(packages=[{"name": name} for name in names[: request.page_size]])

    def delete_repository(self, request: registry.DeleteRepositoryRequest) -> operations_pb2.Operation:
        self._existing(request.name)
        del self.repositories[request.name]
        self.policies.pop(request.name, None)
        return self._operation(request.name.partition("/repositories/")[0], empty_pb2.Empty())

    def get_iam_policy(self, request: iam_policy_pb2.GetIamPolicyRequest) -> policy_pb2.Policy:
        self._existing(request.resource)
        return self.policy(request.resource)

    def set_iam_policy(self, request: iam_policy_pb2.SetIamPolicyRequest) -> policy_pb2.Policy:
        self._existing(request.resource)
        before = self.policy(request.resource)
        if request.policy.etag and request.policy.etag != before.etag:
            raise Refused(grpc.StatusCode.ABORTED, "There were concurrent policy changes.")
        stored = policy_pb2.Policy()
        stored.CopyFrom(request.policy)
        stored.etag = b"\x07" + time.time_ns().to_bytes(9, "big")[-7:]
        self.policies[request.resource] = stored
        return stored

    def test_iam_permissions(
        self, request: iam_policy_pb2.TestIamPermissionsRequest
    ) -> iam_policy_pb2.TestIamPermissionsResponse:
        held = [
            each for each in request.permissions if each in self.permissions and request.resource in self.repositories
        ]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        if request.name not in self.operations:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")
        return self.operations[request.name]

    def _operation(self, parent: str, response: Message) -> operations_pb2.Operation:
        first = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}")
        done = operations_pb2.Operation(name=first.name, done=True)
        done.response.Pack(response)
        self.operations[first.name] = done
        return first


@dataclass(slots=True)
class Wire:
    """A server and the real client's connection to it; `seen` are the calls reported to metrics."""

    server: GoogleServer
    google: ArtifactRegistry
    seen: list[tuple[str, str]]


def _now() -> dict[str, int]:
    return {"seconds": 1_767_225_600, "nanos": 123_456_000}


def _plus(message: Any) -> tuple[Any, Any]:
    return message.deserialize, message.serialize


def _plain(message: Any) -> tuple[Any, Any]:
    return message.FromString, message.SerializeToString


_OPERATION = _plain(operations_pb2.Operation)
_RPCS: dict[str, tuple[tuple[Any, Any], tuple[Any, Any], str]] = {
    "GetRepository": (_plus(registry.GetRepositoryRequest), _plus(registry.Repository), "get_repository"),
    "CreateRepository": (_plus(registry.CreateRepositoryRequest), _OPERATION, "create_repository"),
    "UpdateRepository": (_plus(registry.UpdateRepositoryRequest), _plus(registry.Repository), "update_repository"),
    "ListPackages": (_plus(registry.ListPackagesRequest), _plus(registry.ListPackagesResponse), "list_packages"),
    "DeleteRepository": (_plus(registry.DeleteRepositoryRequest), _OPERATION, "delete_repository"),
    "GetIamPolicy": (_plain(iam_policy_pb2.GetIamPolicyRequest), _plain(policy_pb2.Policy), "get_iam_policy"),
    "SetIamPolicy": (_plain(iam_policy_pb2.SetIamPolicyRequest), _plain(policy_pb2.Policy), "set_iam_policy"),
    "TestIamPermissions": (
        _plain(iam_policy_pb2.TestIamPermissionsRequest),
        _plain(iam_policy_pb2.TestIamPermissionsResponse),
        "test_iam_permissions",
    ),
}


async def serve(state: GoogleServer, certificates: Path) -> tuple[grpc.aio.Server, int]:
    """Start serving with TLS; returns the server, which the caller must stop, and its port."""

    def method(name: str, attribute: str) -> Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]:
        async def answer(request: Any, context: grpc.aio.ServicerContext) -> Any:
            state.requests.append((name, request))
            state.metadata.append({key: str(value) for key, value in context.invocation_metadata() or ()})
            if name in state.silent:
                await asyncio.Event().wait()
            try:
                if name in state.fail:
                    refusal = state.fail.pop(name)
                else:
                    return getattr(state, attribute)(request)
            except Refused as error:
                refusal = error.refusal
            code, words, details = refusal
            packed = [any_pb2.Any() for _ in details]
            for target, detail in zip(packed, details, strict=True):
                target.Pack(detail)
            status = rpc_status.to_status(status_pb2.Status(code=code.value[0], message=words, details=packed))
            return await context.abort(code, words, status.trailing_metadata)

        return answer

    def handler(name: str, row: tuple[tuple[Any, Any], tuple[Any, Any], str]) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(
            method(name, row[2]), request_deserializer=row[0][0], response_serializer=row[1][1]
        )

    server = grpc.aio.server()
    rpcs = {name: handler(name, row) for name, row in _RPCS.items()}
    asked = (_plain(operations_pb2.GetOperationRequest), _OPERATION, "get_operation")
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, rpcs),
            grpc.method_handlers_generic_handler(
                "google.longrunning.Operations", {"GetOperation": handler("GetOperation", asked)}
            ),
        )
    )
    pair = ((certificates / "server-key.pem").read_bytes(), (certificates / "server.pem").read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    return server, port
