"""Remote and Virtual repositories: where they get their packages from."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from wheelhouse.api.meta import Grammar, Model, NamespaceName, ObjectName, immutable, rule, rules
from wheelhouse.domain import names

INT32 = 2**31
_NEW_REMOTE = "declare a new PythonRepository for another upstream: Artifact Registry fixes it at creation"
_ONE_SOURCE = "set either upstream (PyPI) or url, and not both"
_ONE_REPOSITORY = "set either repositoryRef or repository (a full name), and not both"

RepositoryFullName = Annotated[
    str,
    Grammar(
        names.REPOSITORY,
        names.RESOURCE_LENGTH,
        "write a repository's full name, like projects/acme/locations/us-central1/repositories/team-wheels",
    ),
]


class Mode(StrEnum):
    """How a repository comes by its packages."""

    STANDARD = "Standard"
    REMOTE = "Remote"
    VIRTUAL = "Virtual"


class PublicIndex(StrEnum):
    """A public index that Artifact Registry knows by name."""

    PYPI = "PyPI"


class RemoteCredentials(Model):
    """What Google's service agent shows to the upstream."""

    username: Annotated[
        str,
        Grammar(names.USERNAME, 128, "write a user name of printable ASCII characters without spaces, at most 128"),
    ]
    """The user name that the upstream knows."""

    password_secret_version: Annotated[
        str,
        Grammar(
            names.SECRET_VERSION,
            names.RESOURCE_LENGTH,
            "write a version of a secret in Secret Manager, like projects/acme/secrets/mirror/versions/1 (or latest)",
        ),
    ]
    """The password, as a version of a secret in Secret Manager: `projects/P/secrets/S/versions/V`. Google's service
    agent reads the secret and sends it to the upstream, so the Namespace must list it in its annotation
    `wheelhouse.dev/upstream-secrets`."""


class Remote(Model):
    """The upstream of a Remote repository."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.upstream) != has(self.url)", _ONE_SOURCE),
            immutable("upstream", _NEW_REMOTE),
            immutable("url", _NEW_REMOTE),
        )
    )

    upstream: PublicIndex | None = None
    """`PyPI`, the public index. Immutable. Exactly one of `upstream` and `url` is set."""

    url: (
        Annotated[
            str,
            Grammar(
                names.URL,
                names.URL_LENGTH,
                "write an https URL with a host name and a plain path, like https://wheels.example.com/simple (no user,"
                " query, fragment, % escape, IP address or '..')",
            ),
        ]
        | None
    ) = None
    """The https URL of another index. Immutable. The URL of a repository of Artifact Registry
    (`https://LOCATION-python.pkg.dev/PROJECT/REPOSITORY/`) needs the consent that an upstream of a Virtual repository
    needs, since Google reads it as the project's service agent."""

    credentials: RemoteCredentials | None = None
    """What the upstream asks for; default: nothing. May be changed, and removed."""

    validate_upstream: StrictBool = True
    """Whether Artifact Registry tries the upstream when the repository is created or its credentials change. Default:
    true. Never compared with what is there."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.upstream is None) == (self.url is None):
            raise ValueError(_ONE_SOURCE)
        return self


class UpstreamReference(Model):
    """A PythonRepository."""

    name: ObjectName
    """The PythonRepository's name."""

    namespace: NamespaceName | None = None
    """Its namespace; default: this object's own. Another namespace's repository must let this one read it with
    `accessFrom`."""


class Upstream(Model):
    """One upstream of a Virtual repository."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("has(self.repositoryRef) != has(self.repository)", _ONE_REPOSITORY))
    )

    name: Annotated[str, Grammar(names.ENTRY_NAME, 63, "write a name of a-z, 0-9 and '-', at most 63, like private")]
    """A name for the upstream, its id in Artifact Registry."""

    priority: Annotated[StrictInt, Field(ge=-INT32, le=INT32 - 1)]
    """Of equal versions the upstream with the larger priority serves its file. A higher version wins wherever it is, so
    priority does not keep a public package from standing in for a private one."""

    repository_ref: UpstreamReference | None = None
    """The upstream as a PythonRepository. Exactly one of `repositoryRef` and `repository` is set."""

    repository: RepositoryFullName | None = None
    """The upstream by its full name in Artifact Registry. It must be in a project that is allowed for this namespace,
    and not be managed by another namespace's PythonRepository that does not let this one read; others only where the
    Namespace lists them in its annotation `wheelhouse.dev/upstreams`."""

    @model_validator(mode="after")
    def _one_repository(self) -> Self:
        if (self.repository_ref is None) == (self.repository is None):
            raise ValueError(_ONE_REPOSITORY)
        return self


class Virtual(Model):
    """The upstreams of a Virtual repository."""

    upstreams: (
        Annotated[
            list[Upstream],
            Field(
                max_length=30,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """The repositories that this one shows as one, in its own location; default: none. Consent is transitive: whoever
    may read the Virtual repository reads its upstreams through it."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        found = [upstream.name for upstream in self.upstreams or ()]
        if len(set(found)) != len(found):
            raise ValueError("upstreams: two have the same name")
        return self
