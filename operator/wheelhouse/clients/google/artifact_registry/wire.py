"""Artifact Registry's messages ↔ our values."""

from datetime import UTC, datetime
from typing import Any

from google.cloud import artifactregistry_v1 as registry
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2
from google.rpc import code_pb2

from wheelhouse.clients.google.artifact_registry import cleanup, modes
from wheelhouse.clients.http import reduced
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.repository import (
    ObservedRepository,
    OperationResult,
    RepositoryPatch,
    RepositorySettings,
    Scanning,
)

_SCANNING = registry.Repository.VulnerabilityScanningConfig
_CONFIGURED = {
    Scanning.INHERITED: _SCANNING.EnablementConfig.INHERITED,
    Scanning.DISABLED: _SCANNING.EnablementConfig.DISABLED,
}


def observed(name: RepositoryName, message: registry.Repository) -> ObservedRepository:
    """A repository that Google returned; an enum value that this client does not know is shown as its number."""
    configured = message.vulnerability_scanning_config.enablement_config
    settings = RepositorySettings(
        mode=enum(message.mode),
        description=message.description,
        labels=dict(message.labels),
        kms_key_name=message.kms_key_name,
        scanning=next((ours for ours, theirs in _CONFIGURED.items() if theirs == configured), None),
        cleanup=cleanup.observed(message),
        remote=modes.observed_remote(message),
        upstreams=modes.observed_upstreams(message),
    )
    return ObservedRepository(
        name=name,
        format=enum(message.format_),
        settings=settings,
        registry_uri=message.registry_uri,
        create_time=_moment(message.create_time),
        update_time=_moment(message.update_time),
    )


def creation(name: RepositoryName, settings: RepositorySettings) -> registry.CreateRepositoryRequest:
    """The request that creates a Python repository with these settings."""
    repository = _repository(
        settings,
        format_=registry.Repository.Format.PYTHON,
        mode=getattr(registry.Repository.Mode, settings.mode),
        kms_key_name=settings.kms_key_name,
    )
    return registry.CreateRepositoryRequest(parent=name.parent, repository_id=name.repository_id, repository=repository)


def update(name: RepositoryName, patch: RepositoryPatch) -> registry.UpdateRepositoryRequest:
    """The request that changes the fields in the patch's mask; Google ignores the others (recorded)."""
    repository = _repository(patch.settings)
    repository.name = name.full
    paths = list(patch.mask)
    remote = patch.settings.remote
    if remote is not None and not remote.validate and any(path.startswith(modes.REMOTE) for path in paths):
        paths.append(f"{modes.REMOTE}.disable_upstream_validation")
    return registry.UpdateRepositoryRequest(repository=repository, update_mask=field_mask_pb2.FieldMask(paths=paths))


def result(operation: operations_pb2.Operation) -> OperationResult:
    """An operation's state; for an error, the name of its code and its message."""
    if not operation.HasField("error") or not operation.error.code:
        return OperationResult(done=operation.done)
    try:
        code = code_pb2.Code.Name(operation.error.code)
    except ValueError:
        code = "UNKNOWN"
    return OperationResult(True, code, reduced(operation.error.message))


def enum(value: object) -> str:
    """An enum's name, or its number if this client does not know it."""
    return str(getattr(value, "name", value))


def _repository(settings: RepositorySettings, **fixed: Any) -> registry.Repository:
    """The fields that can change and, for a create, the `fixed` ones too."""
    repository = registry.Repository(
        description=settings.description,
        labels=dict(settings.labels),
        cleanup_policies=cleanup.messages(settings.cleanup),
        cleanup_policy_dry_run=settings.cleanup.dry_run,
        **fixed,
    )
    if settings.scanning is not None:
        repository.vulnerability_scanning_config = _SCANNING(enablement_config=_CONFIGURED[settings.scanning])
    modes.configure(repository, settings)
    return repository


def _moment(value: datetime | None) -> datetime | None:
    """A plain datetime: some methods of the standard library do not accept proto-plus's own."""
    if value is None:
        return None
    return datetime.fromtimestamp(value.timestamp(), UTC)
