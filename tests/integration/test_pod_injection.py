"""The component pod-injection on a real API server: what a pod with the label gets, and which pods stay as they are."""

import copy
from pathlib import Path
from typing import Any

import pytest
from clients.pod import injected
from support.hands import MERGE, Hands, Json
from support.pods import lay_out

from wheelhouse.domain.configuration.files import INDEX_URL, KEYS

LABEL, NETRC_LABEL = "wheelhouse.dev/pip-config", "wheelhouse.dev/netrc"
NAMESPACE, SECRET = "injected", "team.wheels-2"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MOUNTS = {
    "/etc/xdg/pip": "wheelhouse-pip",
    "/etc/xdg/uv": "wheelhouse-uv",
    "/etc/xdg/pdm": "wheelhouse-pdm",
    "/etc/wheelhouse": "wheelhouse-files",
}
NETRC = {"name": "NETRC", "value": "/etc/wheelhouse/netrc"}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def cluster(shipped: Hands) -> Hands:
    """An administrator, and a namespace under the strictest Pod Security Standard that did not opt in."""
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": strict}}
    assert shipped.ask("POST", "/api/v1/namespaces", body)[0] == 201
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "main"}}
    assert shipped.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)[0] == 201
    return shipped


def container(name: str = "main", **more: Any) -> Json:
    """A container of an author who knows nothing about Wheelhouse."""
    return {"name": name, "image": "python:3.13-slim", "securityContext": RESTRICTED, **more}


def pod(*containers: Json, labels: dict[str, str] | None = None, **spec: Any) -> Json:
    """A Pod with the label, or with these labels; without the ServiceAccount's token unless `spec` says otherwise."""
    marks = {LABEL: SECRET} if labels is None else labels
    wanted = {"serviceAccountName": "main", "automountServiceAccountToken": False}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "labels": marks},
        "spec": wanted | {"containers": list(containers) or [container()]} | spec,
    }


def created(cluster: Hands, manifest: Json) -> Json:
    """The spec of a Pod as the API server would store it."""
    status, body = cluster.ask("POST", PODS, manifest, dryRun="All", fieldValidation="Strict")
    assert status == 201, body
    spec: Json = body["spec"]
    return spec


def mounts(found: Json) -> dict[str, str]:
    """A container's volumes by path."""
    return {each["mountPath"]: each["name"] for each in found.get("volumeMounts", ())}


def plain(cluster: Hands, manifest: Json) -> Json:
    """What the same Pod would be without the labels."""
    unlabeled = copy.deepcopy(manifest)
    del unlabeled["metadata"]["labels"]
    return created(cluster, unlabeled)


def volume(name: str, *items: tuple[str, str], optional: bool = True) -> Json:
    listed = [{"key": key, "path": path} for key, path in items]
    source = {"name": SECRET, "optional": optional, "items": listed}
    return {"name": name, "projected": {"defaultMode": 0o644, "sources": [{"secret": source}]}}


def test_one_label_is_enough(cluster: Hands) -> None:
    """A Pod without volumes gets four, which its container mounts; only pip.conf is required."""
    spec = created(cluster, pod(labels={LABEL: SECRET}))
    files = [(key, key) for key in ("netrc", ".pypirc", "index-url", "username", "token")]
    assert spec["volumes"] == [
        volume("wheelhouse-pip", ("pip.conf", "pip.conf"), optional=False),
        volume("wheelhouse-uv", ("uv.toml", "uv.toml")),
        volume("wheelhouse-pdm", ("pdm.toml", "config.toml")),
        volume("wheelhouse-files", *files),
    ]
    (main,) = spec["containers"]
    assert list(mounts(main).items()) == list(MOUNTS.items())
    assert all(each["readOnly"] for each in main["volumeMounts"])
    assert main["env"] == [NETRC]


def texts(folder: Path) -> dict[str, str]:
    """The files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.mark.parametrize("absent", [(), ("netrc", "username", "token"), ("uv.toml", ".pypirc")])
def test_the_matrix_of_clients_has_the_layout_of_the_policy(
    cluster: Hands, tmp_path: Path, absent: tuple[str, ...]
) -> None:
    """tests/clients builds its injected pods without an API server: files and variables are those of a real Pod."""
    keys = [INDEX_URL, *(key for names in KEYS.values() for key in names)]
    secret = {key: f"the text of {key}" for key in keys if key not in absent}
    spec = created(cluster, pod())
    (main,) = spec["containers"]
    lay_out(tmp_path / "real", spec["volumes"], main["volumeMounts"], lambda _kind, _name: secret)
    built = injected(tmp_path / "built", secret)
    assert texts(tmp_path / "real") == texts(tmp_path / "built") != {}
    assert {each["name"]: each["value"] for each in main["env"]} == built.variables


def test_every_container_is_configured(cluster: Hands) -> None:
    """Containers, init containers and sidecars get the same, and keep everything else."""
    first = container("first", command=["pip", "install", "x"], env=[{"name": "A", "value": "1"}])
    sidecar = container("sidecar", restartPolicy="Always")
    cache = {"name": "cache", "mountPath": "/cache"}
    others = [container(), container("other", volumeMounts=[cache])]
    manifest = pod(*others, initContainers=[first, sidecar], volumes=[{"name": "cache", "emptyDir": {}}])
    spec, before = created(cluster, manifest), plain(cluster, manifest)
    assert spec["volumes"][:1] == before["volumes"]
    for kind in ("containers", "initContainers"):
        for found, was in zip(spec[kind], before[kind], strict=True):
            assert mounts(found) == mounts(was) | MOUNTS
            assert found["env"] == [*was.get("env", ()), NETRC]
            rest = {"volumeMounts": None, "env": None}
            assert found | rest == was | rest


@pytest.mark.parametrize("labels", [{}, {LABEL: ""}, {NETRC_LABEL: "false"}, {"pip-config": "pip-config"}])
def test_a_pod_without_the_label_stays_as_it_is(cluster: Hands, labels: dict[str, str]) -> None:
    """No label, an empty one and a different one change nothing."""
    manifest = pod(labels=labels)
    assert created(cluster, manifest) == plain(cluster, manifest)


@pytest.mark.parametrize("name", MOUNTS.values())
def test_a_pod_with_such_a_volume_stays_as_it_is(cluster: Hands, name: str) -> None:
    """One volume with one of the names is enough: its author configures the Pod."""
    manifest = pod(volumes=[{"name": name, "emptyDir": {}}])
    assert created(cluster, manifest) == plain(cluster, manifest)


def test_a_copy_of_a_configured_pod_is_not_changed_again(cluster: Hands) -> None:
    """What `kubectl get -o yaml` prints can be applied."""
    spec = created(cluster, pod())
    assert created(cluster, pod() | {"spec": spec}) == spec


@pytest.mark.parametrize(
    ("own", "missing"),
    [
        ("/etc/xdg/pip", {"/etc/xdg/pip"}),
        ("/etc/xdg/pip/", {"/etc/xdg/pip"}),
        ("/etc/xdg/uv", {"/etc/xdg/uv"}),
        ("/etc/xdg/pdm", {"/etc/xdg/pdm"}),
        ("/etc/wheelhouse", {"/etc/wheelhouse"}),
        ("/etc/wheelhouse/certificates", {"/etc/wheelhouse"}),
        ("/etc/xdg", {"/etc/xdg/pip", "/etc/xdg/uv", "/etc/xdg/pdm"}),
        ("/etc", set(MOUNTS)),
        ("/", set(MOUNTS)),
        ("/etc/xdg/pipx", set()),
        ("/etc/pip.conf", set()),
        ("/etc/wheelhouse-certificates", set()),
    ],
)
def test_a_containers_own_mounts_win(cluster: Hands, own: str, missing: set[str]) -> None:
    """A path at, above or below its own mount stays free, in this container only; NETRC names no foreign file."""
    mounted = container(volumeMounts=[{"name": "own", "mountPath": own}])
    manifest = pod(mounted, container("other"), volumes=[{"name": "own", "emptyDir": {}}])
    main, other = created(cluster, manifest)["containers"]
    expected = {path: name for path, name in MOUNTS.items() if path not in missing}
    assert mounts(main) == {own: "own"} | expected
    assert main.get("env", []) == ([] if "/etc/wheelhouse" in missing else [NETRC])
    assert mounts(other) == MOUNTS


def test_a_containers_own_variables_win(cluster: Hands) -> None:
    """Its NETRC stays, and so do all others, even two of one name; XDG_CONFIG_DIRS is never set."""
    own = [{"name": "NETRC", "value": "/secrets/netrc"}]
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    elsewhere = [{"name": "XDG_CONFIG_DIRS", "value": "/opt/xdg"}]
    from_secret = [{"name": "NETRC", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "path"}}}]
    given = (own, twice, elsewhere, from_secret)
    manifest = pod(*(container(f"c{place}", env=env) for place, env in enumerate(given)))
    found = created(cluster, manifest)["containers"]
    assert [each["env"] for each in found] == [own, [*twice, NETRC], [*elsewhere, NETRC], from_secret]
    assert all(mounts(each) == MOUNTS for each in found)


def test_variables_from_a_config_map_are_not_known(cluster: Hands) -> None:
    """The API server does not read it; Kubernetes gives `env` priority over `envFrom`."""
    (main,) = created(cluster, pod(container(envFrom=[{"configMapRef": {"name": "mine"}}])))["containers"]
    assert main["env"] == [NETRC]


@pytest.mark.parametrize(("value", "env"), [("false", []), ("true", [NETRC]), ("", [NETRC]), ("False", [NETRC])])
def test_a_pod_can_do_without_the_variable(cluster: Hands, value: str, env: list[Json]) -> None:
    """Only the value "false" of the second label leaves NETRC out; the files stay."""
    manifest = pod(labels={LABEL: SECRET, NETRC_LABEL: value}, initContainers=[container("first")])
    spec = created(cluster, manifest)
    for found in (*spec["containers"], *spec["initContainers"]):
        assert found.get("env", []) == env
        assert mounts(found) == MOUNTS


def test_the_service_accounts_volume_stays(cluster: Hands) -> None:
    """The token that Kubernetes projects is mounted beside the files."""
    spec = created(cluster, pod(automountServiceAccountToken=True))
    token, *ours = spec["volumes"]
    assert "serviceAccountToken" in token["projected"]["sources"][0]
    assert [each["name"] for each in ours] == list(MOUNTS.values())
    (main,) = spec["containers"]
    assert mounts(main) == MOUNTS | {"/var/run/secrets/kubernetes.io/serviceaccount": token["name"]}


@pytest.mark.parametrize(
    ("path", "kind", "spec"),
    [
        ("/apis/apps/v1/namespaces/injected/deployments", "Deployment", {"selector": {"matchLabels": {"app": "x"}}}),
        ("/apis/batch/v1/namespaces/injected/jobs", "Job", {}),
    ],
)
def test_the_label_belongs_to_the_template(cluster: Hands, path: str, kind: str, spec: Json) -> None:
    """A workload is stored as it is; the Pods of its template are configured, whatever its own labels are."""
    labels = {LABEL: SECRET, "app": "x"}
    restart = {"Deployment": "Always", "Job": "Never"}[kind]
    template = {"metadata": {"labels": labels}, "spec": pod(restartPolicy=restart)["spec"]}
    manifest = {"apiVersion": path.split("/")[2] + "/v1", "kind": kind, "metadata": {"name": "x", "labels": labels}}
    status, body = cluster.ask("POST", path, manifest | {"spec": spec | {"template": template}}, dryRun="All")
    assert status == 201, body
    stored = body["spec"]["template"]
    assert "volumes" not in stored["spec"]
    assert "volumeMounts" not in stored["spec"]["containers"][0]
    # There is no kube-controller for workloads here: create the Pod as it does.
    made = {"apiVersion": "v1", "kind": "Pod"} | copy.deepcopy(stored)
    made["metadata"] = {"generateName": "x-", "labels": stored["metadata"]["labels"]}
    assert mounts(created(cluster, made)["containers"][0]) == MOUNTS


def test_a_pod_is_configured_only_at_its_creation(cluster: Hands) -> None:
    """A label that is added later, and an ephemeral container, are accepted and change nothing."""
    assert cluster.ask("POST", PODS, pod(labels={}))[0] == 201
    status, labeled = cluster.ask("PATCH", f"{PODS}/tried", {"metadata": {"labels": {LABEL: "x"}}}, content=MERGE)
    assert status == 200
    assert "volumes" not in labeled["spec"]
    debugger = {"spec": {"ephemeralContainers": [container("debugger")]}}
    status, debugged = cluster.ask("PATCH", f"{PODS}/tried/ephemeralcontainers", debugger, content=MERGE)
    assert status == 200, debugged
    (found,) = debugged["spec"]["ephemeralContainers"]
    assert not found.get("volumeMounts")
    assert not found.get("env")
    cluster.ask("DELETE", f"{PODS}/tried", gracePeriodSeconds="0")


def test_an_ephemeral_container_can_mount_the_files_itself(cluster: Hands) -> None:
    """The volumes of a configured Pod are there for a debugger that asks for them."""
    assert cluster.ask("POST", PODS, pod())[0] == 201
    asked = [{"name": name, "mountPath": path} for path, name in MOUNTS.items()]
    debugger = {"spec": {"ephemeralContainers": [container("debugger", volumeMounts=asked)]}}
    status, debugged = cluster.ask("PATCH", f"{PODS}/tried/ephemeralcontainers", debugger, content=MERGE)
    assert status == 200, debugged
    assert mounts(debugged["spec"]["ephemeralContainers"][0]) == MOUNTS
    cluster.ask("DELETE", f"{PODS}/tried", gracePeriodSeconds="0")
