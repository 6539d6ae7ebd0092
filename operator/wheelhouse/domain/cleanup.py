"""Cleanup policies: which versions Artifact Registry itself deletes."""

from dataclasses import dataclass
from enum import StrEnum

from wheelhouse.domain.names import AGE, AGE_LENGTH, matches

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> int:
    """Seconds of a duration such as `30d`; the units are s, m, h and d.

    Raises:
        ValueError: it is not a duration. The models accept none of these, and no number could replace it: an age of 0
            would select every version.
    """
    if not matches(AGE, text, AGE_LENGTH):
        raise ValueError("not a duration")
    return int(text[:-1]) * SECONDS[text[-1]]


class CleanupAction(StrEnum):
    """What happens to the versions that a policy selects."""

    DELETE = "Delete"
    KEEP = "Keep"


@dataclass(frozen=True, slots=True)
class CleanupCondition:
    """Which versions: ages in seconds (None: any), prefixes as sets (empty: any)."""

    older_than: int | None = None
    newer_than: int | None = None
    package_name_prefixes: frozenset[str] = frozenset()
    version_name_prefixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MostRecentVersions:
    """The newest versions of each package: how many, and of which packages by prefix (empty: all)."""

    keep_count: int
    package_name_prefixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CleanupPolicy:
    """One policy; `other` has the fields of an observed policy that no PythonRepository can request."""

    name: str
    action: CleanupAction | None
    condition: CleanupCondition | None = None
    most_recent: MostRecentVersions | None = None
    other: str = ""


@dataclass(frozen=True, slots=True)
class Cleanup:
    """All policies of a repository, as a set, and whether they are a dry run."""

    policies: frozenset[CleanupPolicy] = frozenset()
    dry_run: bool = False

    @property
    def deletes_nothing(self) -> bool:
        """Whether there are policies and none deletes: Keep alone has no effect."""
        return bool(self.policies) and all(policy.action is CleanupAction.KEEP for policy in self.policies)
