"""`wheelhouse local principal, org-policy, limits`: what administrators of an organization decide about IAM."""

import re

import click

from wheelhouse_local import control
from wheelhouse_local.cli.base import to_seconds, with_world
from wheelhouse_local.errors import LocalError
from wheelhouse_local.world import World

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_NO_ACTION = "Select what to do: --delete, --undelete, --create, --reject, --accept or --propagation DURATION"
_KINDS = ("user", "group", "serviceAccount")


@click.command()
@click.argument("member")
@click.option(
    "--delete",
    "action",
    flag_value="delete",
    help="Delete the user or group. Policies show deleted:MEMBER?uid=NUMBER for it, which grants nothing.",
)
@click.option("--undelete", "action", flag_value="undelete", help="Restore it, with its grants. A group is empty then.")
@click.option(
    "--create", "action", flag_value="create", help="Create a new one with the same email, without the old grants."
)
@click.option(
    "--reject",
    type=click.Choice(("named", "unnamed")),
    help="Reject policies that add this member, with a message that names it or not.",
)
@click.option("--accept", "action", flag_value="accept", help="Accept the member again.")
@click.option(
    "--propagation",
    metavar="DURATION",
    callback=to_seconds,
    help="Delay until changes of this member's grants take effect, such as 120s; 0s for none.",
)
@with_world
def principal(world: World, member: str, action: str | None, reject: str | None, propagation: float | None) -> None:
    r"""Delete or restore a user or a group, or reject or delay the grants to one IAM member.

    To delete a service account of a project here, use `gcloud iam service-accounts delete`. `wheelhouse local fault
    --list` shows the delay, and `fault --clear` removes it.

    \b
    wheelhouse local principal user:ada@acme.example --delete
    wheelhouse local principal group:packagers@acme.example --undelete
    wheelhouse local principal user:ada@acme.example --reject unnamed
    wheelhouse local principal user:ada@acme.example --propagation 120s
    """
    if member not in {"allUsers", "allAuthenticatedUsers"} and ":" not in member:
        raise LocalError(f"{member!r} is not an IAM member: use user:EMAIL, group:EMAIL, serviceAccount:EMAIL or ...")
    if not (action or reject or propagation is not None):
        raise LocalError(_NO_ACTION)
    if action and reject:
        raise LocalError(f"Use either --{action} or --reject")
    if action not in {None, "accept"} and member.partition(":")[0] not in _KINDS:
        raise LocalError(f"--{action} is for a user, a group or a service account, not for {member}")
    if reject:
        control.principal(world.state, member, "reject", named=reject == "named")
    if action:
        control.principal(world.state, member, action)
    if propagation is not None:
        control.propagate(world.state, propagation, member)


@click.command("org-policy")
@click.argument("project")
@click.option(
    "--allow-domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="Allow grants to users and groups of this domain, such as acme.example, and to no others. Repeatable.",
)
@click.option("--allow-all", is_flag=True, help="Remove the restriction.")
@click.option(
    "--extend-lifetime",
    "emails",
    multiple=True,
    metavar="EMAIL",
    help="Let access tokens of this service account, and of no others, live for up to 12 hours. Repeatable.",
)
@with_world
def org_policy(
    world: World, project: str, domains: tuple[str, ...], emails: tuple[str, ...], *, allow_all: bool
) -> None:
    r"""Restrict who can get grants in a project, as an organization does with allowed domains.

    This is the constraint iam.allowedPolicyMemberDomains. It affects new grants only. Service accounts and workload
    identity pools of the projects here are always allowed. allUsers is not allowed as long as there is a restriction.
    Without an option, the command shows the current state. --extend-lifetime is the constraint
    iam.allowServiceAccountCredentialLifetimeExtension: other accounts have tokens for an hour at most.

    \b
    wheelhouse local org-policy acme-packages --allow-domain acme.example
    wheelhouse local org-policy acme-packages
    wheelhouse local org-policy acme-packages --allow-all
    """
    if domains and allow_all:
        raise LocalError("Use either --allow-domain or --allow-all")
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise LocalError(f"{domain!r} is not a domain: use a name such as acme.example")
    if domains or allow_all:
        allowed = control.restrict(world.state, project, None if allow_all else domains)
    else:
        allowed = control.restriction(world.state, project)
    if emails:
        extended = control.extend_lifetimes(world.state, project, emails)
        click.echo(f"{project}  tokens for up to 12 hours: {', '.join(extended)}")
    words = "all principals" if allowed is None else ", ".join(allowed)
    click.echo(f"{project}  allowed: {words}")


@click.command()
@click.option("--principals", type=click.IntRange(1, 1500), help="The maximum number of members in a policy.")
@click.option("--groups", type=click.IntRange(1, 250), help="How many of them can be groups.")
@click.option("--bytes", "size", type=click.IntRange(1), help="The maximum size of a policy. Default: unlimited.")
@click.option("--reset", is_flag=True, help="Restore Google's limits: 1,500 members and 250 groups.")
@with_world
def limits(world: World, principals: int | None, groups: int | None, size: int | None, *, reset: bool) -> None:
    r"""Lower the limits of IAM policies, and show them.

    \b
    wheelhouse local limits --principals 20
    wheelhouse local limits --bytes 4000
    wheelhouse local limits --reset
    """
    wanted: dict[str, int | None] = {"principals": None, "groups": None, "bytes": None} if reset else {}
    given = {"principals": principals, "groups": groups, "bytes": size}
    found = control.limits(world.state, {**wanted, **{name: value for name, value in given.items() if value}})
    largest = "unlimited" if found["bytes"] is None else f"{found['bytes']:,}"
    click.echo(f"principals {found['principals']:,}  groups {found['groups']:,}  bytes {largest}")


COMMANDS = (principal, org_policy, limits)
