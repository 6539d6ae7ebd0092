"""Bugs in the work queue."""

from mutations.bug import Bug

AGENDA = ("tests/unit/test_queue_agenda.py",)
LINE = ("tests/unit/test_queue_line.py",)
BACKOFF = ("tests/unit/test_queue_backoff.py",)
MINTS = ("tests/unit/test_mint_order.py",)

BUGS = (
    Bug(
        "tokens are minted in the order of their requests",
        "runtime/queue/work.py",
        "rank if unit is TokenKey else as_they_come",
        "as_they_come",
        MINTS,
    ),
    Bug(
        "Retry-After is ignored",
        "runtime/queue/backoff.py",
        "floor = error.floor if isinstance(error, Unavailable) else 0.0",
        "floor = 0.0",
        BACKOFF,
    ),
    Bug(
        "no backoff",
        "runtime/queue/backoff.py",
        "bound = min(self.limit, self.base * 2.0 ** min(failures, 16))",
        "bound = self.base",
        BACKOFF,
    ),
    Bug(
        "a refusal outlasts a token",
        "runtime/queue/backoff.py",
        "return key.lifetime / 60 if isinstance(key, TokenKey) else math.inf",
        "return math.inf",
        BACKOFF,
    ),
    Bug(
        "a conflict counts as an outage",
        "runtime/queue/backoff.py",
        "conflicts=before.conflicts + 1",
        "failures=before.failures + 1",
        BACKOFF,
    ),
    Bug(
        "a change during a pass is lost",
        "runtime/queue/agenda.py",
        "            self._again[key] = resync and self._again.get(key, True)\n",
        "            return\n",
        AGENDA,
    ),
    Bug(
        "a change during a pass comes back as a resync",
        "runtime/queue/agenda.py",
        "resync and self._again.get(key, True)",
        "resync or self._again.get(key, False)",
        AGENDA,
    ),
    Bug(
        "a later time displaces an earlier one",
        "runtime/queue/agenda.py",
        "if planned is None or due < planned:",
        "if planned is None or due != planned:",
        AGENDA,
    ),
    Bug(
        "a resync goes before a change",
        "runtime/queue/agenda.py",
        "waiting = self._changes or self._resyncs",
        "waiting = self._resyncs or self._changes",
        AGENDA,
    ),
    Bug(
        "a change brings a key back before its floor",
        "runtime/queue/agenda.py",
        "        if floor <= now:\n            return False\n",
        "        if floor:\n            return False\n",
        AGENDA,
    ),
    Bug(
        "a crowd of one namespace delays its neighbors",
        "runtime/queue/line.py",
        "            return key.object.namespace\n",
        "            return ''\n",
        LINE,
    ),
    Bug(
        "the Secrets of one access delay those of others",
        "runtime/queue/line.py",
        "            return key.access.namespace\n",
        "            return ''\n",
        LINE,
    ),
    Bug(
        "a namespace keeps its turn until it has no key",
        "runtime/queue/line.py",
        "                self._heaps.move_to_end(namespace)\n",
        "                pass\n",
        LINE,
    ),
    Bug(
        "the last namespace has the next turn",
        "runtime/queue/line.py",
        "next(iter(self._heaps.items()))",
        "next(reversed(self._heaps.items()))",
        LINE,
    ),
    Bug(
        "a removed key is processed",
        "runtime/queue/line.py",
        "            if self._places.get(key) == (rank, arrival):",
        "            if self._places.setdefault(key, (rank, arrival)):",
        LINE,
    ),
)
