"""`wheelhouse local env, token, mount, requests`: for use from outside the world."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from wheelhouse_local import control, environment, trace
from wheelhouse_local.cli.base import running, to_items, to_mode, to_moment, until_interrupted, with_world
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import Layout, Mount
from wheelhouse_local.world import World


@click.command()
@click.option("--shell", "form", flag_value="shell", default="shell", help="Variables for a shell to eval (default).")
@click.option("--json", "form", flag_value="json", help="One JSON object, for scripts.")
@click.option("--operator", "form", flag_value="operator", help="What `wheelhouse run` needs as this world's operator.")
@with_world
def env(world: World, form: str) -> None:
    r"""Print the variables that other programs need to use the world.

    \b
    eval "$(wheelhouse local env)"
    wheelhouse local env --json
    (eval "$(wheelhouse local env --operator)"; wheelhouse run)
    """
    if not world.pid("apiserver"):
        click.echo(f"The world in {world.state.root} is not running: run `wheelhouse local up`", err=True)
    if form == "json":
        click.echo(json.dumps(world.environment(), indent=2))
    elif form == "operator":
        # Otherwise google-auth would use a person's own account instead of the ServiceAccount's.
        click.echo("unset GOOGLE_APPLICATION_CREDENTIALS")
        _export(environment.operator_settings(world.state))
    else:
        _export(environment.shell(world.state))
        click.echo(f'export PATH={shlex.quote(str(environment.kubectl().parent))}:"$PATH"')


@click.command()
@click.option("--as", "identity", required=True, help="ksa:NAMESPACE/NAME, user:EMAIL or gsa:EMAIL.")
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
    "--mode", default="0644", show_default=True, callback=to_mode, help="The mode of each file (defaultMode)."
)
@click.option(
    "--items",
    metavar="KEY=PATH",
    multiple=True,
    callback=to_items,
    help="Only this key, as a file with this path, which may contain folders; repeat it for more keys.",
)
@with_world
def mount(world: World, /, secret: str, directory: Path, *, follow: bool, mode: int, items: dict[str, str]) -> None:
    r"""Write a Secret's keys into a directory, as kubelet does for a pod (but immediately, not up to a minute later).

    All users of this machine can read the files, as all users of a container can: the files contain a token, so use a
    private directory, or --mode 0600.

    \b
    wheelhouse local mount team-a/pip /tmp/pip && PIP_CONFIG_FILE=/tmp/pip/pip.conf pip install wheels
    wheelhouse local mount team-a/pip /tmp/xdg --items pip.conf=pip/pip.conf --items uv.toml=uv/uv.toml
    wheelhouse local mount team-a/pip /tmp/pip --mode 0600 --follow
    """
    namespace, slash, name = secret.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise LocalError(f"{secret!r} is not NAMESPACE/SECRET")
    api = running(world).api()
    mounted = Mount(
        api, namespace, name, directory.absolute(), lambda line: click.echo(line, err=True), Layout(mode, items)
    )
    if follow:
        with until_interrupted():
            mounted.follow()
    else:
        mounted.once()


@click.command()
@click.option(
    "--since",
    metavar="MOMENT",
    callback=to_moment,
    help="2026-11-24T12:00:00Z, or how long ago: 90s.",
)
@click.option("--kubernetes", is_flag=True, help="The operator's requests to the API server instead of Google's.")
@with_world
def requests(world: World, since: datetime | None, kubernetes: bool) -> None:
    r"""Print the requests that the world answered, one JSON object per line.

    \b
    wheelhouse local requests --since 1m
    wheelhouse local requests --kubernetes --since 2026-11-24T12:00:00Z
    """
    world.check_exists()
    entries = (trace.kubernetes if kubernetes else trace.google)(world.state, since)
    for entry in entries:
        click.echo(json.dumps(entry))


def _export(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


COMMANDS = (env, token, mount, requests)
