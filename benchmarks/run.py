"""All benchmarks: `make bench` prints the tables, `make bench BENCH=--write` keeps them in results.md."""

import argparse
import os
import platform
from pathlib import Path

import first_install
import repositories

RUNS = 5


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="how often short times are taken (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results.md")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    shared = "the emulated Google and a real kube-apiserver share the cores with the operator."
    head = f"# Benchmarks\n\n`make bench` on {machine};\n{shared}\n"
    text = "\n".join((head, first_install.section(options.runs), repositories.section()))
    print(text)
    if options.write:
        Path(__file__).with_name("results.md").write_text(text)


if __name__ == "__main__":
    main()
