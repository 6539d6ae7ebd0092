"""Background tasks: restarted three times, then their failure ends the body."""

import asyncio
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs
from support.virtual_time import in_virtual_time

from wheelhouse.bootstrap.operator import Operator
from wheelhouse.cli.main import main
from wheelhouse.runtime.supervise import RESTARTS, TaskFailed, Work, background


class Task:
    """A task that ends this many times before it runs forever."""

    def __init__(self, ends: int, end: Callable[[], None]) -> None:
        self.ends, self.end, self.starts = ends, end, 0

    async def __call__(self) -> None:
        self.starts += 1
        await asyncio.sleep(10)
        if self.starts <= self.ends:
            self.end()
        else:
            await asyncio.Event().wait()


def defect() -> None:
    raise RuntimeError("a defect")


def cancellation() -> None:
    raise asyncio.CancelledError  # As gRPC does when its channel closes, without a request for the task to end.


def done() -> None:
    pass


@pytest.mark.parametrize("end", [defect, cancellation, done])
@in_virtual_time
async def test_a_task_that_ends_is_started_again(end: Callable[[], None]) -> None:
    """Three times, each logged with its traceback; the body continues."""
    task = Task(RESTARTS, end)
    with capture_logs() as logs:
        async with background({"the task": task}):
            await asyncio.sleep(3600)
    assert task.starts == RESTARTS + 1
    assert [(entry["task"], entry["log_level"]) for entry in logs] == [("the task", "error")] * RESTARTS
    assert all(entry.get("exc_info") for entry in logs) == (end is not done)


@pytest.mark.parametrize("end", [defect, cancellation, done])
@in_virtual_time
async def test_a_task_that_ends_for_good_ends_the_body(end: Callable[[], None]) -> None:
    """The fourth end cancels the body and the other tasks, and the error names the task."""
    other = Task(0, done)
    stopped = False

    async def body() -> None:
        nonlocal stopped
        async with background({"the task": Task(RESTARTS + 1, end), "the other": other}):
            try:
                await asyncio.Event().wait()
            finally:
                stopped = True

    with capture_logs(), pytest.raises(TaskFailed, match="'the task' ended 4 times"):
        await body()
    assert stopped
    assert other.starts == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_a_task_of_tasks_is_not_started_again() -> None:
    """A permanent failure inside ends everything around it, at once."""
    starts = 0

    async def nested() -> None:
        nonlocal starts
        starts += 1
        async with background({"the inner": Task(RESTARTS + 1, defect)}):
            await asyncio.Event().wait()

    with capture_logs(), pytest.raises(TaskFailed, match="'the inner'"):
        async with background({"the outer": nested}):
            await asyncio.Event().wait()
    assert starts == 1


@in_virtual_time
async def test_the_end_of_the_body_ends_the_tasks() -> None:
    """Whether the body returns, raises or is canceled; its own error is the one that is raised."""
    task = Task(0, done)
    async with background({"the task": task}):
        pass
    with pytest.raises(ValueError, match="of the body"):
        async with background({"the task": task}):
            raise ValueError("of the body")

    async def body() -> None:
        async with background({"the task": task}):
            await asyncio.Event().wait()

    running = asyncio.create_task(body())
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_the_process_ends_visibly(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exit status that is not 0, and a message."""
    works: dict[str, Work] = {"the queue": Task(RESTARTS + 1, defect)}

    @in_virtual_time
    async def fail() -> None:
        async with background(works):
            await asyncio.Event().wait()

    async def run(_self: Operator) -> None:
        await asyncio.to_thread(fail)

    monkeypatch.setattr(Operator, "run", run)
    monkeypatch.setattr("wheelhouse.runtime.logs.configure", lambda _level, *, json: None)
    monkeypatch.setenv("WHEELHOUSE_WORKLOAD_IDENTITY_POOL", "acme-packages.svc.id.goog")
    with capture_logs():
        result = CliRunner().invoke(main, ["run"])
    assert result.exit_code != 0
    assert "'the queue' ended 4 times" in result.output
