"""What a repository may contain, what can change, and what the server adds: over the messages of the protos."""

import re
from collections.abc import Callable, Sequence

from google.cloud.artifactregistry_v1 import types

from wheelhouse_local.google.registry import cleanup, masks, modes
from wheelhouse_local.google.registry.modes import RepositoryPb
from wheelhouse_local.google.transport.errors import ApiError, unimplemented

new_repository = types.Repository.pb()

_PYTHON = types.Repository.Format.PYTHON
_STATES = types.Repository.VulnerabilityScanningConfig.EnablementState
_SCANNING, _REMOTE = "vulnerability_scanning_config", "remote_repository_config"
_IMMUTABLE = ("format_", "mode", "kms_key_name")
_CHANGEABLE = (
    "description",
    "labels",
    "cleanup_policies",
    "cleanup_policy_dry_run",
    "virtual_repository_config",
    _REMOTE,
    _SCANNING,
)
_OTHER_FORMATS = ("maven_config", "docker_config")
_LABELS, _LABEL_LENGTH = 64, 63
_LABEL = re.compile(r"[\w-]*")

Exists = Callable[[str], bool]
"""Whether a Python repository with this full name exists."""


def created(name: str, wanted: RepositoryPb, exists: Exists) -> RepositoryPb:
    """The repository that a create makes, without its times: the requested one, and what the server adds.

    Raises:
        ApiError: INVALID_ARGUMENT or UNIMPLEMENTED; except for the form of labels the messages are ours.
    """
    if not wanted.format_:  # Inferred: the field is required in practice.
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
    if wanted.format_ != _PYTHON:
        raise unimplemented("A repository of another format than PYTHON")
    if wanted.disallow_unspecified_mode and not wanted.mode:
        raise ApiError("INVALID_ARGUMENT", "The mode of the repository is not specified.")
    repository = new_repository(name=name, format_=_PYTHON, mode=wanted.mode or modes.STANDARD)
    repository.kms_key_name = wanted.kms_key_name
    if repository.kms_key_name and repository.kms_key_name.split("/")[3:4] != name.split("/")[3:4]:
        raise ApiError("INVALID_ARGUMENT", "The key must be in the location of the repository.")  # Inferred.
    for field in _CHANGEABLE:
        masks.assign(repository, wanted, [field])
    _check(repository, wanted, exists)
    # Recorded for Docker repositories, inferred for Python: a default that the request does not contain.
    repository.satisfies_pzi = True
    return repository


def change(current: RepositoryPb, wanted: RepositoryPb, mask: Sequence[str], exists: Exists) -> None:
    """Change the fields of a mask, or without one all mutable fields; output-only fields are ignored (recorded).

    Args:
        current: the repository, changed in place if there is no error.
        wanted: the caller's message; fields outside the mask are ignored (recorded).
        mask: paths in either spelling (run with gcloud and the REST client).
        exists: for upstreams.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown or immutable field, UNIMPLEMENTED for one that is not emulated; the
            messages are ours.
    """
    after = new_repository()
    after.CopyFrom(current)
    # A full replacement that omits an immutable field does not try to change it: inferred.
    absent = {name for name in (*_IMMUTABLE, _REMOTE) if not mask and not _given(wanted, name)}
    named = [masks.fields(path) for path in mask if masks.in_protos(path)]
    for path in named if mask else [[name] for name in (*_CHANGEABLE, *_IMMUTABLE)]:
        head = path[0]
        if head in _OTHER_FORMATS:
            raise unimplemented(f"An update of {head}")
        if head == _SCANNING:
            path = [_SCANNING, "enablement_config"]  # The rest of it is output-only.
        if head in (*_CHANGEABLE, *_IMMUTABLE) and head not in absent:
            masks.assign(after, wanted, path)
    for field in _IMMUTABLE:
        if getattr(after, field) != getattr(current, field):
            raise ApiError("INVALID_ARGUMENT", f"Field {field.rstrip('_')} is immutable.")
    if modes.source(after) != modes.source(current):
        raise ApiError("INVALID_ARGUMENT", f"Field {_REMOTE}.remote_source is immutable.")
    # An upstream may be deleted while it is in use (recorded). That an existing one is not checked again is inferred.
    standing = {policy.repository for policy in current.virtual_repository_config.upstream_policies}
    _check(after, wanted, lambda name: name in standing or exists(name))
    current.CopyFrom(after)


def _check(repository: RepositoryPb, wanted: RepositoryPb, exists: Exists) -> None:
    """Check what applies to every repository, and set the scanning state as the server does."""
    if wanted.WhichOneof("format_config"):
        raise unimplemented("The configuration of another format than PYTHON")
    modes.check(repository, exists)
    cleanup.check(repository)
    _check_labels(repository)
    if repository.HasField(_REMOTE):
        repository.remote_repository_config.ClearField("disable_upstream_validation")  # Input-only.
    _set_scanning_state(repository)


def _set_scanning_state(repository: RepositoryPb) -> None:
    """Recorded for Standard and Virtual repositories; inferred for Remote ones, which get the same as Standard."""
    scanning = repository.vulnerability_scanning_config
    if repository.mode == modes.VIRTUAL:
        state, reason = _STATES.SCANNING_UNSUPPORTED, "Repository mode VIRTUAL_REPOSITORY is not supported."
    else:
        state, reason = _STATES.SCANNING_DISABLED, "API containerscanning.googleapis.com is not enabled."
    scanning.enablement_state, scanning.enablement_state_reason = state, reason


def _given(repository: RepositoryPb, name: str) -> bool:
    field = new_repository.DESCRIPTOR.fields_by_name[name]
    return bool(repository.HasField(name) if field.message_type else getattr(repository, name))


def _check_labels(repository: RepositoryPb) -> None:
    """At most 64; lower case, digits, `_` and `-`, letters of any alphabet; 63 characters; keys start with a letter."""
    if len(repository.labels) > _LABELS:
        raise ApiError("INVALID_ARGUMENT", f"A repository can have at most {_LABELS} labels.")
    for key, value in repository.labels.items():
        words = all(
            len(text) <= _LABEL_LENGTH and _LABEL.fullmatch(text) and text == text.lower() for text in (key, value)
        )
        if not words or not key[:1].isalpha():
            raise ApiError("INVALID_ARGUMENT", f"Invalid label: {key}={value}")
