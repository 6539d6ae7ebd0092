"""All services of the emulated Google, with one store."""

import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from wheelhouse_local.constants import OWNER
from wheelhouse_local.google.dependencies import Dependencies
from wheelhouse_local.google.iam.credentials import IamCredentials
from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.metadata import MetadataServer
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.principals import Principals
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.index.fetch import Fetcher
from wheelhouse_local.google.index.library import Library
from wheelhouse_local.google.index.public import PublicIndex
from wheelhouse_local.google.index.remote import RemoteProxy
from wheelhouse_local.google.index.repositories import Index
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.projects.kms import KeyManagement
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.resource_manager import ResourceManager
from wheelhouse_local.google.projects.secret_manager import SecretManager
from wheelhouse_local.google.projects.service_accounts import ServiceAccounts
from wheelhouse_local.google.projects.service_usage import ServiceUsage
from wheelhouse_local.google.registry.admission import Admission
from wheelhouse_local.google.registry.contents import Contents
from wheelhouse_local.google.registry.methods.http import RULES
from wheelhouse_local.google.registry.methods.table import table
from wheelhouse_local.google.registry.packages import Packages
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.registry.rest_only import RestOnly
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport import json_api, rest
from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.faults import Faults
from wheelhouse_local.google.transport.method import Method
from wheelhouse_local.google.transport.trace import Trace
from wheelhouse_local.state import write_private

OWNER_TOKEN_LIFE = 10 * 365 * 24 * 3600


class Services:
    """The services by name.

    Args:
        data: the folder of the store, the packages and the trace.
        public: the URL of the public index, known once it is ready.
        cap: maximum seconds of a service account's token; None for Google's own limits.
    """

    def __init__(self, data: Path, public: Callable[[], str], cap: int | None = None) -> None:
        self._data = data
        self.store = store = Store(data / "google.sqlite")
        self.directory = Directory(store)
        self.policies = policies = Policies(store, self.directory)
        self.identities = identities = Identities(store, time.time)
        self.accounts = accounts = Accounts(store, time.time)
        self.principals = Principals(store, policies, identities, accounts)
        self.projects = projects = Projects(store, policies)
        self.service_accounts = ServiceAccounts(projects, policies, accounts, self.principals)
        self.credentials = IamCredentials(store, accounts, policies, identities, cap)
        self.secrets = SecretManager(store, projects, policies, identities)
        self.keys = KeyManagement(store, projects, policies, identities)
        self.registry = Registry(store, policies)
        self.packages = Packages(store, data / "files")
        self._fetcher = Fetcher(data / "ca.pem")
        proxy = RemoteProxy(store, self.packages, self.secrets, self._fetcher, lambda: f"{public()}simple/")
        self.library = Library(store, self.packages, proxy, projects, policies, identities.acting)
        admission = Admission(policies, projects.admit)
        self.calls = Calls(identities.resolve, admission.check, Faults(), Trace(data / "requests.jsonl"))
        needs = Dependencies(projects, self.keys, self.secrets, self.library.problem)
        self.methods = table(self.registry, Contents(store, self.registry), policies, needs.check)
        """Artifact Registry's methods."""
        self._resource_manager = ResourceManager(projects, policies)

    def prepare(self) -> None:
        """Create what every world has: its project, service accounts, and a file with its owner's token."""
        self.identities.sweep()
        self.accounts.complete(lambda email: found.id if (found := self.directory.project_of(email)) else "")
        self.projects.ensure_first()
        path = self._data / "owner-token"
        if not path.exists() or self.identities.resolve(path.read_text().strip()) is None:
            write_private(path, self.identities.issue(f"user:{OWNER}", OWNER_TOKEN_LIFE))

    def rpcs(self) -> dict[str, Method]:
        """The gRPC methods, by `Service.Method`."""
        return {**self.methods, **self._resource_manager.methods()}

    def routes(self) -> list[web.RouteDef]:
        """The REST routes; Artifact Registry's are last, and answer for all unknown paths."""
        usage = ServiceUsage(self.store, self.projects, self.policies)
        plain = (self._resource_manager, usage, self.secrets, self.keys, self.service_accounts, self.credentials)
        routes = [route for service in plain for route in service.table()]
        registry = rest.routes(self.calls, "ArtifactRegistry", self.methods, RULES, RestOnly(self.store))
        return [*json_api.routes(self.calls, routes), *registry]

    def metadata(self) -> web.Application:
        """The metadata server."""
        return MetadataServer(self.calls, self.identities).app()

    def index(self) -> web.Application:
        """The index of all repositories."""
        return Index(self.calls, self.policies, self.packages, self.library).app()

    def public_index(self) -> web.Application:
        """The public index."""
        return PublicIndex(self.calls, self.packages, self._data).app()

    async def close(self) -> None:
        """Close files and connections."""
        await self._fetcher.close()
        self.store.close()
        self.calls.trace.close()
