"""The composition root: settings in, a running operator out."""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp
import kopf
import structlog
from google.auth.credentials import Credentials

from wheelhouse.clients.google.artifact_registry.calls import GoogleRepositories
from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.clients.google.http import GoogleHttp
from wheelhouse.clients.google.identity import GOOGLE_UNIVERSE, metadata_facts, operator_credentials
from wheelhouse.clients.google.index import PackageIndex
from wheelhouse.clients.google.policies import GooglePolicies
from wheelhouse.clients.google.projects import Endpoints, GoogleProjects, ResourceManager
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import FederatedTokens
from wheelhouse.clients.google.workload import migrate_from, workload
from wheelhouse.clients.kubernetes.admission import enforcement
from wheelhouse.clients.kubernetes.connection import Connection
from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.installed import not_installed
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.pools import Pool
from wheelhouse.errors import NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.handlers.events import kopf_settings, watches
from wheelhouse.plan.pools import pool_complaint
from wheelhouse.reconcile.loop import Loop
from wheelhouse.reconcile.options import Options
from wheelhouse.reconcile.ports import World
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.http import HttpServer
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.metrics import Metrics
from wheelhouse.runtime.queue import UNIT_NAMES, WorkQueue
from wheelhouse.settings import ProjectPolicy, Settings
from wheelhouse.status.access import read_access

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

TOKEN_LIFETIME = timedelta(hours=1)
STUCK_AFTER = 300.0
"""Seconds that a key may wait for a worker before the operator calls itself dead and is started again."""
RETRY_SECONDS = 2.0


class Operator:
    """One process: probes first, then the loop once everything it needs is there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._complaint: str | None = "Starting."
        self._queue: WorkQueue | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            Invalid: a setting is missing or wrong; the message says which.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        server = HttpServer(self._metrics.registry, self._dead, lambda: self._complaint)
        await server.start(str(self._settings.http_host), self._settings.http_port)
        work = asyncio.create_task(self._work())
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            self._complaint = "Stopping."
            await _end(waiting, work)
            await server.stop()

    async def _work(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            connection = Connection()
            await connection.open()
            session = await stack.enter_async_context(connection.session())
            transport = Transport(session, connection.server, self._metrics.kubernetes)
            settings = self._settings
            objects = KubernetesObjects(transport, Events(transport, settings.pod_name))
            await self._enforced(transport)
            cache = ObjectCache()
            loops: list[Loop] = []
            queue = WorkQueue(lambda key: loops[0].reconcile(key), self._metrics.passed)
            self._metrics.watch_depths(list(UNIT_NAMES.values()), queue.depths)
            world = await self._world(stack, transport, objects, cache, queue)
            loops.append(Loop(world))
            informer = Informer(cache, queue)
            await self._until_answered(lambda: informer.sync(objects))
            await self._until_in_pool(world, cache, lambda: informer.sync(objects))
            informer.start()
            watching = watches(informer, connection.server, connection.session())
            self._queue = queue  # From here on it must move; before, its keys wait for the lists and the pool.
            async with _running(queue.run(), self._resync(informer, objects)):
                self._complaint = None
                logger.info("Ready", server=connection.server, pool=world.workload.pool)
                # Kopf takes over the signals; a stop flag of ours would only be waited for, 5 s, at its end.
                await kopf.operator(registry=watching, settings=kopf_settings(), clusterwide=True)

    async def _world(
        self,
        stack: contextlib.AsyncExitStack,
        transport: Transport,
        objects: KubernetesObjects,
        cache: ObjectCache,
        queue: WorkQueue,
    ) -> World:
        settings, google = self._settings, self._metrics.google
        facts = await self._until_answered(metadata_facts)
        identity, federation = workload(settings, facts)
        universe = settings.universe_domain or (facts.universe if facts else GOOGLE_UNIVERSE)
        credentials = await operator_credentials(universe)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        registry = ArtifactRegistry(credentials, universe, settings.artifact_registry_endpoint, google)
        stack.push_async_callback(registry.close)
        accounts = ServiceAccountTokens(transport, federation.audience)
        sts = settings.sts_endpoint or f"https://sts.{universe}/"
        return World(
            repositories=GoogleRepositories(registry),
            projects=self._projects(stack, http, credentials, universe),
            policies=GooglePolicies(registry),
            tokens=FederatedTokens(accounts, http, Rate(settings.exchange_rate), sts, federation, google),
            probe=PackageIndex(http, settings.index_url_template, google).probe,
            secrets=KubernetesSecrets(transport),
            objects=objects,
            cache=cache,
            queue=queue,
            workload=identity,
            options=await self._options(objects, migrate_from(settings, identity)),
            now=lambda: datetime.now(UTC),
            jitter=lambda: random.uniform(-1.0, 1.0),  # noqa: S311 - spreads load, guards nothing
        )

    def _projects(
        self, stack: contextlib.AsyncExitStack, http: aiohttp.ClientSession, credentials: Credentials, universe: str
    ) -> GoogleProjects:
        settings, google = self._settings, self._metrics.google
        manager = ResourceManager(credentials, universe, settings.resource_manager_endpoint, google)
        stack.push_async_callback(manager.close)
        endpoints = Endpoints(
            usage=settings.service_usage_endpoint or f"https://serviceusage.{universe}/",
            secrets=settings.secret_manager_endpoint or f"https://secretmanager.{universe}/",
            keys=settings.kms_endpoint or f"https://cloudkms.{universe}/",
        )
        return GoogleProjects(manager, GoogleHttp(http, credentials, google), endpoints)

    async def _options(self, objects: KubernetesObjects, old_pool: Pool | None) -> Options:
        settings = self._settings
        cluster = settings.cluster_name
        if cluster is None:
            cluster = await self._until_answered(objects.kube_system_uid)
        return Options(
            cluster=cluster,
            any_project=settings.project_policy is ProjectPolicy.ANY,
            enable_apis=settings.enable_apis,
            create_interval=timedelta(seconds=settings.create_interval),
            index_url_template=settings.index_url_template,
            verify_access=settings.verify_access,
            drift_interval=timedelta(seconds=settings.drift_interval),
            token_lifetime=TOKEN_LIFETIME,
            migrate_from=old_pool,
        )

    async def _enforced(self, transport: Transport) -> None:
        """Wait until crds/ and manifests/base are installed and enforced: before that the operator does nothing."""
        while (complaint := await self._until_answered(lambda: self._missing(transport))) is not None:
            self._complain(complaint)
            await asyncio.sleep(RETRY_SECONDS)

    async def _missing(self, transport: Transport) -> str | None:
        settings = self._settings
        return await not_installed(transport) or await enforcement(
            transport, settings.pod_namespace, settings.service_account
        )

    async def _until_in_pool(self, world: World, cache: ObjectCache, sync: Callable[[], Awaitable[None]]) -> None:
        """Wait while ledgers hold members of another pool: a pass would withdraw what living tokens need."""
        while True:
            records = (record for stored in cache.objects(Kind.ACCESS) for record in read_access(stored).grants)
            complaint = pool_complaint(records, world.workload, world.options.migrate_from)
            if complaint is None:
                return
            self._complain(complaint)
            await asyncio.sleep(self._settings.resync_interval)
            await self._until_answered(sync)

    async def _resync(self, informer: Informer, objects: KubernetesObjects) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_interval)
            try:
                await informer.sync(objects)
            except WheelhouseError as error:
                logger.warning("A resync failed; the next one will try again", because=error.message)
                continue
            informer.resync()

    async def _until_answered(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask until Kubernetes or the metadata server answers; a missing CRD or right is told by the probe."""
        while True:
            try:
                return await ask()
            except (Unavailable, Refused, NotReady) as error:
                self._complain(error.message)
            await asyncio.sleep(RETRY_SECONDS)

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            logger.warning("Not ready", because=complaint)
        self._complaint = complaint

    def _dead(self) -> str | None:
        """What the liveness probe tells: a queue that does not move is started again."""
        waited = self._queue.oldest() if self._queue else 0.0
        return f"A key has waited for {waited:.0f} s." if waited > STUCK_AFTER else None


@contextlib.asynccontextmanager
async def _running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run tasks beside the body, and end them with it."""
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.sleep(0)  # They begin before Kopf does: at its end it waits for, and ends, what began after it.
    try:
        yield
    finally:
        await _end(*tasks)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
