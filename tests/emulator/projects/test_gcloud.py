"""The real gcloud, with the variables of `wheelhouse local env`, against the services other than Artifact Registry."""

from pathlib import Path

import pytest
from fakes.gcloud import Gcloud

from wheelhouse_local.constants import LOCATION, PROJECT, PROJECT_NUMBER

AGENT = f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"

pytestmark = pytest.mark.gcloud


async def test_a_project_is_described_and_a_service_turned_on(gcloud: Gcloud) -> None:
    """The first commands of the install page: the number of a project, an API, and a grant on the project."""
    projects = gcloud.google.server.services.projects
    projects.switch(PROJECT, "artifactregistry.googleapis.com", on=False)
    printed = await gcloud("projects", "describe", PROJECT, "--format=value(projectNumber)")
    assert printed.strip() == PROJECT_NUMBER
    await gcloud("services", "enable", "artifactregistry.googleapis.com", f"--project={PROJECT}")
    found = projects.find(PROJECT)
    assert found is not None
    assert found.services == ("artifactregistry.googleapis.com",)
    grant = ("--member=user:ada@acme.example", "--role=roles/artifactregistry.reader", "--condition=None")
    bound = await gcloud.json("projects", "add-iam-policy-binding", PROJECT, *grant)
    assert {"role": "roles/artifactregistry.reader", "members": ["user:ada@acme.example"]} in bound["bindings"]


async def test_a_secret_for_the_agent(gcloud: Gcloud, tmp_path: Path) -> None:
    """Create with a first version, add another, and let the service agent read it."""
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"{name} value")
    await gcloud("secrets", "create", "upstream", f"--data-file={tmp_path / 'first'}")
    await gcloud("secrets", "versions", "add", "upstream", f"--data-file={tmp_path / 'second'}")
    assert await gcloud("secrets", "versions", "access", "latest", "--secret=upstream") == "second value"
    accessor = ("--role=roles/secretmanager.secretAccessor", f"--member={AGENT}")
    await gcloud("secrets", "add-iam-policy-binding", "upstream", *accessor)
    version = f"projects/{PROJECT}/secrets/upstream/versions/1"
    assert gcloud.google.server.services.secrets.secret_value(version, AGENT) == b"first value"


async def test_a_key_for_the_agent(gcloud: Gcloud) -> None:
    """Create a ring and a key, and let the service agent use it."""
    here = ("--keyring=wheels", f"--location={LOCATION}")
    await gcloud("kms", "keyrings", "create", "wheels", f"--location={LOCATION}")
    await gcloud("kms", "keys", "create", "packages", *here, "--purpose=encryption")
    user = ("--role=roles/cloudkms.cryptoKeyEncrypterDecrypter", f"--member={AGENT}")
    await gcloud("kms", "keys", "add-iam-policy-binding", "packages", *here, *user)
    key = f"projects/{PROJECT}/locations/{LOCATION}/keyRings/wheels/cryptoKeys/packages"
    assert gcloud.google.server.services.keys.usable(key, AGENT)
