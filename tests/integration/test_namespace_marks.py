"""Who may change what a Namespace allows: its annotations and its label, by each way to write a Namespace."""

from collections.abc import Callable
from functools import partial

import pytest
from support.hands import MERGE, Hands, Json
from support.kube import await_that

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAME = "marked"
PATH = f"/api/v1/namespaces/{NAME}"
SENTENCE = "Only an administrator of namespaces may change the wheelhouse.dev annotations and label of a Namespace."
OWN = {"labels": {"team": "ml"}, "annotations": {"acme.example/note": "ours"}}
MARKS: dict[str, Json] = {
    "another project": {"annotations": {"wheelhouse.dev/projects": "other-project"}},
    "no project": {"annotations": {"wheelhouse.dev/projects": None}},
    "upstreams": {"annotations": {"wheelhouse.dev/upstreams": "projects/p/locations/us/repositories/r"}},
    "secrets": {"annotations": {"wheelhouse.dev/upstream-secrets": "projects/p/secrets/s"}},
    "opt out": {"labels": {"wheelhouse.dev/credentials": None}},
}


def bound(shipped: Hands, account: str, where: str) -> Hands:
    """A ServiceAccount that is bound to cluster-admin: by a RoleBinding in its namespace, or in the whole cluster."""
    hands = shipped.account(NAME, account)
    kind = "RoleBinding" if where else "ClusterRoleBinding"
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": f"marks-{account}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAME}],
    }
    assert shipped.ask("POST", f"{RBAC}{where}/{kind.lower()}s", body)[0] == 201
    own = partial(hands.ask, "PATCH", PATH, {"metadata": OWN}, content=MERGE, dryRun="All")
    await_that(lambda: own()[0] == 200, f"the rights of {account}")
    return hands


@pytest.fixture(scope="module")
def tenant(shipped: Hands) -> Hands:
    """The owner of a namespace with marks, once the policy is enforced."""
    marks = {"labels": {"wheelhouse.dev/credentials": "enabled"}, "annotations": {"wheelhouse.dev/projects": "ours-0"}}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME, **marks}}
    assert shipped.ask("POST", "/api/v1/namespaces", body)[0] == 201
    hands = bound(shipped, "owner", f"/namespaces/{NAME}")
    change = partial(hands.ask, "PATCH", PATH, {"metadata": MARKS["opt out"]}, content=MERGE, dryRun="All")
    await_that(lambda: change()[0] == 403, "the policy to be enforced")
    return hands


def put(hands: Hands, marks: Json, subresource: str = "") -> tuple[int, Json]:
    """Read the Namespace, change it as a merge patch would, and send it back."""
    body = hands.ask("GET", PATH)[1]
    for part, change in marks.items():
        merged = {**body["metadata"].get(part, {}), **change}
        body["metadata"][part] = {key: value for key, value in merged.items() if value is not None}
    return hands.ask("PUT", f"{PATH}{subresource}", body)


WAYS: dict[str, Callable[[Hands, Json], tuple[int, Json]]] = {
    "patch": lambda hands, marks: hands.ask("PATCH", PATH, {"metadata": marks}, content=MERGE),
    "patch of the status": lambda hands, marks: hands.ask(
        "PATCH", f"{PATH}/status", {"metadata": marks}, content=MERGE
    ),
    "put": put,
    "put of the status": lambda hands, marks: put(hands, marks, "/status"),
    "put of the finalizers": lambda hands, marks: put(hands, marks, "/finalize"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("marks", MARKS)
def test_a_tenant_changes_no_mark(tenant: Hands, marks: str, way: str) -> None:
    """The owner of a namespace, who may patch it by RBAC, gets a 403 with a sentence, and nothing changes."""
    before = tenant.ask("GET", PATH)[1]["metadata"]
    status, body = WAYS[way](tenant, MARKS[marks])
    assert (status, body["reason"]) == (403, "Forbidden")
    assert SENTENCE in body["message"]
    after = tenant.ask("GET", PATH)[1]["metadata"]
    assert [after.get(part) for part in ("labels", "annotations")] == [before["labels"], before["annotations"]]


@pytest.mark.parametrize("way", WAYS)
def test_a_tenant_changes_the_rest(tenant: Hands, way: str) -> None:
    """Its own labels and annotations are not protected."""
    assert WAYS[way](tenant, OWN)[0] == 200


def test_an_administrator_changes_marks(shipped: Hands, tenant: Hands) -> None:
    """An account that may patch all namespaces, as by a ClusterRoleBinding, changes each of them."""
    assert tenant.token != shipped.token
    administrator = bound(shipped, "administrator", "")
    for marks in MARKS.values():
        status, body = administrator.ask("PATCH", PATH, {"metadata": marks}, content=MERGE, dryRun="All")
        assert status == 200, body
