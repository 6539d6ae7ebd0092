"""What may be asked of a repository, what can change, and what the server adds: over the messages of the protos."""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from google.cloud.artifactregistry_v1 import types

from wheelhouse_local.google.errors import ApiError, unimplemented

# google-cloud-artifact-registry has no types for its raw messages: proto-plus makes them at import.
RepositoryPb: TypeAlias = Any
new_repository = types.Repository.pb()

_STANDARD = types.Repository.Mode.STANDARD_REPOSITORY
_PYTHON = types.Repository.Format.PYTHON
_DISABLED = types.Repository.VulnerabilityScanningConfig.EnablementState.SCANNING_DISABLED

_IMMUTABLE = ("format_", "mode", "kms_key_name")
_CHANGEABLE = ("description", "labels", "cleanup_policies", "cleanup_policy_dry_run")
_NOT_EMULATED = ("virtual_repository_config", "remote_repository_config", "maven_config", "docker_config")
_SCANNING = "vulnerability_scanning_config"
_LABELS, _LABEL_LENGTH = 64, 63
_LABEL = re.compile(r"[\w-]*")


def created(name: str, wanted: RepositoryPb) -> RepositoryPb:
    """The repository that a create makes, without its times: what was asked for, and what the server adds.

    Raises:
        ApiError: INVALID_ARGUMENT or UNIMPLEMENTED; but for the form of labels the words are ours.
    """
    if not wanted.format_:  # Inferred: the field is required in practice.
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
    if wanted.format_ != _PYTHON:
        raise unimplemented("A repository of another format than PYTHON")
    if wanted.disallow_unspecified_mode and not wanted.mode:
        raise ApiError("INVALID_ARGUMENT", "The mode of the repository is not specified.")
    _check_emulated(wanted)
    if wanted.kms_key_name:
        raise unimplemented("A repository with a key of its own")
    repository = new_repository(name=name, format_=_PYTHON, mode=_STANDARD)
    for field in _CHANGEABLE:
        _copy(wanted, repository, field)
    _check_labels(repository)
    # Recorded for Docker repositories, inferred for Python: defaults that nobody asked for.
    repository.satisfies_pzi = True
    scanning = repository.vulnerability_scanning_config
    scanning.enablement_state = _DISABLED
    scanning.enablement_state_reason = "API containerscanning.googleapis.com is not enabled."
    return repository


def change(current: RepositoryPb, wanted: RepositoryPb, mask: Sequence[str]) -> None:
    """Change the fields of a mask, or without one all that can change; output-only fields are passed over (recorded).

    Args:
        current: the repository, changed in place.
        wanted: what the caller sent; fields that a mask does not name do not count (recorded).
        mask: paths in either spelling (run with gcloud and the REST client).

    Raises:
        ApiError: INVALID_ARGUMENT for what is no field or can never change, UNIMPLEMENTED for what is not emulated; the
            words are ours.
    """
    for field in [_field(path) for path in mask] or [*_CHANGEABLE, *_set(wanted, _IMMUTABLE), _SCANNING]:
        if field in _IMMUTABLE and getattr(wanted, field) != getattr(current, field):
            raise ApiError("INVALID_ARGUMENT", f"Field {field.rstrip('_')} is immutable.")
        if field in _CHANGEABLE:
            _copy(wanted, current, field)
        if field == _SCANNING:
            _check_scanning(wanted)
    if not mask:
        _check_emulated(wanted)
    _check_labels(current)


def _field(path: str) -> str:
    """The field that a path of a mask names."""
    name = re.sub(r"(?<!^)([A-Z])", lambda found: f"_{found[1].lower()}", path)
    head, dot, _ = name.partition(".")
    if head in _NOT_EMULATED or name == "*" or (head == _SCANNING and dot):
        raise unimplemented(f"An update of {path}")
    if name == "format":
        return "format_"  # proto-plus names the field so; masks say `format`.
    if name not in new_repository.DESCRIPTOR.fields_by_name:
        raise ApiError("INVALID_ARGUMENT", f"Invalid field in update mask: {path}")
    return name


def _set(repository: RepositoryPb, fields: Sequence[str]) -> list[str]:
    """A full replace that leaves an immutable field out does not try to change it: inferred."""
    return [field for field in fields if getattr(repository, field)]


def _check_emulated(wanted: RepositoryPb) -> None:
    if wanted.mode not in {0, _STANDARD} or wanted.WhichOneof("mode_config"):
        raise unimplemented("A repository of another mode than STANDARD_REPOSITORY")
    if wanted.WhichOneof("format_config"):
        raise unimplemented("The configuration of another format than PYTHON")
    _check_scanning(wanted)


def _check_scanning(wanted: RepositoryPb) -> None:
    """The state is output only; what can be asked for is not emulated."""
    if wanted.vulnerability_scanning_config.enablement_config:
        raise unimplemented("Vulnerability scanning")


def _copy(source: RepositoryPb, target: RepositoryPb, field: str) -> None:
    target.ClearField(field)
    partial = new_repository()
    partial.CopyFrom(source)
    for other in new_repository.DESCRIPTOR.fields_by_name:
        if other != field:
            partial.ClearField(other)
    target.MergeFrom(partial)


def _check_labels(repository: RepositoryPb) -> None:
    """At most 64; lower case, digits, `_` and `-`, letters of any alphabet; 63 characters; keys start with a letter."""
    if len(repository.labels) > _LABELS:
        raise ApiError("INVALID_ARGUMENT", f"A repository has at most {_LABELS} labels.")
    for key, value in repository.labels.items():
        words = all(
            len(text) <= _LABEL_LENGTH and _LABEL.fullmatch(text) and text == text.lower() for text in (key, value)
        )
        if not words or not key[:1].isalpha():
            raise ApiError("INVALID_ARGUMENT", f"Invalid label: {key}={value}")
