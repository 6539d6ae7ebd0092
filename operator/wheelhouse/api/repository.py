"""PythonRepository: a repository for Python packages in Artifact Registry."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.cleanup import Cleanup
from wheelhouse.api.labels import Labels
from wheelhouse.api.meta import (
    Conditions,
    Flag,
    Grammar,
    LabelSelector,
    Model,
    NamespaceName,
    Role,
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
_DESCRIPTION_MESSAGE = "write a description on one line, without control characters"
_REPOSITORY_ID = Grammar(
    names.REPOSITORY_ID,
    names.REPOSITORY_ID_LENGTH,
    "write a repository id: a letter first, then a-z, 0-9 and '-', at most 63, like team-wheels",
)
_KMS_KEY = Grammar(
    names.KMS_KEY,
    names.KMS_KEY_LENGTH,
    "write a full key name, like projects/acme-keys/locations/us-central1/keyRings/packages/cryptoKeys/wheels",
)
_REMOTE = "set remote when mode is Remote, and only then: it names the index that packages are taken from"
_VIRTUAL = "set virtual when mode is Virtual, and only then: it names the repositories that are read"
_CLEANUP = "cleanup cannot be set when mode is Virtual: such a repository holds no packages of its own"
_KEY_ELSEWHERE = "name a key in the repository's own location: kmsKeyName and location must say the same one"
_UPSTREAM_ELSEWHERE = "name upstreams in the repository's own location: a virtual repository reads no other"

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
    """What is done with a repository that exists already and is not this object's."""

    NEVER = "Never"
    IF_UNMANAGED = "IfUnmanaged"
    ALWAYS = "Always"


class DeletionPolicy(StrEnum):
    """What becomes of the repository."""

    ORPHAN = "Orphan"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


class AccessFrom(Model):
    """Who may point a RepositoryAccess, or a virtual repository, here, besides the own namespace."""

    namespaces: Annotated[list[NamespaceName], Field(max_length=256)] | None = None
    """Namespaces that may have access, by name."""

    namespace_selector: LabelSelector | None = None
    """Namespaces that may have access, by their labels. An empty selector (`{}`) means every namespace."""

    roles: Annotated[list[Role], checked(lambda found: len(set(found)) == len(found), "name each role once")] = Field(
        default=[Role.READER], max_length=3, json_schema_extra={"x-kubernetes-list-type": "set"}
    )
    """Which roles the RepositoryAccesses of those namespaces may ask for; default: `Reader` alone. The own namespace
    may ask for all."""


def _plain(value: str) -> bool:
    return not any(
        ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F or character in "\u2028\u2029" for character in value
    )


class PythonRepositorySpec(Model):
    """What the repository shall be like. A field that is not set is left as it is in Artifact Registry."""

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

    mode: Mode = Mode.STANDARD
    """`Standard` (default): packages are uploaded here. `Remote`: a cache of another index, named in `remote`.
    `Virtual`: several repositories under one address, named in `virtual`. Immutable."""

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

    labels: Labels | None = None
    """Labels of the repository in Google, for billing and search; at most 60. They are not the object's labels. A label
    that is removed here is removed there; labels that others set are left alone. Keys that start with `wheelhouse` are
    the operator's own."""

    kms_key_name: Annotated[str, _KMS_KEY] | None = None
    """The Cloud KMS key that encrypts the repository: `projects/P/locations/L/keyRings/R/cryptoKeys/K`, in the
    repository's own location, its project allowed for the namespace. Artifact Registry's service agent needs
    `roles/cloudkms.cryptoKeyEncrypterDecrypter` on it. Default: Google's own keys. Immutable."""

    vulnerability_scanning: VulnerabilityScanning | None = None
    """`Inherited`: packages are scanned if the project's settings say so. `Disabled`: never. Not set: left as it is."""

    cleanup: Cleanup | None = None
    """Which versions Artifact Registry deletes by itself. A policy with `Keep` alone deletes nothing: it protects
    versions from policies with `Delete`. Not for mode Virtual."""

    remote: Remote | None = None
    """The index that a remote repository caches. Set exactly when mode is `Remote`."""

    virtual: Virtual | None = None
    """The repositories that a virtual repository reads. Set exactly when mode is `Virtual`."""

    management_policy: ManagementPolicy = ManagementPolicy.FULL
    """`Full` (default): the repository is created, kept as declared here, and released with this object. `Observe`: it
    is never created, changed or deleted, only found, so that RepositoryAccesses can use what somebody else keeps."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """What happens when the repository exists already and is not this object's. `Never` (default): nothing, and the
    object says so. `IfUnmanaged`: it is taken over unless another tool's or another cluster's labels are on it.
    `Always`: it is taken over in any case but one: another object of this cluster keeps what it has."""

    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    """What happens to the repository when this object is deleted: `Orphan` (default) leaves it and its packages,
    `DeleteIfEmpty` deletes it if it holds no package, and otherwise keeps this object until it does not, `Delete`
    deletes it with all its packages."""

    access_from: AccessFrom | None = None
    """Which other namespaces may point a RepositoryAccess or a virtual repository here: those named and those selected.
    Default: none. The own namespace always may, with every role."""

    suspend: Flag = False
    """Whether work on the repository rests: no change of this spec is carried out and nothing is put back. Deleting the
    object still releases the repository."""

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

    mode: Annotated[str, Field(max_length=32)] | None = None
    """The repository's mode as it is in Google."""

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

    managed: (
        Annotated[
            list[Annotated[str, Field(max_length=128)]],
            Field(max_length=128, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """What of the repository this object has set, so that it is taken back when the spec drops it: `description`,
    `labels/team`, `cleanup`, `remote.credentials` …"""

    access_summary: AccessSummary | None = None
    """How many use the repository, as counted at the last look."""

    last_handled_request: Annotated[str, Field(max_length=256)] | None = None
    """The value of the annotation `wheelhouse.dev/requested-at` that was last acted upon."""

    conditions: Conditions | None = None
    """Findings: `Ready`, `ResolvedRefs`, `Synced`; `Reconciling` or `Stalled` while it is not Ready."""
