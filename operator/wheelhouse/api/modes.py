"""Remote and Virtual: PythonRepositories that get their packages from other indexes."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.meta import (
    ITEM_NAME,
    WHOLE,
    ByName,
    Flag,
    Grammar,
    Model,
    NamespaceName,
    ObjectName,
    demand,
    immutable,
    rule,
    rules,
)
from wheelhouse.domain import names

NEW_OBJECT = (
    "declare a new PythonRepository; or delete this one with deletionPolicy Orphan, and let a new one adopt the"
    " repository with adoptionPolicy IfUnmanaged"
)

_ONE_SOURCE = "set exactly one of remote.upstream and remote.url"
_ONE_REPOSITORY = "set exactly one of repositoryRef and repository in each upstream"
_USERNAME = Grammar(
    names.USERNAME, names.USERNAME_LENGTH, "must be a user name of 1 to 128 printable ASCII characters without spaces"
)
_SECRET_VERSION = Grammar(
    names.SECRET_VERSION,
    names.SECRET_VERSION_LENGTH,
    "must be a secret version, such as projects/acme-packages/secrets/upstream-password/versions/1,"
    " or …/versions/latest",
)
_URL = Grammar(
    names.HTTPS_URL,
    names.URL_LENGTH,
    "must be an https URL with a host name in lower case, such as https://packages.example.com/simple/, without user,"
    " query, fragment, % or .. in it",
)
_REPOSITORY = Grammar(
    names.REPOSITORY,
    names.REPOSITORY_LENGTH,
    "must be the full name of a repository, such as"
    " projects/acme-packages/locations/us-central1/repositories/team-wheels",
)


class Mode(StrEnum):
    """What kind of repository it is."""

    STANDARD = "Standard"
    REMOTE = "Remote"
    VIRTUAL = "Virtual"


class PublicUpstream(StrEnum):
    """Public indexes that Artifact Registry knows by name."""

    PYPI = "PyPI"


class RemoteCredentials(Model):
    """The credentials that Artifact Registry sends to the upstream."""

    username: Annotated[str, _USERNAME]
    """The user name, like `_token`."""

    password_secret_version: Annotated[str, _SECRET_VERSION]
    """The version of a secret in Secret Manager that holds the password: `projects/P/secrets/S/versions/V`. Google's
    service agent for Artifact Registry reads it and sends it to `url`, so the Namespace must list the secret in its
    annotation `wheelhouse.dev/upstream-secrets`."""


class Remote(Model):
    """The index that a remote repository gets its packages from. It caches requested packages."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.upstream) != has(self.url)", _ONE_SOURCE),
            immutable("upstream", NEW_OBJECT, within="remote"),
            immutable("url", NEW_OBJECT, within="remote"),
        )
    )

    upstream: PublicUpstream | None = None
    """The name of a public index: `PyPI`. Set either this or `url`. Immutable."""

    url: Annotated[str, _URL] | None = None
    """The HTTPS URL of another index, like `https://packages.example.com/simple/`. Set either this or `upstream`.
    A repository of Artifact Registry (`*.pkg.dev`) must be one that this namespace is allowed to read. Immutable."""

    credentials: RemoteCredentials | None = None
    """The user name and password for the upstream. Default: none."""

    validate_upstream: Flag = True
    """Whether Artifact Registry contacts the upstream when the repository is created or its credentials change, and
    rejects the change if the upstream does not answer. Default: true. It has no effect at other times."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        demand((self.upstream is None) != (self.url is None), _ONE_SOURCE)
        return self


class UpstreamReference(Model):
    """A PythonRepository."""

    name: ObjectName
    """The PythonRepository's name."""

    namespace: NamespaceName | None = None
    """The namespace of the PythonRepository. Default: this object's namespace. A repository in another namespace must
    allow this namespace in its `accessFrom`."""


class Upstream(Model):
    """One repository that a virtual repository serves."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("has(self.repositoryRef) != has(self.repository)", _ONE_REPOSITORY))
    )

    name: Annotated[str, ITEM_NAME]
    """The name of the upstream within this repository."""

    priority: Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1), WHOLE]
    """If several upstreams have the same version, the one with the largest priority serves it. Priority decides only
    between equal versions: if a client requests a range, it still gets the highest version of any upstream."""

    repository_ref: UpstreamReference | None = None
    """The upstream as a PythonRepository. Set either this or `repository`."""

    repository: Annotated[str, _REPOSITORY] | None = None
    """The full name of the upstream in Google, `projects/P/locations/L/repositories/R`. Set either this or
    `repositoryRef`. The namespace must be allowed to use its project, or the Namespace must list the repository in its
    annotation `wheelhouse.dev/upstreams`."""

    @model_validator(mode="after")
    def _one_repository(self) -> Self:
        demand((self.repository_ref is None) != (self.repository is None), _ONE_REPOSITORY)
        return self


class Virtual(Model):
    """The repositories that a virtual repository serves."""

    upstreams: Annotated[list[Upstream], ByName("give each upstream a different name")] = Field(
        default=[], max_length=30
    )
    """The repositories that are served at the URL of this repository; at most 30, in the same location. Consent is
    transitive: anyone who can read this repository can read everything in its upstreams through it, without a grant on
    them. An upstream that is not permitted is left out, and the others are served."""


def in_location(upstreams: Iterable[Upstream], location: str) -> bool:
    """Whether every upstream that is given by its full name is in this location."""
    return all(each.repository is None or f"/locations/{location}/" in each.repository for each in upstreams)
