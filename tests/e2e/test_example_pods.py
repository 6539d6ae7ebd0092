"""The Pod and the Jobs of manifests/examples: a real API server takes them, and their commands do what they say."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import google
from support.kube import ACCESSES, PROJECT, REPOSITORIES, Kube, full_name
from support.pods import lay_out, require_mounts, run
from support.repackage import closure, wheel

from wheelhouse_local.world import World

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
GREETING = "Hello from a private wheel!"


def documents(file: str) -> list[dict[str, Any]]:
    """The objects of an example."""
    return list(yaml.safe_load_all((EXAMPLES / file).read_text()))


def pod_of(kube: Kube, file: str) -> dict[str, Any]:
    """The spec of an example's Pod as the API server creates it, also if it is a Job's."""
    found: dict[str, Any] = next(each for each in documents(file) if each["kind"] in {"Pod", "Job"})
    made = found if found["kind"] == "Pod" else found["spec"]["template"]
    labels = made.get("metadata", {}).get("labels", {})
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "made", "labels": labels}, "spec": made["spec"]}
    path = f"/api/v1/namespaces/{found['metadata']['namespace']}/pods?dryRun=All"
    status, body = kube.world.api().call("POST", path, manifest)
    assert status == 201, body
    spec: dict[str, Any] = body["spec"]
    return spec


def build(kube: Kube, repository: str, folder: Path) -> None:
    """Publish the example's package in a repository."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(EXAMPLES / "greeting")], check=True, capture_output=True)
    made = next(folder.glob("*.whl"))
    url = f"{kube.world.environment()['endpoints']['index']}us-central1-python.pkg.dev/{PROJECT}/{repository}/"
    google.upload(url, made.read_bytes(), made.name, "acme-greeting", "1.0", google.owner_authorization(kube))


def start(kube: Kube, file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of an example's container with its variables, and the files that kubelet would mount."""
    spec = pod_of(kube, file)
    (container,) = spec["containers"]
    namespace = documents(file)[-1]["metadata"]["namespace"]

    def read(kind: str, name: str) -> dict[str, str]:
        if kind == "Secret":
            return kube.secret(namespace, name) or {}
        status, body = kube.world.api().call("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        assert status == 200, body
        data: dict[str, str] = body["data"]
        return data

    lay_out(folder, spec["volumes"], container["volumeMounts"], read)
    require_mounts()
    # Only /etc is mounted; the other folders of the container are elsewhere, and its variables say where.
    places = {"HOME", "SOURCE", "REQUIREMENTS"}
    variables = {
        each["name"]: str(folder) + each["value"] if each["name"] in places else each["value"]
        for each in container["env"]
    }
    tools = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return run(folder / "etc", *container["command"], *container["args"], variables=variables, path=tools)


def test_the_examples_install_and_run_a_private_package(kube: Kube, tmp_path: Path) -> None:
    """Applied without a warning; the container's command prints what the private package prints."""
    kube.world.kubectl("apply", "-f", str(EXAMPLES / "quickstart.yaml"))
    kube.await_ready(REPOSITORIES, "data-platform", "team-wheels")
    kube.await_ready(ACCESSES, "ml-training", "trainers")
    build(kube, "team-wheels", tmp_path / "dist")
    for file in ("pod.yaml", "job.yaml", "pod-with-label.yaml"):
        applied = kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / file))
        assert "Warning" not in applied.stderr
        done = start(kube, file, tmp_path / file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == GREETING


@pytest.fixture(scope="module")
def build_tools(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Publish this machine's build tools in the public index."""
    public = f"{world.environment()['endpoints']['publicIndex']}legacy/"
    folder = tmp_path_factory.mktemp("tools")
    for each in closure("build", "twine", "hatchling", "uv"):
        packed = wheel(each, folder)
        google.upload(public, packed.read_bytes(), packed.name, each.metadata["Name"], each.version)


@pytest.mark.usefixtures("build_tools")
@pytest.mark.parametrize("file", ["ci-job.yaml", "ci-job-uv.yaml"])
def test_a_ci_job_builds_in_isolation_and_publishes(kube: Kube, tmp_path: Path, file: str) -> None:
    """It installs the build tools and the backend through the Virtual repository, and uploads to the Standard one."""
    kube.world.kubectl("apply", "-f", str(EXAMPLES / "repositories" / "virtual.yaml"))
    kube.world.kubectl("label", "namespace", "acme-virtual", "wheelhouse.dev/credentials=enabled", "--overwrite")
    kube.await_ready(REPOSITORIES, "acme-virtual", "private-wheels", "public-wheels", "acme-index")
    for each in ("ci-job.yaml", file):
        kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / each))
    kube.await_ready(ACCESSES, "acme-virtual", "build", "publish")
    done = start(kube, file, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    package = f"{full_name('private-wheels')}/packages/acme-greeting"
    versions = google.ask(kube, "GET", f"{package}/versions")["versions"]
    assert [each["name"].rpartition("/")[2] for each in versions] == ["1.0"]
    google.ask(kube, "DELETE", package)


def test_members_outside_the_cluster_are_granted(kube: Kube) -> None:
    """google-members.yaml and other-namespaces.yaml are Ready beside quickstart.yaml."""
    kube.world.kubectl("apply", "-f", str(EXAMPLES / "quickstart.yaml"))
    kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / "google-members.yaml"))
    kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / "other-namespaces.yaml"))
    kube.await_ready(ACCESSES, "data-platform", "analysts", "ci", "other-namespaces")


def test_a_secret_in_many_namespaces(kube: Kube) -> None:
    """many-namespaces.yaml is Ready beside quickstart.yaml, and the selected namespace has the Secret."""
    kube.world.kubectl("apply", "-f", str(EXAMPLES / "quickstart.yaml"))
    kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / "many-namespaces.yaml"))
    kube.await_ready(ACCESSES, "data-platform", "many-namespaces")
    assert kube.secret("checkout", "pip-config") is not None


def test_every_example_is_applied_here_or_a_story() -> None:
    """A new file in manifests/examples needs a test."""
    # repositories/: the stories' own test; keyring: test_keyring_secret.py
    here = {"quickstart", "pod", "pod-with-label", "job", "ci-job", "ci-job-uv"}
    here |= {"google-members", "other-namespaces", "many-namespaces", "keyring"}
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == here


def test_the_examples_publish_one_package() -> None:
    """The source in the CI Job's ConfigMap is that of manifests/examples/greeting."""
    data = next(each["data"] for each in documents("ci-job.yaml") if each["kind"] == "ConfigMap")
    for name, text in data.items():
        shown = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
        file = (EXAMPLES / "greeting" / name).read_text()
        assert shown == "".join(f"{line}\n" for line in file.splitlines() if not line.startswith("#"))
