"""Which projects exist, and which service accounts belong to them."""

import re

from wheelhouse_local.google.iam.service_accounts.account import KIND as ACCOUNT
from wheelhouse_local.google.projects.project import KIND, SERVICE_AGENTS, Project, parsed
from wheelhouse_local.google.store import Store

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

    def has_project(self, key: str) -> bool:
        """Whether there is a project with an id or a number."""
        return self.find(key) is not None

    def has_account(self, email: str) -> bool:
        """Whether a service account can get a grant.

        Those of the world's projects and Artifact Registry's service agents must exist. Accounts of other projects, and
        agents of other services, are accepted without a check.
        """
        agent = _domain(email) == SERVICE_AGENTS
        return not (agent or self.project_of(email)) or self._store.get(ACCOUNT, email) is not None

    def owns_account(self, email: str) -> bool:
        """Whether a service account would belong to a project of the world, or is its service agent."""
        if _domain(email) == SERVICE_AGENTS:
            return any(project.agent == email for project in self._all())
        return self.project_of(email) is not None

    def project_of(self, email: str) -> Project | None:
        """The project whose service accounts have e-mails like this one; None for service agents and other projects."""
        domain = _domain(email)
        return None if domain is None else self.find(_project_of(domain))

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
