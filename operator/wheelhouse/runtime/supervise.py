"""Background tasks: one that ends is restarted, and ends the process, visibly, if that does not help."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

logger = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[None]]

RESTARTS = 3
PAUSE = 1.0
"""Seconds before a task is restarted."""


class TaskFailed(Exception):
    """A background task ended more often than it may be restarted; the message names it."""


def asked_to_end() -> bool:
    """Whether the current task was canceled; otherwise a CancelledError comes from what it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def background(works: Mapping[str, Work]) -> AsyncIterator[None]:
    """Run tasks in parallel with the body and end them with it; one that keeps failing ends the body.

    Args:
        works: by their names in logs; each runs until it is canceled.

    Raises:
        TaskFailed: one of them ended four times.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_supervised(name, work), name=name) for name, work in works.items()]
            await asyncio.sleep(0)  # They start before the body: Kopf waits for, and ends, what starts after it.
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _supervised(name: str, work: Work) -> None:
    """Run one task, and restart it when it ends.

    Raises:
        TaskFailed: it ended once more than it may be restarted, or a task of its own did.
    """
    for attempt in range(RESTARTS + 1):
        if attempt:
            await asyncio.sleep(PAUSE)
        try:
            await work()
            logger.error("A background task returned", task=name)
        except TaskFailed:
            raise
        except (Exception, asyncio.CancelledError):
            if asked_to_end():
                raise
            logger.exception("A background task failed", task=name)
    raise TaskFailed(
        f"The background task {name!r} ended {RESTARTS + 1} times (see the log for the cause). The operator "
        "exits, so that Kubernetes restarts it. Report this as a bug, with the log."
    )
