"""The real gcloud, with the variables of `wheelhouse local env`, against IAM's service accounts."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes.gcloud import Gcloud

from wheelhouse_local.constants import PROJECT

EMAIL = f"ci-runner@{PROJECT}.iam.gserviceaccount.com"
USER_ROLE = "roles/iam.workloadIdentityUser"
ADA = "user:ada@acme.example"

pytestmark = pytest.mark.gcloud


@pytest.fixture
def gcloud(gcloud: Gcloud) -> Gcloud:
    """`gcloud iam service-accounts`."""
    return replace(gcloud, group=("iam", "service-accounts"))


async def test_the_life_of_an_account(gcloud: Gcloud) -> None:
    """Create, list, describe, update, disable, enable, delete and undelete, as an administrator does."""
    await gcloud("create", "ci-runner", "--display-name=CI", "--description=Builds wheels")
    assert EMAIL in {row["email"] for row in await gcloud.json("list")}
    found = await gcloud.json("describe", EMAIL)
    assert (found["displayName"], found["description"]) == ("CI", "Builds wheels")
    assert len(found["uniqueId"]) == 21
    await gcloud("update", EMAIL, "--display-name=Runner")
    assert (await gcloud.json("describe", found["uniqueId"]))["displayName"] == "Runner"
    await gcloud("disable", EMAIL)
    assert (await gcloud.json("describe", EMAIL))["disabled"] is True
    await gcloud("enable", EMAIL)
    assert "disabled" not in await gcloud.json("describe", EMAIL)
    await gcloud("delete", EMAIL)
    assert EMAIL not in {row["email"] for row in await gcloud.json("list")}
    assert "PERMISSION_DENIED" in await gcloud.fails("describe", EMAIL)
    await gcloud("undelete", found["uniqueId"])
    assert (await gcloud.json("describe", EMAIL))["uniqueId"] == found["uniqueId"]


async def test_bindings_of_an_account(gcloud: Gcloud, tmp_path: Path) -> None:
    """Bindings on an account are added, shown, written from a file, and removed."""
    await gcloud("create", "ci-runner")
    one = (EMAIL, f"--member={ADA}", f"--role={USER_ROLE}")
    await gcloud("add-iam-policy-binding", *one)
    found = await gcloud("get-iam-policy", EMAIL, "--format=json")
    assert f'"{ADA}"' in found
    (tmp_path / "policy.json").write_text(found.replace("ada@", "bob@"))
    written = await gcloud.json("set-iam-policy", EMAIL, str(tmp_path / "policy.json"))
    assert written["bindings"] == [{"role": USER_ROLE, "members": ["user:bob@acme.example"]}]
    await gcloud("remove-iam-policy-binding", EMAIL, "--member=user:bob@acme.example", f"--role={USER_ROLE}")
    assert "bindings" not in await gcloud.json("get-iam-policy", EMAIL)


async def test_refusals_are_shown(gcloud: Gcloud, tmp_path: Path) -> None:
    """A second account of the same name, a key, and a caller without permissions."""
    await gcloud("create", "ci-runner")
    said = await gcloud.fails("create", "ci-runner")
    assert f"Service account ci-runner already exists within project projects/{PROJECT}." in said
    said = await gcloud.fails("keys", "create", str(tmp_path / "key.json"), f"--iam-account={EMAIL}")
    assert "FAILED_PRECONDITION: Key creation is not allowed on this service account." in said
    assert "type: constraints/iam.disableServiceAccountKeyCreation" in said
    assert (tmp_path / "key.json").read_bytes() == b""  # gcloud creates the file before it asks for the key.
    assert "PERMISSION_DENIED" in await gcloud.by("user:nobody@acme.example").fails("list")
