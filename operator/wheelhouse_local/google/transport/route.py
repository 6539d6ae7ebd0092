"""The description of calls in services that use plain JSON over REST; json_api.py serves them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wheelhouse_local.google.transport.caller import Caller

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a valid token: the caller, the parts of the path by name, the query, and the body."""

    caller: Caller
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: Json


class Route(NamedTuple):
    """One call: HTTP verb, path in aiohttp's form, `Service.Method` for faults and the trace, and its function."""

    verb: str
    path: str
    method: str
    run: Callable[[Asked], Json]
