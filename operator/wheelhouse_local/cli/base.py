"""The common parts of the commands of `wheelhouse local`: the group, its errors, --state, and types of values."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Concatenate, ParamSpec

import click

from wheelhouse_local import trace
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import relative
from wheelhouse_local.state import default_directory
from wheelhouse_local.world import World

P = ParamSpec("P")
INTERRUPTED = 130
"""The exit status of a command that Ctrl-C ended, as shells have it."""


class _Group(click.Group):
    """Lists commands in the order in which a new user needs them, and shows errors as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error becomes a message and exit status 1, and Ctrl-C exit status 130."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader closed the pipe; click ends quietly
            raise
        except OSError as error:
            raise click.ClickException(_sentence(error)) from error
        except LocalError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """A user ends this block with Ctrl-C: exit without a message."""
    try:
        yield
    except KeyboardInterrupt:
        click.get_current_context().exit(INTERRUPTED)


@click.group(cls=_Group)
def local() -> None:
    r"""Run everything that Wheelhouse needs on this machine, without Docker or a cloud account.

    It has a real Kubernetes API server, emulated Google services, and the operator.

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
        help="The directory of the world. Several worlds can run at the same time.",
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
        raise LocalError(f"No world is running in {world.state.root}: run `{world.state.command('up')}`")
    return world


def to_seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Read a duration such as 50ms, 90s, 2m or 1h; the error names the valid forms."""
    try:
        return None if value is None else trace.seconds(value)
    except LocalError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def to_positive(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Read a duration longer than 0."""
    found = to_seconds(context, parameter, value)
    if found == 0:
        raise click.BadParameter(f"{value!r} must be longer than 0: use 50ms, 90s, 2m or 1h", context, parameter)
    return found


def to_lifetime(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Read a duration of whole seconds, at least one."""
    found = to_seconds(context, parameter, value)
    if found is not None and (found < 1 or found != int(found)):
        raise click.BadParameter(f"{value!r} is not a number of whole seconds: use 60s or 10m", context, parameter)
    return None if found is None else int(found)


def to_mode(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """Read the octal mode of a file, such as 0644."""
    if not re.fullmatch(r"0?[0-7]{3}", value):
        raise click.BadParameter(f"{value!r} is not a mode: use an octal number such as 0644", context, parameter)
    return int(value, 8)


def to_items(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Read KEY=PATH as a pod's `items`: each key once, each path in the directory."""
    items: dict[str, str] = {}
    for value in values:
        key, _, path = value.partition("=")
        if not key or not path or key in items:
            problem = f"{value!r}: use KEY=PATH, such as pip.conf=pip/pip.conf, once for each key"
            raise click.BadParameter(problem, context, parameter)
        try:
            items[key] = relative(path)
        except LocalError as error:
            raise click.BadParameter(str(error), context, parameter) from error
    paths = sorted(PurePosixPath(path).parts for path in items.values())
    for parts, following in pairwise(paths):
        if following[: len(parts)] == parts:
            problem = f"{'/'.join(parts)!r} and {'/'.join(following)!r} cannot both be files"
            raise click.BadParameter(problem, context, parameter)
    return items


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
