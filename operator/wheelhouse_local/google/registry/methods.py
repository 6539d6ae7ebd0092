"""Every method of the API once: its messages, what it is called on, what that needs, and what it does.

gRPC and REST both serve this table. What is not in it is not emulated.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from google.cloud import artifactregistry_v1 as ar
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2

from wheelhouse_local.google.dependencies import Dependencies
from wheelhouse_local.google.iam.identities import Caller
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.registry.locations import LOCATIONS
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.transport.errors import ApiError, not_found, unimplemented

ARTIFACT_REGISTRY = "google.devtools.artifactregistry.v1.ArtifactRegistry"
OPERATIONS = "google.longrunning.Operations"
MIXIN = "google.cloud.location.Locations"
SERVICES = {ARTIFACT_REGISTRY: "ArtifactRegistry", OPERATIONS: "Operations", MIXIN: "ArtifactRegistry"}
"""gRPC services, and what faults and the trace call them."""

Message = Any  # generated messages carry no types


class Method(NamedTuple):
    """One method; `resource` is the field that says what it is called on, `permission` None where any token will do."""

    service: str
    request: Message
    response: Message
    resource: str
    permission: str | None
    run: Callable[[Caller, Message], Message | Awaitable[Message]]


def methods(registry: Registry, policies: Policies, dependencies: Dependencies) -> Mapping[str, Method]:
    """The table, by `Service.Method` as faults and the trace have it; the packages are in a table of their own."""
    return {**_repositories(registry, dependencies), **_policies(policies), **_others(registry)}


def _method(
    request: Message,
    response: Message,
    resource: str,
    permission: str | None,
    run: Callable[[Message], Message | Awaitable[Message]],
    *,
    service: str = ARTIFACT_REGISTRY,
) -> Method:
    needed = f"artifactregistry.{permission}" if permission else None
    return Method(service, request, response, resource, needed, lambda _, asked: run(asked))


def _repositories(registry: Registry, dependencies: Dependencies) -> dict[str, Method]:
    operation, repository = operations_pb2.Operation, ar.Repository.pb()

    async def create(asked: Message) -> Message:
        await dependencies.check(asked.parent, asked.repository)
        return registry.create(asked.parent, asked.repository_id, asked.repository)

    async def update(asked: Message) -> Message:
        if any("upstream" in path.lower() for path in asked.update_mask.paths):
            await dependencies.check(asked.repository.name, asked.repository)
        return registry.update(asked.repository, asked.update_mask.paths)

    return {
        "ArtifactRegistry.CreateRepository": _method(
            ar.CreateRepositoryRequest.pb(),
            operation,
            "parent",
            "repositories.create",
            create,
        ),
        "ArtifactRegistry.GetRepository": _method(
            ar.GetRepositoryRequest.pb(), repository, "name", "repositories.get", lambda asked: registry.get(asked.name)
        ),
        "ArtifactRegistry.UpdateRepository": _method(
            ar.UpdateRepositoryRequest.pb(),
            repository,
            "repository.name",
            "repositories.update",
            update,
        ),
        "ArtifactRegistry.DeleteRepository": _method(
            ar.DeleteRepositoryRequest.pb(),
            operation,
            "name",
            "repositories.delete",
            lambda asked: registry.delete(asked.name),
        ),
        "ArtifactRegistry.ListRepositories": _method(
            ar.ListRepositoriesRequest.pb(),
            ar.ListRepositoriesResponse.pb(),
            "parent",
            "repositories.list",
            lambda asked: _page(asked, registry.page, ar.ListRepositoriesResponse.pb(), "repositories"),
        ),
    }


def _page(asked: Message, list_: Callable[..., tuple[Any, str]], response: Message, field: str) -> Message:
    check_page(asked)
    found, token = list_(asked.parent, asked.page_size, asked.page_token)
    return response(**{field: found, "next_page_token": token})


def check_page(asked: Message) -> None:
    """Refuse what a list cannot do here.

    Raises:
        ApiError: UNIMPLEMENTED, or INVALID_ARGUMENT for a negative size.
    """
    # Packages of Python have neither filter nor order in the proto.
    if getattr(asked, "filter", "") or getattr(asked, "order_by", ""):
        raise unimplemented("A filter or an order of a list")
    if asked.page_size < 0:
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")


def _policies(policies: Policies) -> dict[str, Method]:
    def replace(asked: Message) -> Message:
        if asked.update_mask.paths:
            raise unimplemented("A policy written by a mask")
        return policies.replace(asked.resource, asked.policy)

    def test(caller: Caller, asked: Message) -> Message:
        held = policies.held(caller, asked.resource, asked.permissions)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    return {
        "ArtifactRegistry.GetIamPolicy": _method(
            iam_policy_pb2.GetIamPolicyRequest,
            policy_pb2.Policy,
            "resource",
            "repositories.getIamPolicy",
            lambda asked: policies.get(asked.resource),
        ),
        "ArtifactRegistry.SetIamPolicy": _method(
            iam_policy_pb2.SetIamPolicyRequest, policy_pb2.Policy, "resource", "repositories.setIamPolicy", replace
        ),
        "ArtifactRegistry.TestIamPermissions": Method(
            ARTIFACT_REGISTRY,
            iam_policy_pb2.TestIamPermissionsRequest,
            iam_policy_pb2.TestIamPermissionsResponse,
            "resource",
            None,
            test,
        ),
    }


def _others(registry: Registry) -> dict[str, Method]:
    """Operations, of which only a get is exposed (published service configuration), and locations.

    Which permission either needs is not known: any token will do.
    """
    return {
        "Operations.GetOperation": _method(
            operations_pb2.GetOperationRequest,
            operations_pb2.Operation,
            "name",
            None,
            lambda asked: registry.operation(asked.name),
            service=OPERATIONS,
        ),
        "ArtifactRegistry.ListLocations": _method(
            locations_pb2.ListLocationsRequest,
            locations_pb2.ListLocationsResponse,
            "name",
            None,
            lambda asked: locations_pb2.ListLocationsResponse(
                locations=[_location(f"{asked.name}/locations/{location}") for location in LOCATIONS]
            ),
            service=MIXIN,
        ),
        "ArtifactRegistry.GetLocation": _method(
            locations_pb2.GetLocationRequest,
            locations_pb2.Location,
            "name",
            None,
            lambda asked: _location(asked.name),
            service=MIXIN,
        ),
    }


def _location(name: str) -> locations_pb2.Location:
    location = name.rpartition("/locations/")[2]
    if location not in LOCATIONS:
        raise not_found()
    return locations_pb2.Location(name=name, location_id=location)
