"""Roles and their permissions, for Python repositories and their surroundings: keys, secrets, projects.

From the published roles (https://cloud.google.com/artifact-registry/docs/access-control, and that page of each other
service). Permissions for other formats or other resources are omitted.
"""

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google.iam import resources
from wheelhouse_local.google.iam.resources import Kind


def _permissions(service: str = "artifactregistry", /, **verbs: str) -> frozenset[str]:
    return frozenset(f"{service}.{kind}.{verb}" for kind, text in verbs.items() for verb in text.split())


_READ = _permissions(
    repositories="get list downloadArtifacts readViaVirtualRepository",
    packages="get list",
    pythonpackages="get list",
    versions="get list",
    files="get list download",
    locations="get list",
)
_WRITE = _READ | _permissions(repositories="uploadArtifacts", files="upload", packages="update")
_CLEAN = _WRITE | _permissions(
    repositories="deleteArtifacts", packages="delete", versions="delete update", files="delete"
)
_LOOK = _permissions(repositories="getIamPolicy")
_CREATE_ON_PUSH = _permissions(repositories="createOnPush")
_EDIT = _CLEAN | _LOOK | _permissions(repositories="create update delete")
_ADMIN = _EDIT | _permissions(repositories="setIamPolicy")

# The operator's custom role; docs/how-to/install.md has the command that creates it.
_OPERATOR = (
    _permissions(repositories="create get list update delete getIamPolicy setIamPolicy", packages="list")
    | _permissions("resourcemanager", projects="get")
    | _permissions("serviceusage", services="get enable")
    | _permissions("secretmanager", secrets="getIamPolicy")
    | _permissions("cloudkms", cryptoKeys="getIamPolicy")
)


def operator_role(project: str) -> str:
    """The name of the operator's custom role in a project: it cannot be granted in another one."""
    return f"projects/{project}/roles/wheelhouseOperator"


OPERATOR_ROLE = operator_role(PROJECT)
_REGISTRY_ROLES: dict[str, frozenset[str]] = {
    "roles/artifactregistry.reader": _READ,
    "roles/artifactregistry.viewer": _READ | _LOOK,
    "roles/artifactregistry.writer": _WRITE,
    "roles/artifactregistry.createOnPushWriter": _WRITE | _CREATE_ON_PUSH,
    "roles/artifactregistry.repoAdmin": _CLEAN,
    "roles/artifactregistry.createOnPushRepoAdmin": _CLEAN | _CREATE_ON_PUSH,
    "roles/artifactregistry.editor": _EDIT,
    "roles/artifactregistry.admin": _ADMIN,
}
ROLES: dict[str, frozenset[str]] = {**_REGISTRY_ROLES, OPERATOR_ROLE: _OPERATOR}
"""Roles that can be granted on a repository of the world's first project."""

NOT_EMULATED = frozenset(
    {f"roles/artifactregistry.{name}" for name in ("attachmentReader", "attachmentWriter", "serviceAgent")}
    | {"roles/artifactregistry.containerRegistryMigrationAdmin", "roles/owner", "roles/editor", "roles/viewer"}
)
"""Roles that exist, but whose permissions on a repository are not emulated."""

_SEE_SECRETS = _permissions("secretmanager", secrets="get list getIamPolicy", versions="get list")
_SECRET_ADMIN = _SEE_SECRETS | _permissions(
    "secretmanager", secrets="create delete setIamPolicy", versions="add access"
)
_SECRET_ROLES = {
    "roles/secretmanager.admin": _SECRET_ADMIN,
    "roles/secretmanager.viewer": _SEE_SECRETS,
    "roles/secretmanager.secretAccessor": _permissions("secretmanager", versions="access"),
    "roles/secretmanager.secretVersionAdder": _permissions("secretmanager", versions="add"),
}
_SEE_KEYS = _permissions("cloudkms", keyRings="get list", cryptoKeys="get list")
_KEY_ADMIN = _SEE_KEYS | _permissions("cloudkms", keyRings="create", cryptoKeys="create getIamPolicy setIamPolicy")
_KEY_ROLES = {
    "roles/cloudkms.admin": _KEY_ADMIN,
    "roles/cloudkms.viewer": _SEE_KEYS,
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": _permissions(
        "cloudkms", cryptoKeyVersions="useToEncrypt useToDecrypt"
    ),
}
_SEE_ACCOUNTS = _permissions("iam", serviceAccounts="get list")
_ACCOUNT_ADMIN = _SEE_ACCOUNTS | _permissions(
    "iam", serviceAccounts="create delete disable enable getIamPolicy setIamPolicy undelete update"
)
_KEYS = _permissions("iam", serviceAccountKeys="create")
_MINT = _SEE_ACCOUNTS | _permissions("iam", serviceAccounts="getAccessToken getOpenIdToken")
_ACCOUNT_ROLES = {
    "roles/iam.serviceAccountAdmin": _ACCOUNT_ADMIN,
    "roles/iam.serviceAccountCreator": _SEE_ACCOUNTS | _permissions("iam", serviceAccounts="create"),
    "roles/iam.serviceAccountDeleter": _SEE_ACCOUNTS | _permissions("iam", serviceAccounts="delete"),
    "roles/iam.serviceAccountKeyAdmin": _SEE_ACCOUNTS | _KEYS,
    "roles/iam.serviceAccountTokenCreator": _MINT
    | _permissions("iam", serviceAccounts="implicitDelegation signBlob signJwt"),
    "roles/iam.serviceAccountUser": _SEE_ACCOUNTS | _permissions("iam", serviceAccounts="actAs"),
    "roles/iam.serviceAccountViewer": _SEE_ACCOUNTS | _permissions("iam", serviceAccounts="getIamPolicy"),
    "roles/iam.workloadIdentityUser": _MINT,
}
_BROWSE = _permissions("resourcemanager", projects="get getIamPolicy")
_CONSUME = _permissions("serviceusage", services="get list")
_SERVICES = _CONSUME | _permissions("serviceusage", services="enable disable")
_PROJECT_ADMIN = _BROWSE | _permissions("resourcemanager", projects="setIamPolicy")

OWNER_ROLE, AGENT_ROLE = "roles/owner", "roles/artifactregistry.serviceAgent"
_EVERYWHERE = {
    **_REGISTRY_ROLES,
    **_SECRET_ROLES,
    **_KEY_ROLES,
    **_ACCOUNT_ROLES,
    # Published except for its permissions; that an agent reads is documented for Virtual repositories.
    AGENT_ROLE: _READ,
    OWNER_ROLE: _ADMIN
    | _SECRET_ADMIN
    | _KEY_ADMIN
    | _PROJECT_ADMIN
    | _SERVICES
    | _ACCOUNT_ADMIN
    | _KEYS
    | _permissions("iam", serviceAccounts="actAs"),
    "roles/browser": _BROWSE,
    "roles/resourcemanager.projectIamAdmin": _PROJECT_ADMIN,
    "roles/serviceusage.serviceUsageAdmin": _SERVICES,
    "roles/serviceusage.serviceUsageConsumer": _CONSUME,
}
_OF_A_SERVICE = {
    resources.REPOSITORY: _REGISTRY_ROLES,
    resources.SECRET: _SECRET_ROLES,
    resources.CRYPTO_KEY: _KEY_ROLES,
    resources.SERVICE_ACCOUNT: _ACCOUNT_ROLES,
}


def permissions(role: str, resource: str) -> frozenset[str]:
    """The permissions of a role bound on a resource (full name); none for a role that is not known there."""
    if role == operator_role(resource.split("/")[1]):
        return _OPERATOR
    return _EVERYWHERE.get(role, frozenset())


def grantable(role: str, kind: Kind, resource: str) -> bool:
    """Whether a role can be bound on a resource: its service's roles, and on a project all and its own."""
    return role == operator_role(resource.split("/")[1]) or role in _OF_A_SERVICE.get(kind, _EVERYWHERE)
