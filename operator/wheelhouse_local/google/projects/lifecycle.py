"""Projects: created, deleted, purged, with services on or off, and whether Artifact Registry is available in one."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from google.iam.v1 import policy_pb2

from wheelhouse_local.constants import NAMESPACE, OWNER, PROJECT, PROJECT_NUMBER, SERVICE_ACCOUNT
from wheelhouse_local.google.iam import members
from wheelhouse_local.google.iam.identities import service_account_identity
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.roles import AGENT_ROLE, OWNER_ROLE, operator_role
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.projects.project import ACTIVE, ARTIFACT_REGISTRY, DELETE_REQUESTED, KIND, Project
from wheelhouse_local.google.projects.refusals import consumer_invalid, service_disabled
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

OPERATOR = service_account_identity(NAMESPACE, SERVICE_ACCOUNT)
# https://cloud.google.com/resource-manager/docs/creating-managing-projects; a domain before it is the older form.
_ID = re.compile(r"([a-z0-9-]+(\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
SERVICE_ACCOUNTS = ("ci", "analytics")
"""Service accounts of the first project."""
_NUMBERS = 10**11
"""Project numbers here have twelve digits."""


class Projects:
    """The projects of the world; the owner of the world owns each of them."""

    def __init__(self, store: Store, policies: Policies, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._directory = Directory(store)
        self._policies = policies
        self._accounts = Accounts(store, clock)
        self._clock = clock

    def find(self, key: str) -> Project | None:
        """The project with an id or a number, even if its deletion was requested."""
        return self._directory.find(key)

    def known(self, key: str) -> Project:
        """The project with an id or a number.

        Raises:
            ApiError: NOT_FOUND.
        """
        found = self.find(key)
        if found is None:
            raise ApiError("NOT_FOUND", f"There is no project {key}.")
        return found

    def canonical(self, name: str) -> str:
        """A full resource name with the project's id if it had its number; others stay unchanged."""
        _, _, rest = name.partition("/")
        key, slash, below = rest.partition("/")
        found = self.find(key)
        return name if found is None else f"projects/{found.id}{slash}{below}"

    def ensure_first(self) -> None:
        """Create the project of every world, with Artifact Registry on and two service accounts, if it is missing."""
        if self.find(PROJECT) is None:
            with self._store.transaction():
                project = self._make(PROJECT, PROJECT_NUMBER)
                self.switch(PROJECT, ARTIFACT_REGISTRY, on=True)
                self.set_operator_rights(PROJECT, granted=True)
                for name in SERVICE_ACCOUNTS:
                    self._accounts.add(project.account(name), PROJECT)

    def create(self, project_id: str) -> Project:
        """Create a project with its owner and nothing else.

        Raises:
            ApiError: INVALID_ARGUMENT for an invalid id, ALREADY_EXISTS.
        """
        if not _ID.fullmatch(project_id):
            raise ApiError(
                "INVALID_ARGUMENT", f"{project_id!r} is not a project id: 6 to 30 lower-case letters, digits and -"
            )
        if self.find(project_id) is not None:
            raise ApiError("ALREADY_EXISTS", f"The project {project_id} already exists.")
        number = str(_NUMBERS + secrets.randbelow(9 * _NUMBERS))
        while self.find(number) is not None:
            number = str(_NUMBERS + secrets.randbelow(9 * _NUMBERS))
        return self._make(project_id, number)

    def switch(self, project_id: str, service: str, *, on: bool) -> Project:
        """Turn a service on or off.

        Artifact Registry's service agent appears with the service, and gets its role on the project; both stay when it
        is off (https://cloud.google.com/iam/docs/service-agents).
        """
        found = self.known(project_id).with_service(service, on=on)
        with self._store.transaction():
            found.put(self._store)
            if on and service == ARTIFACT_REGISTRY and self._accounts.find(found.agent) is None:
                self._accounts.add(found.agent)
                self._policies.grant(f"projects/{found.id}", AGENT_ROLE, f"serviceAccount:{found.agent}")
        return found

    def set_operator_rights(self, project_id: str, *, granted: bool) -> None:
        """Grant the operator its custom role on a project, or revoke it, at once."""
        found = self.known(project_id)
        change = self._policies.grant if granted else self._policies.withdraw
        change(f"projects/{found.id}", operator_role(found.id), OPERATOR)

    def mark(self, project_id: str, *, deleted: bool) -> Project:
        """Request the deletion of a project, or undelete it: its contents stay meanwhile."""
        found = replace(self.known(project_id), state=DELETE_REQUESTED if deleted else ACTIVE)
        found.put(self._store)
        return found

    def purge(self, project_id: str) -> None:
        """Delete a project with its contents, as Google does thirty days after a deletion.

        Raises:
            ApiError: FAILED_PRECONDITION for the project of every world.
        """
        found = self.known(project_id)
        if found.id == PROJECT:
            raise ApiError("FAILED_PRECONDITION", f"Every world has the project {PROJECT}: delete it, or turn it off.")
        with self._store.transaction():
            for account in (*self._accounts.of(found.id), self._accounts.find(found.agent)):
                if account is not None:
                    self._accounts.remove(account)
                    self._policies.rename(account.member, members.tombstone(account.member, account.unique_id))
            self._accounts.forget(found.id)
            self._policies.drop(f"projects/{found.id}")
            self._store.delete(KIND, found.id)
            self._store.forget(f"projects/{found.id}/")

    def admit(self, resource: str) -> None:
        """Reject every call to Artifact Registry in a project where its API is disabled.

        Google checks the project before permissions; that it does so here too is inferred.

        Raises:
            ApiError: PERMISSION_DENIED: the project does not exist, it is deleted, or the service is off in it.
        """
        kind, _, rest = resource.partition("/")
        key = rest.partition("/")[0]
        if kind != "projects" or not key:
            return
        found = self.find(key)
        if found is None:
            raise consumer_invalid(key, f"Permission denied on resource project {key}.")
        if found.state != ACTIVE:
            raise consumer_invalid(found.number, f"Project #{found.number} has been deleted.")
        if ARTIFACT_REGISTRY not in found.services:
            raise service_disabled(found.number)

    def _make(self, project_id: str, number: str) -> Project:
        created = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        made = Project(project_id, number, created)
        with self._store.transaction():
            made.put(self._store)
            owner = policy_pb2.Binding(role=OWNER_ROLE, members=[f"user:{OWNER}"])
            self._policies.plant(f"projects/{project_id}", policy_pb2.Policy(bindings=[owner]))
        return made
