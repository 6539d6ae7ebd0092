"""RepositoryAccess: a Secret without a token, and the fields that have no effect there."""

from typing import Any

from support.cases.case import Base, case

KEYRING = {"credential": "Keyring"}
_WITH = {"serviceAccountName": "wheels-reader"} | KEYRING

TAKEN: list[tuple[str, Any]] = [
    ("secret/credential", "Token"),
    ("secret", KEYRING),
    ("secret", _WITH),
    *(("secret", KEYRING | {"keyringProvider": value}) for value in ("Auto", "Import", "Subprocess")),
    ("secret", KEYRING | {"formats": ["pip"], "keyringProvider": "Import"}),
    ("secret", KEYRING | {"formats": ["uv"]}),
    ("secret", KEYRING | {"formats": ["pdm"]}),
    ("secret", KEYRING | {"formats": ["uv", "pypirc"], "index": "Extra"}),
    ("secret", KEYRING | {"tokenLifetime": "1h", "identityFrom": "TargetNamespace"}),
    ("secret", KEYRING | {"namespaces": ["ml"], "namespaceSelector": {}}),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("secret/credential", "keyring", "Token"),
    ("secret/credential", "", "Token"),
    ("secret", KEYRING | {"keyringProvider": "import"}, "Import"),
    ("secret/keyringProvider", "Auto", "secret.keyringProvider needs the keyring plugin"),
    ("secret", KEYRING | {"keyringProvider": "Import", "formats": ["uv"]}, "add pip to secret.formats"),
    *(("secret", KEYRING | {"authentication": value}, "remove secret.authentication") for value in ("Netrc", "URL")),
    ("secret", KEYRING | {"formats": ["pip", "netrc"]}, "remove netrc and token from secret.formats"),
    ("secret", KEYRING | {"formats": ["pip", "token"]}, "remove netrc and token from secret.formats"),
    ("secret", KEYRING | {"formats": ["token"]}, "remove netrc and token from secret.formats"),
    ("secret", KEYRING | {"tokenLifetime": "2h"}, "remove secret.tokenLifetime"),
    ("secret", KEYRING | {"namespaces": ["ml"], "identityFrom": "AccessNamespace"}, "remove secret.identityFrom"),
]

_NOBODY = Base(
    "RepositoryAccess",
    "Access",
    {
        "repositoryRef": {"name": "wheels"},
        "subjects": [{"kind": "GoogleGroup", "name": "team@acme.example"}],
        "secret": {"credential": "Keyring"},
    },
)
_TWO = [{"kind": "ServiceAccount", "name": name} for name in ("a", "b")]
CASES = [
    case(_NOBODY, "role", "Writer", None),
    case(_NOBODY, "subjects", _TWO, None),
    case(_NOBODY, "secret/serviceAccountName", "reader", None),
    case(_NOBODY, "secret/credential", "Token", "set secret.serviceAccountName"),
    case(_NOBODY, "secret", {}, "set secret.serviceAccountName"),
]
"""An access whose Secret names no ServiceAccount: only one without a token may."""
