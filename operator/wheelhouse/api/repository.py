"""PythonRepository: a repository for Python packages in Artifact Registry."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from wheelhouse.api.cleanup import Cleanup
from wheelhouse.api.meta import (
    Grammar,
    LabelSelector,
    Model,
    NamespaceName,
    Role,
    checked,
    immutable,
    rule,
    rules,
)
from wheelhouse.api.modes import Mode, Remote, Virtual
from wheelhouse.domain import names

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_DESCRIPTION_MESSAGE = "write a description on one line, without control characters"
_NEW_OBJECT = (
    "declare a new PythonRepository; or delete this one with deletionPolicy Orphan, which keeps the repository and its"
    " packages, and take it over by a new one with adoptionPolicy IfUnmanaged"
)
_LABEL_KEYS = (
    "write label keys of Artifact Registry: a lower-case letter first, then letters, digits, _ and -, at most 63"
)
_LABEL_VALUE = "write a label value of Artifact Registry: lower-case letters, digits, _ and -, at most 63"
_OUR_LABELS = "label keys that start with wheelhouse are Wheelhouse's own: use another key"
_KEY_LOCATION = "kmsKeyName must be a key in the repository's own location"
_REMOTE_MODE = "set remote with mode Remote, and only then"
_VIRTUAL_MODE = "set virtual with mode Virtual, and only then"
_NO_CLEANUP = "cleanup has no place on a Virtual repository: set it on its upstreams"
_UPSTREAM_LOCATION = "an upstream must be in the same location as its Virtual repository"
_REPOSITORY_ID = Grammar(
    names.REPOSITORY_ID,
    names.REPOSITORY_ID_LENGTH,
    "write a repository id: a letter first, then a-z, 0-9 and '-', at most 63, like team-wheels",
)


LabelValue = Annotated[
    str,
    Field(
        max_length=names.LABEL_LENGTH,
        json_schema_extra=rules(rule(f"self.matches(r'^({names.LABEL_VALUE})$')", _LABEL_VALUE)),
    ),
    checked(names.is_label_value, _LABEL_VALUE),
]


class VulnerabilityScanning(StrEnum):
    """Whether packages are scanned."""

    INHERITED = "Inherited"
    DISABLED = "Disabled"


class ManagementPolicy(StrEnum):
    """Who keeps the repository."""

    FULL = "Full"
    OBSERVE = "Observe"


class AdoptionPolicy(StrEnum):
    """What happens to a repository that exists already."""

    NEVER = "Never"
    IF_UNMANAGED = "IfUnmanaged"
    ALWAYS = "Always"


class DeletionPolicy(StrEnum):
    """What becomes of the repository."""

    ORPHAN = "Orphan"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


class AccessFrom(Model):
    """Who may point a RepositoryAccess here, besides the own namespace."""

    namespaces: Annotated[list[NamespaceName], Field(max_length=256)] | None = None
    """Namespaces that may have access, by name."""

    namespace_selector: LabelSelector | None = None
    """Namespaces that may have access, by their labels. An empty selector (`{}`) means every namespace."""

    roles: Annotated[tuple[Role, ...], Field(max_length=3)] = (Role.READER,)
    """The roles that these namespaces may ask for; default: `Reader` alone. The own namespace may ask for all."""


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
            immutable("mode", _NEW_OBJECT),
            immutable("kmsKeyName", _NEW_OBJECT),
            rule("(self.mode == 'Remote') == has(self.remote)", _REMOTE_MODE, fieldPath=".remote"),
            rule("(self.mode == 'Virtual') == has(self.virtual)", _VIRTUAL_MODE, fieldPath=".virtual"),
            rule("self.mode != 'Virtual' || !has(self.cleanup)", _NO_CLEANUP, fieldPath=".cleanup"),
            rule(
                "!has(self.kmsKeyName) || self.kmsKeyName.split('/')[3] == self.location",
                _KEY_LOCATION,
                fieldPath=".kmsKeyName",
            ),
            rule(
                "!has(self.virtual) || !has(self.virtual.upstreams) || self.virtual.upstreams.all(u,"
                " !has(u.repository) || u.repository.split('/')[3] == self.location)",
                _UPSTREAM_LOCATION,
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

    mode: Mode = Mode.STANDARD
    """`Standard` (default) holds packages that are uploaded, `Remote` fetches from another index and keeps what was
    asked for, `Virtual` shows several repositories as one. Immutable."""

    labels: (
        Annotated[
            dict[str, LabelValue],
            Field(
                max_length=60,
                json_schema_extra=rules(
                    rule(f"self.all(k, k.matches(r'^({names.LABEL_KEY})$'))", _LABEL_KEYS),
                    rule("self.all(k, !k.startsWith('wheelhouse'))", _OUR_LABELS),
                ),
            ),
            checked(lambda found: all(names.is_label_key(key) for key in found), _LABEL_KEYS),
            checked(lambda found: not any(key.startswith("wheelhouse") for key in found), _OUR_LABELS),
        ]
        | None
    ) = None
    """Labels of the repository in Google, for costs and searches. They stand beside those that others set; one that is
    removed here is removed there."""

    kms_key_name: (
        Annotated[
            str,
            Grammar(
                names.KMS_KEY,
                names.RESOURCE_LENGTH,
                "write a key's full name, like projects/acme/locations/us-central1/keyRings/ring/cryptoKeys/wheels",
            ),
        ]
        | None
    ) = None
    """The key in Cloud KMS that encrypts the content, in the repository's own location; default: Google's own key. Its
    project must be allowed for the namespace, and Artifact Registry's service agent must be able to use it.
    Immutable."""

    vulnerability_scanning: VulnerabilityScanning | None = None
    """`Inherited`: as the project has it; `Disabled`: never. Unset: left as it is."""

    cleanup: Cleanup | None = None
    """Which versions Artifact Registry deletes by itself. Not on Virtual repositories. Unset: left as it is; removed:
    the policies that stood here go."""

    remote: Remote | None = None
    """Where a Remote repository fetches. Set with `mode: Remote`, and only then."""

    virtual: Virtual | None = None
    """What a Virtual repository shows. Set with `mode: Virtual`, and only then."""

    management_policy: ManagementPolicy = ManagementPolicy.FULL
    """`Full` (default): the repository is created, kept as this object says, and released. `Observe`: it is never
    created, changed or deleted, only looked up so that accesses can use it: for what Terraform or a person keeps."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """What to do when the repository exists already and is not this object's. `Never` (default) leaves it alone,
    `IfUnmanaged` takes it over unless another tool's labels are on it, `Always` takes it over, unless another
    PythonRepository of this cluster owns it."""

    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    """What happens to the repository when this object is deleted: `Orphan` (default) leaves it and its packages,
    `DeleteIfEmpty` deletes it when it has no package and else keeps this object, `Delete` deletes it with all its
    packages. Only what carries this object's labels is ever deleted."""

    suspend: StrictBool = False
    """While true nothing of a changed spec is carried out and no drift is put back; deletion still releases. Default:
    false."""

    access_from: AccessFrom | None = None
    """Which other namespaces may use the repository, through a RepositoryAccess or as an upstream of theirs: those
    named and those selected. Default: none. The own namespace always may, also to write."""

    @model_validator(mode="after")
    def _fields_fit_mode(self) -> Self:
        if (self.mode is Mode.REMOTE) != (self.remote is not None):
            raise ValueError(_REMOTE_MODE)
        if (self.mode is Mode.VIRTUAL) != (self.virtual is not None):
            raise ValueError(_VIRTUAL_MODE)
        if self.mode is Mode.VIRTUAL and self.cleanup is not None:
            raise ValueError(_NO_CLEANUP)
        if self.kms_key_name is not None and self.kms_key_name.split("/")[3] != self.location:
            raise ValueError(_KEY_LOCATION)
        full = [each.repository for each in (self.virtual.upstreams or () if self.virtual else ()) if each.repository]
        if any(name.split("/")[3] != self.location for name in full):
            raise ValueError(_UPSTREAM_LOCATION)
        return self
