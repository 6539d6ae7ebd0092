"""What a service that speaks plain JSON over REST says of its calls; json_api.py serves them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wheelhouse_local.google.transport.caller import Caller

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody with a good token: who, the parts of the path by name, the query, and the body."""

    caller: Caller
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Json


class Route(NamedTuple):
    """One call: HTTP verb, path as aiohttp has it, `Service.Method` for faults and the trace, and what it does."""

    verb: str
    path: str
    method: str
    run: Callable[[Asked], Json]
