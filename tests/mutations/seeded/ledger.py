"""Bugs in what is recorded before effects, and in which Events tell of it."""

from mutations.bug import Bug

ADVICE = ("tests/convergence/test_advice.py",)
LEDGER = ("tests/unit/test_ledger.py",)
FINDINGS = ("tests/unit/test_findings.py",)
MAKER = ("tests/unit/test_maker.py",)
TRANSACTION = ("tests/unit/test_policy_transaction.py",)

RECORD = "if not await self._context.ledger.record(KIND, stored.key):\n"
CREATES = f"        {RECORD}            return drift_delay(self._context.world)"
CHANGES = f"            {RECORD}                return\n"

BUGS = (
    Bug(
        "each write of a status is new advice",
        "status/advice.py",
        ' and self.message not in old.get("message", "")',
        "",
        ADVICE,
    ),
    Bug(
        "a record passes over the change of another client",
        "reconcile/ledger.py",
        "                self._findings.conflicted(kind, self._stored(kind, key) or stored)\n                raise\n",
        "                return True\n",
        LEDGER,
    ),
    Bug(
        "an object that the API server no longer has counts as recorded",
        "reconcile/ledger.py",
        "            if written is None:\n                return False\n",
        "            if written is None:\n                return True\n",
        LEDGER,
    ),
    Bug(
        "an object that the cache no longer has counts as recorded",
        "reconcile/ledger.py",
        "            if computed is None:\n                return False\n",
        "            if computed is None:\n                return True\n",
        LEDGER,
    ),
    Bug(
        "a write that is on its way counts as that of another hand",
        "reconcile/ledger.py",
        "            self._findings.writing(kind, stored, complete(status, before))\n",
        "",
        LEDGER,
    ),
    Bug(
        "a write that has been answered counts as that of another hand",
        "reconcile/ledger.py",
        "            self._findings.written(kind, written)\n",
        "",
        LEDGER,
    ),
    Bug(
        "the cache does not learn of a write",
        "reconcile/ledger.py",
        "            self._world.cache.store(kind, written)\n",
        "",
        LEDGER,
    ),
    Bug(
        "memory is not taken from the object again",
        "reconcile/findings.py",
        "if entry.status == stored.status_json:",
        "if entry.status:",
        FINDINGS,
    ),
    Bug(
        "an Event is said each time",
        "reconcile/ledger.py",
        "if last is not None and now - last < EVENT_PAUSE:",
        "if last is not None and now < last:",
        LEDGER,
    ),
    Bug(
        "an Event is never said again",
        "reconcile/ledger.py",
        "if last is not None and now - last < EVENT_PAUSE:",
        "if last is not None:",
        LEDGER,
    ),
    Bug(
        "an Event about another generation is not said",
        "reconcile/ledger.py",
        "words, now = (stored.uid, stored.generation, *text), self._world.elapsed()",
        "words, now = (stored.uid, 0, *text), self._world.elapsed()",
        LEDGER,
    ),
    Bug(
        "all Events are remembered",
        "reconcile/ledger.py",
        "        if len(self._events) > EVENTS_REMEMBERED:\n            del self._events[next(iter(self._events))]\n",
        "",
        LEDGER,
    ),
    Bug(
        "a repository is created for an object that is gone",
        "reconcile/repository/maker.py",
        CREATES,
        f"        {RECORD}            pass",
        MAKER,
    ),
    Bug(
        "a repository is adopted for an object that is gone",
        "reconcile/repository/maker.py",
        CHANGES,
        f"            {RECORD}                pass\n",
        MAKER,
    ),
    Bug(
        "what another operator recorded meanwhile is forgotten",
        "reconcile/policy/transaction.py",
        "        if before.grants != claimant.entries:\n",
        "        if before.grants is None:\n",
        TRANSACTION,
    ),
    Bug(
        "what another operator owns is taken for a stranger's",
        "reconcile/policy/transaction.py",
        "records = tuple(r if r.state.owned else owned.get(r.grant.identity, r) for r in records)",
        "records = tuple(records)",
        TRANSACTION,
    ),
    Bug(
        "an entry that was withdrawn comes back from another operator",
        "reconcile/policy/transaction.py",
        "known = {r.grant.identity for r in (*records, *claimant.ledger)}",
        "known = {r.grant.identity for r in records}",
        TRANSACTION,
    ),
    Bug(
        "in a crowd, progress costs a write for each object",
        "reconcile/ledger.py",
        "max(PROGRESS_PACE, len(self._progress) / PROGRESS_A_SECOND)",
        "PROGRESS_PACE",
        LEDGER,
    ),
)
