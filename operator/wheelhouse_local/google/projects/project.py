"""A Google Cloud project as it is stored: its number, whether it is deleted, and which services are on."""

import re
from dataclasses import asdict, dataclass, replace

from wheelhouse_local.google.store import Store

KIND = "project"
ACCOUNT = "service-account"
ACTIVE, DELETE_REQUESTED = "ACTIVE", "DELETE_REQUESTED"
ARTIFACT_REGISTRY = "artifactregistry.googleapis.com"
_AGENTS = "gcp-sa-artifactregistry"
_ACCOUNT = re.compile(r"[^@]+@([a-z0-9.-]+)\.iam\.gserviceaccount\.com")


@dataclass(frozen=True, slots=True)
class Project:
    """One project; `created` is RFC 3339, as the APIs write times."""

    id: str
    number: str
    created: str
    state: str = ACTIVE
    services: tuple[str, ...] = ()

    @property
    def agent(self) -> str:
        """The e-mail of Artifact Registry's service agent here.

        https://cloud.google.com/artifact-registry/docs/access-control names it.
        """
        return f"service-{self.number}@{_AGENTS}.iam.gserviceaccount.com"

    def serves(self, service: str) -> bool:
        """Whether calls of a service can be answered here: the project is not deleted, and the service is on."""
        return self.state == ACTIVE and service in self.services

    def permits(self, permission: str) -> bool:
        """Whether anybody can have a permission here, whatever the policies say."""
        service = permission.partition(".")[0]
        if service == "artifactregistry":
            return self.serves(ARTIFACT_REGISTRY)
        return self.state == ACTIVE or service == "resourcemanager"

    def with_service(self, service: str, *, on: bool) -> "Project":
        """The same project with a service on or off."""
        others = set(self.services) - {service}
        return replace(self, services=tuple(sorted(others | {service} if on else others)))

    def put(self, store: Store) -> None:
        """Store it."""
        row = asdict(self)
        store.put(KIND, row.pop("id"), row)


def find(store: Store, key: str) -> Project | None:
    """The project of an id or a number."""
    row = store.get(KIND, key)
    if row is not None:
        return _parsed(key, row)
    return next((found for found in everything(store) if found.number == key), None) if key.isdigit() else None


def of(store: Store, resource: str) -> Project | None:
    """The project that a full resource name begins with, `projects/KEY/…`."""
    kind, _, rest = resource.partition("/")
    return find(store, rest.partition("/")[0]) if kind == "projects" else None


def everything(store: Store) -> list[Project]:
    """All projects, by id."""
    return [_parsed(name, row) for name, row in store.list(KIND)]


def account_exists(store: Store, email: str) -> bool:
    """Whether a service account can be granted something.

    Those of the world's projects and Artifact Registry's service agents must be there; accounts of other projects, and
    agents of other services, are taken as they are.
    """
    domain = _ACCOUNT.fullmatch(email)
    own = domain is not None and (domain[1] == _AGENTS or find(store, _project_of(domain[1])) is not None)
    return not own or store.get(ACCOUNT, email) is not None


def accounts(store: Store, project: Project) -> list[str]:
    """The e-mails of the service accounts that live and die with a project."""
    return [
        email
        for email, _ in store.list(ACCOUNT)
        if email == project.agent
        or ((domain := _ACCOUNT.fullmatch(email)) is not None and _project_of(domain[1]) == project.id)
    ]


def _project_of(domain: str) -> str:
    """`proj.example.com` is how e-mails have the domain-scoped project `example.com:proj`."""
    name, dot, scope = domain.partition(".")
    return f"{scope}:{name}" if dot else name


def _parsed(name: str, row: dict[str, object]) -> Project:
    services = row["services"]
    return Project(
        name,
        str(row["number"]),
        str(row["created"]),
        str(row["state"]),
        tuple(map(str, services)) if isinstance(services, list) else (),
    )
