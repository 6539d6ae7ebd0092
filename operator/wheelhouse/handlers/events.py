"""Kopf as the informer: three watches, handlers that only forward events, and settings for a large cluster."""

import random
from collections.abc import Iterator
from typing import Any

import aiohttp
import kopf

from wheelhouse.domain.objects import Kind
from wheelhouse.runtime.informer import Informer

GROUP = "wheelhouse.dev"
VERSION = "v1alpha1"
KOPF_FINALIZER = "wheelhouse.dev/kopf-sets-none"


class EndlessBackoff:
    """Kopf ends the process when its backoffs run out. An outage of the API server must not end it."""

    def __iter__(self) -> Iterator[float]:
        bound = 0.2
        while True:
            yield random.uniform(bound / 2, bound)  # noqa: S311 - spreads load, guards nothing
            bound = min(30.0, bound * 2)


class NoDiffs(kopf.DiffBaseStorage):
    """Store no last-handled configuration: no handler uses a diff, and Kopf would copy the object of each event."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return an empty configuration."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return None: nothing is stored."""

    def store(self, **_: Any) -> None:
        """Store nothing."""


def watches(informer: Informer, server: str, session: aiohttp.ClientSession) -> kopf.OperatorRegistry:
    """The registry of all handlers: they return nothing and decide nothing.

    Args:
        informer: receives the events.
        server: the API server's URL.
        session: adds the current token to each request; Kopf closes it at the end.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=server, aiohttp_session=session)

    @kopf.on.event(GROUP, VERSION, Kind.REPOSITORY.value, registry=registry)
    async def repository(event: kopf.RawEvent, **_: Any) -> None:
        informer.seen(Kind.REPOSITORY, event["object"], gone=event["type"] == "DELETED")

    @kopf.on.event(GROUP, VERSION, Kind.ACCESS.value, registry=registry)
    async def access(event: kopf.RawEvent, **_: Any) -> None:
        informer.seen(Kind.ACCESS, event["object"], gone=event["type"] == "DELETED")

    @kopf.on.event("", "v1", "namespaces", registry=registry)
    async def namespace(event: kopf.RawEvent, **_: Any) -> None:
        informer.seen_namespace(event["object"], gone=event["type"] == "DELETED")

    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Kopf's settings for watching only: no scan of all CRDs, no Events of its own, bounded streams."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.networking.error_backoffs = EndlessBackoff()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.watching.server_timeout = 290
    settings.watching.chunk_size = 500
    # Kopf removes its finalizer from objects that none of its handlers must release, so ours must be a different one.
    settings.persistence.finalizer = KOPF_FINALIZER
    settings.persistence.diffbase_storage = NoDiffs()
    # Kopf keeps a task for each object for this long after its last event. With the default of 5 s, a start with
    # 10,000 objects keeps one for each of them (measured: 211 MB instead of 113 MB).
    settings.queueing.idle_timeout = 0.1
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = 20
    return settings
