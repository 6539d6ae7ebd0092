"""RepositoryAccess: who may read or write a repository, and the Secret that their pods mount."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.meta import (
    Conditions,
    Flag,
    Grammar,
    Model,
    NamespaceName,
    ObjectName,
    Role,
    Timestamp,
    rule,
    rules,
)
from wheelhouse.domain import names

_IMMUTABLE_REFERENCE = "repositoryRef cannot be changed: declare a new RepositoryAccess, and delete this one"
_IMMUTABLE_NAME = "secret.name cannot be changed: remove secret first, or declare a new RepositoryAccess"
_WHOSE_IDENTITY = (
    "set secret.serviceAccountName to the ServiceAccount whose identity the token shall carry (it may be left out when"
    " subjects holds exactly one ServiceAccount)"
)
_NOBODY = "name at least one subject, or set secret"
_SERVICE_ACCOUNT = "write the name of a Kubernetes ServiceAccount, like wheels-reader"
_EMAIL = "write an e-mail address in lower case, like team@example.com"
_GOOGLE_ACCOUNT = (
    "write the e-mail of a Google service account in lower case, like ci@my-project.iam.gserviceaccount.com"
)


class SubjectKind(StrEnum):
    """Who a subject is."""

    SERVICE_ACCOUNT = "ServiceAccount"
    GOOGLE_SERVICE_ACCOUNT = "GoogleServiceAccount"
    GOOGLE_GROUP = "GoogleGroup"
    GOOGLE_USER = "GoogleUser"


class AdoptionPolicy(StrEnum):
    """What happens to identical grants that were there before."""

    NEVER = "Never"
    ALWAYS = "Always"


class RepositoryReference(Model):
    """A PythonRepository."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.name == oldSelf.name && has(self.__namespace__) == has(oldSelf.__namespace__)"
                " && (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)",
                _IMMUTABLE_REFERENCE,
            )
        )
    )

    name: ObjectName
    """The PythonRepository's name. Immutable."""

    namespace: NamespaceName | None = None
    """Its namespace; default: this object's own. Immutable. Another namespace's repository must let this one in with
    `accessFrom`, and in this role."""


class Subject(Model):
    """Somebody who is granted the role."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.kind != 'ServiceAccount' || (size(self.name) <= 253 &&"
                f" self.name.matches(r'^({names.DNS_SUBDOMAIN})$'))",
                _SERVICE_ACCOUNT,
                fieldPath=".name",
            ),
            rule(
                "!(self.kind in ['GoogleGroup', 'GoogleUser']) || (size(self.name) <= 320 &&"
                f" self.name.matches(r'^({names.EMAIL})$'))",
                _EMAIL,
                fieldPath=".name",
            ),
            rule(
                "self.kind != 'GoogleServiceAccount' || (size(self.name) <= 320 &&"
                f" self.name.matches(r'^({names.SERVICE_ACCOUNT_EMAIL})$'))",
                _GOOGLE_ACCOUNT,
                fieldPath=".name",
            ),
        )
    )

    kind: SubjectKind
    """`ServiceAccount`: a Kubernetes ServiceAccount of this namespace, through Workload Identity.
    `GoogleServiceAccount`, `GoogleGroup`, `GoogleUser`: somebody outside the cluster; only in the repository's own
    namespace."""

    name: Annotated[str, Field(max_length=512)]
    """The ServiceAccount's name, or an e-mail address in lower case."""

    @model_validator(mode="after")
    def _name_fits_kind(self) -> Self:
        match self.kind:
            case SubjectKind.SERVICE_ACCOUNT:
                fits, message = names.is_dns_subdomain(self.name), _SERVICE_ACCOUNT
            case SubjectKind.GOOGLE_SERVICE_ACCOUNT:
                fits, message = names.is_google_service_account(self.name), _GOOGLE_ACCOUNT
            case _:
                fits, message = names.is_email(self.name), _EMAIL
        if not fits:
            raise ValueError(message)
        return self


class Secret(Model):
    """The Secret with pip.conf, uv.toml, netrc (and .pypirc for writers) that the operator keeps fresh."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("self.name == oldSelf.name", _IMMUTABLE_NAME, fieldPath=".name"))
    )

    name: Annotated[
        str,
        Grammar(names.DNS_SUBDOMAIN, 63, "write a Secret's name: a-z, 0-9, '-' and '.', at most 63, like pip-config"),
    ] = "pip-config"
    """The Secret's name in this namespace. Immutable: remove `secret` and add it again for another name."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount of this namespace whose identity the token carries; it is granted the role. Default: the only
    ServiceAccount among the subjects. Make one for packages: whoever reads the Secret can do all that it may do."""


class RepositoryAccessSpec(Model):
    """Who may do what with which repository."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.secret) || (has(self.subjects) && size(self.subjects) > 0)", _NOBODY),
            rule(
                "!has(self.secret) || has(self.secret.serviceAccountName) ||"
                " (has(self.subjects) && self.subjects.filter(s, s.kind == 'ServiceAccount').size() == 1)",
                _WHOSE_IDENTITY,
                fieldPath=".secret",
            ),
        )
    )

    repository_ref: RepositoryReference
    """The repository. Immutable."""

    role: Role = Role.READER
    """`Reader` (default) may install, `Writer` may also upload, `RepoAdmin` may also delete versions and packages. From
    another namespace than the repository's only those that its `accessFrom.roles` names."""

    subjects: Annotated[list[Subject], Field(max_length=100)] | None = None
    """Who is granted the role."""

    secret: Secret | None = None
    """A Secret with ready-made client configuration for pods to mount. The namespace must carry the label
    `wheelhouse.dev/credentials=enabled`. Absent: only the grants are made."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """What happens to a grant of this object that the IAM policy has already. `Never` (default): it is used, and stays
    when this object goes. `Always`: it becomes this object's own and is withdrawn with it, for grants that move here
    from gcloud, Terraform or a restored backup; only from the repository's own namespace. Of several clusters that
    share a repository only one may use it."""

    suspend: Flag = False
    """Whether work on the access rests: no new grant and no new Secret is made, and no change of this spec is carried
    out. Tokens are refreshed all the same, and lost consent or deletion withdraws."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        accounts = [subject for subject in self.subjects or () if subject.kind is SubjectKind.SERVICE_ACCOUNT]
        if self.secret is None and not self.subjects:
            raise ValueError(_NOBODY)
        if self.secret is not None and self.secret.service_account_name is None and len(accounts) != 1:
            raise ValueError(_WHOSE_IDENTITY)
        return self


class GrantStatus(Model):
    """One grant in the ledger."""

    role: Annotated[str, Field(max_length=256)]
    """The role's name in IAM."""

    member: Annotated[str, Field(max_length=1024)]
    """The member as IAM writes it."""

    state: Annotated[str, Field(max_length=32)]
    """`Recorded` (will be made), `Granted` (made by the operator), `Existing` (was there before, is never removed),
    `Rejected` (by IAM)."""

    message: Annotated[str, Field(max_length=4096)] | None = None
    """What IAM said."""


class FailedNamespace(Model):
    """A namespace whose Secret could not be written."""

    namespace: Annotated[str, Field(max_length=63)]
    """Its name."""

    reason: Annotated[str, Field(max_length=256)]
    """Why."""


class SecretStatus(Model):
    """What is known of the Secret; nothing here is derived from a token."""

    name: Annotated[str, Field(max_length=253)]
    """The Secret's name."""

    namespaces: (
        Annotated[
            list[Annotated[str, Field(max_length=63)]],
            Field(max_length=5000, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """Where it is, or may be: written before the first Secret is."""

    summary: Annotated[str, Field(max_length=32)] | None = None
    """Written and wanted Secrets, like `1/1`."""

    desired: int | None = None
    """How many Secrets there shall be."""

    current: int | None = None
    """How many hold a fresh token."""

    failed: (
        Annotated[list[FailedNamespace], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """The first namespaces where it failed."""

    expiration_time: Timestamp | None = None
    """When the token expires, if it were not refreshed."""

    refresh_time: Timestamp | None = None
    """When the token is refreshed."""

    identity: Annotated[str, Field(max_length=512)] | None = None
    """Whose token it is: namespace/ServiceAccount."""


class RepositoryAccessStatus(Model):
    """What is known of the access; only the operator writes it."""

    observed_generation: int | None = None
    """The generation of the spec that the status is about; -1 before the first look."""

    repository: Annotated[str, Field(max_length=512)] | None = None
    """The repository's full resource name in Google, that the grants are made on."""

    repository_create_time: Timestamp | None = None
    """When Google created the repository that the grants are on: one that is deleted and made again is another."""

    grants: (
        Annotated[list[GrantStatus], Field(max_length=1500, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """The ledger: what the operator granted for this object, written before IAM's policy is. Only this is ever
    withdrawn."""

    grant_summary: Annotated[str, Field(max_length=512)] | None = None
    """Who, as what."""

    secret: SecretStatus | None = None
    """The Secret."""

    last_handled_request: Annotated[str, Field(max_length=256)] | None = None
    """The value of the annotation `wheelhouse.dev/requested-at` that was last acted upon."""

    conditions: Conditions | None = None
    """Findings: `Ready`, `ResolvedRefs`, `Granted`, `Distributed`, `Verified`; `Reconciling` or `Stalled` while it is
    not Ready."""
