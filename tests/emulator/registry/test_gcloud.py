"""The real gcloud against the emulated Google: administrators use it together with the operator."""

from dataclasses import replace

import pytest
from fakes.emulated import READ, READER, REPOSITORY, WRITER
from fakes.gcloud import Gcloud

from wheelhouse_local.constants import LOCATION, PROJECT

HERE = f"--location={LOCATION}"

pytestmark = pytest.mark.gcloud


@pytest.fixture
def gcloud(gcloud: Gcloud) -> Gcloud:
    """`gcloud artifacts`."""
    return replace(gcloud, group=("artifacts",))


def called(gcloud: Gcloud) -> list[tuple[str, str]]:
    """Methods and statuses since the last time."""
    found = [(row["method"].partition(".")[2], row["status"]) for row in gcloud.google.trace()]
    (gcloud.google.data / "requests.jsonl").write_text("")
    return found


async def test_create_and_look(gcloud: Gcloud) -> None:
    """Create waits for its operation; describe shows what was requested; a second create is ALREADY_EXISTS."""
    create = ("repositories", "create", "team-wheels", HERE, "--repository-format=python")
    await gcloud(*create, "--description=Team wheels", "--labels=team=a,stage=prod")
    assert called(gcloud) == [("CreateRepository", "OK"), ("GetOperation", "OK"), ("GetRepository", "OK")]
    found = await gcloud.json("repositories", "describe", "team-wheels", HERE)
    assert (found["name"], found["format"], found["mode"]) == (REPOSITORY, "PYTHON", "STANDARD_REPOSITORY")
    assert (found["description"], found["labels"]) == ("Team wheels", {"team": "a", "stage": "prod"})
    assert found["registryUri"] == f"{LOCATION}-python.pkg.dev/{PROJECT}/team-wheels"
    said = await gcloud.fails(*create)
    assert "ERROR: (gcloud.artifacts.repositories.create) ALREADY_EXISTS" in said


async def test_list_one_location_and_all(gcloud: Gcloud) -> None:
    """With a location it lists that one; without, it requests the locations and lists each."""
    elsewhere = REPOSITORY.replace(LOCATION, "europe-west1")
    for name in (REPOSITORY, elsewhere):
        gcloud.google.create(name)
    assert [row["name"] for row in await gcloud.json("repositories", "list", HERE)] == [REPOSITORY]
    assert called(gcloud) == [("ListRepositories", "OK")]
    found = await gcloud.json("repositories", "list")
    assert {row["name"] for row in found} == {REPOSITORY, elsewhere}
    calls = called(gcloud)
    assert calls[0] == ("ListLocations", "OK")
    assert set(calls[1:]) == {("ListRepositories", "OK")}


async def test_update_and_delete(gcloud: Gcloud) -> None:
    """Update changes only description and labels; delete waits until the repository is gone."""
    gcloud.google.create()
    before = await gcloud.json("repositories", "describe", "team-wheels", HERE)
    called(gcloud)
    await gcloud("repositories", "update", "team-wheels", HERE, "--description=Changed", "--update-labels=team=b")
    assert called(gcloud) == [("GetRepository", "OK"), ("UpdateRepository", "OK")]
    after = await gcloud.json("repositories", "describe", "team-wheels", HERE)
    assert (after.pop("description"), after.pop("labels")) == ("Changed", {"team": "b"})
    assert after.pop("updateTime") > before.pop("updateTime")
    assert after == before
    called(gcloud)
    await gcloud("repositories", "delete", "team-wheels", HERE)
    assert called(gcloud) == [("DeleteRepository", "OK"), ("GetOperation", "OK")]
    assert "NOT_FOUND: Requested entity was not found." in await gcloud.fails(
        "repositories", "describe", "team-wheels", HERE
    )


async def test_policy_bindings(gcloud: Gcloud) -> None:
    """Bindings are added, shown and removed by read-modify-write on the etag; bindings of others stay unchanged."""
    google = gcloud.google
    google.create()
    google.grant(("roles/artifactregistry.writer", "user:other@acme.example"))
    one = ("team-wheels", HERE, f"--member={READER}", f"--role={READ}")
    await gcloud("repositories", "add-iam-policy-binding", *one)
    assert called(gcloud) == [("GetIamPolicy", "OK"), ("SetIamPolicy", "OK")]
    found = await gcloud.json("repositories", "get-iam-policy", "team-wheels", HERE)
    assert {row["role"]: row["members"] for row in found["bindings"]} == {
        READ: [READER],
        "roles/artifactregistry.writer": ["user:other@acme.example"],
    }
    assert (found["version"], len(found["etag"])) == (1, 12)
    await gcloud("repositories", "remove-iam-policy-binding", *one)
    found = await gcloud.json("repositories", "get-iam-policy", "team-wheels", HERE)
    assert [row["role"] for row in found["bindings"]] == ["roles/artifactregistry.writer"]


async def test_packages(gcloud: Gcloud) -> None:
    """It lists packages and a package's versions, and waits until a package is deleted."""
    google, there = gcloud.google, ("--repository=team-wheels", HERE)
    google.create()
    google.grant(("roles/artifactregistry.writer", WRITER))
    for name, version in (("demo", "1.0"), ("demo", "1.1"), ("other", "0.1")):
        await google.upload(name, version)
    called(gcloud)
    assert [row["name"] for row in await gcloud.json("packages", "list", *there)] == ["demo", "other"]
    versions = await gcloud.json("versions", "list", "--package=demo", *there)
    assert [row["name"] for row in versions] == [f"{REPOSITORY}/packages/demo/versions/{v}" for v in ("1.0", "1.1")]
    await gcloud("packages", "delete", "demo", *there)
    methods = ("ListPackages", "ListVersions", "DeletePackage", "GetOperation")
    assert called(gcloud) == [(method, "OK") for method in methods]
    assert (await google.get("simple/demo/", google.token(WRITER))).status == 404


async def test_print_settings(gcloud: Gcloud) -> None:
    """It prints the index URL of the repository for pip and twine."""
    gcloud.google.create()
    printed = await gcloud("print-settings", "python", "--repository=team-wheels", HERE)
    base = f"https://{LOCATION}-python.pkg.dev/{PROJECT}/team-wheels/"
    assert f"repository: {base}" in printed
    assert f"extra-index-url = {base}simple/" in printed


async def test_refusals_are_shown(gcloud: Gcloud) -> None:
    """A condition and a malformed role are INVALID_ARGUMENT; a caller without permissions gets PERMISSION_DENIED."""
    gcloud.google.create()
    add = ("repositories", "add-iam-policy-binding", "team-wheels", HERE, f"--member={READER}")
    condition = "--condition=title=soon,expression=request.time < timestamp('2030-01-01T00:00:00Z')"
    assert "INVALID_ARGUMENT" in await gcloud.fails(*add, f"--role={READ}", condition)
    assert 'must be in the form "roles/{role}"' in await gcloud.fails(*add, "--role=reader")
    stranger = "user:nobody@acme.example"
    assert "PERMISSION_DENIED" in await gcloud.by(stranger).fails("repositories", "describe", "team-wheels", HERE)
    assert gcloud.google.trace()[-1]["caller"] == stranger


async def test_sizes_and_times_are_shown(gcloud: Gcloud) -> None:
    """Files, packages and the repository show their sizes and times as gcloud prints them."""
    gcloud.google.create()
    gcloud.google.grant(("roles/artifactregistry.writer", WRITER))
    await gcloud.google.upload("demo", "1.0")
    (file,) = await gcloud.json("files", "list", "--repository=team-wheels", HERE)
    assert int(file["sizeBytes"]) > 300, file
    (package,) = await gcloud.json("packages", "list", "--repository=team-wheels", HERE)
    assert package["createTime"] == package["updateTime"] == file["createTime"]
    (version,) = await gcloud.json("versions", "list", "--package=demo", "--repository=team-wheels", HERE)
    assert version["createTime"] == file["createTime"]
    shown = await gcloud("repositories", "list", HERE, "--format=value(sizeBytes)")
    assert float(shown) == round(int(file["sizeBytes"]) / 1e6, 3), shown
