"""Labels of a repository in Google: Artifact Registry's grammar, without the keys that the operator reserves."""

from typing import Annotated

from pydantic import Field

from wheelhouse.api.meta import checked, rule, rules
from wheelhouse.domain import names

_LABEL_KEY = (
    "label keys must have at most 63 lower-case letters, digits, '_' and '-', and start with a letter, such as team"
)
_LABEL_VALUE = "label values must have at most 63 lower-case letters, digits, '_' and '-', such as ml"
_OUR_LABELS = "label keys that start with wheelhouse are reserved for the operator: use another key"

LabelValue = Annotated[
    str,
    Field(
        max_length=names.LABEL_LENGTH,
        json_schema_extra=rules(rule(f"self.matches(r'^({names.LABEL_VALUE})$')", _LABEL_VALUE)),
    ),
    checked(names.is_label_value, _LABEL_VALUE),
]
Labels = Annotated[
    dict[str, LabelValue],
    Field(
        max_length=60,
        json_schema_extra=rules(
            rule(f"self.all(k, k.matches(r'^({names.LABEL_KEY})$'))", _LABEL_KEY),
            rule(f"self.all(k, !k.startsWith('{names.OUR_LABELS}'))", _OUR_LABELS),
        ),
    ),
    checked(lambda found: all(names.is_label_key(key) for key in found), _LABEL_KEY),
    checked(lambda found: not any(names.is_our_label(key) for key in found), _OUR_LABELS),
]
