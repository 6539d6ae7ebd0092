"""What a cluster administrator applies: it renders, is consistent, and requests only necessary permissions."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from wheelhouse.clients.google.identity import MetadataFacts
from wheelhouse.clients.google.workload import workload
from wheelhouse.clients.kubernetes.installed import POLICIES
from wheelhouse.settings import Settings
from wheelhouse_local.environment import kubectl

ROOT = Path(__file__).parents[1]
KUSTOMIZATIONS = sorted(
    path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("kustomization.yaml") if ".venv" not in path.parts
)


def rendered(kustomization: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(kubectl()), "kustomize", str(ROOT / kustomization)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_it_renders(kustomization: str) -> None:
    """Every kustomization renders with the kubectl that we ship."""
    assert rendered(kustomization)


@pytest.mark.parametrize("kustomization", ["manifests/base", "manifests/overlays/local"])
def test_setting_and_policy_name_the_same_pool(kustomization: str) -> None:
    """The operator's setting and the admission policy's literal are equal, whatever the overlay sets."""
    objects = rendered(kustomization)
    pool = one(objects, "ConfigMap", "wheelhouse-settings")["data"]["WHEELHOUSE_WORKLOAD_IDENTITY_POOL"]
    variables = one(objects, "ValidatingAdmissionPolicy", "wheelhouse-tokens")["spec"]["variables"]
    assert {v["expression"] for v in variables if v["name"] == "audience"} == {f"'{pool}'"}


def test_the_overlay_for_clusters_outside_gke_agrees_with_itself(tmp_path: Path) -> None:
    """The example in docs/reference/settings.md renders, and the policy has the audience of its provider."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    (shown,) = re.findall(r"```yaml\n(patches:.*?)```", page, re.DOTALL)
    base = os.path.relpath(ROOT / "manifests/base", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{base}]\n{shown}")
    objects = rendered(str(tmp_path))
    settings = one(objects, "ConfigMap", "wheelhouse-settings")["data"]
    provider = Settings(workload_identity_provider=settings.pop("WHEELHOUSE_WORKLOAD_IDENTITY_PROVIDER"))
    assert settings == {}
    _, federation = workload(provider, None)
    variables = one(objects, "ValidatingAdmissionPolicy", "wheelhouse-tokens")["spec"]["variables"]
    assert {v["expression"] for v in variables if v["name"] == "audience"} == {f"'{federation.audience}'"}


def test_the_example_of_a_fleet_is_accepted() -> None:
    """With the settings in docs/reference/settings.md, a member cluster uses the pool of the host project."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    (shown,) = re.findall(r"```yaml\n(WHEELHOUSE_.*?)```", page, re.DOTALL)
    values = {name.removeprefix("WHEELHOUSE_").lower(): text for name, text in yaml.safe_load(shown).items()}
    member = MetadataFacts("member-project", "210987654321", "cluster-1", "us-central1", "googleapis.com")
    identity, _ = workload(Settings(**values), member)
    assert (identity.project_number, identity.pool) == ("123456789012", "fleet-host.svc.id.goog")


def test_the_base_fails_closed() -> None:
    """Until an administrator has set the pool, no token can have the required audience."""
    pool = one(rendered("manifests/base"), "ConfigMap", "wheelhouse-settings")["data"][
        "WHEELHOUSE_WORKLOAD_IDENTITY_POOL"
    ]
    assert pool.endswith(".invalid")


def test_the_container_is_restricted() -> None:
    """No root, nothing writable, no capability, no privilege; resources and probes are set."""
    spec = one(rendered("manifests/base"), "Deployment", "wheelhouse-operator")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 10000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"resources", "livenessProbe", "readinessProbe"} <= set(container)


def test_the_operators_rights_are_the_golden_ones() -> None:
    """A reviewer sees a change of the operator's permissions as a change of tests/golden/operator_rights.yaml."""
    rules = one(rendered("manifests/base"), "ClusterRole", "wheelhouse-operator")["rules"]
    assert rules == yaml.safe_load((ROOT / "tests/golden/operator_rights.yaml").read_text())


def test_no_rights_are_wild() -> None:
    """No wildcard and no verb that grants permissions, in any role."""
    for role in (each for each in rendered("manifests/base") if each["kind"] in {"ClusterRole", "Role"}):
        text = yaml.safe_dump(role["rules"])
        assert not re.search(r"\*|escalate|bind\b|impersonate", text), role["metadata"]["name"]


def test_the_operator_reads_exactly_its_own_policies() -> None:
    """It may read each policy that we ship, and no other; each has a denying binding with its name."""
    objects = rendered("manifests/base")
    rules = one(objects, "ClusterRole", "wheelhouse-operator")["rules"]
    named = [rule["resourceNames"] for rule in rules if "validatingadmissionpolicies" in rule["resources"]]
    shipped = {each["metadata"]["name"] for each in objects if each["kind"] == "ValidatingAdmissionPolicy"}
    assert [set(names) for names in named] == [shipped] == [set(POLICIES)]
    for name in shipped:
        spec = one(objects, "ValidatingAdmissionPolicyBinding", name)["spec"]
        assert spec == {"policyName": name, "validationActions": ["Deny"]}


def test_every_validation_is_a_403_with_a_sentence() -> None:
    """A denial of the admission policies explains in whole sentences who may do what, as Forbidden."""
    policies = [each for each in rendered("manifests/base") if each["kind"] == "ValidatingAdmissionPolicy"]
    assert len(policies) == 6
    for policy in policies:
        assert policy["spec"]["failurePolicy"] == "Fail"
        for validation in policy["spec"]["validations"]:
            assert validation["reason"] == "Forbidden"
            assert re.fullmatch(r"[A-Z].{20,}\.", validation["message"])
            assert not re.search(r"(?i)whoever|nobody", validation["message"])


def test_policies_mean_the_operator_that_is_shipped() -> None:
    """Every policy about the operator names the ServiceAccount of the Deployment: three apply to it, two exempt it."""
    objects = rendered("manifests/base")
    (subject,) = one(objects, "ClusterRoleBinding", "wheelhouse-operator")["subjects"]
    user = f"'system:serviceaccount:{subject['namespace']}:{subject['name']}'"
    policies = [each["spec"] for each in objects if each["kind"] == "ValidatingAdmissionPolicy"]
    conditions = [spec["matchConditions"][0]["expression"] for spec in policies]
    assert conditions.count(f"request.userInfo.username == {user}") == 3
    assert conditions.count(f"request.userInfo.username != {user}") == 2


POD_INJECTION = "manifests/components/pod-injection"
SECRET_WATCH = "manifests/components/secret-watch"


def test_the_secret_watch_adds_two_verbs_and_a_setting(tmp_path: Path) -> None:
    """Without the component the operator cannot read Secrets and does not try; with it, it may list and watch them."""
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{os.path.relpath(ROOT / 'manifests/base', tmp_path.resolve())}]\n"
        f"components: [{os.path.relpath(ROOT / SECRET_WATCH, tmp_path.resolve())}]\n"
    )
    without, component = rendered("manifests/base"), rendered(str(tmp_path))
    before = {(each["kind"], each["metadata"]["name"]): each for each in without}
    after = {(each["kind"], each["metadata"]["name"]): each for each in component}
    settings = ("ConfigMap", "wheelhouse-settings")
    role = ("ClusterRole", "wheelhouse-secret-watch")
    binding = ("ClusterRoleBinding", "wheelhouse-secret-watch")
    assert after.keys() - before.keys() == {role, binding}
    assert [place for place in before if before[place] != after[place]] == [settings]
    data = {"WHEELHOUSE_WATCH_SECRETS": "true"}
    assert after[settings]["data"] == before[settings]["data"] | data
    assert Settings(watch_secrets=data["WHEELHOUSE_WATCH_SECRETS"]).watch_secrets
    assert not Settings().watch_secrets
    assert after[role]["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}]
    shipped = one(without, "ClusterRoleBinding", "wheelhouse-operator")
    assert after[binding]["subjects"] == shipped["subjects"]
    assert after[binding]["roleRef"]["name"] == "wheelhouse-secret-watch"


def test_pod_injection_is_only_a_policy_and_its_binding() -> None:
    """The component adds no permission, no webhook and no process, and applies to no object without its label."""
    objects = rendered(POD_INJECTION)
    assert [(each["kind"], each["metadata"]["name"]) for each in objects] == [
        ("MutatingAdmissionPolicy", "wheelhouse-pods"),
        ("MutatingAdmissionPolicyBinding", "wheelhouse-pods"),
    ]
    policy, binding = (each["spec"] for each in objects)
    assert binding == {"policyName": "wheelhouse-pods"}
    assert "paramKind" not in policy
    selector = policy["matchConstraints"]["objectSelector"]["matchExpressions"]
    assert {each["key"] for each in selector} == {"wheelhouse.dev/pip-config"}
    assert policy["failurePolicy"] == "Fail"


def test_pod_injection_mounts_every_key_of_a_secret() -> None:
    """Each key that the operator may write is in the policy for pods."""
    secrets = one(rendered("manifests/base"), "ValidatingAdmissionPolicy", "wheelhouse-secrets")["spec"]["variables"]
    (known,) = (each["expression"] for each in secrets if each["name"] == "known")
    policy = one(rendered(POD_INJECTION), "MutatingAdmissionPolicy", "wheelhouse-pods")["spec"]
    (patch,) = (each["jsonPatch"]["expression"] for each in policy["mutations"] if "jsonPatch" in each)
    assert len(re.findall(r"'[^']+'", known)) >= 5
    assert [key for key in re.findall(r"'[^']+'", known) if key not in patch] == []
