"""Artifact Registry's messages ↔ our values."""

from datetime import UTC, datetime

from google.cloud import artifactregistry_v1 as registry
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2
from google.rpc import code_pb2

from wheelhouse.clients.http import reduced
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.repository import DesiredRepository, ObservedRepository, OperationResult, RepositoryPatch


def observed(name: RepositoryName, message: registry.Repository) -> ObservedRepository:
    """A repository as it was answered; an enum value that this client does not know is shown as its number."""
    return ObservedRepository(
        name=name,
        format=_enum(message.format_),
        mode=_enum(message.mode),
        description=message.description,
        labels=dict(message.labels),
        registry_uri=message.registry_uri,
        create_time=_moment(message.create_time),
        update_time=_moment(message.update_time),
    )


def creation(desired: DesiredRepository) -> registry.CreateRepositoryRequest:
    """The request that creates a Python repository with our ownership labels."""
    return registry.CreateRepositoryRequest(
        parent=desired.name.parent,
        repository_id=desired.name.repository_id,
        repository=registry.Repository(
            format_=registry.Repository.Format.PYTHON,
            mode=registry.Repository.Mode.STANDARD_REPOSITORY,
            description=desired.description or "",
            labels=desired.ownership.labels,
        ),
    )


def update(name: RepositoryName, patch: RepositoryPatch) -> registry.UpdateRepositoryRequest:
    """The request that changes what the patch names; an update without a mask would replace everything."""
    return registry.UpdateRepositoryRequest(
        repository=registry.Repository(
            name=name.full, description=patch.description or "", labels=dict(patch.labels or {})
        ),
        update_mask=field_mask_pb2.FieldMask(paths=list(patch.mask)),
    )


def result(operation: operations_pb2.Operation) -> OperationResult:
    """An operation's state; of an error its code's name and its words."""
    if not operation.HasField("error") or not operation.error.code:
        return OperationResult(done=operation.done)
    try:
        code = code_pb2.Code.Name(operation.error.code)
    except ValueError:
        code = "UNKNOWN"
    return OperationResult(True, code, reduced(operation.error.message))


def _enum(value: object) -> str:
    return str(getattr(value, "name", value))


def _moment(value: datetime | None) -> datetime | None:
    """proto-plus gives a datetime that some of the standard library's methods do not take: make it a plain one."""
    if value is None:
        return None
    return datetime.fromtimestamp(value.timestamp(), UTC)
