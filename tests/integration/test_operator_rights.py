"""What the operator can do to a real API server with exactly its shipped permissions, as if it were compromised."""

import pytest
from support.hands import JSON, MERGE, Hands, Json

from wheelhouse.clients.kubernetes.denied_keys import denied_keys
from wheelhouse.clients.kubernetes.installed import POLICIES
from wheelhouse.clients.kubernetes.transport import Call, Reply, Transport
from wheelhouse.domain.configuration.files import INDEX_URL, KEYS
from wheelhouse_local.constants import POOL

pytestmark = pytest.mark.usefixtures("admin")

OPERATOR = "/api/v1/namespaces/wheelhouse-system/serviceaccounts/wheelhouse-operator/token"
OPEN, CLOSED = "/api/v1/namespaces/opted-in", "/api/v1/namespaces/closed"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
OBJECTS = "/apis/wheelhouse.dev/v1alpha1/namespaces/opted-in/pythonrepositories"
UID = "11111111-1111-4111-8111-111111111111"
MANAGER = f"wheelhouse.{UID}"


def secret(name: str, *, kind: str = "wheelhouse.dev/pip-config", label: str = "wheelhouse", **data: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": label}},
        "type": kind,
        "data": {key.replace("_", "."): text for key, text in data.items()},
    }


def token_request(*audiences: str, seconds: int = 3600, **spec: object) -> Json:
    wanted = {"audiences": list(audiences), "expirationSeconds": seconds, **spec}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}


@pytest.fixture(scope="module")
def admin(shipped: Hands) -> Hands:
    """An administrator, with two namespaces and another user's Secret."""
    for name, labels in (("opted-in", {"wheelhouse.dev/credentials": "enabled"}), ("closed", {})):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        assert shipped.ask("POST", "/api/v1/namespaces", body)[0] == 201
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tenant"}}
        assert shipped.ask("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account)[0] == 201
    foreign = secret("foreign", kind="Opaque", label="somebody", password="c2VjcmV0")
    assert shipped.ask("POST", f"{OPEN}/secrets", foreign)[0] == 201
    return shipped


def refused(answer: tuple[int, Json], words: str = "") -> None:
    status, body = answer
    assert status == 403, body
    assert body["reason"] == "Forbidden"
    assert words in body["message"]
    if words:
        assert "ValidatingAdmissionPolicy" in body["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{OPEN}/secrets/foreign"),
        ("GET", f"{OPEN}/secrets"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/secrets?watch=true"),
        ("DELETE", f"{OPEN}/secrets"),
        ("GET", f"{OPEN}/pods"),
        ("POST", f"{OPEN}/pods"),
        ("GET", f"{OPEN}/configmaps"),
        ("GET", f"{OPEN}/serviceaccounts/tenant"),
        ("PATCH", f"{OPEN}/serviceaccounts/tenant"),
        ("POST", f"{OPEN}/serviceaccounts"),
        ("POST", f"{OPEN}/events"),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/wheelhouse-system/leases"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
        ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
        ("GET", f"{ADMISSION}/validatingadmissionpolicies"),
        ("GET", f"{ADMISSION}/validatingadmissionpolicies/somebody-elses"),
        ("GET", f"{ADMISSION}/validatingadmissionpolicybindings"),
        ("GET", f"{ADMISSION}/mutatingadmissionpolicies/wheelhouse-pods"),
        ("PATCH", f"{ADMISSION}/mutatingadmissionpolicies/wheelhouse-pods"),
        ("PATCH", f"{ADMISSION}/validatingadmissionpolicies/wheelhouse-status"),
        ("DELETE", f"{ADMISSION}/validatingadmissionpolicies/wheelhouse-secrets"),
        ("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/wheelhouse-finalizer"),
        ("POST", OBJECTS),
        ("DELETE", f"{OBJECTS}/any"),
    ],
)
def test_rbac_refuses_what_it_never_needs(operator: Hands, method: str, path: str) -> None:
    """The operator has no permission to read Secrets, or for anything else that it does not need."""
    content = MERGE if method == "PATCH" else JSON
    refused(operator.ask(method, path, {} if method in {"POST", "PATCH"} else None, content=content))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("plural", ["validatingadmissionpolicies", "validatingadmissionpolicybindings"])
def test_it_sees_the_policies_by_name(operator: Hands, plural: str, name: str) -> None:
    """It may read its own admission policies, to check at its start that they exist."""
    assert operator.ask("GET", f"{ADMISSION}/{plural}/{name}")[0] == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (secret("x", kind="Opaque"), "only Secrets of type wheelhouse.dev/pip-config"),
        (secret("x", kind="kubernetes.io/tls", tls_crt="", tls_key=""), "only Secrets of type"),
        (secret("x", label="somebody"), "app.kubernetes.io/managed-by=wheelhouse"),
        (secret("x", evil_sh="cm0="), "only the keys pip.conf"),
        (secret("x", poetry_toml="cm0="), "only the keys pip.conf"),
    ],
)
def test_only_secrets_of_its_own_kind(operator: Hands, body: Json, words: str) -> None:
    """A Secret of another type, without our label, or with a key that we never write is denied."""
    refused(operator.ask("POST", f"{OPEN}/secrets", body), words)
    refused(operator.apply(f"{OPEN}/secrets/x", body, MANAGER), words)


class OverHands(Transport):
    """The operator's client with the hands of this test."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def send(self, call: Call) -> Reply:
        """The API server's reply."""
        return Reply(*self._hands.ask(call.method, f"{call.path}?dryRun={call.params['dryRun']}", call.body))


@pytest.mark.parametrize("namespace", ["wheelhouse-system", "opted-in", "closed"])
async def test_the_operator_finds_out_which_keys_are_denied(operator: Hands, namespace: str) -> None:
    """Every key of this version is allowed and another one is not, whether or not the namespace has opted in."""
    keys = {key for names in KEYS.values() for key in names}
    assert await denied_keys(OverHands(operator), namespace, INDEX_URL, keys) == frozenset()
    assert await denied_keys(OverHands(operator), namespace, INDEX_URL, {*keys, "poetry.toml"}) == {"poetry.toml"}


def test_no_secret_without_opt_in(operator: Hands) -> None:
    """A namespace without the label gets no Secret, and the error says who sets which label."""
    body = secret("pip-config", pip_conf="eA==")
    refused(operator.apply(f"{CLOSED}/secrets/pip-config", body, MANAGER), "wheelhouse.dev/credentials=enabled")


def test_a_secret_of_another_type_is_out_of_reach(operator: Hands, admin: Hands) -> None:
    """An empty patch would be a hidden read: it is denied like every other access, and reveals nothing."""
    path = f"{OPEN}/secrets/foreign"
    answers = [
        operator.ask("PATCH", path, {}, content=MERGE),
        operator.ask("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content=MERGE),
        operator.ask("DELETE", path),
        operator.apply(path, {**secret("foreign", kind="Opaque"), "data": {}}, MANAGER, force=True),
    ]
    for answer in answers:
        refused(answer, "only Secrets of type")
        assert "c2VjcmV0" not in str(answer)
    taken = operator.apply(path, secret("foreign", pip_conf="eA=="), MANAGER, force=True)
    assert taken[0] in {403, 422}
    assert admin.ask("GET", path)[1]["data"] == {"password": "c2VjcmV0"}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (f"{OPEN}/serviceaccounts/tenant/token", token_request(), "tokens only for the Workload Identity pool"),
        (
            f"{OPEN}/serviceaccounts/tenant/token",
            token_request("https://kubernetes.default.svc"),
            "never for the API server",
        ),
        (
            f"{OPEN}/serviceaccounts/tenant/token",
            token_request(POOL, "https://kubernetes.default.svc"),
            "never for the API server",
        ),
        (f"{OPEN}/serviceaccounts/tenant/token", token_request(POOL, seconds=3601), "at most one hour"),
        (
            f"{OPEN}/serviceaccounts/tenant/token",
            token_request(POOL, boundObjectRef={"apiVersion": "v1", "kind": "Secret", "name": "foreign"}),
            "not bound to an object",
        ),
        (f"{CLOSED}/serviceaccounts/tenant/token", token_request(POOL), "wheelhouse.dev/credentials=enabled"),
        (OPERATOR, token_request(), "never for the API server"),
    ],
)
def test_no_token_that_kubernetes_would_accept(operator: Hands, path: str, body: Json, words: str) -> None:
    """Another audience, a second one, a long lifetime, a binding, a namespace without opt-in: no token."""
    refused(operator.ask("POST", path, body), words)


def test_a_token_for_the_pool_opens_nothing_here(operator: Hands) -> None:
    """The API server itself rejects the one token that it gets."""
    status, body = operator.ask("POST", f"{OPEN}/serviceaccounts/tenant/token", token_request(POOL))
    assert status == 201
    stolen = Hands(operator.server, operator.ca, body["status"]["token"])
    assert stolen.ask("GET", "/api/v1/namespaces")[0] == 401


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"location": "us-east1"}},
        {"spec": {"deletionPolicy": "Delete"}},
        {"metadata": {"labels": {"team": "ml"}}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": UID}]}},
    ],
)
def test_specs_labels_and_owners_are_frozen(operator: Hands, admin: Hands, patch: Json) -> None:
    """The operator may change only finalizers and status of our own kinds."""
    body = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "PythonRepository", "metadata": {"name": "frozen"}}
    admin.ask("POST", OBJECTS, {**body, "spec": {"location": "us-central1"}})
    status, answer = operator.ask("PATCH", f"{OBJECTS}/frozen", patch, content=MERGE)
    assert status in {403, 422}, answer
    if status == 403:
        assert "only status and its finalizer" in answer["message"]
    else:  # The CRD's own immutability rule came first.
        assert "cannot be changed" in answer["message"]


def test_finalizer_and_status_are_its_to_write(operator: Hands, admin: Hands) -> None:
    """The finalizer and the status by merge patch with the resourceVersion, and an Event."""
    body = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "PythonRepository", "metadata": {"name": "ours"}}
    created = admin.ask("POST", OBJECTS, {**body, "spec": {"location": "us-central1"}})[1]
    meta = {"resourceVersion": created["metadata"]["resourceVersion"], "finalizers": ["wheelhouse.dev/finalizer"]}
    assert operator.ask("PATCH", f"{OBJECTS}/ours", {"metadata": meta}, content=MERGE)[0] == 200
    assert operator.ask("PATCH", f"{OBJECTS}/ours", {"metadata": meta}, content=MERGE)[0] == 409
    status = {"status": {"observedGeneration": 1}}
    assert operator.ask("PATCH", f"{OBJECTS}/ours/status", status, content=MERGE)[0] == 200
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "ours-"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal",
        "reason": "Ready",
        "action": "Reconcile",
        "note": "x",
        "reportingController": "wheelhouse.dev/operator",
        "reportingInstance": "x",
        "regarding": {
            "apiVersion": "wheelhouse.dev/v1alpha1",
            "kind": "PythonRepository",
            "name": "ours",
            "namespace": "opted-in",
        },
    }
    assert operator.ask("POST", "/apis/events.k8s.io/v1/namespaces/opted-in/events", event)[0] == 201


def test_a_secrets_whole_life_without_one_read(operator: Hands, admin: Hands) -> None:
    """Create, update, a person's keys, opt-out, release by uid: all only with apply and delete."""
    path = f"{OPEN}/secrets/pip-config"
    created = operator.apply(path, secret("pip-config", pip_conf="MQ=="), MANAGER)
    assert created[0] == 201
    assert operator.apply(path, secret("pip-config", pip_conf="Mg=="), MANAGER)[0] == 200
    person = {"data": {"note.txt": "bWluZQ=="}}
    assert admin.ask("PATCH", path, person, content=MERGE)[0] == 200
    assert operator.apply(path, secret("pip-config", pip_conf="Mw=="), MANAGER)[0] == 200
    namespace = "/api/v1/namespaces/opted-in"
    assert (
        admin.ask("PATCH", namespace, {"metadata": {"labels": {"wheelhouse.dev/credentials": None}}}, content=MERGE)[0]
        == 200
    )
    try:
        refused(operator.apply(path, secret("pip-config", pip_conf="NA=="), MANAGER), "has not opted in")
        bare = {**secret("pip-config"), "data": {}}
        status, found = operator.apply(path, bare, "wheelhouse-release", dryRun="All")
        assert status == 200, found
        refused(operator.ask("DELETE", path), "only by its uid")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": found["metadata"]["uid"]}}
        assert operator.ask("DELETE", path, options)[0] == 200
    finally:
        labels = {"metadata": {"labels": {"wheelhouse.dev/credentials": "enabled"}}}
        assert admin.ask("PATCH", namespace, labels, content=MERGE)[0] == 200


def test_a_dead_accesss_secret_is_taken_over(operator: Hands, admin: Hands) -> None:
    """Force takes over its fields, and an apply of only the uid as the old manager removes the fields that it owned."""
    path = f"{OPEN}/secrets/inherited"
    assert operator.apply(path, secret("inherited", pip_conf="MQ==", netrc="b2xk"), "wheelhouse.old")[0] == 201
    assert operator.apply(path, secret("inherited", pip_conf="Mg=="), MANAGER)[0] == 409
    status, taken = operator.apply(path, secret("inherited", pip_conf="Mg=="), MANAGER, force=True)
    assert status == 200
    meta = {"name": "inherited", "uid": taken["metadata"]["uid"]}
    assert operator.apply(path, {"apiVersion": "v1", "kind": "Secret", "metadata": meta}, "wheelhouse.old")[0] == 200
    assert admin.ask("GET", path)[1]["data"] == {"pip.conf": "Mg=="}
