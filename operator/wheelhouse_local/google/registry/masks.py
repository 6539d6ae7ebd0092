"""Update masks: paths in either spelling, applied to a repository."""

import re
from typing import Any, TypeAlias

from google.cloud.artifactregistry_v1 import types

from wheelhouse_local.google.transport.errors import ApiError, unimplemented

Pb: TypeAlias = Any  # generated messages carry no types

REST_ONLY = (
    "networkConfig",
    "sbomConfig",
    "remoteRepositoryConfig.deleteNotFoundCacheFiles",
    "remoteRepositoryConfig.noCache",
    "remoteRepositoryConfig.remoteType",
    "remoteRepositoryConfig.serviceDirectoryConfig",
)
"""Fields in the messages of gcloud 528, and Terraform's `noCache`, that the protos do not have."""

_REPOSITORY = types.Repository.pb().DESCRIPTOR


def snake(path: str) -> str:
    """A path in the proto's spelling; gcloud and the REST client send it in camel case (run)."""
    return re.sub(r"(?<!^)(?<!\.)([A-Z])", lambda found: f"_{found[1].lower()}", path)


def in_protos(path: str) -> bool:
    """Whether the protos have this path: rest_only.py keeps the others."""
    return snake(path) not in {snake(field) for field in REST_ONLY}


def fields(path: str) -> list[str]:
    """The fields of a path, from the outermost to the target.

    Raises:
        ApiError: INVALID_ARGUMENT for an unknown field (the message is ours), UNIMPLEMENTED for `*`.
    """
    if path == "*":
        raise unimplemented("An update of everything by a mask")
    found: list[str] = []
    descriptor = _REPOSITORY
    for part in snake(path).split("."):
        name = "format_" if part == "format" and not found else part  # proto-plus uses this name.
        if descriptor is None or name not in descriptor.fields_by_name:
            raise ApiError("INVALID_ARGUMENT", f"Invalid field in update mask: {path}")
        found.append(name)
        descriptor = descriptor.fields_by_name[name].message_type
    return found


def assign(target: Pb, source: Pb, path: list[str]) -> None:
    """Copy the field at a path from `source`; if it is absent there, clear it."""
    head, *rest = path
    if rest:
        if source.HasField(head) or target.HasField(head):
            assign(getattr(target, head), getattr(source, head), rest)
        return
    target.ClearField(head)
    partial = type(source)()
    partial.CopyFrom(source)
    for other in source.DESCRIPTOR.fields_by_name:
        if other != head:
            partial.ClearField(other)
    target.MergeFrom(partial)
