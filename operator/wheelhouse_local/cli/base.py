"""The common parts of the commands of `wheelhouse local`: the group, its errors, --state, and types of values."""

import functools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from wheelhouse_local import trace
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import default_directory
from wheelhouse_local.world import World

P = ParamSpec("P")


class _Group(click.Group):
    """Lists commands in the order in which a new user needs them, and shows errors as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error becomes a message and exit status 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader closed the pipe; click ends quietly
            raise
        except (LocalError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
def local() -> None:
    r"""Everything Wheelhouse needs, on this machine: no Docker, no cloud account.

    A real Kubernetes API server, Google's services emulated, and the operator.

    \b
    wheelhouse local up --detach
    eval "$(wheelhouse local env)"
    kubectl get pyrepo,pyaccess -A
    wheelhouse local down
    """


def with_world(command: Callable[Concatenate[World, P], None]) -> Callable[..., None]:
    """Add --state to a command, and pass it the World of that directory as its first argument."""

    @click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_directory,
        show_default="wheelhouse/local under XDG_STATE_HOME",
        help="The world's directory; several worlds can run at the same time.",
    )
    @functools.wraps(command)
    def wrapped(state: Path, *args: P.args, **kwargs: P.kwargs) -> None:
        command(World(state, lambda line: click.echo(line, err=True)), *args, **kwargs)

    return wrapped


def running(world: World) -> World:
    """Return the same world.

    Raises:
        LocalError: it is not running.
    """
    if not world.pid("apiserver"):
        raise LocalError(f"No world is running in {world.state.root}: run `wheelhouse local up`")
    return world


def to_seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Read a duration such as 90s, 2m or 1h; the error names the valid forms."""
    try:
        return None if value is None else int(trace.seconds(value))
    except LocalError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def to_moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a time (ISO 8601), or how long ago it was; the error names the valid forms."""
    try:
        return None if value is None else trace.moment(value)
    except LocalError as error:
        raise click.BadParameter(f"{error}, or 2026-11-24T12:00:00Z", context, parameter) from error


def to_settings(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE as variables of the operator, checked by its own settings, which also produce the error."""
    if not values:
        return {}
    # This takes half a second, which commands without a setting can avoid.
    from pydantic import ValidationError

    from wheelhouse.settings import Settings, complaints, variable

    found = {}
    for value in values:
        name, equals, text = value.partition("=")
        field = name.lower().replace("-", "_").removeprefix("wheelhouse_")
        if not equals or field not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise click.BadParameter(f"{value!r}: use NAME=VALUE, where NAME is one of {known}", context, parameter)
        try:
            Settings.model_validate({field: text})
        except ValidationError as error:
            raise click.BadParameter(complaints(error)[0], context, parameter) from error
        found[variable(field)] = text
    return found
