"""What an object declares: parsed once per uid and generation, and kept with the last valid spec if it is invalid."""

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
        current: its desired state; None if the spec does not parse.
        invalid: why it does not parse.
        last: the desired state of the same object when its spec was last valid.
        salvaged: the readable part of an invalid spec, if no valid one is known.
    """

    stored: CustomObject
    current: D | None
    invalid: Invalid | None = None
    last: D | None = None
    salvaged: D | None = None

    @property
    def effective(self) -> D | None:
        """The desired state: of the current spec, or of the last valid one, or the readable part of the current one."""
        if self.current is not None:
            return self.current
        return self.last if self.last is not None else self.salvaged


def declare(
    stored: CustomObject,
    before: "Declared[D] | None",
    parse: Callable[[CustomObject], D],
    salvage: Callable[[CustomObject], D | None],
) -> Declared[D]:
    """Parse an object, unless this generation was parsed before.

    Args:
        stored: the object as it is now.
        before: the earlier result for this name; one with another uid is ignored.
        parse: reads the spec; raises Invalid.
        salvage: reads the readable part of an invalid spec, if no valid one is known.
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
    """The first error in a spec, for the user."""
    details: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    place = ".".join(str(part) for part in ("spec", *first["loc"]))
    return Invalid(f"{place}: {first['msg']}. Edit the object: kubectl explain describes what each field accepts.")
