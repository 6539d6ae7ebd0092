"""The manifests that the pages show: a real API server takes each of them, with strict validation."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.kube import Kube
from support.pages import PAGES, Block, blocks

pytestmark = pytest.mark.e2e

NAMESPACE = "page-manifests"
WITH_YAML = [path for path in PAGES if "```yaml" in path.read_text()]


def documents(block: Block) -> list[dict[str, Any]]:
    """The objects of a block; parts of a Pod are put into a Pod."""
    shown: list[dict[str, Any]] = list(yaml.safe_load_all(textwrap.dedent(block.text)))
    return [each if "kind" in each else pod(each) for each in shown if "kind" in each or "volumeMounts" in each]


def pod(part: dict[str, Any]) -> dict[str, Any]:
    """A Pod with the variables, mounts and volumes that a page shows."""
    volumes = part["volumes"]
    container = {"name": "main", "image": "python:3.13-slim"} | {k: v for k, v in part.items() if k != "volumes"}
    spec = {"serviceAccountName": "main", "containers": [container], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "part"}, "spec": spec}


def refusal(kube: Kube, manifest: dict[str, Any]) -> str:
    """What the API server says against a manifest; empty if it takes it.

    A dry run of a namespaced object needs the namespace. One namespace serves all pages, so a page's objects cannot
    meet those of another test.
    """
    named = manifest | {"metadata": manifest["metadata"] | {"namespace": NAMESPACE}}
    dry = ("apply", "--dry-run=server", "--validate=strict", "-f", "-")
    done = kube.world.kubectl(*dry, stdin=json.dumps(named), check=False)
    return done.stderr if done.returncode or "Warning" in done.stderr else ""


@pytest.fixture
def prepared(kube: Kube) -> Kube:
    """The world with the namespace of the dry runs."""
    kube.namespace(NAMESPACE)
    kube.service_account(NAMESPACE, "main")
    return kube


def test_the_pages_have_manifests() -> None:
    """The list of pages is not empty by mistake."""
    found = [
        each for page in WITH_YAML for block in blocks(page) if block.language == "yaml" for each in documents(block)
    ]
    kinds = [each["kind"] for each in found]
    assert kinds.count("PythonRepository") >= 8
    assert kinds.count("RepositoryAccess") >= 4
    assert kinds.count("Pod") >= 7


@pytest.mark.parametrize("page", WITH_YAML, ids=lambda page: page.name)
def test_the_api_server_takes_the_manifests_of_a_page(prepared: Kube, page: Path) -> None:
    """A strict dry run of each object has neither an error nor a warning."""
    for block in blocks(page):
        if block.language == "yaml":
            for each in documents(block):
                assert refusal(prepared, each) == "", f"{page.name}, line {block.line}"


def test_a_wrong_manifest_is_refused(prepared: Kube) -> None:
    """An unknown field, a value against a rule and a mount without its volume are errors."""
    good = {"location": "us-central1"}
    wrong = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "PythonRepository", "metadata": {"name": "wrong"}}
    assert refusal(prepared, wrong | {"spec": good}) == ""
    assert 'unknown field "spec.colour"' in refusal(prepared, wrong | {"spec": good | {"colour": "red"}})
    assert "spec.mode" in refusal(prepared, wrong | {"spec": good | {"mode": "Proxy"}})
    mount = {"name": "pip", "mountPath": "/etc/xdg/pip"}
    assert "volumeMounts[0].name" in refusal(prepared, pod({"volumeMounts": [mount], "volumes": []}))
