"""What a role on a repository allows, and which callers a member matches, by TestIamPermissions."""

import pytest
from fakes.emulated import READER, REPOSITORY, Emulated
from fakes.registry_clients import STRANGER, body, refusal

from wheelhouse_local.google.iam.roles import ROLES

READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
TOMBSTONE = "deleted:serviceAccount:gone@acme-packages.iam.gserviceaccount.com?uid=123"


@pytest.fixture
def google(google: Emulated) -> Emulated:
    """With one repository."""
    google.create()
    return google


async def held_by(google: Emulated, identity: str) -> set[str]:
    """An identity's permissions by TestIamPermissions, out of those in our roles."""
    asked = sorted(frozenset().union(*ROLES.values()))
    found = await body(google, "POST", f"{REPOSITORY}:testIamPermissions", identity, json={"permissions": asked})
    return {name.removeprefix("artifactregistry.") for name in found.get("permissions", [])}


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        ("reader", "get list downloadArtifacts", "uploadArtifacts deleteArtifacts update getIamPolicy setIamPolicy"),
        ("viewer", "get downloadArtifacts getIamPolicy", "uploadArtifacts setIamPolicy"),
        ("writer", "downloadArtifacts uploadArtifacts", "deleteArtifacts update getIamPolicy setIamPolicy"),
        ("repoAdmin", "uploadArtifacts deleteArtifacts", "create update delete getIamPolicy setIamPolicy"),
        ("editor", "deleteArtifacts create update delete getIamPolicy", "setIamPolicy"),
        ("admin", "deleteArtifacts create update delete getIamPolicy setIamPolicy", ""),
    ],
)
async def test_a_role_gives_what_the_table_says(google: Emulated, role: str, has: str, lacks: str) -> None:
    """A grant on the repository gives exactly the permissions in the published table."""
    google.grant((f"roles/artifactregistry.{role}", STRANGER))
    held = await held_by(google, STRANGER)
    assert {f"repositories.{verb}" for verb in has.split()} <= held
    assert not {f"repositories.{verb}" for verb in lacks.split()} & held


_ROLES = ("reader", "writer", "repoAdmin", "admin", "viewer", "editor")
_TABLE = {
    "repositories.get repositories.list repositories.downloadArtifacts repositories.readViaVirtualRepository": _ROLES,
    "pythonpackages.get pythonpackages.list files.get files.list files.download": _ROLES,
    "repositories.uploadArtifacts files.upload packages.update": ("writer", "repoAdmin", "admin", "editor"),
    "repositories.deleteArtifacts packages.delete versions.delete files.delete versions.update": (
        "repoAdmin",
        "admin",
        "editor",
    ),
    "repositories.create repositories.update repositories.delete": ("admin", "editor"),
    "repositories.getIamPolicy": ("admin", "viewer", "editor"),
    "repositories.setIamPolicy": ("admin",),
}
"""The published permissions of Python repositories, and the roles that have them."""


@pytest.mark.parametrize("role", _ROLES)
async def test_a_role_has_its_column_of_the_table(google: Emulated, role: str) -> None:
    """Each permission of the table, and no other one of it."""
    google.grant((f"roles/artifactregistry.{role}", STRANGER))
    rows = {permission: roles for permissions, roles in _TABLE.items() for permission in permissions.split()}
    wanted = {permission for permission, roles in rows.items() if role in roles}
    assert await held_by(google, STRANGER) & rows.keys() == wanted


async def test_a_grant_holds_on_its_repository_only(google: Emulated) -> None:
    """It does not allow access to another repository or to the list of the location."""
    other = REPOSITORY.replace("team-wheels", "other")
    google.create(other)
    google.grant((READ, STRANGER))
    assert (await body(google, "GET", REPOSITORY, STRANGER))["name"] == REPOSITORY
    for path in (other, REPOSITORY.rpartition("/")[0]):
        assert (await refusal(google, "GET", path, STRANGER))[0] == 403


async def test_members_are_matched_by_case_as_iam_does(google: Emulated) -> None:
    """E-mails match in any case; principals match exactly."""
    google.grant((READ, "user:Someone@Acme.Example"), (WRITE, STRANGER.replace("team-b", "Team-b")))
    assert "repositories.downloadArtifacts" in await held_by(google, "user:someone@acme.example")
    assert await held_by(google, STRANGER) == set()


async def test_a_group_means_its_members(google: Emulated) -> None:
    """A grant to a group applies to its members, and to no one else."""
    sent = {"group": "team@acme.example", "members": [STRANGER]}
    await body(google, "POST", "/control/group", json=sent)
    google.grant((READ, "group:team@acme.example"))
    assert "repositories.downloadArtifacts" in await held_by(google, STRANGER)
    assert await held_by(google, READER) == set()


async def test_federated_identities_are_no_authenticated_users(google: Emulated) -> None:
    """The member allAuthenticatedUsers matches Google accounts, not identities of a pool; allUsers matches all."""
    google.grant((READ, "allAuthenticatedUsers"))
    assert "repositories.get" in await held_by(google, "user:a@elsewhere.example")
    assert await held_by(google, STRANGER) == set()
    google.grant((READ, "allUsers"))
    assert "repositories.get" in await held_by(google, STRANGER)


async def test_a_deleted_principal_holds_nothing(google: Emulated) -> None:
    """A service account with the same e-mail does not inherit the grants of a tombstone."""
    google.grant((READ, TOMBSTONE))
    assert await held_by(google, "serviceAccount:gone@acme-packages.iam.gserviceaccount.com") == set()
