"""The real Kopf with a background task that fails permanently: neither prevents the end of the process."""

import asyncio

import aiohttp
import kopf
import pytest
from fakes.world import Fakes
from structlog.testing import capture_logs

from wheelhouse.handlers.events import kopf_settings, watches
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.loop import Loop
from wheelhouse.runtime import supervise
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.informer import Informer
from wheelhouse.runtime.queue import WorkQueue
from wheelhouse.runtime.supervise import TaskFailed, background

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.timeout(60)
async def test_kopf_ends_with_a_task_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf is canceled while it still connects to its API server, and nothing keeps running."""
    monkeypatch.setattr(supervise, "PAUSE", 0.1)

    async def process(_key: object) -> None:
        return None

    async def fail() -> None:
        await asyncio.sleep(0.1)
        raise RuntimeError("a defect")

    async def operator() -> None:
        queue = WorkQueue(process, lambda _unit, _result, _seconds: None)
        async with aiohttp.ClientSession() as session, background({"queue": queue.run, "the task": fail}):
            cache = ObjectCache(any_project=False, account=lambda _identity: None)
            fakes = Fakes()
            informer = Informer(cache, queue, Interests(queue), fakes.world.absences, Loop(fakes.world))
            registry = watches(informer, NOWHERE, session)
            await kopf.operator(registry=registry, settings=kopf_settings(), clusterwide=True)

    with capture_logs(), pytest.raises(TaskFailed, match="'the task'"):
        await operator()
    assert asyncio.all_tasks() == {asyncio.current_task()}
