"""`wheelhouse local up, status, logs, restart, down`."""

import shlex
import signal
import threading
from collections.abc import Mapping

import click

from wheelhouse_local import logs
from wheelhouse_local.cli.base import to_lifetime, to_settings, until_interrupted, with_world
from wheelhouse_local.state import COMPONENTS, Options, default_directory
from wheelhouse_local.world import World

_COMPONENT = click.Choice(COMPONENTS)


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything is ready; `down` stops it.")
@click.option(
    "--no-operator", is_flag=True, help="Do not start the operator: `env --operator` prints how to run your own."
)
@click.option(
    "--token-lifetime", metavar="DURATION", callback=to_lifetime, help="Maximum lifetime of Google's tokens: 60s."
)
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, callback=to_settings, help="Operator setting.")
@with_world
def up(world: World, detach: bool, no_operator: bool, token_lifetime: int | None, settings: dict[str, str]) -> None:
    r"""Start the world, and show the operator's log until Ctrl-C stops it.

    The first run builds the control plane with Go (about six minutes), unless KUBEBUILDER_ASSETS or PATH has one. A
    world keeps its contents when it is stopped and started again.

    \b
    wheelhouse local up --detach
    wheelhouse local up --token-lifetime 60s --set drift_interval=10
    wheelhouse local up --state "$PWD/other world" --no-operator
    """
    # A SIGTERM from a service manager and a closed terminal stop the world, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    components = tuple(name for name in COMPONENTS if not (no_operator and name == "operator"))
    started = world.up(Options(components, token_lifetime, settings))
    if not started:
        click.echo(
            f"The world in {world.state.root} is already running; run `down` first to start it with other options."
        )
        return
    _summary(world)
    if not detach:
        _attend(world)


@click.command()
@with_world
def status(world: World) -> None:
    r"""Show what is running, and where its log is; exit status 1 if a component is not running.

    \b
    wheelhouse local status && echo all is well
    """
    context, record = click.get_current_context(), world.state.load()
    wanted = record.options.components if world.state.exists() else ()
    pids = {name: world.pid(name) for name in wanted}
    if not any(pids.values()):
        click.echo(f"No world is running in {world.state.root}")
        context.exit(1)
    for name, pid in pids.items():
        ended = "died" if name in record.processes else "stopped"
        words = f"running  pid {pid}" if pid else f"{ended}  (wheelhouse local restart {name})"
        click.echo(f"{name:<12}{words:<40}{world.state.log(name)}")
    context.exit(0 if all(pids.values()) else 1)


@click.command(name="logs")
@click.argument("component", type=_COMPONENT, required=False)
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
@click.argument("component", type=_COMPONENT)
@with_world
def restart(world: World, component: str) -> None:
    r"""Restart a component, whether it is running or was killed; the others keep running.

    \b
    wheelhouse local restart operator
    """
    world.restart(component)
    click.echo(f"{component} is running, pid {world.pid(component)}")


@click.command()
@click.option("--purge", is_flag=True, help="Remove its contents too: objects, packages, policies, tokens, logs.")
@with_world
def down(world: World, purge: bool) -> None:
    r"""Stop the world; the next `up` restores everything, unless it was purged.

    \b
    wheelhouse local down
    wheelhouse local down --purge
    """
    ran = world.down(purge)
    click.echo(f"Stopped: {', '.join(ran)}" if ran else f"No world was running in {world.state.root}")
    if purge:
        click.echo("All its files were removed.")


def _summary(world: World) -> None:
    document = world.environment()
    rows: Mapping[str, str] = {
        "kubernetes": world.server,
        "kubeconfig": str(world.kubeconfig),
        **{f"google {name}": url for name, url in document["endpoints"].items()},
        "operator": document["operator"]["metrics"] if world.pid("operator") else "not started",
    }
    for name, value in rows.items():
        click.echo(f"  {name:<28}{value}")
    state = "" if world.state.root == default_directory() else f" --state {shlex.quote(str(world.state.root))}"
    click.echo(f'Ready. Try: eval "$(wheelhouse local env{state})" && kubectl get pyrepo,pyaccess -A')


def _attend(world: World) -> None:
    """Show the operator's log until interrupted, then stop the world; report when a component ends."""
    ended, told = threading.Event(), set[str]()
    click.echo("Ctrl-C stops the world. The operator's log:")

    def wait(seconds: float) -> bool:
        for name in set(world.died()) - told:
            told.add(name)
            click.echo(f"{name} has ended: see `wheelhouse local logs {name}`, or restart it", err=True)
        told.intersection_update(world.died())
        return ended.wait(seconds) or not world.state.load().processes

    try:
        logs.follow(world.state, ["operator"], click.echo, wait, at_end=False)
        click.echo("Another command stopped the world.")
    except KeyboardInterrupt:
        click.echo("Stopping the world")
        world.down()


COMMANDS = (up, status, show_logs, restart, down)
