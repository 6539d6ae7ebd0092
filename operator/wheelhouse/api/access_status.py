"""The status of a RepositoryAccess: what it has, and where."""

from typing import Annotated

from pydantic import Field

from wheelhouse.api.meta import Conditions, Model, Timestamp


class GrantStatus(Model):
    """One grant in the IAM policy."""

    role: Annotated[str, Field(max_length=256)]
    """The name of the role in IAM."""

    member: Annotated[str, Field(max_length=1024)]
    """The member in the form that IAM uses."""

    state: Annotated[str, Field(max_length=32)]
    """`Recorded` (the operator is about to make it), `Granted` (made by the operator), `Existing` (made by another
    client, and never removed) or `Rejected` (by IAM)."""

    message: Annotated[str, Field(max_length=4096)] | None = None
    """The error from IAM, for a rejected grant. For a recorded one, a note that it may be set already."""

    kind: Annotated[str, Field(max_length=32)] | None = None
    """`Principal` if a subject of this kind names the member. Such a grant does not follow a change of the cluster's
    workload identity pool."""


class FailedNamespace(Model):
    """A namespace whose Secret could not be written."""

    namespace: Annotated[str, Field(max_length=63)]
    """The name of the namespace."""

    reason: Annotated[str, Field(max_length=256)]
    """The reason for the failure."""


class SecretStatus(Model):
    """The state of the Secrets. Nothing in it is derived from a token."""

    name: Annotated[str, Field(max_length=253)]
    """The name of the Secret."""

    namespaces: (
        Annotated[
            list[Annotated[str, Field(max_length=63)]],
            Field(max_length=5000, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The namespaces that have the Secret, or are about to get it."""

    summary: Annotated[str, Field(max_length=32)] | None = None
    """How many Secrets are valid, and how many are requested, like `417/1000`. While many Secrets are written,
    the operator updates it every five seconds."""

    desired: int | None = None
    """How many Secrets are requested."""

    current: int | None = None
    """How many Secrets have a valid token, or the requested files with `credential: Keyring`."""

    failed: (
        Annotated[list[FailedNamespace], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """The namespaces where the operator could not write the Secret; at most ten."""

    expiration_time: Timestamp | None = None
    """When the current token expires. The operator replaces it before then. Not set if the Secret has no token."""

    refresh_time: Timestamp | None = None
    """When the operator replaces the token."""

    credential: Annotated[str, Field(max_length=32)] | None = None
    """`Keyring` if the Secret has no token."""

    keyring_provider: Annotated[str, Field(max_length=32)] | None = None
    """How pip calls keyring, if the Secret has no token and the spec says how."""

    authentication: Annotated[str, Field(max_length=32)] | None = None
    """Where pip and uv find the token, `Netrc` or `URL`. A Secret from before this field has `URL`."""

    formats: (
        Annotated[
            list[Annotated[str, Field(max_length=32)]],
            Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The formats of the Secret, if they are not `pip`, `uv`, `netrc` and `pypirc`."""

    index: Annotated[str, Field(max_length=32)] | None = None
    """`Extra` if the Secret adds the repository to the public index."""

    upload_repository: Annotated[str, Field(max_length=512)] | None = None
    """The full resource name of the repository in Google that `secret.uploadRepositoryRef` resolved to, if the Secrets
    have it. It is missing while its owner does not allow it."""

    identity: Annotated[str, Field(max_length=512)] | None = None
    """The ServiceAccount that the token authenticates as: namespace/name. The namespace is `*` if each Secret has the
    token of a ServiceAccount of its own namespace. If the Secret has no token, the ServiceAccount that pods run as."""

    google_service_account: Annotated[str, Field(max_length=512)] | None = None
    """The Google service account that this ServiceAccount acts as, from its annotation
    `iam.gke.io/gcp-service-account`."""


class RepositoryAccessStatus(Model):
    """The state of the access. Only the operator writes it."""

    observed_generation: int | None = None
    """The generation of the spec that the status describes; -1 before the first check."""

    repository: Annotated[str, Field(max_length=512)] | None = None
    """The full resource name of the repository in Google that has the grants."""

    repository_create_time: Timestamp | None = None
    """When Google created the repository that has the grants. A repository that is created again has another time."""

    grants: (
        Annotated[list[GrantStatus], Field(max_length=1500, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """The grants for this object. The operator writes them here before it changes the IAM policy, and revokes only
    grants that are listed here."""

    grant_summary: Annotated[str, Field(max_length=512)] | None = None
    """Which members have which role."""

    secret: SecretStatus | None = None
    """The state of the Secret."""

    last_handled_request: Annotated[str, Field(max_length=256)] | None = None
    """The last value of the annotation `wheelhouse.dev/requested-at` that the operator handled."""

    conditions: Conditions | None = None
    """The conditions `Ready`, `ResolvedRefs`, `Granted`, `Distributed`, `Verified`; `IndexSafe` if public packages can
    be installed with the Secret; `Reconciling` or `Stalled` while it is not Ready."""
