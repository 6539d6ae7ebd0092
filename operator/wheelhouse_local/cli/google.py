"""`wheelhouse local policy, group, project, fault`: changes that the real world only sees from Google, or by chance."""

import json
from collections.abc import Mapping
from typing import BinaryIO

import click
import yaml

from wheelhouse_local import control, methods
from wheelhouse_local.cli.base import to_positive, to_seconds, with_world
from wheelhouse_local.errors import LocalError
from wheelhouse_local.world import World


@click.command()
@click.argument("repository")
@click.argument("file", type=click.File("rb"))
@with_world
def policy(world: World, repository: str, file: BinaryIO) -> None:
    r"""Set the IAM policy of a repository to FILE (JSON or YAML; - reads standard input), without checks.

    REPOSITORY is a name, if only one repository has it; otherwise PROJECT/LOCATION/NAME or the full name. Use this
    command for policies that the real service would reject, or only Google can set: a conditional binding, a deleted
    member.

    \b
    wheelhouse local policy team-wheels policy.yaml
    echo '{}' | wheelhouse local policy acme-staging/europe-west1/team-wheels -
    """
    control.plant(world.state, repository, _policy(file))


def _policy(file: BinaryIO) -> Mapping[str, object]:
    """A policy document.

    Raises:
        LocalError: the file does not contain one; the error has one line.
    """
    try:
        document = yaml.safe_load(file.read())
        json.dumps(document)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise LocalError(f"{file.name}{line}: {_PROBLEM}") from error
    if not isinstance(document, dict):
        raise LocalError(f"{file.name}: {_PROBLEM}")
    return document


_PROBLEM = "this is not an IAM policy in JSON or YAML, such as {bindings: [{role: ROLE, members: [MEMBER]}]}"


@click.command()
@click.argument("email", metavar="GROUP_EMAIL")
@click.argument("members", metavar="MEMBER...", nargs=-1)
@click.option(
    "--propagation",
    metavar="DURATION",
    callback=to_seconds,
    default="0s",
    help="Delay until the change takes effect, such as 120s. Google says that this can take hours.",
)
@with_world
def group(world: World, email: str, members: tuple[str, ...], propagation: float) -> None:
    r"""Set the members of a Google group: exactly these IAM members.

    \b
    wheelhouse local group packagers@acme.example user:ada@acme.example user:bob@acme.example
    wheelhouse local group packagers@acme.example user:ada@acme.example --propagation 1h
    wheelhouse local group packagers@acme.example    # now it is empty
    """
    if email.count("@") != 1 or ":" in email:
        raise LocalError(f"{email!r} is not the email address of a group: use a name such as packagers@acme.example")
    for member in members:
        if ":" not in member:
            raise LocalError(
                f"{member!r} is not an IAM member: use user:EMAIL, serviceAccount:EMAIL or principal://..."
            )
    control.group(world.state, email, members, propagation)


@click.command()
@click.argument("name")
@click.option(
    "--api",
    type=click.Choice(("on", "off")),
    help="Whether the Artifact Registry API is enabled. Default for a new project: on.",
)
@click.option(
    "--delete",
    "action",
    flag_value="delete",
    help="Request the deletion of the project, as `gcloud projects delete` does.",
)
@click.option("--undelete", "action", flag_value="undelete", help="Restore a deleted project with everything in it.")
@click.option("--purge", "action", flag_value="purge", help="Remove the project with everything in it, permanently.")
@click.option(
    "--operator-rights/--no-operator-rights",
    default=None,
    help="Whether the operator has its custom role on the project. Default for a new project: yes.",
)
@with_world
def project(world: World, name: str, api: str | None, action: str | None, operator_rights: bool | None) -> None:
    r"""Create a Google Cloud project, or change one. owner@acme.example owns all of them.

    \b
    wheelhouse local project acme-staging
    wheelhouse local project acme-staging --api off
    wheelhouse local project example.com:legacy --no-operator-rights
    wheelhouse local project acme-staging --delete
    """
    switched = None if api is None else api == "on"
    found = control.project(world.state, name, api=switched, action=action, operatorRights=operator_rights)
    if not found:
        click.echo(f"{name} was purged")
        return
    services = ", ".join(found["services"]) or "no services on"
    click.echo(f"{found['id']}  number {found['number']}  {found['state']}  {services}")


def _to_method(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A method or glob that matches at least one call of the emulated Google."""
    try:
        if value is not None:
            methods.check(value)
    except LocalError as error:
        raise click.BadParameter(str(error), context, parameter) from error
    return value


def _complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [method for method in methods.METHODS if method.startswith(incomplete)]


@click.command()
@click.option(
    "--on",
    metavar="METHOD",
    callback=_to_method,
    shell_complete=_complete,
    help="Service.Method as `requests` shows it, or a glob such as 'ArtifactRegistry.*'.",
)
@click.option("--status", type=click.IntRange(400, 599), help="Answer with this HTTP status, without the effect.")
@click.option(
    "--times", type=click.IntRange(1), help="How many calls the fault affects. Default: all of them, until --clear."
)
@click.option("--delay", metavar="DURATION", callback=to_positive, help="Delay before the answer, such as 2s or 50ms.")
@click.option("--drop-reply", is_flag=True, help="Perform the call, but break the connection instead of answering.")
@click.option(
    "--retry-after", metavar="DURATION", callback=to_positive, help="Retry-After of the answer to --status, such as 5s."
)
@click.option(
    "--operation-delay", metavar="DURATION", callback=to_positive, help="How long the operation runs, such as 1h."
)
@click.option(
    "--operation-error", metavar="CODE", help="The error with which the operation fails, such as RESOURCE_EXHAUSTED."
)
@click.option(
    "--propagation",
    metavar="DURATION",
    callback=to_seconds,
    help="Delay until policies take effect, such as 120s; 0s for none.",
)
@click.option("--list", "show", is_flag=True, help="Print the active faults, as JSON.")
@click.option("--clear", is_flag=True, help="Remove all faults, and all propagation delays.")
@with_world
def fault(
    world: World,
    /,
    on: str | None,
    propagation: float | None,
    *,
    show: bool,
    clear: bool,
    **rule: object,
) -> None:
    r"""Make the emulated Google fail, respond slowly, or lose its answers.

    \b
    wheelhouse local fault --on ArtifactRegistry.SetIamPolicy --status 503 --times 3
    wheelhouse local fault --on 'ArtifactRegistry.*' --status 429 --retry-after 5s
    wheelhouse local fault --on ArtifactRegistry.CreateRepository --drop-reply --times 1
    wheelhouse local fault --on ArtifactRegistry.CreateRepository --operation-delay 1h
    wheelhouse local fault --on 'Index.*' --delay 50ms
    wheelhouse local fault --propagation 120s
    wheelhouse local fault --list
    wheelhouse local fault --clear
    """
    wanted = {_KEYS[name]: value for name, value in rule.items() if value}
    if not (on or show or clear or propagation is not None):
        raise LocalError(
            "Select the calls with --on METHOD, such as ArtifactRegistry.SetIamPolicy; or use --list or --clear"
        )
    if bool(on) != bool(wanted.keys() - {"times"}):
        raise LocalError("--on METHOD needs an effect: --status, --delay, --drop-reply or --operation-...")
    if clear:
        control.clear(world.state)
    if on:
        control.fault(world.state, {"on": on, **wanted})
    if propagation is not None:
        control.propagate(world.state, propagation)
    if show:
        click.echo(json.dumps(control.faults(world.state), indent=2))


_KEYS = {
    "status": "status",
    "times": "times",
    "delay": "delay",
    "drop_reply": "dropReply",
    "retry_after": "retryAfter",
    "operation_delay": "operationDelay",
    "operation_error": "operationError",
}
"""The names of a fault's options in the control route."""

COMMANDS = (policy, group, project, fault)
