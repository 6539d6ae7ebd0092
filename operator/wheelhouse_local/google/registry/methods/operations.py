"""Methods about long-running operations, of which only a get is exposed (published service configuration)."""

from google.longrunning import operations_pb2

from wheelhouse_local.google.registry.methods.base import method
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.transport.method import Method

OPERATIONS = "google.longrunning.Operations"
"""The gRPC service."""


def methods(registry: Registry) -> dict[str, Method]:
    """The table; the required permission is not known: any token is accepted."""
    return {
        "Operations.GetOperation": method(
            operations_pb2.GetOperationRequest,
            operations_pb2.Operation,
            "name",
            None,
            lambda asked: registry.operation(asked.name),
            service=OPERATIONS,
        ),
    }
