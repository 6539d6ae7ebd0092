"""The real queue over slow ports and delayed watches, while users act and machines fail; finally all is as desired.

Each kind of run has its own seeds, and each seed is one run in virtual time: some hours of it. The checks at each step
are in effects.py (who owns a removed grant, what was recorded before, where a token is sent) and standing.py (consent,
expiry, Ready). After the last fault the world settles, stays without a write for a resync, and nothing of ours is left
once everything is deleted.

A failing seed is printed with its log of acts, and can be repeated exactly with

    PYTHONHASHSEED=0 PYTHONPATH=operator:tests .venv/bin/python -m convergence.interleaved SEED

`KIND:COUNT` runs the first seeds of a kind, `KIND:FIRST+COUNT` others, and `-x COMPLAINT` ignores known complaints.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from convergence.interleaved.story import TIERS

ROOT = Path(__file__).parents[3]
SEEDS = 400 if os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long" else 21


@pytest.mark.timeout(1800)  # Four hundred seeds take some minutes.
@pytest.mark.parametrize("kind", [kind for plots in TIERS for kind in plots])
def test_interleavings(kind: str) -> None:
    """For any events in any order: nothing of others is changed, nothing leaks, and all becomes as desired."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("operator", "tests"))
    # A separate process, because the order of sets belongs to a run.
    done = subprocess.run(
        [sys.executable, "-m", "convergence.interleaved", f"{kind}:{SEEDS}"],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
