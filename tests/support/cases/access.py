"""RepositoryAccess: valid and invalid values."""

from typing import Any

from support.cases import fan_out, keyring, subjects
from support.cases.case import MISSING, Base, case, hostile
from support.cases.fan_out import FAN_OUT
from support.cases.subjects import GKE, NOT_A_PRINCIPAL

ACCESS: dict[str, Any] = {
    "repositoryRef": {"name": "team-wheels", "namespace": "data-platform"},
    "subjects": [
        {"kind": "ServiceAccount", "name": "wheels-reader"},
        {"kind": "GoogleServiceAccount", "name": "ci@acme-packages.iam.gserviceaccount.com"},
        {"kind": "GoogleGroup", "name": "team@acme.example"},
        {"kind": "GoogleUser", "name": "ann@acme.example"},
        {"kind": "ServiceAccount", "name": "runner", "namespace": "builds"},
        {
            "kind": "ServiceAccount",
            "name": "trainer",
            "namespaceSelector": {
                "matchLabels": {"team": "ml"},
                "matchExpressions": [{"key": "stage", "operator": "In", "values": ["test"]}],
            },
        },
        {"kind": "Principal", "name": f"principalSet://{GKE}/namespace/ml"},
    ],
    "secret": {
        "name": "pip-config",
        "serviceAccountName": "wheels-reader",
        "tokenLifetime": "1h",
        "authentication": "Netrc",
        "index": "Extra",
        "formats": ["pip", "netrc"],
        "uploadRepositoryRef": {"name": "uploads", "namespace": "data-platform"},
        **FAN_OUT,
    },
    "adoptionPolicy": "Never",
    "suspend": False,
}
_BASE = Base("RepositoryAccess", "Access", ACCESS)

LIFETIME = "must be a lifetime from 10m to 12h"

OTHER_MEMBERS = [
    "allUsers",
    "allAuthenticatedUsers",
    "domain:acme.example",
    "projectOwner:acme-packages",
    "user:ann@acme.example",
    "group:team@acme.example",
    "serviceAccount:ci@acme-packages.iam.gserviceaccount.com",
    "deleted:user:ann@acme.example?uid=1",
    "ANN@acme.example",
    "ann@ACME.example",
    "\u0430nn@acme.example",
    "ann@acme.example\r\nbcc:x@acme.example",
    "ann@acme.example,eve@acme.example",
]

_GRAMMARS = [
    ("repositoryRef/name", "must be the name of a Kubernetes object"),
    ("repositoryRef/namespace", "must be the name of a namespace"),
    ("subjects/0/name", "must be the name of a Kubernetes ServiceAccount"),
    ("subjects/1/name", "must be the email address of a Google service account"),
    ("subjects/2/name", "must be an email address in lower case"),
    ("subjects/3/name", "must be an email address in lower case"),
    ("subjects/4/name", "must be the name of a Kubernetes ServiceAccount"),
    ("subjects/4/namespace", "must be the name of a namespace"),
    ("subjects/5/namespaceSelector/matchLabels/team", "must be a label value"),
    ("subjects/5/namespaceSelector/matchExpressions/0/key", "must be a label key"),
    ("subjects/5/namespaceSelector/matchExpressions/0/values/0", "must be a label value"),
    ("subjects/6/name", NOT_A_PRINCIPAL),
    ("secret/name", "must be the name of a Secret"),
    ("secret/serviceAccountName", "must be the name of a Kubernetes object"),
    ("secret/tokenLifetime", LIFETIME),
    ("secret/uploadRepositoryRef/name", "must be the name of a Kubernetes object"),
    ("secret/uploadRepositoryRef/namespace", "must be the name of a namespace"),
    *fan_out.GRAMMARS,
]

_TAKEN: list[tuple[str, Any]] = [
    ("role", "Reader"),
    ("role", "Writer"),
    ("role", "RepoAdmin"),
    ("repositoryRef", {"name": "team.wheels"}),
    ("subjects/1/name", "123-compute@developer.gserviceaccount.com"),
    ("subjects/1/name", "acme@appspot.gserviceaccount.com"),
    ("subjects/2/name", "a.b+c_d-e%f@mail.acme.example"),
    ("subjects", MISSING),
    ("secret", MISSING),
    ("secret", {"serviceAccountName": "other"}),
    ("secret", {}),
    ("secret/tokenLifetime", MISSING),
    *(("secret/tokenLifetime", value) for value in ("10m", "600s", "12h", "720m", "43200s", "000600s")),
    ("secret/authentication", MISSING),
    ("secret/authentication", "URL"),
    ("secret/index", MISSING),
    ("secret/formats", MISSING),
    ("secret/formats", ["pip", "uv", "netrc", "pypirc", "pdm", "token"]),
    ("secret/formats", ["token", "pypirc"]),
    ("secret/formats", ["pdm", "netrc"]),
    ("secret/formats", ["pdm", "token"]),
    ("secret/uploadRepositoryRef", MISSING),
    ("secret/uploadRepositoryRef/namespace", MISSING),
    ("secret", {"formats": ["pip"], "authentication": "URL"}),
    ("secret/index", "Primary"),
    ("adoptionPolicy", MISSING),
    ("adoptionPolicy", "Never"),
    ("adoptionPolicy", "Always"),
    ("suspend", MISSING),
    ("suspend", True),
    ("subjects", [{"kind": "ServiceAccount", "name": "a"}] * 100),
    *subjects.TAKEN,
    *fan_out.TAKEN,
    *keyring.TAKEN,
]

_REFUSED: list[tuple[str, Any, str]] = [
    ("repositoryRef", MISSING, "Required value"),
    ("repositoryRef", {"namespace": "x"}, "Required value"),
    ("role", "Owner", "Reader"),
    ("role", "repoAdmin", "RepoAdmin"),
    ("role", "", ""),
    ("subjects/0/kind", "Principal", NOT_A_PRINCIPAL),
    ("subjects/0/kind", "principal", "ServiceAccount"),
    ("subjects/0/kind", "Group", "ServiceAccount"),
    ("subjects/0/kind", "User", ""),
    ("subjects/0/name", "allUsers", "must be the name of a Kubernetes ServiceAccount"),
    ("subjects/0/name", "", ""),
    ("subjects/2/name", "allAuthenticatedUsers", "must be an email address"),
    ("subjects/2/name", "Team@acme.example", "must be an email address in lower case"),
    ("subjects/2/name", "a..b@acme.example", "must be an email address"),
    ("subjects/2/name", "team@localhost", "must be an email address"),
    ("subjects/2/name", "team@-acme.example", "must be an email address"),
    ("subjects/1/name", "ci@acme.example", "must be the email address of a Google service account"),
    (
        "subjects/1/name",
        "ci@x.iam.gserviceaccount.com.evil.com",
        "must be the email address of a Google service account",
    ),
    ("subjects", [{"kind": "ServiceAccount", "name": "a"}] * 101, ""),
    ("secret", "pip-config", ""),
    ("secret/name", "x" * 64, ""),
    *(
        ("secret/tokenLifetime", value, LIFETIME)
        for value in ("599s", "9m", "43201s", "13h", "0s", "1h1h", "1.5h", "-1h", "1d", "1H", "1", "h", "", "\u0661h")
    ),
    ("secret/tokenLifetime", "0000600s", LIFETIME),
    ("secret/tokenLifetime", 3600, ""),
    ("secret/authentication", "netrc", "URL"),
    ("secret/authentication", "", "URL"),
    ("secret/index", "extra", "Extra"),
    ("secret/formats", [], ""),
    ("secret/formats", ["pip"], "pip and uv find no token"),
    ("secret/formats", ["uv", "token"], "pip and uv find no token"),
    ("secret/formats", ["pdm"], "pdm finds no token"),
    ("secret/formats", ["pdm", "pypirc"], "pdm finds no token"),
    ("secret", {"formats": ["pdm", "pip"], "authentication": "URL"}, "pdm finds no token"),
    ("secret/formats", ["poetry"], "pypirc"),
    ("secret/formats", "pip", ""),
    ("secret/formats", ["token"], "secret.uploadRepositoryRef has no effect"),
    ("secret/uploadRepositoryRef", {}, "Required value"),
    ("secret/uploadRepositoryRef", {"namespace": "x"}, "Required value"),
    ("secret/uploadRepositoryRef", "uploads", ""),
    ("secret/index", "Only", "Primary"),
    ("adoptionPolicy", "IfUnmanaged", "Always"),
    ("adoptionPolicy", "", ""),
    ("suspend", "yes", "of type boolean"),
    ("suspend", 0, "of type boolean"),
    ("secret/name", "", "must be the name of a Secret"),
    *((f"subjects/{index}/name", name, "") for index in (1, 2, 3) for name in OTHER_MEMBERS),
    *subjects.REFUSED,
    *fan_out.REFUSED,
    *keyring.REFUSED,
]

ACCESS_CASES = [
    *(case(_BASE, place, value, None) for place, value in _TAKEN),
    *(case(_BASE, place, value, words) for place, value, words in _REFUSED),
    *keyring.CASES,
    *(each for place, words in _GRAMMARS for each in hostile(_BASE, place, words)),
]
