"""Finds a repository of the emulated Google by a part of its name."""

import contextlib
import sqlite3

from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State


def full_name(state: State, name: str) -> str:
    """The full name of the repository with this name: `wheels`, `LOCATION/wheels` or `PROJECT/LOCATION/wheels`.

    A name that starts with `projects/` is already full.

    Raises:
        LocalError: no repository has this name, or several do; with their names.
    """
    if name.startswith("projects/"):
        return name
    known = _known(state)
    found = [each for each in known if _matches(name.split("/"), each.split("/")[1::2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise LocalError(f"{name!r} is the name of {len(found)} repositories: use {' or '.join(found)}")
    raise LocalError(f"There is no repository {name!r}: {'use ' + ' or '.join(known) if known else 'create one first'}")


def _matches(asked: list[str], parts: list[str]) -> bool:
    """Whether the names are the same, if project or location are omitted: `wheels`, `us-central1/wheels`."""
    return asked == parts[-len(asked) :] or asked == [parts[0], parts[-1]]


def _known(state: State) -> list[str]:
    """The full names of all repositories, in any project and location: no method of Google lists them."""
    store = state.google / "google.sqlite"
    if not store.exists():
        raise LocalError(f"No world was started in {state.root}: run `{state.command('up')}`")
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT name FROM kv WHERE kind = 'repository' ORDER BY name").fetchall()
    return [str(name) for (name,) in rows]
