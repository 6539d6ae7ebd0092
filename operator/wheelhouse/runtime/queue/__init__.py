"""The work queue: no duplicates, serial per key, backoff, floors, and changes ahead of resyncs.

`work` has the lanes; a `lane` has the workers of one unit. What they decide is pure: `agenda` (which key is next),
`timers` (when), `backoff` (what an error means in seconds).
"""

from wheelhouse.runtime.queue.work import UNIT_NAMES, WORKERS, WorkQueue

__all__ = ["UNIT_NAMES", "WORKERS", "WorkQueue"]
