"""What Prometheus reads about tokens."""

import math
from datetime import timedelta

from convergence.secret_scenes import HOUR, distributed

from wheelhouse.runtime.metrics import Metrics


def value(metrics: Metrics) -> float:
    """The metric now."""
    found = metrics.registry.get_sample_value("wheelhouse_token_expiry_seconds")
    assert found is not None
    return found


async def test_the_time_until_the_first_expiry() -> None:
    """NaN before the start, then the least remaining life of all Secrets; negative if a token has expired."""
    metrics = Metrics()
    assert math.isnan(value(metrics))
    simulation, _ = await distributed()
    metrics.watch_expiry(simulation.loop.until_expiry)
    first = value(metrics)
    assert HOUR - 60 < first <= HOUR
    await simulation.run(600)
    assert first - 601 <= value(metrics) <= first - 599
    simulation.fakes.clock.time += timedelta(hours=1)
    assert value(metrics) < 0
    simulation.boot()
    metrics.watch_expiry(simulation.loop.until_expiry)
    assert math.isnan(value(metrics))
