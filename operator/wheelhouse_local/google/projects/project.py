"""A Google Cloud project as it is stored: its number, whether it is deleted, and which services are on."""

from dataclasses import asdict, dataclass, replace

from wheelhouse_local.google.store import Store

KIND = "project"
ACTIVE, DELETE_REQUESTED = "ACTIVE", "DELETE_REQUESTED"
ARTIFACT_REGISTRY = "artifactregistry.googleapis.com"
SERVICE_AGENTS = "gcp-sa-artifactregistry"


@dataclass(frozen=True, slots=True)
class Project:
    """One project; `created` is RFC 3339, the APIs' form of times."""

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
        return f"service-{self.number}@{SERVICE_AGENTS}.iam.gserviceaccount.com"

    def account(self, name: str) -> str:
        """The e-mail of a service account here: `example.com:proj` is `proj.example.com` in it."""
        scope, _, project = self.id.rpartition(":")
        return f"{name}@{'.'.join(filter(None, (project, scope)))}.iam.gserviceaccount.com"

    def serves(self, service: str) -> bool:
        """Whether calls of a service can be answered here: the project is not deleted, and the service is on."""
        return self.state == ACTIVE and service in self.services

    def permits(self, permission: str) -> bool:
        """Whether anyone can have a permission here, whatever the policies contain."""
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


def parsed(name: str, row: dict[str, object]) -> Project:
    """A project from its row in the store."""
    services = row["services"]
    return Project(
        name,
        str(row["number"]),
        str(row["created"]),
        str(row["state"]),
        tuple(map(str, services)) if isinstance(services, list) else (),
    )
