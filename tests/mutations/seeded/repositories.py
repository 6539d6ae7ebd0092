"""Bugs in changes to a repository: who owns it, and what a PATCH changes."""

from mutations.bug import Bug

PLAN = ("tests/unit/test_plan_repository.py", "tests/unit/test_plan_settings.py")
POSTURE = ("tests/unit/test_plan_posture.py",)

BUGS = (
    Bug(
        "a repository of another cluster counts as ours",
        "plan/repository.py",
        "return labels.get(CLUSTER_LABEL) == ownership.cluster and labels.get(OBJECT_LABEL) == ownership.digest",
        "return labels.get(OBJECT_LABEL) == ownership.digest",
        PLAN,
    ),
    Bug(
        "a release takes the labels of others along",
        "plan/posture.py",
        "for key, value in settings.labels.items() if key not in {CLUSTER_LABEL, OBJECT_LABEL}}",
        "for key, value in settings.labels.items() if False}",
        POSTURE,
    ),
    Bug(
        "posture is skipped: Observe changes what it found",
        "plan/repository.py",
        "    if desired.observe:\n        return _observe(desired, observed, rival)\n",
        "    if desired.observe and observed is None:\n        return _observe(desired, observed, rival)\n",
        PLAN,
    ),
    Bug(
        "labels of others are drift",
        "plan/settings.py",
        "labels={**kept, **desired.labels, **desired.ownership.labels},",
        "labels={**desired.labels, **desired.ownership.labels},",
        PLAN,
    ),
    Bug(
        "what the spec no longer sets stays",
        "plan/settings.py",
        "dropped = managed - managed_by(desired)",
        "dropped = frozenset[str]()",
        PLAN,
    ),
    Bug(
        "a mask forgets a field",
        "plan/settings.py",
        '        ("cleanup_policy_dry_run", found.cleanup.dry_run, wanted.cleanup.dry_run),\n',
        "",
        PLAN,
    ),
    Bug(
        "a changed password takes the user name along",
        "plan/settings.py",
        "        yield PASSWORD_MASK\n",
        "        yield CREDENTIAL_MASK\n",
        PLAN,
    ),
    Bug(
        "an emptied list of upstreams is not sent",
        "plan/settings.py",
        "upstreams=upstreams if desired.mode is Mode.VIRTUAL else found.upstreams,",
        "upstreams=upstreams or found.upstreams,",
        PLAN,
    ),
)
