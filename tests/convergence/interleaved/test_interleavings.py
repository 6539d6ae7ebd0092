"""The real queue over slow ports and late watches, while people act and machines fail; then all is as asked for.

Each kind of run has its own seeds, and each seed is one run in virtual time: some hours of it. What is checked at each
step stands in effects.py (whose grant is taken, what was recorded before, where a token goes) and standing.py (who
consents, what has expired, what Ready says); after the last fault the world settles, stays without a write for a
resync, and nothing of ours is left once everything is deleted.

A seed that fails is printed with what was done, and is run again, the same in each detail, by

    PYTHONHASHSEED=0 PYTHONPATH=operator:tests .venv/bin/python -m convergence.interleaved SEED

`KIND:COUNT` runs the first seeds of a kind, `KIND:FIRST+COUNT` others, and `-x COMPLAINT` passes over what is known.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from convergence.interleaved.story import PLOTS

ROOT = Path(__file__).parents[3]
SEEDS = 400 if os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long" else 21


@pytest.mark.parametrize("kind", PLOTS)
def test_interleavings(kind: str) -> None:
    """Whatever happens in which order: nothing foreign is touched, nothing leaks, and all becomes as asked for."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("operator", "tests"))
    # A process of its own, since the order of sets belongs to a run.
    done = subprocess.run(
        [sys.executable, "-m", "convergence.interleaved", f"{kind}:{SEEDS}"],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
