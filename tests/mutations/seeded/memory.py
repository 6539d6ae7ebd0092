"""Bugs in what is remembered of objects, and in what status contains."""

from mutations.bug import Bug

FINDINGS = ("tests/unit/test_findings.py",)
INFORMER = ("tests/unit/test_informer.py",)
CONDITIONS = ("tests/unit/test_conditions.py",)
DEBTS = ("tests/convergence/test_trust.py::test_a_stripped_finalizer_leaves_a_debt_that_is_paid",)

BUGS = (
    Bug(
        "the own write counts as that of another hand",
        "reconcile/findings.py",
        "if entry.sent and entry.sent == stored.status_json:",
        "if not entry:",
        FINDINGS,
    ),
    Bug(
        "a restore forgets what memory owns",
        "reconcile/findings.py",
        "            lost = emptied or int(stored.resource_version) < entry.version\n",
        "            lost = emptied\n",
        FINDINGS,
    ),
    Bug(
        "a grant that is set and not reported goes with the record that another operator removed",
        "reconcile/findings.py",
        "    elif unreported and comparable:\n",
        "    elif unreported is None:\n",
        FINDINGS,
    ),
    Bug(
        "a status that was composed before the set counts as a report of the grant",
        "reconcile/findings.py",
        "entry.unreported -= entry.reporting",
        "entry.unreported = frozenset()",
        FINDINGS,
    ),
    Bug(
        "another operator's word about a grant counts more than the own set",
        "reconcile/findings.py",
        "    if same and unreported:\n",
        "    if same and not unreported:\n",
        FINDINGS,
    ),
    Bug(
        "a ledger of an earlier repository replaces memory",
        "reconcile/findings.py",
        "lost = lost or _outdated(grants, entry.grants) or (",
        "lost = lost or (",
        FINDINGS,
    ),
    Bug(
        "the findings of a replaced object stay",
        "reconcile/findings.py",
        "            self._replace(kind, stored)\n",
        "",
        FINDINGS,
    ),
    Bug(
        "an emptied status forgets what memory owns",
        "reconcile/findings.py",
        "            lost = emptied or int(stored.resource_version) < entry.version\n",
        "            lost = int(stored.resource_version) < entry.version\n",
        FINDINGS,
    ),
    Bug(
        "an older status of a higher version forgets what memory owns",
        "reconcile/findings.py",
        " or (comparable and _older(stored.status_json, entry.status))\n",
        "\n",
        FINDINGS,
    ),
    Bug(
        "another operator's doubt disowns a grant",
        "reconcile/findings.py",
        "    if same:\n        grants = replace(grants, grants=_claimed(",
        "    if not same:\n        grants = replace(grants, grants=_claimed(",
        FINDINGS,
    ),
    Bug(
        "a status that conflicted counts as written",
        "reconcile/findings.py",
        "            self._retake(entry, stored)\n\n    def seen",
        "            pass\n\n    def seen",
        FINDINGS,
    ),
    Bug(
        "a list that contradicts the cache is passed over",
        "runtime/informer.py",
        "    return listed < known or (listed == known and before != now)\n",
        "    return False\n",
        INFORMER,
    ),
    Bug(
        "an object that a restore puts in the place of another is passed over",
        "runtime/informer.py",
        "    if before is None:\n",
        "    if before is None or before.uid != now.uid:\n",
        INFORMER,
    ),
    Bug(
        "the loop hears nothing of an object that disappeared",
        "runtime/informer.py",
        "        if old is not None and new is None:\n            self._memory.vanished(old)\n",
        "",
        INFORMER,
    ),
    Bug(
        "the status of an earlier generation counts as a finding",
        "status/conditions.py",
        'row.get("observedGeneration") == self.generation',
        "self.observed(status) == self.generation",
        CONDITIONS,
    ),
    Bug(
        "any text passes for a time",
        "status/conditions.py",
        'moment(before.get("lastTransitionTime")) is not None',
        'isinstance(before.get("lastTransitionTime"), str)',
        CONDITIONS,
    ),
    Bug(
        "a refusal stalls at once",
        "status/conditions.py",
        "return since is not None and now - since >= STALLS_AFTER",
        "return since is not None",
        CONDITIONS,
    ),
    Bug(
        "a debt of an object without our finalizer is not paid",
        "reconcile/access/unit.py",
        "        stored, access = declared.stored, declared.effective\n        if not (access is None",
        "        stored, access = declared.stored, declared.effective\n"
        "        if not stored.finalized or not (access is None",
        DEBTS,
    ),
    Bug(
        "what changed while the operator was down waits for everything else",
        "runtime/informer.py",
        "filter(_unfinished, self._cache.objects(kind))",
        "filter(_unfinished, ())",
        INFORMER,
    ),
)
