"""A scenario's figures as a Markdown table, with targets, a bare client's figures and an earlier engine's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BEFORE = Path(__file__).with_name("before.json")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: what was measured, with its unit.
        measured: the value.
        aim: the target, as it is printed; empty without a target.
        bare: the cost of a bare client, or of Kopf alone, for the same work in the same run; None without one.
    """

    figure: str
    measured: float
    aim: str = ""
    bare: float | None = None


@dataclass(frozen=True)
class Report:
    """The figures of one scenario, and a short description of it."""

    title: str
    about: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Before:
    """The figures of an earlier engine: its name, the part of the objects in its run, and its figures."""

    engine: str
    size: float
    figures: Mapping[str, float]


def remember(report: Report, engine: str, size: float) -> None:
    """Keep these figures as those of an earlier engine; the figures of other scenarios stay."""
    found = json.loads(BEFORE.read_text()) if BEFORE.exists() else {}
    figures = {row.figure: round(row.measured, 3) for row in report.rows}
    found[report.title] = {"engine": engine, "size": size, "figures": figures}
    BEFORE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def before(title: str) -> Before | None:
    """The earlier engine's figures for a scenario."""
    found = json.loads(BEFORE.read_text()) if BEFORE.exists() else {}
    return Before(**found[title]) if title in found else None


def markdown(report: Report, command: str) -> str:
    """The section of the results: title, description, command, and table."""
    known = before(report.title)
    lines = [f"## {report.title}", "", report.about, f"Command: `{command}`"]
    if known is not None:
        part = "" if known.size == 1 else f", with {known.size:.0%} of the objects"
        lines.append(f"Before: {known.engine}{part}.")
    lines += ["", "| figure | aim | bare | before | measured |", "|---|---|---|---|---|"]
    for row in report.rows:
        past = known.figures.get(row.figure) if known is not None else None
        cells = [row.figure, row.aim, shown(row.bare), shown(past), shown(row.measured)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def shown(value: float | None) -> str:
    """A number with a sensible number of digits; an empty string for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) or value >= 1000 else f"{value:.2f}"
