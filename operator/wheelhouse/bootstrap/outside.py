"""The world outside the loop: clients of Kubernetes and Google, configured from the settings."""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
from google.auth.credentials import Credentials

from wheelhouse.clients.google.artifact_registry.calls import GoogleRepositories
from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.clients.google.credentials import IamCredentials
from wheelhouse.clients.google.http import GoogleHttp
from wheelhouse.clients.google.identity import GOOGLE_UNIVERSE, MetadataFacts, operator_credentials
from wheelhouse.clients.google.index import PackageIndex
from wheelhouse.clients.google.permissions import NoCredentials, TenantPermissions
from wheelhouse.clients.google.policies import GooglePolicies
from wheelhouse.clients.google.projects import Endpoints, GoogleProjects, ResourceManager
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import FederatedTokens, Federation
from wheelhouse.clients.google.workload import migrate_from, workload
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.configuration.form import Format
from wheelhouse.domain.iam import WorkloadIdentity
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.options import Options
from wheelhouse.reconcile.ports import Queue
from wheelhouse.reconcile.world import World
from wheelhouse.runtime.accounts import ServiceAccounts
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.metrics import Metrics
from wheelhouse.runtime.uptime import uptime
from wheelhouse.settings import ProjectPolicy, Settings


@dataclass(frozen=True, slots=True)
class Inside:
    """What the process itself provides: transport to Kubernetes, cache, queue, metrics, and what it may not write."""

    transport: Transport
    objects: KubernetesObjects
    cache: ObjectCache
    accounts: ServiceAccounts
    queue: Queue
    metrics: Metrics
    denied_formats: frozenset[Format]


async def outside(
    stack: AsyncExitStack,
    settings: Settings,
    facts: MetadataFacts | None,
    cluster: Callable[[], Awaitable[str]],
    inside: Inside,
) -> World:
    """Connect to everything that the loop needs. `stack` closes the connections.

    Args:
        stack: closes sessions and channels at the end.
        settings: the operator's settings.
        facts: what the metadata server reports; None outside Google Cloud.
        cluster: reads the name of the cluster if no setting has one.
        inside: what the process provides.

    Raises:
        Invalid: a setting is missing, or contradicts another or the metadata server.
    """
    google = inside.metrics.google
    identity, federation = workload(settings, facts)
    universe = settings.universe_domain or (facts.universe if facts else GOOGLE_UNIVERSE)
    credentials = await operator_credentials(universe)
    http = await stack.enter_async_context(aiohttp.ClientSession())
    registry = ArtifactRegistry(credentials, universe, settings.artifact_registry_endpoint, google)
    stack.push_async_callback(registry.close)
    tenants = ArtifactRegistry(NoCredentials(universe), universe, settings.artifact_registry_endpoint, google)
    stack.push_async_callback(tenants.close)
    options = _options(settings, identity, settings.cluster_name or await cluster(), inside)
    return World(
        repositories=GoogleRepositories(registry),
        projects=_projects(stack, settings, http, credentials, universe, inside.metrics),
        policies=GooglePolicies(registry),
        tokens=_tokens(settings, http, federation, universe, inside),
        probe=PackageIndex(http, settings.index_url_template, google).probe,
        may_upload=TenantPermissions(tenants).may_upload,
        secrets=KubernetesSecrets(inside.transport),
        objects=inside.objects,
        cache=inside.cache,
        google_account=lambda of: inside.accounts.google_account(of.namespace, of.service_account),
        queue=inside.queue,
        interests=Interests(inside.queue),
        absences=Absences(time.monotonic),  # Stops while the machine sleeps, when no watch reports new objects.
        workload=identity,
        options=options,
        now=lambda: datetime.now(UTC),
        elapsed=uptime,
        jitter=lambda: random.uniform(-1.0, 1.0),  # noqa: S311 - spreads load, guards nothing
    )


def _tokens(
    settings: Settings, http: aiohttp.ClientSession, federation: Federation, universe: str, inside: Inside
) -> FederatedTokens:
    google = inside.metrics.google
    accounts = ServiceAccountTokens(inside.transport, federation.audience)
    sts = settings.sts_endpoint or f"https://sts.{universe}/"
    credentials = settings.iam_credentials_endpoint or f"https://iamcredentials.{universe}/"
    acting = IamCredentials(http, credentials, google)
    return FederatedTokens(accounts, http, Rate(settings.exchange_rate), sts, federation, acting, google)


def _options(settings: Settings, identity: WorkloadIdentity, cluster: str, inside: Inside) -> Options:
    return Options(
        cluster=cluster,
        any_project=settings.project_policy is ProjectPolicy.ANY,
        enable_apis=settings.enable_apis,
        create_interval=timedelta(seconds=settings.create_interval),
        index_url_template=settings.index_url_template,
        verify_access=settings.verify_access,
        drift_interval=timedelta(seconds=settings.drift_interval),
        migrate_from=migrate_from(settings, identity),
        denied_formats=inside.denied_formats,
    )


def _projects(
    stack: AsyncExitStack,
    settings: Settings,
    http: aiohttp.ClientSession,
    credentials: Credentials,
    universe: str,
    metrics: Metrics,
) -> GoogleProjects:
    manager = ResourceManager(credentials, universe, settings.resource_manager_endpoint, metrics.google)
    stack.push_async_callback(manager.close)
    endpoints = Endpoints(
        usage=settings.service_usage_endpoint or f"https://serviceusage.{universe}/",
        secrets=settings.secret_manager_endpoint or f"https://secretmanager.{universe}/",
        keys=settings.kms_endpoint or f"https://cloudkms.{universe}/",
    )
    return GoogleProjects(manager, GoogleHttp(http, credentials, metrics.google), endpoints)
