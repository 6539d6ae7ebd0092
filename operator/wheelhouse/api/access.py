"""RepositoryAccess: who may read or write a repository, and the Secret that their pods mount."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.lifetime import Lifetime
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
from wheelhouse.api.subjects import Subject
from wheelhouse.domain import names
from wheelhouse.domain.configuration.form import Authentication, Format, Index

_IMMUTABLE_REFERENCE = "repositoryRef cannot be changed: declare a new RepositoryAccess, and delete this one"
_IMMUTABLE_NAME = "secret.name cannot be changed: remove secret first, or declare a new RepositoryAccess"
_WHOSE_IDENTITY = (
    "set secret.serviceAccountName to the ServiceAccount that the token authenticates as (it is optional only if"
    " subjects has exactly one ServiceAccount of this namespace)"
)
_NO_TOKEN = "pip and uv find no token: add netrc to secret.formats, or set secret.authentication to URL"  # noqa: S105 - a text
_NO_SUBJECT = "set at least one subject, or set secret"


class AdoptionPolicy(StrEnum):
    """What happens if the policy already has an identical grant."""

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
    """The namespace of the PythonRepository. Default: this object's namespace. A repository in another namespace must
    allow this namespace and this role in its `accessFrom`. Immutable."""


class Secret(Model):
    """The Secret with pip.conf, uv.toml and netrc, and .pypirc for writers. The operator refreshes its token."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("self.name == oldSelf.name", _IMMUTABLE_NAME, fieldPath=".name"),
            rule(
                "!has(self.formats) || 'netrc' in self.formats || !self.formats.exists(f, f in ['pip', 'uv'])"
                " || (has(self.authentication) && self.authentication == 'URL')",
                _NO_TOKEN,
                fieldPath=".formats",
            ),
        )
    )

    name: Annotated[
        str,
        Grammar(
            names.DNS_SUBDOMAIN,
            63,
            "must be the name of a Secret: at most 63 lower-case letters, digits, '-' and '.', such as pip-config",
        ),
    ] = "pip-config"
    """The name of the Secret in this namespace. Immutable: to change it, remove `secret` and add it again."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount of this namespace that the token authenticates as. It is granted the role. Default: the only
    ServiceAccount of this namespace in `subjects`. Use a ServiceAccount that has no other permissions: anyone who can
    read the Secret can act as it."""

    token_lifetime: Lifetime = "1h"  # noqa: S105 - a duration, not a credential
    """How long the token in the Secret lives: `10m` to `12h`, default `1h`. The operator replaces it at half its
    lifetime. A token of a Kubernetes ServiceAccount lives for an hour at most. If Google issues a shorter one, the
    operator uses it, and sends the Event `LifetimeCapped`."""

    authentication: Authentication | None = None
    """Where pip and uv find the token. `Netrc`: in the file netrc. Set the variable `NETRC` in your containers to its
    path. No URL then has the token, so no client prints it or writes it into a lock file. `URL`: in the URLs in
    pip.conf and uv.toml, for containers that cannot set `NETRC`. Default: `Netrc` for a new Secret. An existing Secret
    stays as it is."""

    index: Index = Index.PRIMARY
    """Whether the repository replaces the public index. `Primary` (default): pip and uv ask only this repository. For
    public packages too, refer to a Virtual repository. `Extra`: it is added to the public index, as
    `extra-index-url`. pip then installs the highest version of a name from either index, and anyone can publish your
    names on the public one. The condition `IndexSafe` says so."""

    formats: (
        Annotated[list[Format], Field(min_length=1, max_length=5, json_schema_extra={"x-kubernetes-list-type": "set"})]
        | None
    ) = None
    """What the Secret has besides the key `index-url`. `pip`: pip.conf. `uv`: uv.toml. `netrc`: netrc. `pypirc`:
    .pypirc, only with the role Writer or RepoAdmin on a Standard repository. `token`: the keys username and token, for
    programs that read them at each start. Default: all except `token`."""

    @model_validator(mode="after")
    def _clients_find_the_token(self) -> Self:
        formats = set(self.formats or ())
        in_netrc = self.authentication is not Authentication.URL
        if in_netrc and formats & {Format.PIP, Format.UV} and Format.NETRC not in formats:
            raise ValueError(_NO_TOKEN)
        return self


class RepositoryAccessSpec(Model):
    """Which identities have which role on which repository, and the Secret for their pods."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.secret) || (has(self.subjects) && size(self.subjects) > 0)", _NO_SUBJECT),
            rule(
                "!has(self.secret) || has(self.secret.serviceAccountName) ||"
                " (has(self.subjects) && self.subjects.filter(s, s.kind == 'ServiceAccount' &&"
                " !has(s.__namespace__) && !has(s.namespaceSelector)).size() == 1)",
                _WHOSE_IDENTITY,
                fieldPath=".secret",
            ),
        )
    )

    repository_ref: RepositoryReference
    """The PythonRepository to grant access to. Immutable."""

    role: Role = Role.READER
    """`Reader` (default) can install packages, `Writer` can also upload them, and `RepoAdmin` can also delete packages
    and versions. In a namespace other than the repository's, only the roles in its `accessFrom.roles` are allowed."""

    subjects: Annotated[list[Subject], Field(max_length=100)] | None = None
    """The identities that are granted the role."""

    secret: Secret | None = None
    """A Secret with client configuration that pods can mount. The namespace must have the label
    `wheelhouse.dev/credentials=enabled`. If not set, the operator only makes the grants."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """What happens if the IAM policy already has a grant that this object requests. `Never` (default): the grant is
    used, and stays when this object is deleted. `Always`: this object takes the grant over, and it is revoked with this
    object. Use it for grants from gcloud, Terraform or a restored backup. It works only in the namespace of the
    repository. If several clusters share a repository, only one of them can use it."""

    suspend: Flag = False
    """Whether to pause the access: the operator makes no new grants or Secrets, and applies no changes of this spec. It
    still refreshes tokens, and still revokes grants when consent is lost or this object is deleted."""

    @model_validator(mode="after")
    def _has_a_subject(self) -> Self:
        accounts = [subject for subject in self.subjects or () if subject.own_account]
        if self.secret is None and not self.subjects:
            raise ValueError(_NO_SUBJECT)
        if self.secret is not None and self.secret.service_account_name is None and len(accounts) != 1:
            raise ValueError(_WHOSE_IDENTITY)
        return self


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
    """The error from IAM, for a rejected grant."""

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
    """The state of the Secret. Nothing in it is derived from a token."""

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
    """How many Secrets have a valid token, and how many are requested, like `1/1`."""

    desired: int | None = None
    """How many Secrets are requested."""

    current: int | None = None
    """How many Secrets have a valid token."""

    failed: (
        Annotated[list[FailedNamespace], Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """The namespaces where the operator could not write the Secret; at most ten."""

    expiration_time: Timestamp | None = None
    """When the current token expires. The operator replaces it before then."""

    refresh_time: Timestamp | None = None
    """When the operator replaces the token."""

    authentication: Annotated[str, Field(max_length=32)] | None = None
    """Where pip and uv find the token, `Netrc` or `URL`. A Secret from before this field has `URL`."""

    formats: (
        Annotated[
            list[Annotated[str, Field(max_length=32)]],
            Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The formats of the Secret, if they are not the default ones."""

    index: Annotated[str, Field(max_length=32)] | None = None
    """`Extra` if the Secret adds the repository to the public index."""

    identity: Annotated[str, Field(max_length=512)] | None = None
    """The ServiceAccount that the token authenticates as: namespace/name."""

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
