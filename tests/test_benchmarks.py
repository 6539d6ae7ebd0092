"""The benchmarks' command line, their table, and the benchmark that uses the engine's internals."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(ROOT / name) for name in ("operator", "tests", "benchmarks"))
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)


def test_help_lists_the_scenarios() -> None:
    """`make bench BENCH=--help` lists each scenario, and explains how to make it smaller and keep the table."""
    done = run("run.py", "--help")
    assert done.returncode == 0, done.stderr
    for word in ("accesses", "grants", "restart", "memory", "steps", "BENCH_SIZE", "--write"):
        assert word in done.stdout


def test_an_unknown_scenario_is_refused() -> None:
    """The error lists the valid ones."""
    done = run("run.py", "acceses")
    assert done.returncode == 2
    assert "no scenario is called acceses: there are install, repositories, accesses" in done.stderr


def test_a_size_is_a_part() -> None:
    """A size above 1 and a size of 0 are rejected."""
    for size in ("0", "1.5", "all"):
        assert "invalid size value" in run("run.py", "memory", "--size", size).stderr


def test_the_engine_runs_in_process() -> None:
    """Memory is measured with finished accesses, whose passes write nothing: the script itself asserts that."""
    done = run("engine.py", "memory", "20")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"seen", "remembered"}


def test_a_table_has_a_row_for_each_figure() -> None:
    """Target, bare client and earlier engine are next to the figure, empty if there is none."""
    rows = "[Row('a, ms', 1.234, '≤ 2', 0.5), Row('b', 3)]"
    code = f"from report import *; print(markdown(Report('T', 'About.', {rows}), 'c'))"
    path = os.pathsep.join((str(BENCHMARKS), str(ROOT / "operator")))
    env = os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:3] == ["## T", "", "About."]
    assert "| a, ms | ≤ 2 | 0.50 |  | 1.23 |" in lines
    assert "| b |  |  |  | 3 |" in lines
