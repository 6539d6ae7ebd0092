"""All seeded bugs, and the five of them that every test run tries."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mutations.bug import Bug
from mutations.seeded import (
    consent,
    domain,
    fan_out,
    impersonation,
    keyring,
    ledger,
    memory,
    policies,
    queue,
    repositories,
    secrets,
    subjects,
    uploads,
    upstreams,
)

BUGS: tuple[Bug, ...] = (
    *policies.BUGS,
    *consent.BUGS,
    *upstreams.BUGS,
    *repositories.BUGS,
    *secrets.BUGS,
    *fan_out.BUGS,
    *domain.BUGS,
    *queue.BUGS,
    *memory.BUGS,
    *ledger.BUGS,
    *subjects.BUGS,
    *impersonation.BUGS,
    *keyring.BUGS,
    *uploads.BUGS,
)
SAMPLE = 5
QUICK = "tests/unit/"
"""The folder of the suites that a sample may use."""
SLOW = frozenset({"tests/unit/test_queue_agenda.py"})
"""State machines."""


def sample(root: Path, count: int = SAMPLE) -> list[Bug]:
    """Some of the bugs with quick suites: different ones after each change of the product, the same without one."""
    product = hashlib.sha256()
    for path in sorted((root / "operator" / "wheelhouse").rglob("*.py")):
        product.update(path.read_bytes())
    digest = product.digest()
    return _ordered((bug for bug in BUGS if _quick(bug)), digest)[:count]


def _quick(bug: Bug) -> bool:
    return all(suite.startswith(QUICK) and suite not in SLOW for suite in bug.suites)


def _ordered(bugs: Iterable[Bug], digest: bytes) -> list[Bug]:
    return sorted(bugs, key=lambda bug: hashlib.sha256(digest + bug.name.encode()).digest())
