"""Benchmarks: `make bench` runs all of them and prints their tables, `make bench BENCH="accesses grants"` some.

BENCH accepts any of the arguments below: `make bench BENCH="memory --write"` keeps that table in results.md. BENCH_SIZE
makes the large scenarios smaller, to check that they work: `make bench BENCH_SIZE=0.05`.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import accesses
import fanout
import first_install
import inside
import neighbors
import pace
import repositories
import restart
import scale
from report import Report, markdown, remember

RUNS = 5
RESULTS = Path(__file__).with_name("results.md")


@dataclass(frozen=True)
class Scenario:
    """A scenario: a short description, its approximate duration on two free cores, and its function."""

    words: str
    minutes: str
    run: Callable[[argparse.Namespace], Report | str]


SCENARIOS = {
    "install": Scenario("from kubectl apply to pip install", "1", lambda options: first_install.section(options.runs)),
    "repositories": Scenario("500 repositories", "4", lambda _: repositories.section()),
    "accesses": Scenario("2,000 accesses with Secrets", "4", lambda options: accesses.secrets(options.size)),
    "grants": Scenario("1,000 grants on one repository", "2", lambda options: accesses.grants(options.size)),
    "crowd": Scenario(
        "1,000 accesses on one repository, and neighbors", "3", lambda options: neighbors.report(options.size)
    ),
    "scale": Scenario("10,000 accesses with Secrets", "20", lambda options: scale.report(options.size)),
    "pace": Scenario("refreshes of 10,000 Secrets", "8", lambda options: pace.report(options.size)),
    "restart": Scenario("a start with 5,000 accesses", "8", lambda options: restart.report(options.size)),
    "fanout": Scenario("one Secret in 1,000 namespaces", "6", lambda options: fanout.report(options.size)),
    "fanout-many": Scenario("one Secret in 5,000 namespaces", "4", lambda options: fanout.many(options.size)),
    "memory": Scenario("memory of 10,000 accesses", "1", lambda options: inside.memory(options.size)),
    "steps": Scenario("CPU of single steps", "1", lambda options: inside.steps(options.size)),
}


def main() -> None:
    """Run the requested scenarios, print each table when it is complete, and keep it with --write."""
    options = arguments()
    print(head())
    for name in options.scenario or SCENARIOS:
        print(f"{name}: {SCENARIOS[name].words}", file=sys.stderr, flush=True)
        found = SCENARIOS[name].run(options)
        text = found if isinstance(found, str) else markdown(found, command(name, options.size))
        print(text, flush=True)
        if options.write:
            keep(text)
        if options.as_before and isinstance(found, Report):
            remember(found, options.as_before, options.size)


def arguments() -> argparse.Namespace:
    """The command line."""
    listed = "\n".join(f"  {name:<14}{each.words} ({each.minutes} min)" for name, each in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="make bench BENCH=…",
        description=__doc__,
        epilog=f"scenarios:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenario", nargs="*", type=scenario, metavar="SCENARIO", help="which to run; all when none is named"
    )
    parser.add_argument(
        "--size",
        type=size,
        default=os.environ.get("BENCH_SIZE", "1"),
        help="the part of the large scenarios' objects that is made, above 0 and at most 1 (default: BENCH_SIZE, or 1)",
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="how often short times are taken (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results.md")
    parser.add_argument(
        "--as-before", metavar="ENGINE", help="keep the figures as the column `before` of later runs, under this name"
    )
    return parser.parse_args()


def scenario(text: str) -> str:
    """The name of a scenario.

    Raises:
        argparse.ArgumentTypeError: no scenario has this name.
    """
    if text not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"no scenario is called {text}: there are {', '.join(SCENARIOS)}")
    return text


def size(text: str) -> float:
    """A part of the full number.

    Raises:
        ValueError: it is not a valid part.
    """
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError
    return value


def command(name: str, part: float) -> str:
    """The command that creates a table again."""
    return f"make bench BENCH={name}" + ("" if part == 1 else f" BENCH_SIZE={part:g}")


def head() -> str:
    """The title, and the machine of the measurement."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    shared = "the emulated Google and a real kube-apiserver share the cores with the operator."
    return f"# Benchmarks\n\n`make bench` on {machine};\n{shared}\n"


def keep(section: str) -> None:
    """Put a section into results.md, and replace an earlier one with the same title."""
    parts = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    sections = {part.partition("\n")[0]: part.rstrip() for part in parts}
    body = section.removeprefix("## ").rstrip()
    sections[body.partition("\n")[0]] = body
    RESULTS.write_text("\n## ".join((head(), *(f"{each}\n" for each in sections.values()))))


if __name__ == "__main__":
    main()
