"""The cost of the engine alone, without servers: its memory, and the CPU of single steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

from report import Report, Row

ACCESSES = 10_000
TREE = Path(__file__).parents[1]


def memory(size: float) -> Report:
    """Memory per access; size 1 is the full number."""
    count = max(1000, int(ACCESSES * size))
    kilobytes = _engine("memory", count)
    rows = [
        Row("what the watches have seen, kB", kilobytes["seen"]),
        Row("what the units remember, kB", kilobytes["remembered"]),
        Row("in all, kB", kilobytes["seen"] + kilobytes["remembered"], "≤ 6"),
    ]
    about = (
        f"Resident memory for each of {count:,} more accesses, twenty on a repository, all of them finished.\nThe "
        "engine runs over the fakes of the tests, without Kopf, sessions and what the queue holds."
    )
    return Report("Memory", about, rows)


STEPS = {
    "seen": "an access is seen for the first time",
    "claim": "an access is judged (its claim)",
    "access": "a pass of an access, nothing to do",
    "secret": "a pass of a Secret, nothing to do",
    "policy": "the first pass of a policy of 1,000 after a start",
    "plan standing": "planning a policy of 1,000, nothing to do",
    "plan empty": "planning a policy of 1,000, all to be added",
    "read": "a status of 5,000 targets, read",
    "rendered": "a status of 5,000 targets, rendered",
    "same": "a status of 5,000 targets, compared",
}


def steps(size: float) -> Report:
    """CPU of single steps."""
    count = max(1000, int(ACCESSES * size))
    micro = _engine("micro", count)
    rows = [Row(f"{words}, µs", micro[step]) for step, words in STEPS.items()]
    return Report("Single steps", f"CPU time with {count:,} accesses in all, over the fakes of the tests.", rows)


def _engine(what: str, count: int) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": f"{TREE / 'operator'}:{TREE / 'tests'}"}
    command = [sys.executable, str(Path(__file__).with_name("engine.py")), what, str(count)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
