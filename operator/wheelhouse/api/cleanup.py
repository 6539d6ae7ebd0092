"""Cleanup policies: which versions Artifact Registry deletes by itself."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator

from wheelhouse.api.meta import Grammar, Model, rule, rules
from wheelhouse.domain import names

_ONE_SELECTION = "set either condition or mostRecentVersions, and not both"
_KEEP_ONLY = "mostRecentVersions can only be kept: set action to Keep, or use a condition"
_SOME_CONDITION = (
    "set at least one of olderThan, newerThan, packageNamePrefixes and versionNamePrefixes: an empty condition would"
    " select every version"
)

Duration = Annotated[str, Grammar(names.DURATION, 7, "write a duration of up to six digits and s, m, h or d, like 30d")]
Prefixes = Annotated[
    list[
        Annotated[
            str,
            Grammar(names.PREFIX, 128, "write a prefix of letters, digits, '.', '_', '+', '!' and '-', at most 128"),
        ]
    ],
    Field(min_length=1, max_length=64),
]


class CleanupAction(StrEnum):
    """What happens to the versions that a policy selects."""

    DELETE = "Delete"
    KEEP = "Keep"


class CleanupCondition(Model):
    """Which versions a policy selects: those that meet everything that is set."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.olderThan) || has(self.newerThan) || has(self.packageNamePrefixes)"
                " || has(self.versionNamePrefixes)",
                _SOME_CONDITION,
            )
        )
    )

    older_than: Duration | None = None
    """Versions that were uploaded longer ago, like `30d`."""

    newer_than: Duration | None = None
    """Versions that were uploaded since, like `12h`."""

    package_name_prefixes: Prefixes | None = None
    """Packages whose name starts with one of these."""

    version_name_prefixes: Prefixes | None = None
    """Versions that start with one of these, like `0.0.`."""

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if not any((self.older_than, self.newer_than, self.package_name_prefixes, self.version_name_prefixes)):
            raise ValueError(_SOME_CONDITION)
        return self


class MostRecentVersions(Model):
    """The newest versions of each package."""

    keep_count: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
    """How many versions of each package."""

    package_name_prefixes: Prefixes | None = None
    """Packages whose name starts with one of these; default: all."""


class CleanupPolicy(Model):
    """One policy."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.condition) != has(self.mostRecentVersions)", _ONE_SELECTION),
            rule("!has(self.mostRecentVersions) || self.action == 'Keep'", _KEEP_ONLY),
        )
    )

    name: Annotated[
        str, Grammar(names.ENTRY_NAME, 63, "write a name of a-z, 0-9 and '-', at most 63, like old-versions")
    ]
    """The policy's name, its id in Artifact Registry."""

    action: CleanupAction
    """`Delete` or `Keep`. A version that any policy keeps is not deleted; Keep alone deletes nothing."""

    condition: CleanupCondition | None = None
    """Which versions. Exactly one of `condition` and `mostRecentVersions` is set."""

    most_recent_versions: MostRecentVersions | None = None
    """The newest versions of each package; only with `action: Keep`."""

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if (self.condition is None) == (self.most_recent_versions is None):
            raise ValueError(_ONE_SELECTION)
        if self.most_recent_versions is not None and self.action is not CleanupAction.KEEP:
            raise ValueError(_KEEP_ONLY)
        return self


class Cleanup(Model):
    """All cleanup policies of a repository."""

    dry_run: StrictBool = False
    """Whether nothing is really deleted: Artifact Registry only writes to its audit log what it would. Default:
    false."""

    policies: (
        Annotated[
            list[CleanupPolicy],
            Field(
                max_length=10,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """The policies; others that are there go. Keep alone deletes nothing: it only excepts from what a Delete policy
    selects."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        found = [policy.name for policy in self.policies or ()]
        if len(set(found)) != len(found):
            raise ValueError("policies: two have the same name")
        return self
