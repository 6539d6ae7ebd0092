"""One process: the probes start first, and the loop once everything that it needs is available."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import kopf
import structlog

from wheelhouse.bootstrap.outside import Inside, outside
from wheelhouse.clients.google.identity import metadata_facts
from wheelhouse.clients.kubernetes.admission import enforcement
from wheelhouse.clients.kubernetes.connection import Connection, outlast_refusals
from wheelhouse.clients.kubernetes.denied_keys import denied_keys
from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.installed import not_installed
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secret_metadata import PATH as SECRETS
from wheelhouse.clients.kubernetes.secret_metadata import REMEDY as SECRETS_REMEDY
from wheelhouse.clients.kubernetes.secret_metadata import SELECTOR as MANAGED
from wheelhouse.clients.kubernetes.secret_metadata import seen_secret
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.clients.kubernetes.watch import MetadataWatch
from wheelhouse.domain.configuration.files import INDEX_URL, KEYS, denied_formats
from wheelhouse.domain.configuration.form import Format
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.objects import Kind, ServiceAccount
from wheelhouse.errors import NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.handlers.events import kopf_settings, watches
from wheelhouse.plan.pools import pool_complaint
from wheelhouse.reconcile.loop import Loop
from wheelhouse.reconcile.world import World
from wheelhouse.runtime import garbage, tls
from wheelhouse.runtime.accounts import ServiceAccounts
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.http import HttpServer
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.metrics import Metrics
from wheelhouse.runtime.queue.work import UNIT_NAMES, WorkQueue
from wheelhouse.runtime.secret_watch import SecretWatch
from wheelhouse.runtime.supervise import Work, background
from wheelhouse.settings import ProjectPolicy, Settings
from wheelhouse.status.read import read_grants

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

STUCK_AFTER = 300.0
"""Seconds without a completed pass, while work waits, after which the liveness probe fails."""
RETRY_SECONDS = 2.0
CATCH_UP = 5.0
"""Maximum seconds at a start in which the operator does only what changed while it was down. Then come a pass for each
object and Kopf's lists, which keep the event loop busy for 25 s with 10,000 accesses."""
POLL_SECONDS = 0.1


class Operator:
    """The operator.

    Args:
        settings: the operator's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._complaint: str | None = "Starting."
        self._queue: WorkQueue | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            Invalid: a setting is missing or wrong; the message says which.
            TaskFailed: a background task ended four times.
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
        garbage.exclude_existing()  # What the libraries created.
        tls.limit_read_buffers()
        async with contextlib.AsyncExitStack() as stack:
            connection = Connection()
            await connection.open()
            session = await stack.enter_async_context(connection.session())
            transport = Transport(session, connection.server, self._metrics.kubernetes)
            objects = KubernetesObjects(transport, Events(transport, self._settings.pod_name))
            await self._enforced(transport)
            accounts = ServiceAccounts()
            cache = _cache(self._settings, accounts)
            loops: list[Loop] = []
            queue = WorkQueue(
                lambda key: loops[0].reconcile(key), self._metrics.passed, rank=lambda key: loops[0].rank(key)
            )
            self._metrics.watch_depths(list(UNIT_NAMES.values()), queue.depths)
            denied = await self._denied_formats(transport)
            inside = Inside(transport, objects, cache, accounts, queue, self._metrics, denied)
            facts = await self._until_answered(metadata_facts)
            cluster = partial(self._until_answered, objects.kube_system_uid)
            world = await outside(stack, self._settings, facts, cluster, inside)
            loops.append(Loop(world))
            self._metrics.watch_expiry(loops[0].until_expiry)
            informer = Informer(cache, queue, world.interests, world.absences, loops[0])
            watch = MetadataWatch(
                transport, "/api/v1/serviceaccounts", "serviceaccounts", ServiceAccount.parse, accounts
            )
            await self._until_answered(lambda: _together(informer.sync(objects), watch.list()))
            accounts.changed = lambda namespace, name: informer.seen_account(Identity(namespace, name))
            await self._until_in_pool(world, cache, lambda: informer.sync(objects))
            garbage.exclude_existing()  # The objects from the lists.
            informer.start()
            watching = watches(informer, connection.server, connection.session(outlast_refusals))
            self._queue = queue  # The liveness probe checks it from here on: until now its keys wait for the lists.
            works: dict[str, Work] = self._secrets(transport, loops[0]) | {
                "queue": queue.run,
                "resync": partial(self._resync, informer, objects),
                "accounts": watch.run,
            }
            async with background(works):
                self._complaint = None
                logger.info("Ready", server=connection.server, pool=world.workload.pool)
                await _serve(informer, watching)

    def _secrets(self, transport: Transport, loop: Loop) -> dict[str, Work]:
        """The watch of Secrets, if the setting requests it: without the component it would be denied."""
        if not self._settings.watch_secrets:
            return {}
        sink = SecretWatch(loop.doubt_secret)
        watch = MetadataWatch(transport, SECRETS, "secrets", seen_secret, sink, selector=MANAGED, remedy=SECRETS_REMEDY)
        return {"secrets": watch.run}

    async def _enforced(self, transport: Transport) -> None:
        """Wait until crds/ and manifests/base are installed and enforced. Until then the operator does nothing."""
        while (complaint := await self._until_answered(lambda: self._missing(transport))) is not None:
            self._complain(complaint)
            await asyncio.sleep(RETRY_SECONDS)

    async def _missing(self, transport: Transport) -> str | None:
        settings = self._settings
        return await not_installed(transport) or await enforcement(
            transport, settings.pod_namespace, settings.service_account
        )

    async def _denied_formats(self, transport: Transport) -> frozenset[Format]:
        """The formats of Secrets that an admission policy denies: they are left out, so that the others are written."""
        keys = {key for names in KEYS.values() for key in names}
        namespace = self._settings.pod_namespace
        denied = await self._until_answered(lambda: denied_keys(transport, namespace, INDEX_URL, keys))
        if denied:
            logger.warning("An admission policy denies keys of Secrets", keys=sorted(denied))
        return denied_formats(denied)

    async def _until_in_pool(self, world: World, cache: ObjectCache, sync: Callable[[], Awaitable[None]]) -> None:
        """Wait while ledgers have members of another pool: a pass would revoke grants that valid tokens need."""
        while True:
            records = (record for stored in cache.objects(Kind.ACCESS) for record in read_grants(stored.status).grants)
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
        """Retry until Kubernetes or the metadata server answers. The probe reports a missing CRD or permission."""
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
        """Why the liveness probe fails: the queue completes nothing. A queue that is only behind is alive."""
        stuck = self._queue.stuck() if self._queue else 0.0
        return f"Objects are waiting, but no pass has completed for {stuck:.0f} s." if stuck > STUCK_AFTER else None


def _cache(settings: Settings, accounts: ServiceAccounts) -> ObjectCache:
    return ObjectCache(
        settings.project_policy is ProjectPolicy.ANY,
        lambda identity: accounts.exists(identity.namespace, identity.service_account),
    )


async def _together(first: Awaitable[None], second: Awaitable[None]) -> None:
    """Wait for both at once: while one waits for the API server, the other reads its answer. An error ends both."""
    tasks = [asyncio.ensure_future(each) for each in (first, second)]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _end(*tasks)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Wait until it is done, or for this many seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not done() and loop.time() < until:  # noqa: ASYNC110 - the cache has no event for it
        await asyncio.sleep(POLL_SECONDS)


async def _serve(informer: Informer, watching: kopf.OperatorRegistry) -> None:
    """Finish what changed while the operator was down; then watch, and reconcile everything, until canceled."""
    await _until(informer.caught_up, CATCH_UP)
    informer.reconcile_all()
    # Kopf handles the signals. If it had a stop flag, it would wait 5 s for the flag when it ends.
    await kopf.operator(registry=watching, settings=kopf_settings(), clusterwide=True)
