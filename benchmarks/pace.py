"""Secrets that are refreshed at their normal pace, and nothing else to do."""

import time

import crowd
import declare
from meter import SWEPT, Traffic, cpu, resident, settled
from report import Report, Row

STANDS_FOR, LIFETIME = 10_000, 3600
"""Secrets with tokens of the default lifetime, in seconds."""
SHORT = 600
"""The shortest lifetime: a sixth of the Secrets are refreshed as often as all of them with the default."""
WINDOW = 330
"""Seconds in which each Secret is refreshed once: half of the short lifetime, and a tenth of that."""


def report(size: float) -> Report:
    """Run it; size 1 is the full number."""
    secrets = max(20, int(STANDS_FOR * SHORT / LIFETIME * size))
    teams = crowd.Teams("team", secrets, max(1, secrets // 20), secrets=True, lifetime=f"{SHORT // 60}m")
    with declare.world() as world:
        declare.prepare(world, teams)
        traffic = Traffic(world)
        declare.create(world, teams.requests())
        settled(world, traffic, declare.ready(world, "repositoryaccesses", teams.accesses))
        pid = world.pid("operator")
        traffic, before, begun = Traffic(world), cpu(pid), time.monotonic()
        declare.say(f"{secrets} Secrets are refreshed within {WINDOW} s")
        time.sleep(WINDOW)
        share, memory = (cpu(pid) - before) / (time.monotonic() - begun), resident(pid)
        traffic.read()
    about = (
        f"{secrets} accesses whose tokens live {SHORT} s: as many refreshes a second as {int(STANDS_FOR * size)} "
        f"Secrets with tokens of\nan hour. Measured for {WINDOW} s after all are Ready. The sweep checks 20 Secrets "
        "each second."
    )
    writes = sum(traffic.counts[method] for method in ("patch repositoryaccesses/status", "create events"))
    applies = traffic.counts["patch secrets"] + traffic.counts[SWEPT]
    rows = [
        Row("tokens for each Secret", traffic.counts["Sts.Token"] / secrets, "1"),
        Row("requests for Secrets for each Secret, dry runs included", applies / secrets),
        Row("writes of status and Events for each Secret", writes / secrets),
        Row("checks of the index for each Secret", traffic.counts["Index.Simple"] / secrets),
        Row("share of a core, %", share * 100),
        Row("resident memory, MB", memory / 1e3),
    ]
    return Report("Secrets at their pace", about, rows)
