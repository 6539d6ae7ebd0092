"""The status of a PythonRepository: only the operator writes it."""

from typing import Annotated

from pydantic import Field

from wheelhouse.api.meta import Conditions, Model, Timestamp

Url = Annotated[str, Field(max_length=1024)]


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

    mode: Annotated[str, Field(max_length=16)] | None = None
    """The repository's mode as it was found."""

    managed: (
        Annotated[
            list[Annotated[str, Field(max_length=128)]],
            Field(max_length=128, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """What of the repository this object has set, so that it is taken back when the spec drops it."""

    create_time: Timestamp | None = None
    """When Google created the repository."""

    update_time: Timestamp | None = None
    """When the repository was last changed, as seen at the last look."""

    operation: Operation | None = None
    """The operation that runs now."""

    access_summary: AccessSummary | None = None
    """How many use the repository, as counted at the last look."""

    last_handled_request: Annotated[str, Field(max_length=256)] | None = None
    """The value of the annotation `wheelhouse.dev/requested-at` that was last looked at."""

    conditions: Conditions | None = None
    """Findings: `Ready`, `ResolvedRefs`, `Synced`; `Reconciling` or `Stalled` while it is not Ready; `IndexSafe` of a
    Virtual repository."""
