"""One value in one field of a spec, and the hostile suffixes that no name may have."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MISSING = object()

HOSTILE = {
    "LF": "\n",
    "CR": "\r",
    "NUL": "\0",
    "NEL": "\x85",
    "U+2028": "\u2028",
    "NBSP": "\u00a0",
    "escape": "%2e",
    "dots": "/../x",
    "space": " x",
    "fragment": "#",
    "query": "?x",
    "userinfo": "@evil.com",
    "port": ":80",
    "accent": "é",
    "look-alike": "\u0430",
    "quote": "'",
    "backslash": "\\",
    "long": "x" * 1100,
}


@dataclass(frozen=True)
class Base:
    """A complete valid spec of a kind; cases change it in one field."""

    kind: str
    name: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One value in one field of a base; `words` are part of the error, None if the value is valid."""

    base: Base
    place: str
    value: Any
    words: str | None
    name: str

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return self.base.kind

    def spec(self) -> dict[str, Any]:
        """The base's spec with this value in it."""
        spec = copy.deepcopy(self.base.spec)
        *parents, last = [int(part) if part.isdigit() else part for part in self.place.split("/")]
        node: Any = spec
        for part in parents:
            node = node[part]
        if self.value is MISSING:
            del node[last]
        else:
            node[last] = self.value
        return spec


def case(base: Base, place: str, value: Any, words: str | None) -> Case:
    """A case with a name from its value."""
    shown = "missing" if value is MISSING else ascii(value)[:40]
    return Case(base, place, value, words, f"{base.name}-{place}-{shown}")


def hostile(base: Base, place: str, words: str, harmless: Iterable[str] = ()) -> list[Case]:
    """The value of a field with each hostile suffix except the harmless ones, and a value that is not a string."""
    good: Any = base.spec
    for part in place.split("/"):
        good = good[int(part) if part.isdigit() else part]
    cases = [
        # A failure of maxLength hides the sentence.
        Case(base, place, good + tail, "" if name == "long" else words, f"{base.name}-{place}-{name}")
        for name, tail in HOSTILE.items()
        if name not in set(harmless)
    ]
    cases.append(Case(base, place, 7, "", f"{base.name}-{place}-number"))
    cases.append(Case(base, place, [good], "", f"{base.name}-{place}-list"))
    return cases
