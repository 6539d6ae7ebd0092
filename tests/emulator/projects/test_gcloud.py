"""The real gcloud, with the variables of `wheelhouse local env`, against the services beside Artifact Registry."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import Emulated
from fakes.registry_clients import alone

from wheelhouse_local import environment
from wheelhouse_local.constants import LOCATION, PROJECT, PROJECT_NUMBER
from wheelhouse_local.state import State

GCLOUD = shutil.which("gcloud")
AGENT = f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(GCLOUD is None, reason="gcloud IS NOT INSTALLED: nothing here shows that gcloud works"),
]


@dataclass(frozen=True, slots=True)
class Gcloud:
    """Gcloud as a person runs it whose shell has the variables of the world; what leaves this machine fails."""

    google: Emulated
    state: State

    async def __call__(self, *arguments: str) -> str:
        """What it prints when it succeeds."""
        nobody = "http://127.0.0.1:1"
        own = {"PATH": os.environ["PATH"], "HOME": str(self.state.root)}
        proxies = {"HTTP_PROXY": nobody, "HTTPS_PROXY": nobody, "NO_PROXY": "127.0.0.1"}
        process = await asyncio.create_subprocess_exec(
            *(GCLOUD or "gcloud", *arguments),
            env={**own, **proxies, **environment.shell(self.state)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            printed, said = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, said.decode()
        return printed.decode()

    async def json(self, *arguments: str) -> Any:
        """What it prints, as JSON."""
        return json.loads(await self(*arguments, "--format=json"))


@pytest.fixture
async def gcloud(tmp_path: Path) -> AsyncIterator[Gcloud]:
    state = State(tmp_path / "world")
    state.create()
    async with alone(state.google) as google:
        yield Gcloud(google, state)


async def test_a_project_is_described_and_a_service_turned_on(gcloud: Gcloud) -> None:
    """The README's first commands: the number of a project, an API, and a grant on the project."""
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
