"""Consent on a real API server: who gets access, who loses it, and what happens while the operator is down."""

import pytest
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, principal

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"


def shared(kube: Kube, name: str) -> None:
    """A repository that the team reads, and a reader with a Secret in the team's namespace."""
    kube.namespace(f"{name}-owner")
    kube.namespace(f"{name}-team", projects="", team=name)
    selector = {"namespaceSelector": {"matchLabels": {"team": name}}}
    kube.repository(f"{name}-owner", name, accessFrom=selector)
    kube.reader(f"{name}-team", "reader", name, "reader", secret="pip-config", of=f"{name}-owner")
    kube.await_ready(ACCESSES, f"{name}-team", "reader")
    assert kube.members(name) == {READER: [principal(f"{name}-team", "reader")]}
    assert kube.secret(f"{name}-team", "pip-config") is not None


def gone(kube: Kube, name: str) -> bool:
    return not kube.members(name) and kube.secret(f"{name}-team", "pip-config") is None


def test_a_relabelled_namespace_loses_everything(kube: Kube) -> None:
    """The label that the repository's owner selected is removed: grant and Secret go, and the condition says why."""
    shared(kube, "relabel")
    kube.namespace("relabel-team", projects="", team="other")
    await_that(lambda: gone(kube, "relabel"), "grant and Secret to go")
    body = kube.await_reason(ACCESSES, "relabel-team", "reader", "RefNotPermitted")
    assert "spec.accessFrom" in kube.condition(body, "Ready")["message"]
    kube.namespace("relabel-team", projects="", team="relabel")
    kube.await_ready(ACCESSES, "relabel-team", "reader")


def test_withdrawn_while_the_operator_is_down(kube: Kube) -> None:
    """Consent withdrawn, and an access deleted, while the operator is down: both take effect after the start."""
    shared(kube, "down-consent")
    shared(kube, "down-delete")
    kube.world.stop("operator")
    kube.repository("down-consent-owner", "down-consent", accessFrom={"namespaces": ["nobody"]})
    kube.delete(ACCESSES, "down-delete-team", "reader")
    kube.world.start("operator")
    await_that(lambda: gone(kube, "down-consent") and gone(kube, "down-delete"), "both grants and Secrets to go")
    kube.await_gone(ACCESSES, "down-delete-team", "reader")


def test_absent_and_forbidden_look_the_same(kube: Kube) -> None:
    """A repository of another namespace that is absent, closed, or not open to writers: one reason and one message."""
    kube.namespace("closed-owner")
    kube.namespace("curious")
    kube.repository("closed-owner", "closed")
    kube.await_ready(REPOSITORIES, "closed-owner", "closed")
    subjects = [{"kind": "ServiceAccount", "name": "x"}]
    kube.access("curious", "closed", "closed", of="closed-owner", subjects=subjects)
    kube.access("curious", "absent", "absent", of="closed-owner", subjects=subjects)
    messages = set()
    for name in ("closed", "absent"):
        body = kube.await_reason(ACCESSES, "curious", name, "RefNotPermitted")
        messages.add(kube.condition(body, "Ready")["message"].replace(f"closed-owner/{name}", "REF"))
        assert kube.condition(body, "Reconciling")["status"] == "True"
    assert len(messages) == 1
    assert kube.members("closed") == {}


def test_another_namespace_cannot_write(kube: Kube) -> None:
    """A namespace that may read cannot get write access by requesting it."""
    shared(kube, "readonly")
    kube.access(
        "readonly-team",
        "writer",
        "readonly",
        of="readonly-owner",
        role="Writer",
        subjects=[{"kind": "ServiceAccount", "name": "reader"}],
    )
    kube.await_reason(ACCESSES, "readonly-team", "writer", "RefNotPermitted")
    assert kube.members("readonly") == {READER: [principal("readonly-team", "reader")]}


def test_what_the_user_must_fix_is_stalled_with_a_remedy(kube: Kube) -> None:
    """Each error that only the operator can detect has its own reason, Stalled, with a message that helps."""
    kube.namespace("mistakes", opted_in=False)
    kube.namespace("penniless", projects="")
    kube.namespace("mistakes-too")
    kube.repository("penniless", "poor")
    kube.repository("mistakes", "taken")
    kube.await_ready(REPOSITORIES, "mistakes", "taken")
    kube.repository("mistakes-too", "taken")
    kube.google(
        "POST",
        "v1/projects/acme-packages/locations/us-central1/repositories?repositoryId=foreign",
        {"format": "PYTHON"},
    )
    kube.repository("mistakes-too", "foreign")
    kube.reader("mistakes", "closed", "taken", "reader", secret="pip-config")
    kube.access(
        "mistakes-too", "outsider", "taken", of="mistakes", subjects=[{"kind": "GoogleUser", "name": "a@acme.example"}]
    )
    for plural, namespace, name, reason, words in (
        (REPOSITORIES, "penniless", "poor", "ProjectNotAllowed", "wheelhouse.dev/projects"),
        (REPOSITORIES, "mistakes-too", "taken", "OwnedElsewhere", "another repositoryId"),
        (REPOSITORIES, "mistakes-too", "foreign", "AlreadyExists", "another repositoryId"),
        (ACCESSES, "mistakes", "closed", "NotOptedIn", "wheelhouse.dev/credentials=enabled"),
    ):
        body = kube.await_reason(plural, namespace, name, reason)
        assert words in kube.condition(body, "Ready")["message"]
        assert kube.condition(body, "Stalled")["status"] == "True"
        assert not kube.condition(body, "Reconciling")["status"]
    kube.namespace("mistakes", opted_in=True)
    kube.await_ready(ACCESSES, "mistakes", "closed")


def test_a_missing_service_account_is_waited_for(kube: Kube) -> None:
    """The Secret waits for its ServiceAccount, reports that, and is created with it."""
    kube.namespace("waiting")
    kube.repository("waiting", "waiting")
    kube.access(
        "waiting",
        "late",
        "waiting",
        subjects=[{"kind": "ServiceAccount", "name": "late"}],
        secret={"name": "pip-config"},
    )
    body = kube.await_reason(ACCESSES, "waiting", "late", "ServiceAccountNotFound")
    assert "late" in kube.condition(body, "Ready")["message"]
    kube.service_account("waiting", "late")
    kube.await_ready(ACCESSES, "waiting", "late")


def test_another_clients_secret_is_not_changed(kube: Kube) -> None:
    """Another Secret with that name stays byte for byte, and the access describes the remedy."""
    kube.namespace("occupied")
    kube.repository("occupied", "occupied")
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pip-config", "namespace": "occupied"},
            "data": {"mine": "a2VlcA=="},
        }
    )
    kube.reader("occupied", "reader", "occupied", "reader", secret="pip-config")
    body = kube.await_reason(ACCESSES, "occupied", "reader", "SecretConflict")
    assert "Delete it" in kube.condition(body, "Ready")["message"]
    assert kube.secret("occupied", "pip-config") == {"mine": "keep"}
    kube.delete(ACCESSES, "occupied", "reader")
    kube.await_gone(ACCESSES, "occupied", "reader")
    assert kube.secret("occupied", "pip-config") == {"mine": "keep"}
