"""Bugs in what Google's service agent may read for a repository."""

from mutations.bug import Bug

PLAN = ("tests/unit/test_plan_upstreams.py",)

BUGS = (
    Bug(
        "an upstream of another namespace needs no consent",
        "plan/upstreams.py",
        "if view is None or not (own or _admits(view, reader.namespace)):",
        "if view is None:",
        PLAN,
    ),
    Bug(
        "a full name is enough to read what another namespace manages",
        "plan/upstreams.py",
        "if not allowed or not all(_admits(view, reader.namespace) for view in strangers):",
        "if not allowed:",
        PLAN,
    ),
    Bug(
        "a full name in any project will do",
        "plan/upstreams.py",
        "allowed = reader.any_project or name.project in reader.namespace.projects",
        "allowed = True",
        PLAN,
    ),
    Bug(
        "any secret of a listed project will do",
        "plan/upstreams.py",
        "if credentials.secret in namespace.upstream_secrets:",
        'if credentials.secret.split("/")[1] in {each.split("/")[1] for each in namespace.upstream_secrets}:',
        PLAN,
    ),
    Bug(
        "an owner who lets Writers in lets a Virtual repository read",
        "plan/upstreams.py",
        "return access_from is not None and Role.READER in access_from.roles and access_from.admits(namespace)",
        "return access_from is not None and access_from.admits(namespace)",
        PLAN,
    ),
    Bug(
        "an upstream in another location",
        "plan/upstreams.py",
        "if view.name is not None and view.name.location != reader.location:",
        "if view.name is None:",
        PLAN,
    ),
)
