"""The work queue: no duplicates, serial per key, backoff, floors, and changes before resyncs.

`work` has the lanes; a `lane` has the workers of one unit. Their decisions are pure: `agenda` (which key is next),
`timers` (when), `backoff` (the delay after an error).
"""

from wheelhouse.runtime.queue.work import UNIT_NAMES, WORKERS, WorkQueue

__all__ = ["UNIT_NAMES", "WORKERS", "WorkQueue"]
