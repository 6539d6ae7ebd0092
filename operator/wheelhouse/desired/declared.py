"""What an object declares: parsed once for each uid and generation, with the last valid wish beside a broken one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from wheelhouse.domain.objects import CustomObject
from wheelhouse.errors import Invalid

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Declared(Generic[D]):
    """An object with its parsed spec.

    Attributes:
        stored: the object as last seen.
        current: what its spec asks for; None when the spec does not parse.
        invalid: why it does not parse.
        last: what the same object asked for when its spec was last valid.
        salvaged: what can be read of a broken spec, where no valid one is known.
    """

    stored: CustomObject
    current: D | None
    invalid: Invalid | None = None
    last: D | None = None
    salvaged: D | None = None

    @property
    def wish(self) -> D | None:
        """What the spec asks for, or asked for when it was last valid, or as much as can be read of it."""
        known = (self.current, self.last, self.salvaged)
        return next((each for each in known if each is not None), None)


def declare(
    stored: CustomObject,
    before: "Declared[D] | None",
    parse: Callable[[CustomObject], D],
    salvage: Callable[[CustomObject], D | None],
) -> Declared[D]:
    """Parse an object, unless it was parsed in this generation before.

    Args:
        stored: the object as seen now.
        before: what was declared before under this name; another uid does not count.
        parse: reads the spec; raises Invalid.
        salvage: reads what can be read of a spec that does not parse, when no valid one is known.
    """
    if before is not None and before.stored.uid != stored.uid:
        before = None
    if before is not None and (before.stored.generation, before.stored.spec_json) == (
        stored.generation,
        stored.spec_json,
    ):
        return replace(before, stored=stored)
    last = before.last if before is not None else None
    try:
        current = parse(stored)
    except Invalid as error:
        return Declared(stored, None, error, last, salvage(stored) if last is None else None)
    return Declared(stored, current, None, current)


def complaint(error: ValidationError) -> Invalid:
    """The first thing that is wrong with a spec, for its user."""
    details: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    place = ".".join(str(part) for part in ("spec", *first["loc"]))
    return Invalid(f"{place}: {first['msg']}. Edit the object: kubectl explain describes what each field accepts.")
