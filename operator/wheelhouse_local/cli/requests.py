"""`wheelhouse local requests`: the trace as a table, or as JSON for programs."""

import json
import re
import threading
from collections.abc import Callable
from datetime import datetime

import click

from wheelhouse_local import trace
from wheelhouse_local.cli.base import to_moment, until_interrupted, with_world
from wheelhouse_local.world import World

_WIDTHS = {"time": 24, "status": 9, "ms": 8, "method": 36, "caller": 42}
"""Fixed, because --follow does not know the next rows; a longer value moves the rest of its row."""

_CALLERS = (
    (re.compile(r"principal://.+/subject/ns/([^/]+)/sa/([^/]+)"), r"ksa:\1/\2"),
    (re.compile(r"system:serviceaccount:([^:]+):([^:]+)"), r"ksa:\1/\2"),
    (re.compile(r"serviceAccount:(.+)"), r"gsa:\1"),
)
"""IAM's and Kubernetes' names of an identity, and the short one, as in `wheelhouse local token --as`."""


@click.command()
@click.option(
    "--since",
    metavar="MOMENT",
    callback=to_moment,
    help="A time such as 2026-11-24T12:00:00Z, or how long ago it was, such as 90s.",
)
@click.option(
    "--kubernetes", is_flag=True, help="Show the operator's requests to the API server instead of those to Google."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, with full names.")
@click.option("-f", "--follow", is_flag=True, help="Follow new requests until Ctrl-C.")
@with_world
def requests(world: World, /, since: datetime | None, *, kubernetes: bool, as_json: bool, follow: bool) -> None:
    r"""Print the requests that the world answered, as a table.

    \b
    wheelhouse local requests --since 1m
    wheelhouse local requests --follow --since 0s
    wheelhouse local requests --kubernetes --json --since 2026-11-24T12:00:00Z
    """
    world.check_exists()
    show: Callable[[trace.Entry], str] = json.dumps if as_json else row
    if not as_json:
        click.echo(row({name: name.upper() for name in (*_WIDTHS, "resource")}))
    if not follow:
        for entry in (trace.kubernetes if kubernetes else trace.google)(world.state, since):
            click.echo(show(entry))
        return
    with until_interrupted():
        for entry in trace.follow(world.state, threading.Event().wait, kubernetes, since):
            click.echo(show(entry))


def row(entry: trace.Entry) -> str:
    """One line of the table."""
    cells = {name: str(entry.get(name, "")) for name in (*_WIDTHS, "resource")}
    cells["caller"] = caller(cells["caller"])
    cells["time"] = re.sub(r"(\.\d{3})\d*(?:Z|\+00:00)$", r"\1Z", cells["time"])
    if cells["ms"]:
        cells["ms"] = cells["ms"].rjust(_WIDTHS["ms"])
    padded = (f"{cells[name]:<{width}}" for name, width in _WIDTHS.items())
    return "  ".join((*padded, cells["resource"])).rstrip()


def caller(name: str) -> str:
    """The short name of an identity."""
    for pattern, short in _CALLERS:
        if match := pattern.fullmatch(name):
            return match.expand(short)
    return name
