"""Remote and Virtual repositories, keys, cleanup policies: what a create and a PATCH accept, echo and reject."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import artifactregistry_v1 as ar

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

PARENT = f"projects/{PROJECT}/locations/us-central1"
PYTHON = ar.Repository.Format.PYTHON
VIRTUAL, REMOTE = ar.Repository.Mode.VIRTUAL_REPOSITORY, ar.Repository.Mode.REMOTE_REPOSITORY
PYPI = {"python_repository": {"public_repository": "PYPI"}}
LOGIN = {"username": "ann", "password_secret_version": "projects/p/secrets/s/versions/1"}
CREDENTIALS = {"upstream_credentials": {"username_password_credentials": LOGIN}}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Store(tmp_path / "google.sqlite")
    yield Registry(store, Policies(store, Directory(store)))
    store.close()


def create(registry: Registry, name: str, **fields: Any) -> Any:
    registry.create(PARENT, name, ar.Repository.pb(ar.Repository({"format_": PYTHON, **fields})))
    return registry.get(f"{PARENT}/repositories/{name}")


def change(registry: Registry, name: str, *mask: str, **fields: Any) -> Any:
    full = f"{PARENT}/repositories/{name}"
    registry.update(ar.Repository.pb(ar.Repository({"name": full, **fields})), mask)
    return registry.get(full)


def words(registry: Registry, **fields: Any) -> str:
    """The message of a rejected create."""
    with pytest.raises(ApiError) as caught:
        create(registry, "refused", **fields)
    assert caught.value.status == "INVALID_ARGUMENT"
    return caught.value.message


def upstream(name: str, priority: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": name, "repository": f"{PARENT}/repositories/{name}", "priority": priority, **fields}


def virtual(*policies: dict[str, Any]) -> dict[str, Any]:
    return {"mode": VIRTUAL, "virtual_repository_config": {"upstream_policies": list(policies)}}


def test_a_remote_is_echoed_without_what_is_input_only(registry: Registry) -> None:
    """Source, description and credentials come back; the validation flag of the upstream does not."""
    config = {**PYPI, **CREDENTIALS, "description": "the public index", "disable_upstream_validation": True}
    found = create(registry, "remote", mode=REMOTE, remote_repository_config=config).remote_repository_config
    assert found.python_repository.public_repository == 1
    assert found.description == "the public index"
    assert found.upstream_credentials.username_password_credentials.username == "ann"
    assert not found.disable_upstream_validation


def test_a_virtual_is_echoed_in_its_order(registry: Registry) -> None:
    """Upstream policies come back as they were sent; an empty list is a list."""
    create(registry, "a")
    create(registry, "b")
    found = create(registry, "all", **virtual(upstream("b", 1), upstream("a", 9)))
    assert [(p.id, p.priority) for p in found.virtual_repository_config.upstream_policies] == [("b", 1), ("a", 9)]
    assert create(registry, "none", **virtual()).HasField("virtual_repository_config")


def test_what_a_virtual_cannot_be(registry: Registry) -> None:
    """Recorded: no configuration, upstreams of a Standard; inferred: unknown names, other locations, duplicate ids."""
    create(registry, "a")
    elsewhere = upstream("x", repository=f"projects/{PROJECT}/locations/europe/repositories/a")
    assert words(registry, mode=VIRTUAL) == "Virtual repository config is not specified"
    standard = {"virtual_repository_config": {"upstream_policies": [upstream("a")]}}
    assert words(registry, **standard) == "Upstream policies cannot be set on a standard repository."
    for policies in ([upstream("absent")], [elsewhere], [upstream("a"), upstream("a")], [upstream("a", id="")]):
        assert words(registry, **virtual(*policies))
    many = [upstream("a", id=f"a{number}") for number in range(31)]
    assert "30" in words(registry, **virtual(*many))


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": REMOTE},
        {"mode": REMOTE, "remote_repository_config": {}},
        {"mode": REMOTE, "remote_repository_config": {"python_repository": {}}},
        {"mode": REMOTE, "remote_repository_config": {"common_repository": {"uri": "ftp://a.example"}}},
        {"remote_repository_config": PYPI},
    ],
)
def test_what_a_remote_cannot_be(registry: Registry, fields: dict[str, Any]) -> None:
    """It has one source, an index that can be requested, and only with its mode."""
    assert words(registry, **fields)


def test_an_upstream_in_use_can_be_deleted(registry: Registry) -> None:
    """Recorded: the Virtual still names it. Inferred: it can still be changed, but not added again."""
    create(registry, "a")
    create(registry, "all", **virtual(upstream("a")))
    registry.delete(f"{PARENT}/repositories/a")
    found = registry.get(f"{PARENT}/repositories/all")
    assert [p.id for p in found.virtual_repository_config.upstream_policies] == ["a"]
    assert change(registry, "all", "description", description="still mine").description == "still mine"
    with pytest.raises(ApiError):
        create(registry, "other", **virtual(upstream("a")))


@pytest.mark.parametrize(
    "path",
    ["virtual_repository_config", "virtualRepositoryConfig.upstreamPolicies"],
)
def test_upstreams_are_replaced_by_a_mask(registry: Registry, path: str) -> None:
    """In either spelling, the whole list, and an empty one clears it."""
    create(registry, "a")
    create(registry, "all", **virtual(upstream("a")))
    again = change(registry, "all", path, virtual_repository_config={"upstream_policies": [upstream("a", 7)]})
    assert [p.priority for p in again.virtual_repository_config.upstream_policies] == [7]
    empty = change(registry, "all", path, virtual_repository_config={})
    assert not empty.virtual_repository_config.upstream_policies
    assert empty.HasField("virtual_repository_config")


def test_credentials_change_by_nested_masks(registry: Registry) -> None:
    """Each half alone (Terraform sends such masks), both at once, and a removal of both."""
    create(registry, "remote", mode=REMOTE, remote_repository_config={**PYPI, **CREDENTIALS})
    whole = "remote_repository_config.upstream_credentials"
    new = {"username": "bob", "password_secret_version": "projects/p/secrets/s/versions/2"}
    sent = {"remote_repository_config": {"upstream_credentials": {"username_password_credentials": new}}}

    def login(found: Any) -> tuple[str, str]:
        known = found.remote_repository_config.upstream_credentials.username_password_credentials
        return known.username, known.password_secret_version[-1]

    assert login(change(registry, "remote", f"{whole}.username_password_credentials.username", **sent)) == ("bob", "1")
    camel = "remoteRepositoryConfig.upstreamCredentials.usernamePasswordCredentials.passwordSecretVersion"
    assert login(change(registry, "remote", camel, **sent)) == ("bob", "2")
    gone = change(registry, "remote", whole, remote_repository_config=PYPI)
    assert not gone.remote_repository_config.HasField("upstream_credentials")
    assert gone.remote_repository_config.python_repository.public_repository == 1


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("mode", {"mode": REMOTE}),
        ("kmsKeyName", {"kms_key_name": "k"}),
        ("remote_repository_config", {"remote_repository_config": {"common_repository": {"uri": "https://b.example"}}}),
    ],
)
def test_what_is_fixed_stays(registry: Registry, path: str, fields: dict[str, Any]) -> None:
    """Mode, key and source: rejected by the field's name, and nothing changes."""
    key = f"{PARENT}/keyRings/r/cryptoKeys/k"
    before = create(registry, "remote", mode=REMOTE, remote_repository_config=PYPI, kms_key_name=key)
    if path == "mode":
        fields = {"mode": VIRTUAL}
    with pytest.raises(ApiError) as caught:
        change(registry, "remote", path, **fields)
    assert "immutable" in caught.value.message
    assert registry.get(before.name) == before


def test_scanning_is_kept_and_its_state_returned(registry: Registry) -> None:
    """The requested value comes back, the rest is the server's: recorded for Standard and Virtual."""
    config = {"enablement_config": "DISABLED", "enablement_state": "SCANNING_ACTIVE"}
    found = create(registry, "a", vulnerability_scanning_config=config).vulnerability_scanning_config
    assert (found.enablement_config, found.enablement_state) == (2, 2)
    assert found.enablement_state_reason == "API containerscanning.googleapis.com is not enabled."
    path = "vulnerabilityScanningConfig.enablementConfig"
    again = change(registry, "a", path, vulnerability_scanning_config={"enablement_config": "INHERITED"})
    assert again.vulnerability_scanning_config.enablement_config == 1
    other = create(registry, "all", **virtual()).vulnerability_scanning_config
    assert other.enablement_state_reason == "Repository mode VIRTUAL_REPOSITORY is not supported."


def policy(name: str = "old", action: str = "DELETE", **selection: Any) -> dict[str, Any]:
    return {"id": name, "action": action, **(selection or {"condition": {"older_than": {"seconds": 60}}})}


def test_cleanup_policies_are_kept(registry: Registry) -> None:
    """As sent, by their ids; a mask replaces the whole map."""
    policies = {"old": policy(), "new": policy("new", "KEEP", most_recent_versions={"keep_count": 3})}
    found = create(registry, "a", cleanup_policies=policies, cleanup_policy_dry_run=True)
    assert found.cleanup_policies["old"].condition.older_than.seconds == 60
    assert found.cleanup_policies["new"].most_recent_versions.keep_count == 3
    assert found.cleanup_policy_dry_run
    again = change(registry, "a", "cleanupPolicies", cleanup_policies={"old": policy()})
    assert list(again.cleanup_policies) == ["old"]
    assert again.cleanup_policy_dry_run


@pytest.mark.parametrize(
    "policies",
    [
        {"key": policy("other")},
        {"": policy("")},
        {"x" * 128: policy("x" * 128)},
        {"old": policy(action="ACTION_UNSPECIFIED")},
        {"old": {"id": "old", "action": "DELETE"}},
        {"old": policy(most_recent_versions={"keep_count": 1})},
        {f"p{number}": policy(f"p{number}") for number in range(11)},
    ],
)
def test_bad_cleanup_policies_are_refused(registry: Registry, policies: dict[str, Any]) -> None:
    """A key that is not the id, no action, no selection, most recent versions to delete, more than ten."""
    assert words(registry, cleanup_policies=policies)
