"""Run seeds: `PYTHONHASHSEED=0 PYTHONPATH=operator:tests .venv/bin/python -m convergence.interleaved SEED… [-v]`.

A SEED is a number, `FIRST-LAST`, or `KIND:COUNT` (the first seeds of a kind; `KIND:FIRST+COUNT`: later ones). A failure
is printed with its log of acts; `-v` prints the log of each, `-x COMPLAINT` ignores complaints of that kind (`-x claim
-x stray`). The exit status is the number of seeds that failed, at most 100.
"""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import MutableMapping
from types import FrameType
from typing import Any, NoReturn

import structlog
from convergence.interleaved import site as sites
from convergence.interleaved.remembered import check_all
from convergence.interleaved.story import Outcome, kind_of, seeds_of, tell

PATIENCE = 20
"""Seconds of CPU for one seed: more is a loop that spins."""


class Spins(KeyboardInterrupt):
    """No task handles this: it ends the run."""


def seeds(word: str) -> list[int]:
    """The seeds for a word of the command line."""
    if ":" in word:
        kind, _, count = word.partition(":")
        first, _, last = count.rpartition("+")
        return seeds_of(kind, int(last), int(first or 0))
    first, _, last = word.partition("-")
    return list(range(int(first), int(last or first) + 1))


def run(seed: int) -> Outcome:
    """One seed, whatever happens."""
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        return tell(seed)
    except Spins:
        return Outcome(seed, kind_of(seed), ["spins: no virtual time passes any more"], [], 0, 0.0)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main(words: list[str]) -> int:
    """Run the selected seeds."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        print("Set PYTHONHASHSEED=0: the order of sets is part of a run.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGPROF, _spins)
    check_all()
    logging.disable()  # asyncio tells of what a run that spins left behind.
    structlog.configure(processors=[_keep], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    failed, begun, count = 0, time.monotonic(), 0
    while "-x" in words:
        position = words.index("-x")
        sites.PASSED_OVER.add(words[position + 1])
        del words[position : position + 2]
    for seed in [seed for word in words if word != "-v" for seed in seeds(word)]:
        outcome = run(seed)
        count += 1
        failed += bool(outcome.complaints)
        if outcome.complaints or "-v" in words:
            print(f"seed {seed} ({outcome.kind}), {outcome.passes} passes in {outcome.seconds:.0f} s")
            print("\n".join(f"  {line}" for line in outcome.log))
        for complaint in outcome.complaints:
            print(f"FAILED seed {seed} ({outcome.kind}) {complaint}")
    print(f"{count} seeds, {failed} failed, {time.monotonic() - begun:.1f} s")
    return min(failed, 100)


def _spins(number: int, frame: FrameType | None) -> None:
    traceback.print_stack(frame, limit=12)
    raise Spins


def _keep(logger: Any, name: str, event: MutableMapping[str, Any]) -> NoReturn:
    """Keep the traceback that the queue logs; nothing is printed."""
    if event.get("exc_info"):
        sites.TRACES.append(" | ".join(traceback.format_exc().strip().splitlines()[-3:]))
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
