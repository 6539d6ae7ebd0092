"""PythonRepository: a repository for Python packages in Artifact Registry."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.cleanup import Cleanup
from wheelhouse.api.consent import AccessFrom
from wheelhouse.api.labels import Labels
from wheelhouse.api.meta import (
    Conditions,
    Flag,
    Grammar,
    Model,
    Timestamp,
    checked,
    demand,
    immutable,
    rule,
    rules,
)
from wheelhouse.api.modes import NEW_OBJECT, Mode, Remote, Virtual, in_location
from wheelhouse.domain import names

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_DESCRIPTION_MESSAGE = "must be one line without control characters"
_REPOSITORY_ID = Grammar(
    names.REPOSITORY_ID,
    names.REPOSITORY_ID_LENGTH,
    "must be a repository ID: at most 63 lower-case letters, digits and '-', starting with a letter,"
    " such as team-wheels",
)
_KMS_KEY = Grammar(
    names.KMS_KEY,
    names.KMS_KEY_LENGTH,
    "must be the full name of a key, such as"
    " projects/acme-keys/locations/us-central1/keyRings/packages/cryptoKeys/wheels",
)
_REMOTE = "set remote if mode is Remote, and omit it otherwise: it defines the index that the repository caches"
_VIRTUAL = "set virtual if mode is Virtual, and omit it otherwise: it lists the repositories that are served"
_CLEANUP = "cleanup cannot be set if mode is Virtual: a virtual repository stores no packages"
_KEY_ELSEWHERE = "kmsKeyName must be a key in the location of the repository: change kmsKeyName or location"
_UPSTREAM_ELSEWHERE = "upstreams must be in the location of the repository: a virtual repository cannot serve others"

Url = Annotated[str, Field(max_length=1024)]


class VulnerabilityScanning(StrEnum):
    """Whether Google scans what is uploaded."""

    INHERITED = "Inherited"
    DISABLED = "Disabled"


class ManagementPolicy(StrEnum):
    """Whether the operator may change the repository."""

    FULL = "Full"
    OBSERVE = "Observe"


class AdoptionPolicy(StrEnum):
    """What happens if the repository already exists and does not belong to this object."""

    NEVER = "Never"
    IF_UNMANAGED = "IfUnmanaged"
    ALWAYS = "Always"


class DeletionPolicy(StrEnum):
    """What happens to the repository when its object is deleted."""

    ORPHAN = "Orphan"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


def _plain(value: str) -> bool:
    return not any(
        ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F or character in "\u2028\u2029" for character in value
    )


class PythonRepositorySpec(Model):
    """The desired state of the repository. The operator does not change settings whose field is not set."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(immutable(field, NEW_OBJECT) for field in ("project", "location", "repositoryId", "mode", "kmsKeyName")),
            rule("(self.mode == 'Remote') == has(self.remote)", _REMOTE, fieldPath=".remote"),
            rule("(self.mode == 'Virtual') == has(self.virtual)", _VIRTUAL, fieldPath=".virtual"),
            rule("self.mode != 'Virtual' || !has(self.cleanup)", _CLEANUP, fieldPath=".cleanup"),
            rule(
                "!has(self.kmsKeyName) || self.kmsKeyName.contains('/locations/' + self.location + '/')",
                _KEY_ELSEWHERE,
                fieldPath=".kmsKeyName",
            ),
            rule(
                "!has(self.virtual) || self.virtual.upstreams.all(u, !has(u.repository) ||"
                " u.repository.contains('/locations/' + self.location + '/'))",
                _UPSTREAM_ELSEWHERE,
                fieldPath=".virtual.upstreams",
            ),
        )
    )

    project: (
        Annotated[
            str,
            Grammar(names.PROJECT, names.PROJECT_LENGTH, "must be a Google Cloud project ID, such as acme-packages"),
        ]
        | None
    ) = None
    """The Google Cloud project of the repository. The annotation `wheelhouse.dev/projects` of the Namespace must list
    it. Default: the first project in that annotation. Immutable."""

    location: Annotated[
        str,
        Grammar(
            names.LOCATION,
            names.LOCATION_LENGTH,
            "must be an Artifact Registry location, such as us-central1 or europe",
        ),
    ]
    """The Artifact Registry location, like `us-central1`, or a multi-region, like `europe`. Immutable."""

    repository_id: Annotated[str, _REPOSITORY_ID] | None = None
    """The ID of the repository in Artifact Registry. Default: the name of this object. Immutable."""

    mode: Mode = Mode.STANDARD
    """`Standard` (default): holds uploaded packages. `Remote`: caches the index in `remote`. `Virtual`: serves the
    repositories in `virtual` at one URL. Immutable."""

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
    """A description that the Google Cloud console and gcloud show, on one line."""

    labels: Labels | None = None
    """Labels of the repository in Google, for billing and search; at most 60. They are not the labels of this object.
    The operator removes a label there when you remove it here, and keeps labels that others set. Keys that start with
    `wheelhouse` are reserved for the operator."""

    kms_key_name: Annotated[str, _KMS_KEY] | None = None
    """The Cloud KMS key that encrypts the repository: `projects/P/locations/L/keyRings/R/cryptoKeys/K`. It must be in
    the location of the repository, and in a project that the namespace is allowed to use. The service agent of Artifact
    Registry needs `roles/cloudkms.cryptoKeyEncrypterDecrypter` on it. Default: Google's own keys. Immutable."""

    vulnerability_scanning: VulnerabilityScanning | None = None
    """`Inherited`: Google scans packages if scanning is on in the project. `Disabled`: Google does not scan them. If
    not set, the operator does not change the setting."""

    cleanup: Cleanup | None = None
    """Which versions Artifact Registry deletes automatically. A policy with `Keep` alone deletes nothing: it protects
    versions from policies with `Delete`. Not allowed with mode `Virtual`."""

    remote: Remote | None = None
    """The index that a remote repository caches. Required with mode `Remote`, and not allowed with other modes."""

    virtual: Virtual | None = None
    """The repositories that a virtual repository serves. Required with mode `Virtual`, and not allowed with other
    modes."""

    management_policy: ManagementPolicy = ManagementPolicy.FULL
    """`Full` (default): the operator creates the repository, keeps it in sync with this spec, and releases it when this
    object is deleted. `Observe`: the operator never creates, changes or deletes the repository, so that
    RepositoryAccesses can use a repository that another tool manages."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """What happens if the repository already exists and does not belong to this object. `Never` (default): the operator
    does not change it, and reports `AlreadyExists`. `IfUnmanaged`: the operator takes it over unless it has labels of
    another tool or another cluster. `Always`: the operator takes it over unless it belongs to another object of this
    cluster."""

    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    """What happens to the repository when this object is deleted. `Orphan` (default): the repository and its packages
    stay. `DeleteIfEmpty`: the repository is deleted once it has no packages, and this object stays until then.
    `Delete`: the repository is deleted with all its packages."""

    access_from: AccessFrom | None = None
    """Which other namespaces can use the repository in a RepositoryAccess or a virtual repository: those that are named
    and those that are selected. Default: none. The repository's own namespace can always use it, with every role."""

    suspend: Flag = False
    """Whether to pause the repository: the operator applies no changes of this spec and corrects no drift. It still
    releases the repository when this object is deleted."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        demand((self.mode is Mode.REMOTE) == (self.remote is not None), _REMOTE)
        demand((self.mode is Mode.VIRTUAL) == (self.virtual is not None), _VIRTUAL)
        demand(self.mode is not Mode.VIRTUAL or self.cleanup is None, _CLEANUP)
        demand(self.kms_key_name is None or f"/locations/{self.location}/" in self.kms_key_name, _KEY_ELSEWHERE)
        demand(self.virtual is None or in_location(self.virtual.upstreams, self.location), _UPSTREAM_ELSEWHERE)
        return self


class Operation(Model):
    """A long-running operation of Artifact Registry."""

    name: Annotated[str, Field(max_length=512)]
    """The resource name of the operation."""

    kind: Annotated[str, Field(max_length=32)]
    """`Create` or `Delete`."""

    start_time: Timestamp
    """When the operation started."""


class AccessSummary(Model):
    """How much of the IAM policy of the repository is used."""

    accesses: int
    """How many RepositoryAccesses request grants on the repository and may have them."""

    members: int
    """How many principals the IAM policy has, with each occurrence counted."""

    member_limit: int
    """How many principals Google allows in the IAM policy."""


class PythonRepositoryStatus(Model):
    """The state of the repository. Only the operator writes it."""

    observed_generation: int | None = None
    """The generation of the spec that the status describes; -1 before the first check."""

    repository: Annotated[str, Field(max_length=512)] | None = None
    """The full resource name of the repository in Google."""

    mode: Annotated[str, Field(max_length=32)] | None = None
    """The mode of the repository in Google."""

    index_url: Annotated[Url | None, Field(alias="indexURL")] = None
    """The URL of the index that pip and uv install from, without credentials."""

    upload_url: Annotated[Url | None, Field(alias="uploadURL")] = None
    """The URL that twine and uv upload to."""

    create_time: Timestamp | None = None
    """When Google created the repository."""

    update_time: Timestamp | None = None
    """When the repository was last changed, as of the last check."""

    operation: Operation | None = None
    """The operation that is running, if any."""

    managed: (
        Annotated[
            list[Annotated[str, Field(max_length=128)]],
            Field(max_length=128, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The settings of the repository that this object set, like `description`, `labels/team`, `cleanup` or
    `remote.credentials`. The operator clears a setting when the spec no longer has it."""

    access_summary: AccessSummary | None = None
    """How many accesses and principals use the repository, as of the last check."""

    last_handled_request: Annotated[str, Field(max_length=256)] | None = None
    """The last value of the annotation `wheelhouse.dev/requested-at` that the operator handled."""

    conditions: Conditions | None = None
    """The conditions `Ready`, `ResolvedRefs` and `Synced`; `IndexSafe` for mode Virtual; `Reconciling` or `Stalled`
    while it is not Ready."""
