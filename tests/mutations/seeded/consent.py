"""Bugs in who may use a repository, and in what a suspended one permits."""

from mutations.bug import Bug

PLAN = ("tests/unit/test_consent.py",)
POSTURE = ("tests/unit/test_plan_posture.py",)

BUGS = (
    Bug(
        "the role is not asked for",
        "plan/consent.py",
        "return requester.roles <= access_from.roles and namespace is not None and",
        "return namespace is not None and",
        PLAN,
    ),
    Bug(
        "a repository that does not parse lets everyone in",
        "plan/consent.py",
        "        return requester.holds\n",
        "        return True\n",
        PLAN,
    ),
    Bug(
        "a repository that does not parse withdraws",
        "plan/consent.py",
        "        return requester.holds\n",
        "        return False\n",
        PLAN,
    ),
    Bug(
        "consent of the own namespace alone is not enough",
        "plan/consent.py",
        "if not requester.own and not _permits(",
        "if not _permits(",
        PLAN,
    ),
    Bug(
        "another namespace learns that a repository is absent",
        "plan/consent.py",
        "_absent(requester.access) if requester.own else _not_permitted(requester.access)",
        "_absent(requester.access)",
        PLAN,
    ),
    Bug(
        "a replacement of the object withdraws",
        "plan/consent.py",
        "if requester.holds and gone < ABSENCE:",
        "if requester.holds and gone < 0:",
        PLAN,
    ),
    Bug(
        "a repository that is being released withdraws",
        "plan/consent.py",
        "        case Standing.RELEASING if silent:\n            return Consent(Permission.KEEP)\n",
        "        case Standing.RELEASING if silent:\n            return Consent(Permission.WITHDRAW)\n",
        PLAN,
    ),
    Bug(
        "a suspended repository gives",
        "plan/consent.py",
        "return Consent(Permission.KEEP, passed(Reason.RESOLVED_REFS))",
        "return Consent(Permission.GIVE, passed(Reason.RESOLVED_REFS))",
        PLAN,
    ),
    Bug(
        "a namespace is admitted by the start of its name",
        "domain/repository.py",
        "return namespace.name in self.namespaces or selected",
        "return any(namespace.name.startswith(name) for name in self.namespaces) or selected",
        (*PLAN, "tests/unit/test_desired.py"),
    ),
    Bug(
        "posture is skipped: a suspended object changes its repository",
        "plan/posture.py",
        "    return _patched(observed, withdrawn(observed.settings, allowed))\n",
        "    return plan\n",
        POSTURE,
    ),
    Bug(
        "posture is skipped: a suspended object creates",
        "plan/posture.py",
        "if observed is None or isinstance(plan, Create):",
        "if observed is None and not isinstance(plan, Create):",
        POSTURE,
    ),
    Bug(
        "a suspended object keeps an upstream without consent",
        "plan/posture.py",
        "frozenset(upstream for upstream in found.upstreams if upstream.repository in allowed.upstreams)",
        "frozenset(found.upstreams)",
        POSTURE,
    ),
    Bug(
        "a suspended object keeps a password without consent",
        "plan/posture.py",
        "replace(remote, credentials=None, validate=False)",
        "replace(remote, validate=False)",
        POSTURE,
    ),
)
