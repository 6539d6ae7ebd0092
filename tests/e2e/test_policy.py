"""Other clients' bindings in a repository's policy, with the real gcloud where it is installed."""

from typing import Any

import pytest
from support.gcloud import artifacts
from support.kube import ACCESSES, REPOSITORIES, Kube, full_name

pytestmark = pytest.mark.e2e


def bindings(kube: Kube, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kube.google("GET", f"v1/{full_name(name)}:getIamPolicy")[1].get("bindings", [])
    return found


def add(kube: Kube, name: str, role: str, member: str) -> None:
    artifacts(
        kube,
        *("repositories", "add-iam-policy-binding", name, "--location=us-central1"),
        *(f"--role=roles/artifactregistry.{role}", f"--member={member}"),
    )


@pytest.mark.gcloud
def test_bindings_of_gcloud_survive_ours(kube: Kube) -> None:
    """Bindings that gcloud added before, between and after our grants are unchanged, once ours are removed."""
    kube.namespace("foreign")
    kube.repository("foreign", "bindings")
    kube.await_ready(REPOSITORIES, "foreign", "bindings")
    add(kube, "bindings", "reader", "group:before@acme.example")
    kube.reader("foreign", "first", "bindings", "first")
    kube.await_ready(ACCESSES, "foreign", "first")
    add(kube, "bindings", "writer", "group:between@acme.example")
    kube.reader("foreign", "second", "bindings", "second")
    kube.await_ready(ACCESSES, "foreign", "second")
    add(kube, "bindings", "repoAdmin", "user:after@acme.example")
    for name in ("first", "second"):
        kube.delete(ACCESSES, "foreign", name)
        kube.await_gone(ACCESSES, "foreign", name)
    assert bindings(kube, "bindings") == [
        {"role": "roles/artifactregistry.reader", "members": ["group:before@acme.example"]},
        {"role": "roles/artifactregistry.writer", "members": ["group:between@acme.example"]},
        {"role": "roles/artifactregistry.repoAdmin", "members": ["user:after@acme.example"]},
    ]


@pytest.mark.gcloud
def test_gcloud_works_against_the_same_world(kube: Kube) -> None:
    """list, describe, create, update, get-iam-policy and print-settings show and change the operator's objects."""
    kube.namespace("gcloud")
    kube.repository("gcloud", "shown", description="made by Wheelhouse")
    kube.await_ready(REPOSITORIES, "gcloud", "shown")
    where = "--location=us-central1"
    assert "shown" in artifacts(kube, "repositories", "list", "--format=value(name)")
    assert "made by Wheelhouse" in artifacts(kube, "repositories", "describe", "shown", where)
    artifacts(kube, "repositories", "create", "byhand", where, "--repository-format=python", "--description=by hand")
    artifacts(kube, "repositories", "update", "byhand", where, "--description=changed by hand")
    assert "changed by hand" in artifacts(kube, "repositories", "describe", "byhand", where)
    assert "etag" in artifacts(kube, "repositories", "get-iam-policy", "shown", where)
    settings = artifacts(kube, "print-settings", "python", "--repository=shown", where)
    assert "us-central1-python.pkg.dev/acme-packages/shown/simple/" in settings


def test_what_was_there_before_is_used_and_never_removed(kube: Kube) -> None:
    """A grant of another client is used unchanged, and stays when the access that requested it is deleted."""
    kube.namespace("existing")
    kube.repository("existing", "existing")
    kube.await_ready(REPOSITORIES, "existing", "existing")
    kube.grant("existing", "roles/artifactregistry.reader", "group:data@acme.example")
    kube.access("existing", "group", "existing", subjects=[{"kind": "GoogleGroup", "name": "data@acme.example"}])
    kube.await_ready(ACCESSES, "existing", "group")
    body = kube.get(ACCESSES, "existing", "group")
    assert body is not None
    assert [grant["state"] for grant in body["status"]["grants"]] == ["Existing"]
    kube.delete(ACCESSES, "existing", "group")
    kube.await_gone(ACCESSES, "existing", "group")
    assert kube.members("existing") == {"roles/artifactregistry.reader": ["group:data@acme.example"]}


def test_conditional_and_tombstone_bindings_survive(kube: Kube) -> None:
    """A binding with a condition and one of a deleted member are unchanged after our grants."""
    kube.namespace("planted")
    kube.repository("planted", "planted")
    kube.await_ready(REPOSITORIES, "planted", "planted")
    planted = [
        {
            "role": "roles/artifactregistry.reader",
            "members": ["user:on-condition@acme.example"],
            "condition": {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')", "title": "until 2030"},
        },
        {"role": "roles/artifactregistry.writer", "members": ["deleted:user:gone@acme.example?uid=123"]},
    ]
    body = {"resource": full_name("planted"), "policy": {"version": 3, "bindings": planted}}
    assert kube.google("POST", "control/policy", body)[0] == 200
    kube.reader("planted", "reader", "planted", "reader")
    kube.await_ready(ACCESSES, "planted", "reader")
    assert len(bindings(kube, "planted")) == 3
    kube.delete(ACCESSES, "planted", "reader")
    kube.await_gone(ACCESSES, "planted", "reader")
    assert bindings(kube, "planted") == planted


def test_a_member_that_iam_rejects_is_reported_and_the_others_proceed(kube: Kube) -> None:
    """An unknown service account is found, reported with IAM's message, and does not affect the others."""
    kube.namespace("rejected")
    kube.repository("rejected", "rejected")
    subjects = [
        {"kind": "GoogleUser", "name": "ann@acme.example"},
        {"kind": "GoogleServiceAccount", "name": "nobody@acme-packages.iam.gserviceaccount.com"},
        {"kind": "GoogleGroup", "name": "team@acme.example"},
    ]
    kube.access("rejected", "mixed", "rejected", subjects=subjects)
    kube.reader("rejected", "fine", "rejected", "fine")
    kube.await_ready(ACCESSES, "rejected", "fine")
    body = kube.await_reason(ACCESSES, "rejected", "mixed", "MemberRejected")
    assert "does not exist" in kube.condition(body, "Ready")["message"]
    assert {"user:ann@acme.example", "group:team@acme.example"} <= set(
        kube.members("rejected")["roles/artifactregistry.reader"]
    )
    kube.delete(ACCESSES, "rejected", "mixed")
    kube.await_gone(ACCESSES, "rejected", "mixed")
    assert len(kube.members("rejected")["roles/artifactregistry.reader"]) == 1
