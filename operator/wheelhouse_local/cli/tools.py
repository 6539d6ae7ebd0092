"""`wheelhouse local env, token, mount`: for use from outside the world."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from wheelhouse_local import control, environment
from wheelhouse_local.cli.base import running, to_items, to_mode, until_interrupted, with_world
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import Layout, Mount
from wheelhouse_local.world import World


class _Evaluated(click.Command):
    """A command whose output a shell evaluates: after an error it prints `false`, so that the shell's line fails."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with `false` for wrong arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            click.echo("false")
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run, with `false` for an error; a shell does not evaluate JSON."""
        try:
            return super().invoke(ctx)
        except (LocalError, OSError):
            if ctx.params["form"] != "json":
                click.echo("false")
            raise


@click.command(cls=_Evaluated)
@click.option(
    "--shell", "form", flag_value="shell", default="shell", help="Print variables for a shell to evaluate (default)."
)
@click.option(
    "--unset", "form", flag_value="unset", help="Print commands for a shell to evaluate that remove these variables."
)
@click.option("--json", "form", flag_value="json", help="Print one JSON object for scripts, with all endpoints.")
@click.option(
    "--operator",
    "form",
    flag_value="operator",
    help="Print the variables that `wheelhouse run` needs as this world's operator.",
)
@with_world
def env(world: World, form: str) -> None:
    r"""Print the variables that other programs need to use the world.

    Without a running world the printed text is `false`, so that `eval` fails.

    \b
    eval "$(wheelhouse local env)"
    eval "$(wheelhouse local env --unset)"
    wheelhouse local env --json
    (eval "$(wheelhouse local env --operator)" && wheelhouse run)
    """
    if form == "unset":
        _export(environment.unset(world.state))
        return
    running(world)
    if form == "json":
        click.echo(json.dumps(world.environment(), indent=2))
    elif form == "operator":
        # Otherwise google-auth would use a person's own account instead of the ServiceAccount's.
        _export({"GOOGLE_APPLICATION_CREDENTIALS": None, **environment.operator_settings(world.state)})
    else:
        _export(environment.shell(world.state))
        click.echo(f'export PATH={shlex.quote(str(environment.kubectl().parent))}:"$PATH"')


@click.command()
@click.option("--as", "identity", required=True, help="The identity: ksa:NAMESPACE/NAME, user:EMAIL or gsa:EMAIL.")
@with_world
def token(world: World, identity: str) -> None:
    r"""Print an access token of the emulated Google.

    \b
    wheelhouse local token --as user:owner@acme.example
    wheelhouse local token --as ksa:team-a/wheels-reader
    """
    if identity.partition(":")[0] not in ("ksa", "user", "gsa") or not identity.partition(":")[2]:
        raise LocalError(f"{identity!r} is not a known identity: use ksa:NAMESPACE/NAME, user:EMAIL or gsa:EMAIL")
    click.echo(control.token(world.state, identity))


@click.command()
@click.argument("secret", metavar="NAMESPACE/SECRET")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--follow", is_flag=True, help="Follow the Secret's changes until Ctrl-C.")
@click.option(
    "--mode",
    default="0644",
    show_default=True,
    callback=to_mode,
    help="The mode of each file, like `defaultMode` of a volume.",
)
@click.option(
    "--items",
    metavar="KEY=PATH",
    multiple=True,
    callback=to_items,
    help="Write only this key, to a file with this path. The path may contain folders. Can be repeated.",
)
@with_world
def mount(world: World, /, secret: str, directory: Path, *, follow: bool, mode: int, items: dict[str, str]) -> None:
    r"""Write a Secret's keys into a directory, as kubelet does for a pod (but immediately, not up to a minute later).

    All users of this machine can read the files, as all users of a container can: the files contain a token, so use a
    private directory, or --mode 0600.

    \b
    wheelhouse local mount team-a/pip /tmp/p && NETRC=/tmp/p/netrc PIP_CONFIG_FILE=/tmp/p/pip.conf pip install wheels
    wheelhouse local mount team-a/pip /tmp/xdg --items pip.conf=pip/pip.conf --items uv.toml=uv/uv.toml
    wheelhouse local mount team-a/pip /tmp/pip --mode 0600 --follow
    """
    namespace, slash, name = secret.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise LocalError(f"{secret!r} is not NAMESPACE/SECRET, such as team-a/pip-config")
    api = running(world).api()
    mounted = Mount(
        api, namespace, name, directory.absolute(), lambda line: click.echo(line, err=True), Layout(mode, items)
    )
    if follow:
        with until_interrupted():
            mounted.follow()
    else:
        mounted.once()


def _export(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        click.echo(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")


COMMANDS = (env, token, mount)
