"""HTTP requests as messages: bodies and query parameters by Google's JSON mapping.

https://cloud.google.com/endpoints/docs/grpc/transcoding
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.method import HttpRule, Message

SYSTEM = {"$alt", "$fields", "$key", "$prettyPrint", "$userProject", "$.xgafv"} | {
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "userIp",
}
"""Parameters of every API (https://cloud.google.com/apis/docs/system-parameters)."""


_BASE64 = re.compile(r"([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-]{2}(==)?|[A-Za-z0-9+/_-]{3}=?)?")
"""Both alphabets, with or without padding, as Google's JSON mapping accepts them."""


def message(empty: Message, rule: HttpRule, query: Iterable[tuple[str, str]], raw: bytes) -> Message:
    """Fill a request.

    Args:
        empty: the request message.
        rule: which field the body fills.
        query: parameters; both spellings of a field's name are accepted (recorded for repository_id).
        raw: the body. Unknown fields are ignored; what the real service does is not known.

    Raises:
        ApiError: INVALID_ARGUMENT for an invalid value; the messages are not recorded.
    """
    document: dict[str, Any] = {}
    if rule.body == "*":
        document = _object(raw)
    elif rule.body:
        document[rule.body] = _object(raw)
    for name, value in query:
        if name not in SYSTEM:
            _bind(empty.DESCRIPTOR, document, name, value)
    _raise_enums(empty.DESCRIPTOR, document)
    check_bytes(empty.DESCRIPTOR, document)
    try:
        return json_format.ParseDict(document, empty, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from None


def check_bytes(descriptor: Descriptor, document: object) -> None:
    """Reject values of bytes fields, such as an etag, that are not base64: the parser would read them as empty.

    Raises:
        ApiError: INVALID_ARGUMENT; the message is not recorded.
    """
    for parent, name, field in _fields(descriptor, document):
        value = parent[name]
        if field.type == FieldDescriptor.TYPE_BYTES and isinstance(value, str) and not _BASE64.fullmatch(value):
            problem = f"Invalid value at '{name}' (TYPE_BYTES), Base64 decoding failed for \"{value}\""
            raise ApiError("INVALID_ARGUMENT", problem)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.")
    return found


def _raise_enums(descriptor: Descriptor, document: object) -> None:
    """Write names of enum values in capitals: Google accepts any case, and gcloud sends `Delete` (run)."""
    for parent, name, field in _fields(descriptor, document):
        if field.enum_type is not None and isinstance(parent[name], str):
            parent[name] = parent[name].upper()


def _fields(descriptor: Descriptor, document: object) -> Iterator[tuple[dict[str, Any], str, FieldDescriptor]]:
    """Every known field in a message's JSON at any depth: the object that has it, its name there, and the field."""
    for name, value in document.items() if isinstance(document, dict) else ():
        field = descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)
        if field is None or not isinstance(document, dict):
            continue
        yield document, name, field
        inner, is_map = field.message_type, isinstance(value, dict)
        values = value if isinstance(value, list) else [value]
        if inner is not None and inner.GetOptions().map_entry:
            inner, values = inner.fields_by_name["value"].message_type, [*value.values()] if is_map else []
        for each in values if inner is not None else ():
            yield from _fields(inner, each)


def _bind(descriptor: Descriptor, document: dict[str, Any], name: str, value: str) -> None:
    """Set a parameter such as `options.requestedPolicyVersion` in the nested message."""
    *path, last = name.split(".")
    for part in path:
        field = _field(descriptor, part, name)
        descriptor, document = field.message_type, document.setdefault(field.json_name, {})
        if descriptor is None:
            raise _unknown(name)
    field = _field(descriptor, last, name)
    kind = field.message_type
    mask = kind is not None and kind.full_name == "google.protobuf.FieldMask"
    document[field.json_name] = _camel(value) if mask else value


def _field(descriptor: Descriptor, part: str, name: str) -> FieldDescriptor:
    field = descriptor.fields_by_name.get(part) or descriptor.fields_by_camelcase_name.get(part)
    if field is None:
        raise _unknown(name)
    return field


def _unknown(name: str) -> ApiError:
    return ApiError(
        "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
    )


def _camel(mask: str) -> str:
    """Masks come in either spelling (run with gcloud and the REST client); JSON uses camel case."""
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), mask)
