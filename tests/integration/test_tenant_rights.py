"""What the owner of a namespace can do to our objects: with a RoleBinding to cluster-admin, so anything by RBAC.

Status and finalizer are the operator's memory. The operator is represented by its shipped ServiceAccount; its process
does not run here, so that a test sees exactly its own writes.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from support.hands import JSON_PATCH, MERGE, Hands, Json
from support.kube import await_that

from wheelhouse.domain.objects import FINALIZER

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE = "tenant"
API = f"/apis/wheelhouse.dev/v1alpha1/namespaces/{NAMESPACE}"
KINDS: dict[str, tuple[str, Json, Json]] = {
    "pythonrepositories": ("PythonRepository", {"location": "us-central1"}, {"suspend": True}),
    "repositoryaccesses": (
        "RepositoryAccess",
        {"repositoryRef": {"name": "ours"}, "subjects": [{"kind": "ServiceAccount", "name": "reader"}]},
        {"role": "Writer"},
    ),
}
"""By plural: the kind, a spec, and an edit of it."""
TRUE = {"observedGeneration": 1, "repository": "projects/acme-packages/locations/us-central1/repositories/ours"}
FORGED = {"observedGeneration": 1, "repository": "projects/acme-packages/locations/us-central1/repositories/finance"}
FRESH = {"observedGeneration": -1}
NO_STATUS = "Only Wheelhouse may write this status."
NO_STRIP = f"Only Wheelhouse may remove the finalizer {FINALIZER}."
NUMBERS = itertools.count()

Answer = tuple[int, Json]


def role_binding(kind: str, role: str, namespace: str, account: str) -> Json:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": f"test-{account}"},
        "roleRef": reference,
        "subjects": [subject],
    }


def with_role(shipped: Hands, account: str, role: str) -> Hands:
    """A ServiceAccount with a RoleBinding to a ClusterRole in its own namespace, once RBAC knows it."""
    hands = shipped.account(NAMESPACE, account)
    bindings = f"{RBAC}/namespaces/{NAMESPACE}/rolebindings"
    assert shipped.ask("POST", bindings, role_binding("RoleBinding", role, NAMESPACE, account))[0] == 201
    await_that(lambda: hands.ask("GET", f"{API}/pythonrepositories")[0] == 200, f"{account} to have its rights")
    return hands


@pytest.fixture(scope="module")
def tenant(shipped: Hands) -> Hands:
    """The owner of a namespace, once the policies that restrict it are enforced."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    assert shipped.ask("POST", "/api/v1/namespaces", body)[0] == 201
    hands = with_role(shipped, "owner", "cluster-admin")
    probe = Thing(shipped, "pythonrepositories")
    probe.create({"finalizers": [FINALIZER]})
    for path, change in (
        (f"{probe.path}/status", {"status": FORGED}),
        (probe.path, {"metadata": {"finalizers": None}}),
    ):
        refusal = partial(hands.ask, "PATCH", path, change, content=MERGE, dryRun="All")
        await_that(lambda ask=refusal: ask()[0] == 403, "the policy to be enforced")
    return hands


@pytest.fixture(scope="module")
def cluster_admin(shipped: Hands, tenant: Hands) -> Hands:
    """An administrator by a ClusterRoleBinding, as people are; `shipped` is system:masters, above RBAC."""
    assert tenant.token != shipped.token
    hands = shipped.account(NAMESPACE, "administrator")
    body = role_binding("ClusterRoleBinding", "cluster-admin", NAMESPACE, "administrator")
    assert shipped.ask("POST", f"{RBAC}/clusterrolebindings", body)[0] == 201
    await_that(lambda: hands.ask("GET", "/api/v1/nodes")[0] == 200, "the administrator to have its rights")
    return hands


class Thing:
    """One object of ours with a unique name, and the ways in which different users change it."""

    def __init__(self, owner: Hands, plural: str) -> None:
        self.owner = owner
        self.kind, self.spec, self.edit = KINDS[plural]
        self.name = f"thing-{next(NUMBERS)}"
        self.list = f"{API}/{plural}"
        self.path = f"{self.list}/{self.name}"

    def body(self, meta: Json | None = None, **more: Json) -> Json:
        spec = {"spec": self.spec} if "status" not in more else {}
        meta = {"name": self.name, **(meta or {})}
        return {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": self.kind, "metadata": meta, **spec, **more}

    def create(self, meta: Json | None = None, **more: Json) -> Json:
        status, body = self.owner.ask("POST", self.list, self.body(meta) | more)
        assert status == 201, body
        return body

    def stored(self) -> Json:
        return self.owner.ask("GET", self.path)[1]


@pytest.fixture(params=sorted(KINDS))
def thing(request: pytest.FixtureRequest, tenant: Hands, operator: Hands) -> Iterator[Thing]:
    """An object of the tenant that the operator has processed: with its finalizer and its status."""
    thing = Thing(tenant, request.param)
    thing.create()
    assert finalize(operator, thing)[0] == 200
    assert report(operator, thing, TRUE)[0] == 200
    yield thing
    tenant.ask("DELETE", thing.path)
    operator.ask("PATCH", thing.path, {"metadata": {"finalizers": None}}, content=MERGE)


def finalize(operator: Hands, thing: Thing) -> Answer:
    return operator.ask("PATCH", thing.path, {"metadata": {"finalizers": [FINALIZER]}}, content=MERGE)


def report(operator: Hands, thing: Thing, status: Json) -> Answer:
    return operator.apply(f"{thing.path}/status", thing.body(status=status), "wheelhouse-operator", force=True)


def refused(answer: Answer, sentence: str) -> None:
    status, body = answer
    assert status == 403, body
    assert body["reason"] == "Forbidden"
    assert "ValidatingAdmissionPolicy" in body["message"]
    assert sentence in body["message"]
    assert "ClusterRoleBinding" in body["message"]


def put(hands: Hands, thing: Thing, change: Callable[[Json], None], subresource: str = "") -> Answer:
    body = hands.ask("GET", thing.path)[1]
    change(body)
    return hands.ask("PUT", thing.path + subresource, body)


Hand = Callable[[Hands, Thing], Answer]

STATUS: dict[str, Hand] = {
    "merge patch": lambda h, t: h.ask("PATCH", f"{t.path}/status", {"status": FORGED}, content=MERGE),
    "JSON patch": lambda h, t: h.ask(
        "PATCH", f"{t.path}/status", [{"op": "replace", "path": "/status", "value": FORGED}], content=JSON_PATCH
    ),
    "put": lambda h, t: put(h, t, lambda body: body.update(status=FORGED), "/status"),
    "apply": lambda h, t: h.apply(f"{t.path}/status", t.body(status=FORGED), "somebody", force=True),
    "apply as ours": lambda h, t: report(h, t, FORGED),
}


@pytest.mark.parametrize("way", STATUS)
def test_a_tenant_forges_no_status(tenant: Hands, thing: Thing, way: str) -> None:
    """However the owner of a namespace writes a status, the answer is a 403 that says who may, and nothing changes."""
    refused(STATUS[way](tenant, thing), NO_STATUS)
    assert thing.stored()["status"] == TRUE


@pytest.mark.parametrize("way", STATUS)
def test_an_administrator_restores_a_status(cluster_admin: Hands, thing: Thing, way: str) -> None:
    """A user who may patch the status in all namespaces may do so here, as a restore from a backup does."""
    answer = STATUS[way](cluster_admin, thing)
    assert answer[0] == 200, answer[1]
    assert thing.stored()["status"] == FORGED


@pytest.mark.parametrize("plural", sorted(KINDS))
def test_no_status_comes_with_a_new_object(tenant: Hands, plural: str) -> None:
    """On create and on the main resource the API server itself drops a status, so no policy has to."""
    posted, applied = Thing(tenant, plural), Thing(tenant, plural)
    assert posted.create(status=FORGED)["status"] == FRESH
    assert tenant.apply(applied.path, applied.body() | {"status": FORGED}, "somebody")[0] == 201
    assert tenant.ask("PATCH", posted.path, {"status": FORGED}, content=MERGE)[0] == 200
    assert put(tenant, posted, lambda body: body.update(status=FORGED))[0] == 200
    assert tenant.apply(applied.path, applied.body() | {"status": FORGED}, "somebody")[0] == 200
    assert tenant.ask("POST", f"{posted.path}/status", posted.body(status=FORGED))[0] == 405
    absent = Thing(tenant, plural)
    assert tenant.apply(f"{absent.path}/status", absent.body(status=FORGED), "somebody")[0] == 404
    assert [each.stored()["status"] for each in (posted, applied)] == [FRESH, FRESH]


def strip_by_apply(hands: Hands, thing: Thing) -> Answer:
    """Become the only field manager of the finalizer, and apply without it."""
    owner = {
        "manager": "somebody",
        "operation": "Apply",
        "apiVersion": "wheelhouse.dev/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:finalizers": {f'v:"{FINALIZER}"': {}}}},
    }
    assert hands.ask("PATCH", thing.path, {"metadata": {"managedFields": [owner]}}, content=MERGE)[0] == 200
    return hands.apply(thing.path, thing.body(), "somebody", force=True)


STRIP: dict[str, Hand] = {
    "merge patch": lambda h, t: h.ask("PATCH", t.path, {"metadata": {"finalizers": None}}, content=MERGE),
    "merge patch to none": lambda h, t: h.ask("PATCH", t.path, {"metadata": {"finalizers": []}}, content=MERGE),
    "JSON patch": lambda h, t: h.ask(
        "PATCH", t.path, [{"op": "remove", "path": "/metadata/finalizers/0"}], content=JSON_PATCH
    ),
    "put": lambda h, t: put(h, t, lambda body: body["metadata"].pop("finalizers")),
    "apply": strip_by_apply,
}


@pytest.mark.parametrize("deleting", [False, True], ids=["living", "deleting"])
@pytest.mark.parametrize("way", STRIP)
def test_a_tenant_strips_no_finalizer(tenant: Hands, thing: Thing, way: str, deleting: bool) -> None:
    """However the owner removes our finalizer, before or after the delete, it stays, and so does the object."""
    if deleting:
        assert tenant.ask("DELETE", thing.path)[0] == 200
    refused(STRIP[way](tenant, thing), NO_STRIP)
    meta = thing.stored()["metadata"]
    assert meta["finalizers"] == [FINALIZER]
    assert ("deletionTimestamp" in meta) is deleting


@pytest.mark.parametrize("deleting", [False, True], ids=["living", "deleting"])
@pytest.mark.parametrize("way", STRIP)
def test_an_administrator_strips_a_finalizer(cluster_admin: Hands, thing: Thing, way: str, deleting: bool) -> None:
    """A user who may patch the status in all namespaces can remove the finalizer when no operator is left to do so."""
    if deleting:
        assert cluster_admin.ask("DELETE", thing.path)[0] == 200
    answer = STRIP[way](cluster_admin, thing)
    assert answer[0] == 200, answer[1]
    assert "finalizers" not in answer[1]["metadata"]
    assert (cluster_admin.ask("GET", thing.path)[0] == 404) is deleting


def test_an_editor_strips_no_finalizer(shipped: Hands, thing: Thing) -> None:
    """The role edit, which includes our kinds, has neither status nor finalizer."""
    editor = with_role(shipped, f"editor-{next(NUMBERS)}", "edit")
    for way in ("merge patch", "put"):
        refused(STRIP[way](editor, thing), NO_STRIP)
    assert "ValidatingAdmissionPolicy" not in STATUS["merge patch"](editor, thing)[1]["message"]
    assert STATUS["merge patch"](editor, thing)[0] == 403


def test_no_finalizer_leaves_through_status(tenant: Hands, cluster_admin: Hands, thing: Thing) -> None:
    """The API server ignores metadata in a write of the status."""
    change = {"metadata": {"finalizers": None, "labels": {"a": "b"}}}
    refused(tenant.ask("PATCH", f"{thing.path}/status", change, content=MERGE), NO_STATUS)
    assert cluster_admin.ask("PATCH", f"{thing.path}/status", change, content=MERGE)[0] == 200
    assert thing.stored()["metadata"]["finalizers"] == [FINALIZER]


def test_a_tenant_goes_on_with_its_objects(tenant: Hands, thing: Thing) -> None:
    """Edits by patch, apply and PUT that keep our finalizer succeed, and so does a finalizer of the tenant's own."""
    spec = thing.spec | thing.edit
    assert tenant.ask("PATCH", thing.path, {"spec": spec}, content=MERGE)[0] == 200
    assert tenant.apply(thing.path, thing.body() | {"spec": spec}, "somebody", force=True)[0] == 200
    assert put(tenant, thing, lambda body: body["metadata"].update(labels={"team": "ml"}))[0] == 200
    for finalizers in ([FINALIZER, "acme.example/hold"], [FINALIZER]):
        meta = {"metadata": {"finalizers": finalizers}}
        assert tenant.ask("PATCH", thing.path, meta, content=MERGE)[0] == 200
    swapped = {"metadata": {"finalizers": ["acme.example/hold"]}}
    refused(tenant.ask("PATCH", thing.path, swapped, content=MERGE), NO_STRIP)
    meta = thing.stored()["metadata"]
    assert (meta["finalizers"], meta["labels"]) == ([FINALIZER], {"team": "ml"})


def test_a_tenant_may_set_our_finalizer(tenant: Hands, operator: Hands) -> None:
    """An object that is created with our finalizer, as from a copied manifest, waits for the operator like others."""
    thing = Thing(tenant, "pythonrepositories")
    assert tenant.apply(thing.path, thing.body({"finalizers": [FINALIZER]}), "somebody")[0] == 201
    refused(tenant.apply(thing.path, thing.body(), "somebody"), NO_STRIP)
    assert tenant.ask("DELETE", thing.path)[0] == 200
    assert operator.ask("PATCH", thing.path, {"metadata": {"finalizers": None}}, content=MERGE)[0] == 200
    assert tenant.ask("GET", thing.path)[0] == 404


def test_the_operator_goes_on(tenant: Hands, operator: Hands, thing: Thing) -> None:
    """It reports and releases under the same policies, while the tenant's attempts are denied."""
    refused(STATUS["apply as ours"](tenant, thing), NO_STATUS)
    assert report(operator, thing, TRUE | {"observedGeneration": 2})[0] == 200
    assert tenant.ask("DELETE", thing.path)[0] == 200
    refused(STRIP["merge patch"](tenant, thing), NO_STRIP)
    assert report(operator, thing, TRUE | {"observedGeneration": 3})[0] == 200
    assert operator.ask("PATCH", thing.path, {"metadata": {"finalizers": None}}, content=MERGE)[0] == 200
    assert tenant.ask("GET", thing.path)[0] == 404
