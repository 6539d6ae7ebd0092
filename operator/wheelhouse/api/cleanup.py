"""Cleanup policies: which versions Artifact Registry deletes automatically, and which it keeps."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.meta import ITEM_NAME, WHOLE, ByName, Flag, Grammar, Model, demand, rule, rules
from wheelhouse.domain import names

_ONE_CHOICE = "set exactly one of condition and mostRecentVersions in each policy"
_KEEP_ONLY = "mostRecentVersions selects versions to keep: set action to Keep, or use condition"
_EMPTY = (
    "set at least one of olderThan, newerThan, packageNamePrefixes and versionNamePrefixes: an empty condition would"
    " match every version"
)
_AGE = Grammar(names.AGE, names.AGE_LENGTH, "must be an age: at most six digits and a unit (s, m, h or d), such as 30d")
_PREFIX = Grammar(
    names.VERSION_PREFIX,
    names.VERSION_PREFIX_LENGTH,
    "must be the beginning of a name: 1 to 128 letters, digits and . _ + ! -, such as acme-",
)

Age = Annotated[str, _AGE]
Prefixes = Annotated[list[Annotated[str, _PREFIX]], Field(max_length=100)]


class CleanupAction(StrEnum):
    """What happens to the versions that a policy selects."""

    DELETE = "Delete"
    KEEP = "Keep"


class CleanupCondition(Model):
    """Which versions a policy selects: those that match all fields."""

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
    """Versions uploaded more recently than this, like `12h`."""

    package_name_prefixes: Prefixes | None = None
    """Versions of packages whose name starts with one of these."""

    version_name_prefixes: Prefixes | None = None
    """Versions whose number starts with one of these, like `0.`."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        demand(any((self.older_than, self.newer_than, self.package_name_prefixes, self.version_name_prefixes)), _EMPTY)
        return self


class MostRecentVersions(Model):
    """The newest versions of each package."""

    keep_count: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), WHOLE]
    """How many versions of each package to keep."""

    package_name_prefixes: Prefixes | None = None
    """Only packages whose name starts with one of these. Default: all packages."""


class CleanupPolicy(Model):
    """One cleanup policy."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.condition) != has(self.mostRecentVersions)", _ONE_CHOICE),
            rule("!has(self.mostRecentVersions) || self.action == 'Keep'", _KEEP_ONLY),
        )
    )

    name: Annotated[str, ITEM_NAME]
    """The name of the policy in the repository."""

    action: CleanupAction
    """`Delete` deletes the selected versions, unless a `Keep` policy also selects them. `Keep` alone deletes
    nothing."""

    condition: CleanupCondition | None = None
    """Selects versions by age and name. Set either this or `mostRecentVersions`."""

    most_recent_versions: MostRecentVersions | None = None
    """Selects the newest versions of each package; only with `Keep`. Set either this or `condition`."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        demand((self.condition is None) != (self.most_recent_versions is None), _ONE_CHOICE)
        demand(self.most_recent_versions is None or self.action is CleanupAction.KEEP, _KEEP_ONLY)
        return self


class Cleanup(Model):
    """Which versions Artifact Registry deletes automatically."""

    dry_run: Flag = False
    """Whether Artifact Registry deletes nothing, and only records in its audit log what it would delete."""

    policies: Annotated[list[CleanupPolicy], ByName("give each cleanup policy a different name")] = Field(
        default=[], max_length=10
    )
    """The policies; at most 10. The operator removes all other policies from the repository, and an empty list removes
    every policy. Policies with `Keep` alone delete nothing: they only protect versions from those with `Delete`."""
