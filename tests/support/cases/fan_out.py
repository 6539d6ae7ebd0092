"""Where the Secrets of a RepositoryAccess are, and whose token they have: valid and invalid values."""

from typing import Any

from support.cases.case import MISSING

FAN_OUT: dict[str, Any] = {
    "namespaces": ["ml"],
    "namespaceSelector": {
        "matchLabels": {"tier": "app"},
        "matchExpressions": [{"key": "stage", "operator": "In", "values": ["test"]}],
    },
    "identityFrom": "TargetNamespace",
}
_SELECTOR = "secret/namespaceSelector"

GRAMMARS = [
    ("secret/namespaces/0", "must be the name of a namespace"),
    (f"{_SELECTOR}/matchLabels/tier", "must be a label value"),
    (f"{_SELECTOR}/matchExpressions/0/key", "must be a label key"),
    (f"{_SELECTOR}/matchExpressions/0/values/0", "must be a label value"),
]

TAKEN: list[tuple[str, Any]] = [
    ("secret/namespaces", MISSING),
    ("secret/namespaces", []),
    ("secret/namespaces", [f"n{number}" for number in range(256)]),
    ("secret/namespaces/0", "x" * 63),
    (_SELECTOR, MISSING),
    (_SELECTOR, {}),
    (f"{_SELECTOR}/matchLabels", MISSING),
    (f"{_SELECTOR}/matchExpressions", MISSING),
    (f"{_SELECTOR}/matchExpressions/0/operator", "NotIn"),
    ("secret/identityFrom", MISSING),
    ("secret/identityFrom", "AccessNamespace"),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("secret/namespaces", "ml", "of type array"),
    ("secret/namespaces", [f"n{number}" for number in range(257)], ""),
    ("secret/namespaces/0", "*", "must be the name of a namespace"),
    ("secret/namespaces/0", "a.b", "must be the name of a namespace"),
    ("secret/namespaces/0", "", ""),
    ("secret/namespaces/0", "x" * 64, ""),
    (_SELECTOR, "tier=app", "of type object"),
    (f"{_SELECTOR}/matchLabels", {f"team-{n}": "ml" for n in range(17)}, ""),
    (f"{_SELECTOR}/matchLabels", {"": "ml"}, "must be a label key"),
    (f"{_SELECTOR}/matchExpressions", [{"key": "team", "operator": "Exists"}] * 9, ""),
    (f"{_SELECTOR}/matchExpressions/0/operator", "Exists", "omit values for Exists"),
    (f"{_SELECTOR}/matchExpressions/0/operator", "Equals", ""),
    (f"{_SELECTOR}/matchExpressions/0/values", [], "set values for In and NotIn"),
    ("secret/identityFrom", "Namespace", "AccessNamespace"),
    ("secret/identityFrom", "", ""),
]
