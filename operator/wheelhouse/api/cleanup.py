"""Cleanup policies: which versions Artifact Registry deletes by itself, and which it keeps."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.meta import ITEM_NAME, WHOLE, ByName, Flag, Grammar, Model, demand, rule, rules
from wheelhouse.domain import names

_ONE_CHOICE = "set exactly one of condition and mostRecentVersions in each policy"
_KEEP_ONLY = "mostRecentVersions chooses what to keep: set action to Keep, or use condition"
_EMPTY = (
    "name at least one of olderThan, newerThan, packageNamePrefixes and versionNamePrefixes: an empty condition would"
    " match every version"
)
_AGE = Grammar(names.AGE, names.AGE_LENGTH, "write an age of at most six digits and one of s, m, h and d, like 30d")
_PREFIX = Grammar(
    names.VERSION_PREFIX,
    names.VERSION_PREFIX_LENGTH,
    "write the beginning of a name: 1 to 128 letters, digits and . _ + ! -, like acme-",
)

Age = Annotated[str, _AGE]
Prefixes = Annotated[list[Annotated[str, _PREFIX]], Field(max_length=100)]


class CleanupAction(StrEnum):
    """What is done with the versions that a policy chooses."""

    DELETE = "Delete"
    KEEP = "Keep"


class CleanupCondition(Model):
    """Which versions are meant: those that fit all that is said here."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.olderThan) || has(self.newerThan)"
                " || (has(self.packageNamePrefixes) && size(self.packageNamePrefixes) > 0)"
                " || (has(self.versionNamePrefixes) && size(self.versionNamePrefixes) > 0)",
                _EMPTY,
            )
        )
    )

    older_than: Age | None = None
    """Versions uploaded longer ago than this, like `30d`; units are `s`, `m`, `h` and `d`."""

    newer_than: Age | None = None
    """Versions uploaded less long ago than this, like `12h`."""

    package_name_prefixes: Prefixes | None = None
    """Versions of packages whose name starts with one of these."""

    version_name_prefixes: Prefixes | None = None
    """Versions that start with one of these, like `0.`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        demand(any((self.older_than, self.newer_than, self.package_name_prefixes, self.version_name_prefixes)), _EMPTY)
        return self


class MostRecentVersions(Model):
    """The newest versions of each package."""

    keep_count: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    """How many versions of each package are kept."""

    package_name_prefixes: Prefixes | None = None
    """Only packages whose name starts with one of these. Default: all packages."""


class CleanupPolicy(Model):
    """One rule of the cleanup."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.condition) != has(self.mostRecentVersions)", _ONE_CHOICE),
            rule("!has(self.mostRecentVersions) || self.action == 'Keep'", _KEEP_ONLY),
        )
    )

    name: Annotated[str, ITEM_NAME]
    """Its name in the repository."""

    action: CleanupAction
    """`Delete` deletes the versions that it chooses, unless a `Keep` policy chooses them too. `Keep` alone deletes
    nothing."""

    condition: CleanupCondition | None = None
    """Which versions are chosen, by age and name. Instead of `mostRecentVersions`."""

    most_recent_versions: MostRecentVersions | None = None
    """The newest versions of each package are chosen; only with `Keep`. Instead of `condition`."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        demand((self.condition is None) != (self.most_recent_versions is None), _ONE_CHOICE)
        demand(self.most_recent_versions is None or self.action is CleanupAction.KEEP, _KEEP_ONLY)
        return self


class Cleanup(Model):
    """How the repository is kept small."""

    dry_run: Flag = False
    """Whether Artifact Registry only logs what it would delete, in its audit log, and deletes nothing."""

    policies: Annotated[list[CleanupPolicy], ByName("give each cleanup policy a name of its own")] = Field(
        default=[], max_length=10
    )
    """The policies; at most 10. They are all that the repository has: others are removed, and an empty list removes
    every one. Policies with `Keep` alone delete nothing: they only protect versions from those with `Delete`."""
