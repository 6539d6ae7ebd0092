"""The metrics for Prometheus; no label ever contains a name that a tenant chose, or a part of a credential."""

import math
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """All metrics of the operator, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            "wheelhouse_reconcile", "Reconcile passes by unit and result.", ["unit", "result"], registry=self.registry
        )
        self._seconds = Histogram(
            "wheelhouse_reconcile_duration_seconds", "Duration of a pass in seconds.", ["unit"], registry=self.registry
        )
        self._kubernetes = Counter(
            "wheelhouse_kubernetes_requests",
            "Requests to Kubernetes.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self._google = Counter(
            "wheelhouse_google_requests", "Requests to Google.", ["method", "code"], registry=self.registry
        )
        self._depth = Gauge("wheelhouse_queue_depth", "Keys waiting for a worker.", ["unit"], registry=self.registry)

        self._expiry = Gauge(
            "wheelhouse_token_expiry_seconds",
            "Seconds until the first token in a Secret expires; negative if it has expired, NaN without a token.",
            registry=self.registry,
        )
        self._expiry.set(math.nan)

    def passed(self, unit: str, result: str, seconds: float) -> None:
        """A pass completed."""
        self._passes.labels(unit, result).inc()
        self._seconds.labels(unit).observe(seconds)

    def kubernetes(self, verb: str, kind: str, code: int, _seconds: float) -> None:
        """A request to Kubernetes completed; code 0 without an answer."""
        self._kubernetes.labels(verb, kind, str(code)).inc()

    def google(self, method: str, code: str, _seconds: float) -> None:
        """A request to Google completed."""
        self._google.labels(method, code).inc()

    def watch_expiry(self, until: Callable[[], float | None]) -> None:
        """Read the time until the next expiry at each scrape."""
        self._expiry.set_function(partial(_seconds, until))

    def watch_depths(self, units: list[str], depths: Callable[[], dict[str, int]]) -> None:
        """Read the queue's depth at each scrape."""
        for unit in units:
            self._depth.labels(unit).set_function(partial(_depth, depths, unit))


def _seconds(until: Callable[[], float | None]) -> float:
    seconds = until()
    return math.nan if seconds is None else seconds


def _depth(depths: Callable[[], dict[str, int]], unit: str) -> float:
    return depths()[unit]
