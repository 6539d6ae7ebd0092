"""All ports together, with what the units share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wheelhouse.domain.iam import WorkloadIdentity
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.options import Options
from wheelhouse.reconcile.ports import (
    Cache,
    GoogleAccount,
    MayUpload,
    Objects,
    Policies,
    Probe,
    Projects,
    Queue,
    Repositories,
    Secrets,
    Tokens,
)


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside the loop.

    Attributes:
        google_account: the Google service account in the annotation of a ServiceAccount; empty without one, None if the
            ServiceAccount is not known to exist.
        interests: which keys to reconcile when something changes.
        absences: since when PythonRepositories are missing.
        now: the clock (UTC); it may jump.
        elapsed: seconds that only grow, for what must not depend on the clock; where the platform can tell, also while
            the machine sleeps.
        jitter: a random number in [-1, 1].
    """

    repositories: Repositories
    projects: Projects
    policies: Policies
    tokens: Tokens
    probe: Probe
    may_upload: MayUpload
    secrets: Secrets
    objects: Objects
    cache: Cache
    google_account: GoogleAccount
    queue: Queue
    interests: Interests
    absences: Absences
    workload: WorkloadIdentity
    options: Options
    now: Callable[[], datetime]
    elapsed: Callable[[], float]
    jitter: Callable[[], float]
