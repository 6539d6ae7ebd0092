"""RepositoryAccess: who may read or write a repository, and the Secret that their pods mount."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.credential import CREDENTIAL_RULES, check_credential
from wheelhouse.api.lifetime import Lifetime
from wheelhouse.api.meta import (
    Flag,
    Grammar,
    LabelSelector,
    Model,
    NamespaceName,
    ObjectName,
    Role,
    rule,
    rules,
)
from wheelhouse.api.subjects import Subject
from wheelhouse.domain import names
from wheelhouse.domain.configuration.credential import Credential, KeyringProvider
from wheelhouse.domain.configuration.form import WITH_TOKEN, Authentication, Format, Index

_IMMUTABLE_REFERENCE = "repositoryRef cannot be changed: declare a new RepositoryAccess, and delete this one"
_IMMUTABLE_NAME = "secret.name cannot be changed: remove secret first, or declare a new RepositoryAccess"
_WHOSE_IDENTITY = (
    "set secret.serviceAccountName to the ServiceAccount that the token authenticates as (it is optional only if"
    " subjects has exactly one ServiceAccount of this namespace)"
)
_NO_TOKEN = "pip and uv find no token: add netrc to secret.formats, or set secret.authentication to URL"  # noqa: S105 - a text
_NO_TOKEN_PDM = "pdm finds no token: add netrc or token to secret.formats"  # noqa: S105 - a text
_NO_UPLOADS = "secret.uploadRepositoryRef has no effect: add uv, pypirc, pdm or netrc to secret.formats"
_NO_SUBJECT = "set at least one subject, or set secret"


class AdoptionPolicy(StrEnum):
    """What happens if the policy already has an identical grant."""

    NEVER = "Never"
    ALWAYS = "Always"


class IdentityFrom(StrEnum):
    """Whose token the Secrets of several namespaces have."""

    TARGET_NAMESPACE = "TargetNamespace"
    ACCESS_NAMESPACE = "AccessNamespace"


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


class UploadRepositoryReference(Model):
    """A PythonRepository to upload to."""

    name: ObjectName
    """The PythonRepository's name. It must be a Standard repository."""

    namespace: NamespaceName | None = None
    """The namespace of the PythonRepository. Default: this object's namespace. A repository in another namespace must
    allow this namespace and the role `Writer` in its `accessFrom`."""


class Secret(Model):
    """The Secret with netrc, files for pip, uv and pdm, and .pypirc for writers. The operator refreshes its token."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("self.name == oldSelf.name", _IMMUTABLE_NAME, fieldPath=".name"),
            rule(
                "!has(self.formats) || 'netrc' in self.formats || !self.formats.exists(f, f in ['pip', 'uv'])"
                " || self.credential == 'Keyring' || (has(self.authentication) && self.authentication == 'URL')",
                _NO_TOKEN,
                fieldPath=".formats",
            ),
            rule(
                "!has(self.formats) || !('pdm' in self.formats) || self.formats.exists(f, f in ['netrc', 'token'])"
                " || self.credential == 'Keyring'",
                _NO_TOKEN_PDM,
                fieldPath=".formats",
            ),
            rule(
                "!has(self.uploadRepositoryRef) || !has(self.formats) || size(self.formats) == 0"
                " || self.formats.exists(f, f in ['uv', 'pypirc', 'pdm', 'netrc'])",
                _NO_UPLOADS,
                fieldPath=".uploadRepositoryRef",
            ),
            *CREDENTIAL_RULES,
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
    """The name of the Secret in each of its namespaces. Immutable: to change it, remove `secret` and add it again."""

    namespaces: Annotated[list[NamespaceName], Field(max_length=256)] | None = None
    """The names of the namespaces that get the Secret, in addition to those that `namespaceSelector` selects. Default:
    this namespace, if there is no selector either. If you set one of the two, this namespace gets the Secret only if it
    is named or selected. Only an access in the namespace of the repository can use other namespaces. Each namespace
    must have the label `wheelhouse.dev/credentials=enabled`."""

    namespace_selector: LabelSelector | None = None
    """The labels of the namespaces that get the Secret. Namespaces without the label
    `wheelhouse.dev/credentials=enabled` are left out. An empty selector (`{}`) selects every namespace that has it. At
    most 5,000 namespaces can get the Secret. If a namespace has an access of its own with the same Secret name, that
    access has priority there."""

    credential: Credential = Credential.TOKEN
    """Where clients get the token. `Token` (default): from the Secret. `Keyring`: from the keyring plugin
    `keyrings.google-artifactregistry-auth`, which your images must have. It gets a token of the pod's own
    ServiceAccount. The Secret then has the same files without a token, and the operator mints none."""

    keyring_provider: KeyringProvider | None = None
    """How pip calls keyring, only with `credential: Keyring`. `Auto` (default): as pip decides, which works for most
    images, but not with the option `--no-input`. `Import`: as a library, if keyring is installed beside pip.
    `Subprocess`: as the program `keyring` on PATH. uv always runs the program."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount that the token authenticates as. It is granted the role. Default: the only ServiceAccount of
    this namespace in `subjects`. Use a ServiceAccount that has no other permissions: anyone who can read the Secret can
    act as it. With `credential: Keyring`, it is optional, and your pods run as it or as one of the `subjects`."""

    identity_from: IdentityFrom = IdentityFrom.TARGET_NAMESPACE
    """Whose token the Secrets have, if `namespaces` or `namespaceSelector` is set. `TargetNamespace` (default): in each
    namespace, the ServiceAccount of that name in the same namespace. Each is granted the role, and takes the place of
    one of the 1,500 principals of an IAM policy. Each authenticates as itself: the operator ignores the annotation
    `iam.gke.io/gcp-service-account` of these ServiceAccounts. `AccessNamespace`: everywhere the ServiceAccount in this
    namespace, and its annotation is followed. Anyone who can read one of the Secrets can then act as it. This namespace
    must have the label `wheelhouse.dev/credentials=enabled` too."""

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
        Annotated[list[Format], Field(min_length=1, max_length=6, json_schema_extra={"x-kubernetes-list-type": "set"})]
        | None
    ) = None
    """What the Secret has besides the key `index-url`. `pip`: pip.conf. `uv`: uv.toml. `pdm`: pdm.toml, never with the
    token. `netrc`: netrc. `pypirc`: .pypirc, only with `uploadRepositoryRef`, or the role Writer or RepoAdmin on a
    Standard repository. `token`: the keys username and token, for programs that read them at each start. Default: all
    except `token`. With `credential: Keyring`, there is no `netrc` and no `token`."""

    upload_repository_ref: UploadRepositoryReference | None = None
    """The repository that twine and uv upload to, if it is not the one that they install from. With it, one Secret
    serves a CI job that installs from a Virtual repository and uploads to a Standard one, also in another location. It
    grants nothing: grant the ServiceAccount the role Writer there, with a RepositoryAccess of its own. While the
    repository does not exist or its owner does not allow this namespace, the Secret has no configuration for uploads,
    and the rest of it stays. With `namespaces` or `namespaceSelector`, only a repository in this namespace is allowed.
    Default: the repository of `repositoryRef`, with the role Writer or RepoAdmin on a Standard repository."""

    @model_validator(mode="after")
    def _uploads_are_configured(self) -> Self:
        uploads = {Format.UV, Format.PYPIRC, Format.PDM, Format.NETRC}
        if self.upload_repository_ref is not None and self.formats and not uploads & set(self.formats):
            raise ValueError(_NO_UPLOADS)
        return self

    @model_validator(mode="after")
    def _clients_find_the_token(self) -> Self:
        formats = set(self.formats or ())
        check_credential(
            *(self.credential, self.keyring_provider, self.formats, self.authentication),
            lifetime=self.token_lifetime,
            shared=self.identity_from is IdentityFrom.ACCESS_NAMESPACE,
        )
        in_netrc = self.authentication is not Authentication.URL and self.credential is Credential.TOKEN
        if in_netrc and formats & {Format.PIP, Format.UV} and Format.NETRC not in formats:
            raise ValueError(_NO_TOKEN)
        if self.credential is Credential.TOKEN and Format.PDM in formats and not formats & WITH_TOKEN:
            raise ValueError(_NO_TOKEN_PDM)
        return self


class RepositoryAccessSpec(Model):
    """Which identities have which role on which repository, and the Secret for their pods."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.secret) || (has(self.subjects) && size(self.subjects) > 0)", _NO_SUBJECT),
            rule(
                "!has(self.secret) || self.secret.credential == 'Keyring' || has(self.secret.serviceAccountName) ||"
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
    """A Secret with client configuration that pods can mount, in this namespace or in others. Each namespace must have
    the label `wheelhouse.dev/credentials=enabled`. If not set, the operator only makes the grants."""

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
        token = self.secret is not None and self.secret.credential is Credential.TOKEN
        if token and self.secret is not None and self.secret.service_account_name is None and len(accounts) != 1:
            raise ValueError(_WHOSE_IDENTITY)
        return self
