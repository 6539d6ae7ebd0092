"""Artifact Registry over gRPC with TLS: a thin edge over the same calls as REST."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.cloud import artifactregistry_v1 as ar
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2

from wheelhouse_local.google.calls import Google, LostReplyError
from wheelhouse_local.google.errors import ApiError
from wheelhouse_local.google.registry import LOCATIONS
from wheelhouse_local.google.tls import server_credentials

SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"

Message = Any  # generated messages carry no types


class Rpc(NamedTuple):
    """One method: its messages, what it is called on, what it needs, and what it does."""

    request: Message
    response: Message
    resource: Callable[[Message], str]
    permission: str | None
    run: Callable[[Message], Message]


def _artifact_registry(google: Google) -> dict[str, Rpc]:
    registry, policies = google.registry, google.policies
    operation = operations_pb2.Operation

    def page(request: Message) -> Message:
        found, token = registry.page(request.parent, request.page_size, request.page_token)
        return ar.ListRepositoriesResponse.pb()(repositories=found, next_page_token=token)

    def packages(request: Message) -> Message:
        found, token = registry.packages(request.parent, request.page_size, request.page_token)
        return ar.ListPackagesResponse.pb()(packages=found, next_page_token=token)

    return {
        "CreateRepository": Rpc(
            ar.CreateRepositoryRequest.pb(),
            operation,
            lambda r: r.parent,
            "repositories.create",
            lambda r: registry.create(r.parent, r.repository_id, r.repository),
        ),
        "GetRepository": Rpc(
            ar.GetRepositoryRequest.pb(), ar.Repository.pb(), _name, "repositories.get", lambda r: registry.get(r.name)
        ),
        "UpdateRepository": Rpc(
            ar.UpdateRepositoryRequest.pb(),
            ar.Repository.pb(),
            lambda r: r.repository.name,
            "repositories.update",
            lambda r: registry.update(r.repository, r.update_mask.paths),
        ),
        "DeleteRepository": Rpc(
            ar.DeleteRepositoryRequest.pb(), operation, _name, "repositories.delete", lambda r: registry.delete(r.name)
        ),
        "ListRepositories": Rpc(
            ar.ListRepositoriesRequest.pb(), ar.ListRepositoriesResponse.pb(), _parent, "repositories.list", page
        ),
        "ListPackages": Rpc(
            ar.ListPackagesRequest.pb(), ar.ListPackagesResponse.pb(), _parent, "packages.list", packages
        ),
        "GetIamPolicy": Rpc(
            iam_policy_pb2.GetIamPolicyRequest,
            policy_pb2.Policy,
            lambda r: r.resource,
            "repositories.getIamPolicy",
            lambda r: policies.get(r.resource),
        ),
        "SetIamPolicy": Rpc(
            iam_policy_pb2.SetIamPolicyRequest,
            policy_pb2.Policy,
            lambda r: r.resource,
            "repositories.setIamPolicy",
            lambda r: policies.replace(r.resource, r.policy),
        ),
    }


def _name(request: Message) -> str:
    return str(request.name)


def _parent(request: Message) -> str:
    return str(request.parent)


def _operations(google: Google) -> dict[str, Rpc]:
    """Only GetOperation is exposed (published service configuration)."""
    get = Rpc(
        operations_pb2.GetOperationRequest,
        operations_pb2.Operation,
        _name,
        None,
        lambda r: google.registry.operation(r.name),
    )
    return {"GetOperation": get}


def _locations() -> dict[str, Rpc]:
    def page(request: Message) -> Message:
        found = [
            locations_pb2.Location(name=f"{request.name}/locations/{location}", location_id=location)
            for location in LOCATIONS
        ]
        return locations_pb2.ListLocationsResponse(locations=found)

    return {
        "ListLocations": Rpc(locations_pb2.ListLocationsRequest, locations_pb2.ListLocationsResponse, _name, None, page)
    }


async def serve(google: Google, data: Path, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Start the server on 127.0.0.1; returns it and its port."""
    server = grpc.aio.server()
    services = {
        SERVICE: _artifact_registry(google),
        "google.longrunning.Operations": _operations(google),
        "google.cloud.location.Locations": _locations(),
    }
    handlers = []
    for service, methods in services.items():
        short = {"google.longrunning.Operations": "Operations"}.get(service, "ArtifactRegistry")
        behaviors = {name: _handler(google, f"{short}.{name}", rpc) for name, rpc in methods.items()}
        if service == SERVICE:
            behaviors["TestIamPermissions"] = _test_handler(google)
        handlers.append(grpc.method_handlers_generic_handler(service, behaviors))
    server.add_generic_rpc_handlers(tuple(handlers))
    bound = server.add_secure_port(f"127.0.0.1:{port}", server_credentials(data))
    await server.start()
    return server, bound


def _handler(google: Google, method: str, rpc: Rpc) -> grpc.RpcMethodHandler:
    permission = f"artifactregistry.{rpc.permission}" if rpc.permission else None

    async def answer(request: Message, context: grpc.aio.ServicerContext) -> Message:
        return await _answered(google, method, context, rpc.resource(request), permission, lambda: rpc.run(request))

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=rpc.request.FromString, response_serializer=rpc.response.SerializeToString
    )


def _test_handler(google: Google) -> grpc.RpcMethodHandler:
    """TestIamPermissions answers about the caller, whoever it is."""

    async def answer(request: Message, context: grpc.aio.ServicerContext) -> Message:
        caller = google.caller(_authorization(context))

        def run() -> Message:
            held = [name for name in request.permissions if google.policies.allowed(caller, request.resource, name)]
            return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

        return await _answered(google, "ArtifactRegistry.TestIamPermissions", context, request.resource, None, run)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=iam_policy_pb2.TestIamPermissionsRequest.FromString,
        response_serializer=iam_policy_pb2.TestIamPermissionsResponse.SerializeToString,
    )


async def _answered(
    google: Google,
    method: str,
    context: grpc.aio.ServicerContext,
    resource: str,
    permission: str | None,
    run: Callable[[], Message],
) -> Message:
    try:
        return await google.call(method, _authorization(context), resource, permission, run)
    except ApiError as error:
        await context.abort(error.grpc, error.message)
    except LostReplyError:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by the test.")


def _authorization(context: grpc.aio.ServicerContext) -> str:
    metadata = dict(context.invocation_metadata() or ())
    return str(metadata.get("authorization", ""))
