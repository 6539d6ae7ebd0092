"""Every string field of both kinds, with a valid value: from complete specs, compared with the schema."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from support.cases.repository import REMOTE, STANDARD, VIRTUAL

from wheelhouse.api.schema import crds

Place = tuple[str | int, ...]
SELECTOR = {"matchLabels": {"tier": "app"}, "matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}]}
PRINCIPAL = (
    "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
    "acme-packages.svc.id.goog/subject/ns/team/sa/pull"
)
ACCESS: dict[str, Any] = {
    "repositoryRef": {"name": "wheels", "namespace": "owners"},
    "role": "Writer",
    "adoptionPolicy": "Never",
    "subjects": [
        {"kind": "ServiceAccount", "name": "pull", "namespace": "owners"},
        {"kind": "ServiceAccount", "name": "pull", "namespaceSelector": SELECTOR},
        {"kind": "GoogleServiceAccount", "name": "ci@acme-packages.iam.gserviceaccount.com"},
        {"kind": "GoogleGroup", "name": "packagers@acme.example"},
        {"kind": "GoogleUser", "name": "ada@acme.example"},
        {"kind": "Principal", "name": PRINCIPAL},
    ],
    "secret": {
        "name": "pip-config",
        "namespaces": ["team"],
        "namespaceSelector": SELECTOR,
        "serviceAccountName": "pull",
        "identityFrom": "AccessNamespace",
        "credential": "Token",
        "uploadRepositoryRef": {"name": "uploads", "namespace": "owners"},
        "tokenLifetime": "1h",
        "authentication": "Netrc",
        "index": "Primary",
        "formats": ["pip", "uv", "pdm", "netrc", "pypirc", "token"],
    },
}
KEYRING: dict[str, Any] = {
    "repositoryRef": {"name": "wheels", "namespace": "owners"},
    "subjects": [{"kind": "ServiceAccount", "name": "pull"}],
    "secret": {"name": "pip-config", "credential": "Keyring", "keyringProvider": "Subprocess"},
}
BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "Standard": ("PythonRepository", STANDARD),
    "Remote": ("PythonRepository", REMOTE),
    "Virtual": ("PythonRepository", VIRTUAL),
    "Access": ("RepositoryAccess", ACCESS),
    "Keyring": ("RepositoryAccess", KEYRING),
}


@dataclass(frozen=True)
class Field:
    """A string in a base: a value, or a key of a map."""

    base: str
    place: Place
    good: str
    is_key: bool = False

    def __str__(self) -> str:
        return f"{self.base}.{'.'.join(map(str, self.place))}{' (key)' if self.is_key else ''}"

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return BASES[self.base][0]

    @property
    def pattern(self) -> str:
        """The field without positions in lists and keys of maps, as in the schema."""
        return f"{self.kind}." + ".".join("*" if isinstance(part, int) else part for part in self.place)

    def spec(self, text: str) -> dict[str, Any]:
        """The base with another text there."""
        spec = copy.deepcopy(BASES[self.base][1])
        node: Any = spec
        for part in self.place[:-1]:
            node = node[part]
        last = self.place[-1]
        if self.is_key:
            node[text] = node.pop(last)
        else:
            node[last] = text
        return spec


def fields() -> list[Field]:
    """All strings of all bases."""
    return [field for name, (_, spec) in BASES.items() for field in _fields(name, spec, ())]


def _fields(base: str, node: Any, place: Place) -> Iterator[Field]:
    if isinstance(node, str):
        yield Field(base, place, node)
    for part, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if place and place[-1] in {"matchLabels", "labels"}:
            yield Field(base, (*place, part), str(part), is_key=True)
        yield from _fields(base, child, (*place, part))


def in_schema() -> set[str]:
    """The string fields of the schemas of both specs, in the form of `Field.pattern`; `{}` for a key of a map."""
    found: set[str] = set()
    for crd in crds().values():
        version = crd["spec"]["versions"][0]
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        found |= set(_strings(spec, crd["spec"]["names"]["kind"]))
    return found


def _strings(schema: dict[str, Any], place: str) -> Iterator[str]:
    if schema.get("type") == "string":
        yield place
    for name, child in schema.get("properties", {}).items():
        yield from _strings(child, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _strings(schema["items"], f"{place}.*")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _strings(schema["additionalProperties"], f"{place}.{{}}")


def covered() -> set[str]:
    """The fields of the bases in the form of `in_schema`."""
    maps = {"matchLabels", "labels"}
    found = set()
    for field in fields():
        parts = field.pattern.split(".")
        if len(field.place) > 1 and field.place[-2] in maps:
            parts[-1] = "{}"
        found.add(".".join(parts))
    return found


def serialized(value: object) -> str:
    """A value as one text."""
    return json.dumps(value, sort_keys=True)
