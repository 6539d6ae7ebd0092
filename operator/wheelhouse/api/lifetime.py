"""The requested lifetime of tokens."""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from wheelhouse.api.meta import demand, rule, rules
from wheelhouse.domain.lifetime import LIFETIME, lifetime_seconds

_LENGTH = 32
"""Longer than any lifetime, so that most wrong texts are answered with the sentence of the rule."""
_MESSAGE = "must be a lifetime from 10m to 12h: a whole number and a unit (s, m or h), such as 1h or 90m"
_RULE = f"self.matches(r'^({LIFETIME})$') && duration(self) >= duration('10m') && duration(self) <= duration('12h')"


class _Lifetime:
    """Checks the form first, because CEL's `duration()` fails for other texts, and with a message of its own."""

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "maxLength": _LENGTH, **rules(rule(_RULE, _MESSAGE))}

    def _check(self, value: str) -> str:
        demand(len(value) <= _LENGTH and lifetime_seconds(value) is not None, _MESSAGE)
        return value


Lifetime = Annotated[str, _Lifetime()]
