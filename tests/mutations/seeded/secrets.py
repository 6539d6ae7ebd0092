"""Bugs in when tokens are minted, and in the meaning of a reply about a Secret."""

from mutations.bug import Bug

SECRETS = ("tests/unit/test_plan_secrets.py",)
STATUS = ("tests/unit/test_status.py",)
ROLES = ("tests/convergence/test_role_changes.py",)
LEASES = ("tests/unit/test_plan_leases.py",)
ACCESS = ("tests/unit/test_access_unit.py",)
TROUBLES = ("tests/convergence/test_secret_troubles.py",)
RETURNS = ("tests/convergence/test_secret_returns.py",)
PLACES = ("tests/convergence/test_secret_places.py",)
SWEEP = ("tests/unit/test_secret_sweep.py",)
FIRST = ("tests/convergence/test_first_tokens.py",)
TRUST = ("tests/convergence/test_trust.py",)

BUGS = (
    Bug(
        "the Secrets of an access that a backup brings back count as removed",
        "reconcile/access/unit.py",
        "            self._secrets.gone(AccessKey(key))\n",
        "",
        RETURNS,
    ),
    Bug(
        "a forged status removes the Secret of an access that waits for its grant",
        "reconcile/secret/removal.py",
        "            if debt == waits:\n                continue\n",
        "",
        TRUST,
    ),
    Bug(
        "the Secret of another living access is forced",
        "plan/secrets.py",
        "tuple(name for name in others if name in living)",
        "tuple(name for name in others if name in ())",
        SECRETS,
    ),
    Bug(
        "somebody else's Secret is forced",
        "plan/secrets.py",
        "    if reply.foreign_type:\n        return Verdict(Step.CONFLICT)\n",
        "",
        SECRETS,
    ),
    Bug(
        "a Secret that cannot be changed is applied to again",
        "plan/secrets.py",
        "    if reply.immutable:\n        return Verdict(Step.REPLACE, reply.managers)\n",
        "",
        SECRETS,
    ),
    Bug(
        "an outage is reported only when the token is expired",
        "plan/secrets.py",
        "left <= lease.alarm",
        "left <= 0",
        SECRETS,
    ),
    Bug(
        "a token that is half spent goes into another Secret",
        "plan/leases.py",
        "REUSABLE_LIFE = 0.75",
        "REUSABLE_LIFE = 0.25",
        LEASES,
    ),
    Bug(
        "a token replaces one that lives longer",
        "plan/leases.py",
        "new.lease.left(now) >= standing.left(now) - FLOOR_TOLERANCE",
        "new.lease.left(now) > 0",
        LEASES,
    ),
    Bug(
        "a token is refreshed when it ends",
        "plan/leases.py",
        "life / 2 * (1 + 0.1 * jitter)",
        "life * (1 + 0.1 * jitter)",
        LEASES,
    ),
    Bug(
        "a token lives on while the machine sleeps",
        "plan/leases.py",
        "return max((now.wall",
        "return min((now.wall",
        LEASES,
    ),
    Bug(
        "a clock that was ahead is believed",
        "plan/leases.py",
        "if left > longest or due > longest * 0.55 or ahead:",
        "if ahead:",
        LEASES,
    ),
    Bug(
        "a request that was made while no operator ran is not heard",
        "reconcile/access/unit.py",
        "requested = stored.requested != before.handled_request and",
        "requested = stored.requested != before.handled_request and before.generation is not None and",
        ACCESS,
    ),
    Bug(
        "a start takes an unchanged request for a new one",
        "reconcile/findings.py",
        "AccessFindings(handled_request=handled, heard_request=handled)",
        "AccessFindings()",
        ACCESS,
    ),
    Bug(
        "a request counts as handled before its token is minted",
        "reconcile/access/unit.py",
        "handled_request=before.handled_request if requested else stored.requested",
        "handled_request=stored.requested",
        TROUBLES,
    ),
    Bug(
        "a slow check brings the Secret of a deleted access back",
        "reconcile/secret/distributor.py",
        "        if self._released(stored):\n",
        "        if False:\n",
        PLACES,
    ),
    Bug(
        "a Secret with an earlier token than the written one counts as current",
        "reconcile/secret/sweep.py",
        '        elif self._outdated(target, reply):\n            target.amiss = "outdated"\n',
        "",
        RETURNS,
    ),
    Bug(
        "a token whose timer has stopped is never replaced",
        "reconcile/secret/choice.py",
        'return "refresh" if target.lease.due(self._now()) <= 0 else ""',
        'return "refresh" if target.token is None and target.lease.due(self._now()) <= 0 else ""',
        RETURNS,
    ),
    Bug(
        "a Secret that only a record names is not refreshed",
        "reconcile/secret/doubts.py",
        "        if (target.doubtful or former) and not claim.may_add:\n",
        "        if False:\n",
        RETURNS,
    ),
    Bug(
        "a Secret of before the last write counts as current",
        "reconcile/secret/sweep.py",
        "if before is not None and after is not None and before < after:",
        "if False:",
        RETURNS,
    ),
    Bug(
        "a request reads no policy",
        "reconcile/access/unit.py",
        "if stored.requested != before.heard_request:",
        "if False:",
        TROUBLES,
    ),
    Bug(
        "a file that the version before did not know is an edit",
        "reconcile/secret/memory.py",
        "        target.formats = found.form.formats\n",
        "",
        ("tests/convergence/test_versions.py",),
    ),
    Bug(
        "status does not say that a Secret has no pdm.toml",
        "status/read.py",
        "or FIRST_FORMATS,",
        "or frozenset(Format),",
        ("tests/convergence/test_versions.py",),
    ),
    Bug(
        "a report of the watch that comes during a start is forgotten",
        "reconcile/secret/watched.py",
        "            self._early.add(topic)\n",
        "            pass\n",
        ("tests/convergence/test_secret_watch.py",),
    ),
    Bug(
        "all overdue checks are sent at once",
        "reconcile/secret/sweep.py",
        "return due < now - LATE and not target.postponed",
        "return False",
        SWEEP,
    ),
    Bug(
        "in an overload, checks are postponed for ever",
        "reconcile/secret/sweep.py",
        "due < now - LATE and not target.postponed",
        "due < now - LATE",
        SWEEP,
    ),
    Bug(
        "turns of the sweep that are not used are lost",
        "reconcile/secret/sweep.py",
        "            self._turns[target.turn] -= 1\n",
        "            pass\n",
        SWEEP,
    ),
    Bug(
        "each report about a Secret postpones its check",
        "reconcile/secret/sweep.py",
        "target.sweep_at > due or (target.turn is None and not requested)",
        "target.sweep_at > due or target.turn is None",
        SWEEP,
    ),
    Bug(
        "the first token is requested only after the grant",
        "reconcile/secret/proofs.py",
        "        if not actor.email and not self._starts(declared, claim, access.secret, wanted, actor):\n",
        "        if not actor.email:\n",
        FIRST,
    ),
    Bug(
        "a token is kept for a grant that IAM rejects",
        "reconcile/secret/proofs.py",
        "if check is not None and check.reason is not Reason.PENDING:",
        "if False:",
        FIRST,
    ),
    Bug(
        "after a start, status says that the Secret for the new role is in place",
        "status/access.py",
        "if found.distributed is None and changes_role(",
        "if found.distributed is None is changes_role(",
        ROLES,
    ),
    Bug(
        "after a start, a Secret for the earlier role counts as current",
        "reconcile/secret/memory.py",
        "finished and not self._changes_role(",
        "finished and None is not self._changes_role(",
        ROLES,
    ),
    Bug(
        "status says that the Secret for the new role is in place before a pass of the access",
        "status/access.py",
        " or (before is not None and changes_role(before, facts.grants))",
        "",
        STATUS,
    ),
    Bug(
        "a release that cannot remove a Secret waits for one",
        "status/access.py",
        "    if facts.stored.deleting:\n        return False\n",
        "",
        ROLES,
    ),
    Bug(
        "Secrets of many identities have the files for a role before it is granted",
        "reconcile/secret/content.py",
        "account)), self._any(declared, claim)",
        "account)), claim.role",
        ROLES,
    ),
    Bug(
        "after a start, the first role that is known is no change",
        "domain/findings.py",
        "old.keys() or {record.grant.member for record in before.grants}",
        "old.keys()",
        ROLES,
    ),
)
