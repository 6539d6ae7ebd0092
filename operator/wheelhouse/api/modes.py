"""Remote and Virtual: where a PythonRepository takes its packages from when nobody uploads to it."""

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
    names.USERNAME, names.USERNAME_LENGTH, "write a user name of 1 to 128 printable ASCII characters without spaces"
)
_SECRET_VERSION = Grammar(
    names.SECRET_VERSION,
    names.SECRET_VERSION_LENGTH,
    "write a secret version, like projects/acme-packages/secrets/upstream-password/versions/1, or …/versions/latest",
)
_URL = Grammar(
    names.HTTPS_URL,
    names.URL_LENGTH,
    "write an https URL with a host name in lower case, like https://packages.example.com/simple/, without user,"
    " query, fragment, % or .. in it",
)
_REPOSITORY = Grammar(
    names.REPOSITORY,
    names.REPOSITORY_LENGTH,
    "write a full repository name, like projects/acme-packages/locations/us-central1/repositories/team-wheels",
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
    """What Artifact Registry signs in to the upstream with."""

    username: Annotated[str, _USERNAME]
    """The user name, like `_token`."""

    password_secret_version: Annotated[str, _SECRET_VERSION]
    """The version of a secret in Secret Manager that holds the password: `projects/P/secrets/S/versions/V`. Google's
    service agent for Artifact Registry reads it and sends it to `url`, so the Namespace must list the secret in its
    annotation `wheelhouse.dev/upstream-secrets`."""


class Remote(Model):
    """Where a remote repository takes its packages from; it caches what was asked for."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.upstream) != has(self.url)", _ONE_SOURCE),
            immutable("upstream", NEW_OBJECT, within="remote"),
            immutable("url", NEW_OBJECT, within="remote"),
        )
    )

    upstream: PublicUpstream | None = None
    """A public index by name: `PyPI`. Instead of `url`. Immutable."""

    url: Annotated[str, _URL] | None = None
    """The URL of another index, https only, like `https://packages.example.com/simple/`. Instead of `upstream`.
    A repository of Artifact Registry (`*.pkg.dev`) must be one that this namespace may read. Immutable."""

    credentials: RemoteCredentials | None = None
    """User name and password for the upstream. Default: none are sent."""

    validate_upstream: Flag = True
    """Whether Artifact Registry asks the upstream when the repository is created or its credentials change, and refuses
    it if it does not answer. Default: true. It is never compared with what stands in Artifact Registry."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        demand((self.upstream is None) != (self.url is None), _ONE_SOURCE)
        return self


class UpstreamReference(Model):
    """A PythonRepository."""

    name: ObjectName
    """The PythonRepository's name."""

    namespace: NamespaceName | None = None
    """Its namespace; default: this object's own. Another namespace's repository must let this namespace in with
    `accessFrom`."""


class Upstream(Model):
    """One repository that a virtual repository reads."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("has(self.repositoryRef) != has(self.repository)", _ONE_REPOSITORY))
    )

    name: Annotated[str, ITEM_NAME]
    """A name for it within this repository."""

    priority: Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1), WHOLE]
    """Which upstream serves a version that several have: the one with the highest number. It decides between equal
    versions only: a higher version from any upstream still wins where a client asks for a range."""

    repository_ref: UpstreamReference | None = None
    """The upstream as a PythonRepository. Instead of `repository`."""

    repository: Annotated[str, _REPOSITORY] | None = None
    """The upstream by its full name in Google, `projects/P/locations/L/repositories/R`. Instead of `repositoryRef`. Its
    project must be allowed for the namespace, or the Namespace must list the repository in its annotation
    `wheelhouse.dev/upstreams`."""

    @model_validator(mode="after")
    def _one_repository(self) -> Self:
        demand((self.repository_ref is None) != (self.repository is None), _ONE_REPOSITORY)
        return self


class Virtual(Model):
    """What a virtual repository reads."""

    upstreams: Annotated[list[Upstream], ByName("give each upstream a name of its own")] = Field(
        default=[], max_length=30
    )
    """The repositories that are served under this one's address, all in this one's location; at most 30. Consent is
    transitive: whoever may read this repository reads everything in its upstreams through it, without any grant on
    them. An upstream that is not permitted is left out, and the others are served."""


def in_location(upstreams: Iterable[Upstream], location: str) -> bool:
    """Whether every upstream that is given by its full name is in this location."""
    return all(each.repository is None or f"/locations/{location}/" in each.repository for each in upstreams)
