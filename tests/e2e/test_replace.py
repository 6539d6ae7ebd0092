"""`kubectl replace --force` of a PythonRepository: a delete and a create, which no installing client notices."""

from pathlib import Path

import pytest
import yaml
from support import google
from support.consumer import downloading, mounted, wheel
from support.kube import ACCESSES, PROJECT, REPOSITORIES, Kube, await_that

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

QUICKSTART = Path(__file__).parents[2] / "manifests" / "examples" / "quickstart.yaml"
OWNERS, NAME, TEAM = "data-platform", "team-wheels", "ml-training"
TIMES = 10


def test_ten_replacements_cost_no_consumer_anything(kube: Kube, tmp_path: Path) -> None:
    """With pip in a loop in another namespace: no install fails, no policy write and no Secret write."""
    kube.world.kubectl("apply", "-f", str(QUICKSTART))
    kube.await_ready(REPOSITORIES, OWNERS, NAME)
    kube.await_ready(ACCESSES, OWNERS, "publishers")
    kube.await_ready(ACCESSES, TEAM, "trainers")
    url = f"{kube.world.environment()['endpoints']['index']}us-central1-python.pkg.dev/{PROJECT}/{NAME}/"
    found = wheel(tmp_path, "replaced")
    google.upload(url, found.read_bytes(), found.name, "replaced", "1.0", google.owner_authorization(kube))
    alone = tmp_path / "repository.yaml"
    objects = yaml.safe_load_all(QUICKSTART.read_text())
    alone.write_text(yaml.safe_dump(next(each for each in objects if each["kind"] == "PythonRepository")))
    before = kube.get(REPOSITORIES, OWNERS, NAME) or {}
    with (
        mounted(kube.world, f"{TEAM}/pip-config", tmp_path / "mount") as mount,
        downloading(mount, "replaced", tmp_path / "got") as loop,
        kube.counted(NAME) as counts,
        kube.counted(OWNERS) as owners,
        kube.counted(TEAM) as team,
    ):
        for number in range(TIMES):
            kube.world.kubectl("replace", "--force", "--timeout=60s", "-f", str(alone))
            kube.await_ready(REPOSITORIES, OWNERS, NAME)
            await_that(lambda number=number: loop.count > number, "a download")
        kube.await_ready(ACCESSES, OWNERS, "publishers")
        kube.await_ready(ACCESSES, TEAM, "trainers")
    after = kube.get(REPOSITORIES, OWNERS, NAME) or {}
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert loop.failures == []
    written = {"patch secrets", "create secrets", "delete secrets"}
    assert not written & (owners + team).keys()
    assert counts["ArtifactRegistry.GetIamPolicy"] >= 1  # So its requests are counted.
    assert counts["ArtifactRegistry.SetIamPolicy"] == 0
    # Nor was it created again in Google.
    assert counts["ArtifactRegistry.CreateRepository"] == counts["ArtifactRegistry.DeleteRepository"] == 0
    assert after["status"]["createTime"] == before["status"]["createTime"]
