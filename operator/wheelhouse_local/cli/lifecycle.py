"""`wheelhouse local up, status, logs, restart, down`."""

import json
import signal
import threading
import time

import click

from wheelhouse_local import logs
from wheelhouse_local.cli.base import to_lifetime, to_settings, until_interrupted, with_world
from wheelhouse_local.state import COMPONENTS, Options
from wheelhouse_local.world import World


class _Component(click.Choice[str]):
    """The name of a component; click's own message lists them on a line each."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """The end of the sentence about a missing name."""
        return f"Use one of {', '.join(self.choices)}"


_COMPONENT = _Component(COMPONENTS)


@click.command()
@click.option(
    "--detach", is_flag=True, help="Return when everything is ready. `wheelhouse local down` stops the world."
)
@click.option(
    "--no-operator",
    is_flag=True,
    help="Do not start the operator. `wheelhouse local env --operator` prints how to run your own.",
)
@click.option(
    "--token-lifetime",
    metavar="DURATION",
    callback=to_lifetime,
    help="Maximum lifetime of Google's tokens, such as 60s.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    callback=to_settings,
    help="A setting of the operator. Can be repeated.",
)
@with_world
def up(world: World, detach: bool, no_operator: bool, token_lifetime: int | None, settings: dict[str, str]) -> None:
    r"""Start the world, and show the operator's log until Ctrl-C stops it.

    The first run builds the control plane with Go (6 to 11 minutes on two cores), unless KUBEBUILDER_ASSETS or PATH has
    one. A world keeps its contents when it is stopped and started again. In a running world, `up` applies changed CRDs
    and manifests.

    \b
    wheelhouse local up --detach
    wheelhouse local up --token-lifetime 60s --set drift_interval=10
    wheelhouse local up --state "$PWD/other world" --no-operator
    """
    # A SIGTERM from a service manager and a closed terminal stop the world, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    components = tuple(name for name in COMPONENTS if not (no_operator and name == "operator"))
    began = time.monotonic()
    if not world.up(Options(components, token_lifetime, settings)):
        world.install()
        click.echo(
            f"The world in {world.state.root} is already running, with the current CRDs and manifests. "
            "To start it with other options, run `wheelhouse local down` first."
        )
        return
    _summary(world, time.monotonic() - began, detach)
    if not detach:
        _follow_operator(world)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for scripts.")
@with_world
def status(world: World, as_json: bool) -> None:
    r"""Show what is running, and where its log is. The exit status is 1 if a component is not running.

    \b
    wheelhouse local status && echo all is well
    wheelhouse local status --json
    """
    rows = _components(world)
    up = [row for row in rows if row["state"] == "running"]
    if as_json:
        click.echo(json.dumps({"directory": str(world.state.root), "components": rows}, indent=2))
    elif not up:
        click.echo(f"No world is running in {world.state.root}")
    for row in rows if up and not as_json else ():
        remedy = f"(wheelhouse local restart {row['name']})"
        words = f"running  pid {row['pid']}" if row in up else f"{row['state']}  {remedy}"
        click.echo(f"{row['name']:<12}{words:<40}{row['log']}")
    click.get_current_context().exit(0 if up and len(up) == len(rows) else 1)


def _components(world: World) -> list[dict[str, str | int | None]]:
    """The wanted components: running, died (it was not stopped) or stopped."""
    record = world.state.load()
    rows: list[dict[str, str | int | None]] = []
    for name in record.options.components if world.state.exists() else ():
        pid = world.pid(name)
        state = "running" if pid else "died" if name in record.processes else "stopped"
        rows.append({"name": name, "state": state, "pid": pid, "log": str(world.state.log(name))})
    return rows


@click.command(name="logs")
@click.argument("component", type=_COMPONENT, metavar="[COMPONENT]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Follow new lines until Ctrl-C.")
@with_world
def show_logs(world: World, component: str | None, follow: bool) -> None:
    r"""Print a component's log, or all of them.

    \b
    wheelhouse local logs operator -f
    """
    world.check_exists()
    ended = threading.Event()
    names = [component] if component else list(COMPONENTS)
    with until_interrupted():
        logs.follow(world.state, names, click.echo, ended.wait if follow else lambda _: True, at_end=False)


@click.command()
@click.argument("component", type=_COMPONENT, metavar="COMPONENT")
@with_world
def restart(world: World, component: str) -> None:
    r"""Restart a component, whether it is running or was killed. The others keep running.

    \b
    wheelhouse local restart operator
    """
    world.check_started()
    world.restart(component)
    click.echo(f"{component} is running, pid {world.pid(component)}")


@click.command()
@click.option("--purge", is_flag=True, help="Also remove the contents: objects, packages, policies, tokens and logs.")
@with_world
def down(world: World, purge: bool) -> None:
    r"""Stop the world. The next `up` restores everything, unless it was purged.

    \b
    wheelhouse local down
    wheelhouse local down --purge
    """
    ran = world.down(purge)
    click.echo(f"Stopped: {', '.join(ran)}" if ran else f"No world was running in {world.state.root}")
    if purge:
        click.echo("Its files were removed.")


def _summary(world: World, seconds: float, detached: bool) -> None:
    """What a person needs next; `env --json` has the endpoints."""
    operator = "" if world.pid("operator") else ", without the operator (see `wheelhouse local env --operator`)"
    click.echo(f"Ready in {seconds:.0f} s{operator}. {'To use it' if detached else 'In another shell'}:")
    click.echo(f'  eval "$({world.state.command("env")})"')
    click.echo("  kubectl get pyrepo,pyaccess -A")
    click.echo(f"`{world.state.command('down')}` stops it. `{world.state.command('env --json')}` prints all endpoints.")


def _follow_operator(world: World) -> None:
    """Show the operator's log until interrupted, then stop the world; report when a component ends."""
    ended, reported = threading.Event(), set[str]()
    click.echo("Ctrl-C stops the world. The operator's log:")

    def wait(seconds: float) -> bool:
        for name in set(world.died()) - reported:
            reported.add(name)
            click.echo(f"{name} has ended: see `wheelhouse local logs {name}`, or restart it", err=True)
        reported.intersection_update(world.died())
        return ended.wait(seconds) or not world.state.load().processes

    try:
        logs.follow(world.state, ["operator"], click.echo, wait, at_end=False)
        click.echo("Another command stopped the world.")
    except KeyboardInterrupt:
        click.echo("Stopping the world")
        world.down()


COMMANDS = (up, status, show_logs, restart, down)
