"""Which fields of a repository can be requested and changed: masks, full replacements, labels, defaults, locations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import REPOSITORY
from google.cloud import artifactregistry_v1 as ar

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.registry.locations import LOCATIONS
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

PARENT, _, ID = REPOSITORY.partition("/repositories/")
PYTHON, DOCKER = ar.Repository.Format.PYTHON, ar.Repository.Format.DOCKER
VIRTUAL, REMOTE = ar.Repository.Mode.VIRTUAL_REPOSITORY, ar.Repository.Mode.REMOTE_REPOSITORY
Scanning = ar.Repository.VulnerabilityScanningConfig
ACTIVE, DISABLED = Scanning.EnablementState.SCANNING_ACTIVE, Scanning.EnablementState.SCANNING_DISABLED


class Clock:
    """A second passes with every read."""

    now = 1_700_000_000.5

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Store(tmp_path / "google.sqlite")
    yield Registry(store, Policies(store, Directory(store)), Clock())
    store.close()


def repository(**fields: Any) -> Any:
    return ar.Repository.pb(ar.Repository(fields))


def create(registry: Registry, **fields: Any) -> Any:
    registry.create(PARENT, ID, repository(format_=PYTHON, **fields))
    return registry.get(REPOSITORY)


def change(registry: Registry, *mask: str, **fields: Any) -> Any:
    return registry.update(repository(name=REPOSITORY, **fields), mask)


def refused(registry: Registry, *mask: str, **fields: Any) -> str:
    """The status of a rejected update; the repository stays unchanged, even its updateTime."""
    before = registry.get(REPOSITORY)
    with pytest.raises(ApiError) as caught:
        change(registry, *mask, **fields)
    assert registry.get(REPOSITORY) == before
    return caught.value.status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"format_": DOCKER}, "INVALID_ARGUMENT"),
        ({"mode": VIRTUAL}, "INVALID_ARGUMENT"),
        ({"kms_key_name": "k"}, "INVALID_ARGUMENT"),
        ({"docker_config": {"immutable_tags": True}}, "UNIMPLEMENTED"),
        ({"virtual_repository_config": {}}, "INVALID_ARGUMENT"),
        ({"remote_repository_config": {"python_repository": {"public_repository": 1}}}, "INVALID_ARGUMENT"),
    ],
)
def test_a_full_replace_changes_nothing_that_cannot_change(
    registry: Registry, fields: dict[str, Any], status: str
) -> None:
    """Even without a mask, another value of an immutable field is rejected, and nothing else is changed with it."""
    create(registry, description="before")
    assert refused(registry, description="after", **fields) == status


def test_a_full_replace_may_echo_everything(registry: Registry) -> None:
    """The whole object as it was read, with one changed field, is accepted: gcloud echoes it."""
    echoed = create(registry, labels={"a": "1"})
    echoed.description = "after"
    reply = registry.update(echoed, ())
    assert (reply.description, dict(reply.labels)) == ("after", {"a": "1"})


@pytest.mark.parametrize("path", ["nonsense", "description.x", "labels.a", "Description", "description,labels", ""])
def test_a_path_is_a_field(registry: Registry, path: str) -> None:
    """A path that names no field is INVALID_ARGUMENT."""
    create(registry)
    assert refused(registry, path, description="after") == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "path",
    [
        "*",
        "dockerConfig",
        "maven_config.allow_snapshot_overwrites",
    ],
)
def test_a_path_that_is_not_emulated_says_so(registry: Registry, path: str) -> None:
    """What exists in the real service, but is not emulated, is UNIMPLEMENTED."""
    create(registry)
    assert refused(registry, path) == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "path", ["name", "createTime", "update_time", "registryUri", "satisfiesPzi", "vulnerabilityScanningConfig"]
)
def test_output_only_fields_cannot_be_written(registry: Registry, path: str) -> None:
    """A mask may name them, but they keep the server's values."""
    before = create(registry)
    sent = {
        "create_time": "2001-01-01T00:00:00Z",
        "update_time": "2001-01-01T00:00:00Z",
        "registry_uri": "elsewhere",
        "satisfies_pzi": False,
        "vulnerability_scanning_config": {"enablement_state": ACTIVE, "enablement_state_reason": "I say so."},
    }
    change(registry, path, **sent)
    after = registry.get(REPOSITORY)
    assert after.update_time.ToSeconds() > before.update_time.ToSeconds()
    after.update_time.CopyFrom(before.update_time)
    assert after == before


def test_a_create_takes_nothing_that_the_server_adds(registry: Registry) -> None:
    """Scanning state, times and location flags are the server's, whatever is sent."""
    state = {"enablement_state": ACTIVE, "last_enable_time": "2001-01-01T00:00:00Z"}
    found = create(registry, vulnerability_scanning_config=state, create_time="2001-01-01T00:00:00Z")
    scanning = found.vulnerability_scanning_config
    assert (scanning.enablement_state, found.satisfies_pzi) == (DISABLED, True)
    assert scanning.last_enable_time == found.create_time == found.update_time
    assert found.create_time.ToSeconds() > 1_600_000_000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}, "INVALID_ARGUMENT"),
        ({"docker_config": {"immutable_tags": True}}, "UNIMPLEMENTED"),
        ({"remote_repository_config": {}}, "INVALID_ARGUMENT"),
        ({"mode": REMOTE, "remote_repository_config": {"npm_repository": {"public_repository": 1}}}, "UNIMPLEMENTED"),
    ],
)
def test_a_create_does_not_take_what_it_would_not_do(registry: Registry, fields: dict[str, Any], status: str) -> None:
    """A key elsewhere and a configuration of another mode are rejected, and other formats are UNIMPLEMENTED."""
    with pytest.raises(ApiError) as caught:
        create(registry, **fields)
    assert caught.value.status == status
    assert registry.page(PARENT, 0, "") == ([], "")


@pytest.mark.parametrize("labels", [{"a": ""}, {"a-b_9": "0-z_"}, {"é": "ñandú"}, {"k" * 63: "v" * 63}])
def test_good_labels_are_taken(registry: Registry, labels: dict[str, str]) -> None:
    """Lower-case letters of any alphabet, digits, dashes and underscores, 63 characters."""
    assert dict(create(registry, labels=labels).labels) == labels


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"aB": "x"},
        {"9a": "x"},
        {"_a": "x"},
        {"a b": "x"},
        {"k" * 64: "x"},
        {"a": "X"},
        {"a": "b c"},
        {"a": "."},
    ],
)
def test_bad_labels_are_refused(registry: Registry, labels: dict[str, str]) -> None:
    """In a create and in an update alike."""
    with pytest.raises(ApiError) as caught:
        create(registry, labels=labels)
    assert caught.value.status == "INVALID_ARGUMENT"
    create(registry)
    assert refused(registry, "labels", labels=labels) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("location", LOCATIONS)
def test_every_location_has_repositories_of_its_own(registry: Registry, location: str) -> None:
    """A repository can be created in each, its URI names it, and the list of that location contains it."""
    parent = f"projects/{PROJECT}/locations/{location}"
    registry.create(parent, ID, repository(format_=PYTHON))
    (found,), _ = registry.page(parent, 0, "")
    assert found.registry_uri == f"{location}-python.pkg.dev/{PROJECT}/{ID}"


@pytest.mark.parametrize(
    ("parent", "status"),
    [
        (f"projects/{PROJECT}/locations/-", "UNIMPLEMENTED"),
        (f"projects/{PROJECT}/locations/eu-west3", "INVALID_ARGUMENT"),
        (f"projects/{PROJECT}", "INVALID_ARGUMENT"),
    ],
)
def test_a_list_of_nowhere_is_not_empty(registry: Registry, parent: str, status: str) -> None:
    """A list of an invalid location is rejected: an empty one would be misleading."""
    with pytest.raises(ApiError) as caught:
        registry.page(parent, 0, "")
    assert caught.value.status == status
