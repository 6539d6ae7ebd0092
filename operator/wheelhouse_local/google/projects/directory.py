"""Which projects and which service accounts exist."""

import re

from wheelhouse_local.google.projects.project import KIND, SERVICE_AGENTS, Project, parsed
from wheelhouse_local.google.store import Store

ACCOUNT = "service-account"
_ACCOUNT = re.compile(r"[^@]+@([a-z0-9.-]+)\.iam\.gserviceaccount\.com")


class Directory:
    """Finds projects and service accounts in the store; IAM uses it before it grants or allows anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str) -> Project | None:
        """The project with an id or a number, even if its deletion was requested."""
        row = self._store.get(KIND, key)
        if row is not None:
            return parsed(key, row)
        return next((found for found in self._all() if found.number == key), None) if key.isdigit() else None

    def permits(self, resource: str, permission: str) -> bool:
        """Whether the project allows anyone to have a permission on a resource (full name)."""
        kind, _, rest = resource.partition("/")
        project = self.find(rest.partition("/")[0]) if kind == "projects" else None
        return project is None or project.permits(permission)

    def has_account(self, email: str) -> bool:
        """Whether a service account can get a grant.

        Those of the world's projects and Artifact Registry's service agents must exist. Accounts of other projects, and
        agents of other services, are accepted without a check.
        """
        domain = _domain(email)
        own = domain is not None and (domain == SERVICE_AGENTS or self.find(_project_of(domain)) is not None)
        return not own or self._store.get(ACCOUNT, email) is not None

    def add_account(self, email: str) -> bool:
        """Create a service account; return whether it is new."""
        if self._store.get(ACCOUNT, email) is not None:
            return False
        self._store.put(ACCOUNT, email, {})
        return True

    def forget_accounts(self, project: Project) -> None:
        """Delete the service accounts of a project."""
        for email, _ in self._store.list(ACCOUNT):
            domain = _domain(email)
            if email == project.agent or (domain is not None and _project_of(domain) == project.id):
                self._store.delete(ACCOUNT, email)

    def _all(self) -> list[Project]:
        return [parsed(name, row) for name, row in self._store.list(KIND)]


def _domain(email: str) -> str | None:
    """The part of a service account's e-mail that names its project; None for any other e-mail."""
    found = _ACCOUNT.fullmatch(email)
    return found[1] if found else None


def _project_of(domain: str) -> str:
    """`proj.example.com` is the form of the domain-scoped project `example.com:proj` in e-mails."""
    name, dot, scope = domain.partition(".")
    return f"{scope}:{name}" if dot else name
