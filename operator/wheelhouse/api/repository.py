"""PythonRepository: a repository for Python packages in Artifact Registry."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from wheelhouse.api.meta import (
    Conditions,
    Grammar,
    LabelSelector,
    Model,
    NamespaceName,
    Timestamp,
    checked,
    immutable,
    rule,
    rules,
)
from wheelhouse.domain import names

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_DESCRIPTION_MESSAGE = "write a description on one line, without control characters"
_NEW_OBJECT = (
    "declare a new PythonRepository, and delete this one when it is not needed (deletionPolicy Orphan keeps its"
    " packages)"
)
_REPOSITORY_ID = Grammar(
    names.REPOSITORY_ID,
    names.REPOSITORY_ID_LENGTH,
    "write a repository id: a letter first, then a-z, 0-9 and '-', at most 63, like team-wheels",
)


Url = Annotated[str, Field(max_length=1024)]


class DeletionPolicy(StrEnum):
    """What becomes of the repository."""

    ORPHAN = "Orphan"
    DELETE = "Delete"


class AccessFrom(Model):
    """Who may point a RepositoryAccess here, besides the own namespace."""

    namespaces: Annotated[list[NamespaceName], Field(max_length=256)] | None = None
    """Namespaces that may have access, by name."""

    namespace_selector: LabelSelector | None = None
    """Namespaces that may have access, by their labels. An empty selector (`{}`) means every namespace."""


def _plain(value: str) -> bool:
    return not any(
        ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F or character in "\u2028\u2029" for character in value
    )


class PythonRepositorySpec(Model):
    """What the repository shall be like. A field that is not set is left as it is in Artifact Registry."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            immutable("project", _NEW_OBJECT),
            immutable("location", _NEW_OBJECT),
            immutable("repositoryId", _NEW_OBJECT),
        )
    )

    project: (
        Annotated[
            str, Grammar(names.PROJECT, names.PROJECT_LENGTH, "write a Google Cloud project id, like acme-packages")
        ]
        | None
    ) = None
    """Google Cloud project of the repository. It must be listed in the Namespace's annotation
    `wheelhouse.dev/projects`; default: the first project listed there. Immutable."""

    location: Annotated[
        str,
        Grammar(
            names.LOCATION, names.LOCATION_LENGTH, "write an Artifact Registry location, like us-central1 or europe"
        ),
    ]
    """Artifact Registry location, like `us-central1`, or a multi-region, like `europe`. Immutable."""

    repository_id: Annotated[str, _REPOSITORY_ID] | None = None
    """The repository's id in Artifact Registry; default: the object's name. Immutable."""

    description: (
        Annotated[
            str,
            Field(
                max_length=1024,
                json_schema_extra=rules(
                    rule(rf'self.matches(r"^[^{_CONTROLS}\x{{2028}}\x{{2029}}]*$")', _DESCRIPTION_MESSAGE)
                ),
            ),
            checked(_plain, _DESCRIPTION_MESSAGE),
        ]
        | None
    ) = None
    """What people read about the repository in the console and in gcloud, on one line."""

    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    """What happens to the repository when this object is deleted: `Orphan` (default) leaves it and its packages,
    `Delete` deletes it with all its packages."""

    access_from: AccessFrom | None = None
    """Which other namespaces may read the repository through a RepositoryAccess of theirs: those named and those
    selected. Default: none. The own namespace always may, also to write."""


class Operation(Model):
    """A long-running operation of Artifact Registry."""

    name: Annotated[str, Field(max_length=512)]
    """Its resource name."""

    kind: Annotated[str, Field(max_length=32)]
    """`Create` or `Delete`."""

    start_time: Timestamp
    """When it was started."""


class AccessSummary(Model):
    """How full the repository's IAM policy is."""

    accesses: int
    """RepositoryAccesses that have a grant on the repository."""

    members: int
    """Principals in its IAM policy, each occurrence counted."""

    member_limit: int
    """How many Google allows."""


class PythonRepositoryStatus(Model):
    """What is known of the repository; only the operator writes it."""

    observed_generation: int | None = None
    """The generation of the spec that the status is about; -1 before the first look."""

    repository: Annotated[str, Field(max_length=512)] | None = None
    """The repository's full resource name in Google."""

    index_url: Annotated[Url | None, Field(alias="indexURL")] = None
    """The index that pip and uv install from, without credentials."""

    upload_url: Annotated[Url | None, Field(alias="uploadURL")] = None
    """Where twine and uv upload to."""

    create_time: Timestamp | None = None
    """When Google created the repository."""

    update_time: Timestamp | None = None
    """When the repository was last changed, as seen at the last look."""

    operation: Operation | None = None
    """The operation that runs now."""

    access_summary: AccessSummary | None = None
    """How many use the repository, as counted at the last look."""

    conditions: Conditions | None = None
    """Findings: `Ready`, `ResolvedRefs`, `Synced`; `Reconciling` or `Stalled` while it is not Ready."""
