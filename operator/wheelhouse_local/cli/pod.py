"""`wheelhouse local exec`."""

import asyncio

import click

from wheelhouse_local.cli.base import running, with_world
from wheelhouse_local.errors import LocalError
from wheelhouse_local.world import World


@click.command(name="exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("service_account", metavar="NAMESPACE/SERVICEACCOUNT")
@click.argument("command", metavar="COMMAND", nargs=-1, required=True, type=click.UNPROCESSED)
@with_world
def execute(world: World, /, service_account: str, command: tuple[str, ...]) -> None:
    r"""Run a command with the identity and the network of a pod, and exit with its status.

    The metadata server gives the command tokens of this ServiceAccount, and https://LOCATION-python.pkg.dev/ is the
    index of this world. So clients that get a token from the pod's own identity work, such as pip with
    keyrings.google-artifactregistry-auth. Other hosts cannot be reached with HTTPS.

    \b
    url=https://oauth2accesstoken@us-central1-python.pkg.dev/acme-packages/team-wheels/simple/
    wheelhouse local exec ml-training/wheels-reader pip install --index-url "$url" acme-greeting
    """
    # Both take half a second to import, which other commands can avoid.
    from wheelhouse_local.pod import process

    namespace, slash, name = service_account.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise LocalError(f"{service_account!r} is not NAMESPACE/SERVICEACCOUNT, such as ml-training/wheels-reader")
    pod = process.Pod(namespace, name)
    process.check(running(world), pod)
    click.get_current_context().exit(asyncio.run(process.run(world, pod, command)))


COMMANDS = (execute,)
