"""Many objects: repositories in one platform namespace, and the accesses of many teams to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from client import Json

PLATFORM = "platform"
API_VERSION = "wheelhouse.dev/v1alpha1"


def repositories(count: int) -> Iterator[Json]:
    """The platform's namespace and its repositories, open to the teams."""
    yield _namespace(PLATFORM, {}, {"wheelhouse.dev/projects": "acme-packages"})
    for number in range(count):
        metadata = {"name": f"wheels-{number}", "namespace": PLATFORM}
        spec = {"location": "us-central1", "accessFrom": {"namespaceSelector": {"matchLabels": {"team": "ml"}}}}
        yield {"apiVersion": API_VERSION, "kind": "PythonRepository", "metadata": metadata, "spec": spec}


@dataclass(frozen=True)
class Teams:
    """Teams that request access.

    Attributes:
        prefix: of their namespaces' names.
        accesses: how many accesses there are.
        repositories: how many repositories they are spread over.
        secrets: whether each access requests a Secret.
        size: the accesses in a namespace, each with its own ServiceAccount.
        first: the number of the first repository.
        lifetime: of the tokens; empty for the default.
    """

    prefix: str
    accesses: int
    repositories: int
    secrets: bool
    size: int = 10
    first: int = 0
    lifetime: str = ""

    @property
    def namespaces(self) -> int:
        """The number of their namespaces."""
        return -(-self.accesses // self.size)

    def ground(self) -> Iterator[Iterable[Json]]:
        """Namespaces, then ServiceAccounts: what must exist before the accesses."""
        labels = {"team": "ml", "wheelhouse.dev/credentials": "enabled"}
        yield [_namespace(f"{self.prefix}-{number}", labels, {}) for number in range(self.namespaces)]
        yield [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
            for namespace, account in map(self._identity, range(self.accesses))
        ]

    def requests(self) -> Iterator[Json]:
        """The accesses."""
        for number in range(self.accesses):
            namespace, account = self._identity(number)
            spec: Json = {
                "repositoryRef": {"name": f"wheels-{self.first + number % self.repositories}", "namespace": PLATFORM},
                "role": "Reader",
                "subjects": [{"kind": "ServiceAccount", "name": account}],
            }
            if self.secrets:
                spec["secret"] = {"name": f"pip-{account}"} | (
                    {"tokenLifetime": self.lifetime} if self.lifetime else {}
                )
            metadata = {"name": account, "namespace": namespace}
            yield {"apiVersion": API_VERSION, "kind": "RepositoryAccess", "metadata": metadata, "spec": spec}

    def _identity(self, number: int) -> tuple[str, str]:
        return f"{self.prefix}-{number // self.size}", f"reader-{number % self.size}"


def _namespace(name: str, labels: dict[str, str], annotations: dict[str, str]) -> Json:
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
