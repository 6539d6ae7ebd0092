"""Values that users, and attackers, write into the fields: which are taken, and what is said to the rest."""

import copy
from dataclasses import dataclass
from typing import Any

REPOSITORY: dict[str, Any] = {
    "location": "us-central1",
    "project": "acme-packages",
    "repositoryId": "team-wheels",
    "accessFrom": {
        "namespaces": ["team-a"],
        "namespaceSelector": {
            "matchLabels": {"team": "ml"},
            "matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}],
        },
    },
}
ACCESS: dict[str, Any] = {
    "repositoryRef": {"name": "team-wheels", "namespace": "data-platform"},
    "subjects": [
        {"kind": "ServiceAccount", "name": "wheels-reader"},
        {"kind": "GoogleServiceAccount", "name": "ci@acme-packages.iam.gserviceaccount.com"},
        {"kind": "GoogleGroup", "name": "team@acme.example"},
        {"kind": "GoogleUser", "name": "ann@acme.example"},
    ],
    "secret": {"name": "pip-config", "serviceAccountName": "wheels-reader"},
}
BASES = {"PythonRepository": REPOSITORY, "RepositoryAccess": ACCESS}
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
    "long": "x" * 700,
}


@dataclass(frozen=True)
class Case:
    """One value at one place of a spec; `words` are part of the refusal, None where the value is taken."""

    kind: str
    place: str
    value: Any
    words: str | None
    name: str

    def spec(self) -> dict[str, Any]:
        """The base spec with this value in it."""
        spec = copy.deepcopy(BASES[self.kind])
        *parents, last = [int(part) if part.isdigit() else part for part in self.place.split("/")]
        node: Any = spec
        for part in parents:
            node = node[part]
        if self.value is MISSING:
            del node[last]
        else:
            node[last] = self.value
        return spec


_R, _A = "PythonRepository", "RepositoryAccess"
_GRAMMARS = [
    (_R, "project", "acme-packages", "write a Google Cloud project id"),
    (_R, "location", "us-central1", "write an Artifact Registry location"),
    (_R, "repositoryId", "team-wheels", "write a repository id"),
    (_R, "accessFrom/namespaces/0", "team-a", "write a namespace's name"),
    (_R, "accessFrom/namespaceSelector/matchLabels/team", "ml", "write a label value"),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0/key", "env", "write a label key"),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0/values/0", "prod", "write a label value"),
    (_A, "repositoryRef/name", "team-wheels", "write a Kubernetes object name"),
    (_A, "repositoryRef/namespace", "data-platform", "write a namespace's name"),
    (_A, "subjects/0/name", "wheels-reader", "write the name of a Kubernetes ServiceAccount"),
    (_A, "subjects/1/name", "ci@acme-packages.iam.gserviceaccount.com", "write the e-mail of a Google service account"),
    (_A, "subjects/2/name", "team@acme.example", "write an e-mail address in lower case"),
    (_A, "subjects/3/name", "ann@acme.example", "write an e-mail address in lower case"),
    (_A, "secret/name", "pip-config", "write a Secret's name"),
    (_A, "secret/serviceAccountName", "wheels-reader", "write a Kubernetes object name"),
]


def _hostile() -> list[Case]:
    cases = []
    for kind, place, good, words in _GRAMMARS:
        for name, tail in HOSTILE.items():
            # A failure of maxLength hides the sentence.
            said = "" if name == "long" else words
            cases.append(Case(kind, place, good + tail, said, f"{place}-{name}"))
        cases.append(Case(kind, place, 7, "", f"{place}-number"))
        cases.append(Case(kind, place, [good], "", f"{place}-list"))
    return cases


_TAKEN: list[tuple[str, str, Any]] = [
    (_R, "project", MISSING),
    (_R, "project", "a12345"),
    (_R, "project", "example.com:acme-packages"),
    (_R, "location", "europe"),
    (_R, "location", "us"),
    (_R, "location", "northamerica-northeast1"),
    (_R, "repositoryId", MISSING),
    (_R, "repositoryId", "a"),
    (_R, "repositoryId", "a" * 63),
    (_R, "description", ""),
    (_R, "description", "Räder für alle — 🎡"),
    (_R, "description", "x" * 1024),
    (_R, "deletionPolicy", "Orphan"),
    (_R, "deletionPolicy", "Delete"),
    (_R, "accessFrom", MISSING),
    (_R, "accessFrom", {}),
    (_R, "accessFrom/namespaces", []),
    (_R, "accessFrom/namespaces", ["a" * 63] * 256),
    (_R, "accessFrom/namespaceSelector", {}),
    (_R, "accessFrom/namespaceSelector/matchLabels", {"example.com/team": ""}),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0", {"key": "old", "operator": "DoesNotExist"}),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0", {"key": "a/b", "operator": "Exists", "values": []}),
    (_A, "role", "Reader"),
    (_A, "role", "Writer"),
    (_A, "repositoryRef", {"name": "team.wheels"}),
    (_A, "subjects/1/name", "123-compute@developer.gserviceaccount.com"),
    (_A, "subjects/1/name", "acme@appspot.gserviceaccount.com"),
    (_A, "subjects/2/name", "a.b+c_d-e%f@mail.acme.example"),
    (_A, "subjects", MISSING),
    (_A, "secret", MISSING),
    (_A, "secret", {"serviceAccountName": "other"}),
    (_A, "secret", {}),
    (_A, "subjects", [{"kind": "ServiceAccount", "name": "a"}] * 100),
]

_REFUSED: list[tuple[str, str, Any, str]] = [
    (_R, "location", MISSING, "Required value"),
    (_R, "location", "", "write an Artifact Registry location"),
    (_R, "location", "US-central1", "write an Artifact Registry location"),
    (_R, "location", "us-central", "write an Artifact Registry location"),
    (_R, "project", "system:masters", "write a Google Cloud project id"),
    (_R, "project", "short", "write a Google Cloud project id"),
    (_R, "project", "ends-in-hyphen-", "write a Google Cloud project id"),
    (_R, "repositoryId", "-x", "write a repository id"),
    (_R, "repositoryId", "x-", "write a repository id"),
    (_R, "repositoryId", "X", "write a repository id"),
    (_R, "repositoryId", "a" * 64, ""),
    (_R, "description", "a\nb", "without control characters"),
    (_R, "description", "a\0b", "without control characters"),
    (_R, "description", "a\x85b", "without control characters"),
    (_R, "description", "a\u2028b", "without control characters"),
    (_R, "description", "x" * 1025, ""),
    (_R, "deletionPolicy", "DeleteIfEmpty", "Orphan"),
    (_R, "deletionPolicy", "", ""),
    (_R, "accessFrom/namespaces", ["a"] * 257, ""),
    (_R, "accessFrom/namespaceSelector/matchLabels", {"bad key": "x"}, "write a label key"),
    (_R, "accessFrom/namespaceSelector/matchLabels", {"/x": "x"}, "write a label key"),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0", {"key": "a", "operator": "In"}, "give values with In"),
    (
        _R,
        "accessFrom/namespaceSelector/matchExpressions/0",
        {"key": "a", "operator": "Exists", "values": ["x"]},
        "none with Exists",
    ),
    (_R, "accessFrom/namespaceSelector/matchExpressions/0", {"key": "a", "operator": "Near"}, ""),
    (_A, "repositoryRef", MISSING, "Required value"),
    (_A, "repositoryRef", {"namespace": "x"}, "Required value"),
    (_A, "role", "RepoAdmin", "Reader"),
    (_A, "role", "", ""),
    (_A, "subjects/0/kind", "Principal", "ServiceAccount"),
    (_A, "subjects/0/kind", "User", ""),
    (_A, "subjects/0/name", "allUsers", "write the name of a Kubernetes ServiceAccount"),
    (_A, "subjects/0/name", "", ""),
    (_A, "subjects/2/name", "allAuthenticatedUsers", "write an e-mail address"),
    (_A, "subjects/2/name", "Team@acme.example", "write an e-mail address in lower case"),
    (_A, "subjects/2/name", "a..b@acme.example", "write an e-mail address"),
    (_A, "subjects/2/name", "team@localhost", "write an e-mail address"),
    (_A, "subjects/2/name", "team@-acme.example", "write an e-mail address"),
    (_A, "subjects/1/name", "ci@acme.example", "write the e-mail of a Google service account"),
    (_A, "subjects/1/name", "ci@x.iam.gserviceaccount.com.evil.com", "write the e-mail of a Google service account"),
    (_A, "subjects", [{"kind": "ServiceAccount", "name": "a"}] * 101, ""),
    (_A, "secret/name", "x" * 64, ""),
    (_A, "secret/name", "", "write a Secret's name"),
]


def _named(kind: str, place: str, value: Any, words: str | None) -> Case:
    shown = "missing" if value is MISSING else ascii(value)[:40]
    return Case(kind, place, value, words, f"{place}-{shown}")


CASES = [
    *(_named(kind, place, value, None) for kind, place, value in _TAKEN),
    *(_named(kind, place, value, words) for kind, place, value, words in _REFUSED),
    *_hostile(),
]
