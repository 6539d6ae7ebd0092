"""Parts that both kinds share: the base model, grammars with their messages, selectors and conditions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from wheelhouse.domain import names

T = TypeVar("T")

Rule = Mapping[str, Any]


def rule(expression: str, message: str, **more: Any) -> Rule:
    """One CEL rule with the sentence that a user reads (x-kubernetes-validations)."""
    return {"rule": expression, "message": message, **more}


def rules(*each: Rule) -> dict[str, Any]:
    """Rules as a schema carries them."""
    return {"x-kubernetes-validations": [dict(one) for one in each]}


def immutable(field: str, remedy: str, *, within: str = "") -> Rule:
    """Refuses set → changed, set → unset and unset → set of one optional field.

    Args:
        field: the field.
        remedy: what to do instead of changing it.
        within: the name of the field's parent in the message, if it is not `spec`.
    """
    unchanged = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    shown = f"{within}.{field}" if within else field
    return rule(unchanged, f"{shown} cannot be changed: {remedy}", fieldPath=f".{field}")


@dataclass(frozen=True, slots=True)
class Grammar:
    """The required form of a string: the API server (RE2) and the model (fullmatch) apply the same pattern."""

    pattern: str
    length: int
    message: str

    def fits(self, value: str) -> bool:
        """Whether the whole value has this form."""
        return names.matches(self.pattern, value, self.length)

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        asked = rules(rule(f"self.matches(r'^({self.pattern})$')", self.message))
        return {**handler(schema), "maxLength": self.length, **asked}

    def _check(self, value: str) -> str:
        if not self.fits(value):
            raise ValueError(self.message)
        return value


def checked(check: Callable[[Any], bool], message: str) -> AfterValidator:
    """A validator with the same message as the API server's."""

    def run(value: T) -> T:
        if not check(value):
            raise ValueError(message)
        return value

    return AfterValidator(run)


def demand(fits: bool, message: str) -> None:
    """Reject a combination of fields in a model's validator, with the same message as the API server's.

    Raises:
        ValueError: it does not fit.
    """
    if not fits:
        raise ValueError(message)


class _Named(Protocol):
    """An item of a list whose items are distinguished by name."""

    @property
    def name(self) -> str:
        """The item's name."""


@dataclass(frozen=True, slots=True)
class ByName:
    """A list whose items have unique names, by which server-side apply merges it."""

    message: str

    def __get_pydantic_core_schema__(
        self, source: type[list[_Named]], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

    def _check(self, items: list[_Named]) -> list[_Named]:
        demand(len({each.name for each in items}) == len(items), self.message)
        return items


class Model(BaseModel):
    """Base of all models: camelCase in manifests, docstrings of fields as descriptions, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


Flag = Annotated[bool, Strict()]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Takes a whole number however it is written, as the API server does: 1.0 and 1e2 are integers, 1.5 and "1" are not."""

ITEM_NAME = Grammar(
    names.ITEM_NAME,
    names.ITEM_NAME_LENGTH,
    "must be a name of 1 to 63 lower-case letters, digits and '-', such as from-pypi",
)

ObjectName = Annotated[
    str,
    Grammar(
        names.DNS_SUBDOMAIN,
        names.DNS_SUBDOMAIN_LENGTH,
        "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.', such as my-name",
    ),
]
NamespaceName = Annotated[
    str,
    Grammar(
        names.DNS_LABEL,
        names.DNS_LABEL_LENGTH,
        "must be the name of a namespace: at most 63 lower-case letters, digits and '-', such as my-team",
    ),
]

_LABEL_KEY = Grammar(
    rf"({names.DNS_SUBDOMAIN}/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?",
    317,
    "must be a label key, such as team or example.com/team",
)
_LABEL_VALUE = Grammar(
    "([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?",
    63,
    "must be a label value: at most 63 letters, digits, '-', '_' and '.', such as ml",
)

LabelKey = Annotated[str, _LABEL_KEY]
LabelValue = Annotated[str, _LABEL_VALUE]


class Role(StrEnum):
    """What the subjects of a RepositoryAccess may do."""

    READER = "Reader"
    WRITER = "Writer"
    REPO_ADMIN = "RepoAdmin"


class SelectorOperator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


_VALUES_MESSAGE = "set values for In and NotIn, and omit values for Exists and DoesNotExist"


class SelectorRequirement(Model):
    """One comparison of a label."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)", _VALUES_MESSAGE)
        )
    )

    key: LabelKey
    """The label's key, like `team`."""

    operator: SelectorOperator
    """How the label is compared: `In`, `NotIn`, `Exists` or `DoesNotExist`."""

    values: Annotated[list[LabelValue], Field(max_length=32)] | None = None
    """The values for `In` and `NotIn`. Leave it out for `Exists` and `DoesNotExist`."""


CheckedRequirement = Annotated[
    SelectorRequirement,
    checked(
        lambda one: (one.operator in {SelectorOperator.IN, SelectorOperator.NOT_IN}) == bool(one.values),
        _VALUES_MESSAGE,
    ),
]


class LabelSelector(Model):
    """A Kubernetes label selector. All its requirements must hold. An empty selector selects everything."""

    match_labels: (
        Annotated[
            dict[str, LabelValue],
            Field(
                max_length=16,
                json_schema_extra=rules(
                    rule(f"self.all(k, k.matches(r'^({_LABEL_KEY.pattern})$'))", _LABEL_KEY.message)
                ),
            ),
            checked(lambda found: all(_LABEL_KEY.fits(key) for key in found), _LABEL_KEY.message),
        ]
        | None
    ) = None
    """Labels that must have exactly these values, like `team: ml`."""

    match_expressions: Annotated[list[CheckedRequirement], Field(max_length=8)] | None = None
    """Comparisons of labels. All of them must hold, in addition to `matchLabels`."""


class Condition(Model):
    """One condition, in the form that Kubernetes uses. docs/reference/conditions.md explains each type and reason."""

    type: Annotated[str, Field(max_length=316)]
    """The type of the condition, like `Ready`."""

    status: Annotated[str, Field(max_length=16)]
    """`True`, `False` or `Unknown`."""

    reason: Annotated[str, Field(max_length=1024)]
    """The reason for the status, as one word."""

    message: Annotated[str, Field(max_length=32768)]
    """What is in place, or what is wrong and how to fix it."""

    last_transition_time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
    """When `status` last changed."""

    observed_generation: int | None = None
    """The generation of the spec that the condition describes."""


Conditions = Annotated[
    list[Condition],
    Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
Timestamp = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
