"""Subjects of other namespaces and pools on a real API server: who can read, and when that ends."""

import urllib.error
import urllib.request

import pytest
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, principal

from wheelhouse_local import control

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
POOL = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-packages.svc.id.goog"


def reads(kube: Kube, namespace: str, account: str, repository: str) -> bool:
    """Whether a workload with this ServiceAccount can read a page of the index."""
    token = control.token(kube.world.state, f"ksa:{namespace}/{account}")
    body = kube.get(REPOSITORIES, repository, repository) or {}
    url = f"{body['status']['indexURL']}absent/"
    code = 0
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        code = error.code
    assert code in {403, 404}  # Readers see that the package does not exist.
    return code == 404


def test_namespaces_that_come_go_and_are_relabelled(kube: Kube) -> None:
    """A selector's grants follow the labels of namespaces, while a grant by name stays; each change is an Event."""
    kube.namespace("places")
    kube.repository("places", "places")
    kube.namespace("places-a", places="yes")
    kube.namespace("places-b")
    subjects = [
        {"kind": "ServiceAccount", "name": "runner", "namespaceSelector": {"matchLabels": {"places": "yes"}}},
        {"kind": "ServiceAccount", "name": "builder", "namespace": "places-builds"},
    ]
    kube.access("places", "readers", "places", subjects=subjects)
    kube.await_ready(ACCESSES, "places", "readers")
    first, second = principal("places-a", "runner"), principal("places-b", "runner")
    builder = principal("places-builds", "builder")
    assert kube.members("places") == {READER: [first, builder]}
    kube.namespace("places-b", places="yes")
    await_that(lambda: set(kube.members("places")[READER]) == {first, second, builder}, "the new label to count")
    kube.namespace("places-a", places="no")
    await_that(lambda: set(kube.members("places")[READER]) == {second, builder}, "the lost label to count")
    kube.world.kubectl("delete", "namespace", "places-b", "--wait=false")
    await_that(lambda: kube.members("places") == {READER: [builder]}, "the deleted namespace to count")
    notes = [event["note"] for event in kube.events("places", "readers") if event["reason"] == "GrantRevoked"]
    assert len(notes) == 2
    assert {first, second} == {member for member in (first, second) for note in notes if member in note}
    assert all("the access no longer requests it" in note for note in notes)


def test_a_namespace_is_one_member(kube: Kube) -> None:
    """A Principal for a namespace lets all of its ServiceAccounts read, and no other ServiceAccount."""
    kube.namespace("whole")
    kube.repository("whole", "whole")
    for namespace in ("whole-a", "whole-b"):
        kube.namespace(namespace)
        kube.service_account(namespace, "any")
    kube.access("whole", "all", "whole", subjects=[{"kind": "Principal", "name": f"{POOL}/namespace/whole-a"}])
    kube.await_ready(ACCESSES, "whole", "all")
    assert reads(kube, "whole-a", "any", "whole")
    assert not reads(kube, "whole-b", "any", "whole")
    body = kube.get(ACCESSES, "whole", "all") or {}
    assert body["status"]["grantSummary"] == "Reader: acme-packages.svc.id.goog/namespace/whole-a"
    kube.delete(ACCESSES, "whole", "all")
    await_that(lambda: not reads(kube, "whole-a", "any", "whole"), "the grant to go")


def test_another_namespace_cannot_name_them(kube: Kube) -> None:
    """A namespace with consent gets its own ServiceAccount; every other subject is refused with a remedy."""
    kube.namespace("named-owner")
    kube.namespace("named-team")
    kube.repository("named-owner", "named", accessFrom={"namespaces": ["named-team"]})
    others = [
        {"kind": "ServiceAccount", "name": "x", "namespace": "named-owner"},
        {"kind": "ServiceAccount", "name": "x", "namespaceSelector": {"matchLabels": {"team": "x"}}},
        {"kind": "Principal", "name": f"{POOL}/namespace/named-team"},
    ]
    for number, other in enumerate(others):
        subjects = [{"kind": "ServiceAccount", "name": "mine"}, other]
        kube.access("named-team", f"reader-{number}", "named", of="named-owner", subjects=subjects)
    for number in range(len(others)):
        body = kube.await_reason(ACCESSES, "named-team", f"reader-{number}", "SubjectNotPermitted")
        assert "Move this RepositoryAccess to namespace named-owner" in kube.condition(body, "Ready")["message"]
    own = {READER: [principal("named-team", "mine")]}
    await_that(lambda: kube.members("named") == own, "the own ServiceAccount to be granted, and it alone")
