"""The calls of the emulated Google by `Service.Method`, as in faults and the trace.

The command line knows them without loading the emulation, which takes seconds.
"""

from difflib import get_close_matches
from fnmatch import fnmatchcase

from wheelhouse_local.errors import LocalError

_SERVICES = {
    "ArtifactRegistry": (
        "CreateRepository DeleteFile DeletePackage DeleteRepository DeleteVersion GetFile GetIamPolicy "
        "GetLocation GetPackage GetPythonPackage GetRepository GetVersion ListFiles ListLocations "
        "ListPackages ListPythonPackages ListRepositories ListVersions SetIamPolicy TestIamPermissions "
        "UpdateRepository"
    ),
    "Iam": (
        "CreateServiceAccount CreateServiceAccountKey DeleteServiceAccount DisableServiceAccount EnableServiceAccount "
        "GetIamPolicy GetServiceAccount ListServiceAccounts PatchServiceAccount SetIamPolicy TestIamPermissions "
        "UndeleteServiceAccount UploadServiceAccountKey"
    ),
    "IamCredentials": "GenerateAccessToken",
    "Index": "File Root Simple Upload",
    "KeyManagement": (
        "CreateCryptoKey CreateKeyRing GetCryptoKey GetKeyRing GetIamPolicy SetIamPolicy TestIamPermissions"
    ),
    "Metadata": "Get",
    "Operations": "GetOperation",
    "PublicIndex": "File Simple Upload",
    "ResourceManager": "GetIamPolicy GetProject SetIamPolicy TestIamPermissions",
    "SecretManager": (
        "AccessSecretVersion AddSecretVersion CreateSecret DeleteSecret GetIamPolicy GetSecret "
        "GetSecretVersion ListSecretVersions SetIamPolicy TestIamPermissions"
    ),
    "ServiceUsage": "DisableService EnableService GetOperation GetService",
    "Sts": "Token",
}
METHODS = tuple(f"{service}.{name}" for service, names in _SERVICES.items() for name in names.split())


def check(pattern: str) -> None:
    """Check that a glob matches at least one method.

    Raises:
        LocalError: it matches none; with the methods that are most like it.
    """
    if any(fnmatchcase(method, pattern) for method in METHODS):
        return
    near = _near(pattern)
    remedy = f"did you mean {' or '.join(near)}?" if near else f"its service must be one of {', '.join(_SERVICES)}"
    raise LocalError(f"No method of the emulated Google matches {pattern!r}: {remedy}")


def _near(pattern: str) -> list[str]:
    """Up to three methods: with the same name in another service, or with almost the same letters."""
    wanted = pattern.lower()
    same = [method for method in METHODS if wanted.rpartition(".")[2] == method.lower().rpartition(".")[2]]
    by_letters = {method.lower(): method for method in METHODS}
    alike = [by_letters[found] for found in get_close_matches(wanted, by_letters, n=3, cutoff=0.7)]
    return list(dict.fromkeys([*(alike if "." in wanted else same), *same, *alike]))[:3]
