"""Where a token could leak, and the search for any part of one."""

import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict

import structlog
from canary.server import MARKER, Server
from convergence.simulation import Simulation
from prometheus_client import generate_latest

from wheelhouse.domain.keys import Key
from wheelhouse.runtime import logs
from wheelhouse.runtime.metrics import Metrics


def _windows(text: str, length: int) -> set[str]:
    """All parts of a text that repeats."""
    return {(text * 2)[start : start + length] for start in range(len(text))}


def _encoded(shift: int) -> str:
    """What the marker repeats in base64, if the text before it has this many bytes more than a multiple of three."""
    return base64.b64encode(b" " * shift + MARKER.encode() * 3).decode()[4:20]


NEEDLES = _windows(MARKER, 8) | {part for shift in range(3) for part in _windows(_encoded(shift), 12)}


def found(text: str) -> bool:
    """Whether a text contains eight characters of a token, or nine bytes of it in base64."""
    return any(needle in text for needle in NEEDLES)


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """The operator's log at DEBUG, configured as the operator does."""
    root = logging.getLogger()
    before = root.handlers, root.level
    text = io.StringIO()
    with redirect_stderr(text):
        logs.configure("DEBUG", json=True)
    # A logger that is kept would stay configured like this for the tests that follow.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield text
    finally:
        root.handlers, root.level = before[0], before[1]
        structlog.reset_defaults()


class Recorded(Simulation):
    """A simulation that keeps the traceback of each failed pass, as the log would show it at most."""

    def boot(self) -> None:
        self.tracebacks: list[str] = getattr(self, "tracebacks", [])
        super().boot()
        reconcile = self.loop.reconcile

        async def recorded(key: Key) -> float | None:
            try:
                return await reconcile(key)
            except Exception as error:
                self.tracebacks.append(repr(error) + "".join(traceback.format_exception(error)))
                raise

        self.loop.reconcile = recorded  # type: ignore[method-assign]  # the same, recorded


def sinks(simulation: Recorded, server: Server, log: str, metrics: Metrics) -> dict[str, str]:
    """Everything that others can read, by name."""
    cluster = simulation.fakes.cluster
    bare = [{key: value for key, value in each.items() if key != "data"} for each in server.secrets.values()]
    return {
        "log": log,
        "tracebacks": "\n".join(simulation.tracebacks),
        "events": json.dumps([asdict(event) for event in cluster.events], default=str),
        "objects": json.dumps(list(cluster.objects.values()), default=str),
        "metadata of Secrets": json.dumps(bare),
        "audit log and trace": "\n".join(server.audit),
        "metrics": generate_latest(metrics.registry).decode(),
        "calls": repr(simulation.fakes.calls.log),
    }
