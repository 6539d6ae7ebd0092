"""Rejections that repeat what was sent, such as those of an admission webhook that quotes the Secret it denies."""

import base64
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

_MANAGER = re.compile(r'conflict with "wheelhouse\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"')
_BLOCK = 6
SHORTEST = 2 * _BLOCK
"""Characters in a row that count as a part of what was sent."""
TEXT_LIMIT = 2048
"""Characters of a text that are checked; conditions and logs show fewer."""
CAUSES_LIMIT = 50


class Sent:
    """What was sent and must not be shown.

    Args:
        text: all of it, as one text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        # A common part of 12 characters contains one of these. Looking them up is much faster than to search the text.
        self._blocks = {text[start : start + _BLOCK] for start in range(0, len(text) - _BLOCK + 1, _BLOCK)}

    def masked(self, text: str) -> str:
        """The beginning of a text, with `***` for each run of 12 or more characters that was sent."""
        # A longer text ends in the middle of something, which may be the beginning of such a run.
        shown = len(text) if len(text) <= TEXT_LIMIT else TEXT_LIMIT - SHORTEST
        known = [text[start : start + _BLOCK] in self._blocks for start in range(min(len(text), TEXT_LIMIT))]
        parts: list[str] = []
        position = 0
        while position < shown:
            length = self._run(text, position) if any(known[position : position + _BLOCK]) else 0
            parts.append("***" if length else text[position])
            position += length or 1
        return "".join(parts)

    def _run(self, text: str, start: int) -> int:
        """The length of the run that begins here; 0 without one."""
        window = text[start : start + SHORTEST]
        found = self._text.find(window) if len(window) == SHORTEST else -1
        if found < 0:
            return 0
        length = SHORTEST
        while text[start + length : start + length + 1] == self._text[found + length : found + length + 1] != "":
            length += 1
        return length


def masked(text: str, secret: str) -> str:
    """A text of a server, with `***` for each part of a secret that it quotes."""
    return Sent(secret).masked(text)


def without_data(status: Mapping[str, Any], sent: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The Status of a rejection in which no text quotes the data that was sent.

    Args:
        status: the body of the reply.
        sent: the body of the request. Its `data`, if it has any, is that of a Secret: base64 by key.
    """
    data = sent.get("data") if sent is not None else None
    if not isinstance(data, Mapping):
        return status
    encoded = [text for text in data.values() if isinstance(text, str)]
    secret = Sent("\n".join([*encoded, *(base64.b64decode(text).decode(errors="replace") for text in encoded)]))
    changed = dict(status)
    if "message" in status:
        changed["message"] = secret.masked(str(status["message"]))
    details = status.get("details")
    if isinstance(details, Mapping):
        rows = [_masked_cause(cause, secret) for cause in _causes(details)]
        changed["details"] = {**details, "causes": rows}
    return changed


def _masked_cause(cause: Mapping[str, Any], secret: Sent) -> dict[str, str]:
    """A cause without quotes. It keeps the field manager of an access, because that decides whose Secret it is."""
    row = {name: secret.masked(str(text)) for name, text in cause.items()}
    own = _MANAGER.match(str(cause.get("message")))
    if own is not None and cause.get("reason") == "FieldManagerConflict":
        row["message"] = own[0] + secret.masked(str(cause["message"])[own.end() :])
    return row


def _causes(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = details.get("causes")
    rows = (row for row in (listed if isinstance(listed, list) else ()) if isinstance(row, Mapping))
    return list(islice(rows, CAUSES_LIMIT))
