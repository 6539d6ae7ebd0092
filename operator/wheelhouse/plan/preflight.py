"""The permissions that Artifact Registry's service agent needs for a create, to report a missing one before it fails.

Inherited grants and those of groups are not in the policy of a key or secret, so this advises and never blocks.
"""

from dataclasses import dataclass

from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import DesiredRepository

KEY_ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
"""https://cloud.google.com/artifact-registry/docs/cmek"""
SECRET_ROLE = "roles/secretmanager.secretAccessor"  # noqa: S105 - a role, not a credential
"""https://cloud.google.com/artifact-registry/docs/repositories/remote-repo#auth"""


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that the service agent needs: the reason of its Event, the role, and the resource."""

    event: str
    role: str
    resource: str


def needs(desired: DesiredRepository) -> tuple[Need, ...]:
    """The permissions that this repository needs."""
    found = []
    if desired.kms_key_name is not None:
        found.append(Need("KeyNotGranted", KEY_ROLE, desired.kms_key_name))
    if desired.remote is not None and desired.remote.credentials is not None:
        found.append(Need("SecretNotGranted", SECRET_ROLE, desired.remote.credentials.secret))
    return tuple(found)


def advice(need: Need, project: Project) -> str:
    """The permission that seems to be missing, with the command that grants it."""
    member = f"serviceAccount:{project.agent}"
    return (
        f"The IAM policy of {need.resource} does not grant {need.role} to Artifact Registry's service agent. "
        f"Unless the agent inherits the role or has it through a group, run: {_command(need, member)}"
    )


def _command(need: Need, member: str) -> str:
    parts = need.resource.split("/")
    tail = f"--member={member} --role={need.role}"
    if need.role == KEY_ROLE:
        _, project, _, location, _, ring, _, key = parts
        where = f"--project={project} --location={location} --keyring={ring}"
        return f"gcloud kms keys add-iam-policy-binding {key} {where} {tail}"
    _, project, _, secret = parts
    return f"gcloud secrets add-iam-policy-binding {secret} --project={project} {tail}"
