"""Artifact Registry over REST: the JSON on the wire as it was recorded, and the REST client."""

import asyncio
import base64
import re
from typing import Any

import pytest
from fakes.emulated import REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, PARENT, PYTHON, STRANGER, body, refusal, rest, rest_client
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

COLLECTION = f"{PARENT}/repositories"
CREATE = f"{COLLECTION}?repositoryId=team-wheels"
TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
INTEGERS = "$alt=json;enum-encoding=int"


async def create(google: Emulated, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = await body(google, "POST", CREATE, json={"format": "PYTHON", **fields})
    return found


async def test_the_first_reply_of_create(google: Emulated) -> None:
    """Name with a bare UUID and empty metadata with its type; no done at all."""
    reply = await create(google)
    assert reply.keys() == {"name", "metadata"}
    assert re.fullmatch(f"{PARENT}/operations/{UUID}", reply["name"])
    assert reply["metadata"] == {"@type": f"{TYPE}.OperationMetadata"}


@pytest.mark.parametrize("spelling", ["repositoryId", "repository_id"])
async def test_both_spellings_of_the_id_are_taken(google: Emulated, spelling: str) -> None:
    """Camel and snake case both name the repository."""
    await body(google, "POST", f"{COLLECTION}?{spelling}=team-wheels", json={"format": "PYTHON"})
    assert (await body(google, "GET", REPOSITORY))["name"] == REPOSITORY


async def test_the_operation_when_done(google: Emulated) -> None:
    """Done at the first poll, with the same metadata; the response has no times and no registryUri."""
    first = await create(google, description="Wheels", labels={"team": "a"})
    done = await body(google, "GET", first["name"])
    assert done.keys() == {"name", "metadata", "done", "response"}
    assert (done["done"], done["metadata"]) == (True, first["metadata"])
    response = done["response"]
    assert response.pop("@type") == f"{TYPE}.Repository"
    added = {"satisfiesPzi", "vulnerabilityScanningConfig"}
    assert response.keys() == {"name", "format", "mode", "labels", "description"} | added
    assert await body(google, "GET", first["name"]) == await body(google, "GET", first["name"])


async def test_a_repository_leaves_defaults_out(google: Emulated) -> None:
    """A GET has both times and registryUri; an empty description, no labels and zero bytes are omitted."""
    await create(google)
    found = await body(google, "GET", REPOSITORY)
    assert found.keys() == {
        "name",
        "format",
        "mode",
        "createTime",
        "updateTime",
        "registryUri",
        "satisfiesPzi",
        "vulnerabilityScanningConfig",
    }
    assert found["createTime"] == found["updateTime"]
    # Microseconds, without zeros at the end in groups of three (google.protobuf.Timestamp, JSON mapping).
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}(\d{3})?)?Z", found["createTime"])
    assert found["registryUri"] == "us-central1-python.pkg.dev/acme-packages/team-wheels"
    assert (found["format"], found["mode"]) == ("PYTHON", "STANDARD_REPOSITORY")


async def test_enums_are_names_or_numbers(google: Emulated) -> None:
    """Numbers if $alt requests them, in GET, PATCH and lists; names otherwise."""
    await create(google)
    assert (await body(google, "GET", f"{REPOSITORY}?{INTEGERS}"))["format"] == 8
    patched = await body(google, "PATCH", f"{REPOSITORY}?updateMask=description&{INTEGERS}", json={"description": "x"})
    assert (patched["format"], patched["mode"]) == (8, 1)
    (listed,) = (await body(google, "GET", f"{COLLECTION}?{INTEGERS}"))["repositories"]
    assert listed["format"] == 8
    assert (await body(google, "GET", f"{REPOSITORY}?alt=json"))["format"] == "PYTHON"


async def test_a_mode_of_numbers_or_names_is_read(google: Emulated) -> None:
    """Clients send enums as names or as numbers, and MODE_UNSPECIFIED means standard."""
    await body(google, "POST", CREATE, json={"format": 8, "mode": "MODE_UNSPECIFIED"})
    found = await body(google, "GET", REPOSITORY)
    assert (found["format"], found["mode"]) == ("PYTHON", "STANDARD_REPOSITORY")


async def test_patch_is_synchronous(google: Emulated) -> None:
    """The whole object may be sent: only masked fields count, and the reply lacks registryUri."""
    await create(google, description="before", labels={"a": "1"})
    whole = await body(google, "GET", REPOSITORY)
    echoed = {**whole, "description": "after", "labels": {"a": "ignored"}, "createTime": "2001-01-01T00:00:00Z"}
    reply = await body(google, "PATCH", f"{REPOSITORY}?updateMask=description", json=echoed)
    assert (reply["description"], reply["labels"]) == ("after", {"a": "1"})
    assert "registryUri" not in reply
    assert reply["createTime"] == whole["createTime"]
    assert reply["updateTime"] > whole["updateTime"]


@pytest.mark.parametrize("mask", ["cleanupPolicyDryRun", "cleanup_policy_dry_run"])
@pytest.mark.parametrize("name", ["updateMask", "update_mask"])
async def test_masks_are_camel_or_snake(google: Emulated, mask: str, name: str) -> None:
    """Both spellings of masks and of their parameter are accepted."""
    await create(google, description="before")
    sent = {"cleanupPolicyDryRun": True, "description": "ignored"}
    reply = await body(google, "PATCH", f"{REPOSITORY}?{name}={mask}", json=sent)
    assert (reply["cleanupPolicyDryRun"], reply["description"]) == (True, "before")


async def test_a_mask_of_no_field_is_refused(google: Emulated) -> None:
    """A path to an unknown field is INVALID_ARGUMENT."""
    await create(google)
    status, name, _ = await refusal(google, "PATCH", f"{REPOSITORY}?updateMask=colour", json={})
    assert (status, name) == (400, "INVALID_ARGUMENT")


async def test_delete_is_an_operation_of_empty(google: Emulated) -> None:
    """The operation answers google.protobuf.Empty, and the repository is gone."""
    await create(google)
    first = await body(google, "DELETE", REPOSITORY)
    assert first.keys() == {"name", "metadata"}
    done = await body(google, "GET", first["name"])
    assert done["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert (await rest(google, "GET", REPOSITORY)).status == 404


async def test_missing_is_404_in_the_recorded_words(google: Emulated) -> None:
    """The whole body of a 404: no details."""
    response = await rest(google, "GET", REPOSITORY)
    assert response.status == 404
    assert await response.json() == {
        "error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}
    }


async def test_a_duplicate_is_409(google: Emulated) -> None:
    """ALREADY_EXISTS; its message is inferred and not tested."""
    await create(google)
    assert (await refusal(google, "POST", CREATE, json={"format": "PYTHON"}))[:2] == (409, "ALREADY_EXISTS")


async def test_an_unknown_location_is_400(google: Emulated) -> None:
    """The message that was seen for an unknown location."""
    path = CREATE.replace("us-central1", "eu-west3")
    assert await refusal(google, "POST", path, json={"format": "PYTHON"}) == (
        400,
        "INVALID_ARGUMENT",
        "Request contains an invalid argument.",
    )


@pytest.mark.parametrize("sent", [b"{", b"[]", b"", b'{"format": "SNAKE"}', b'{"labels": 3}', b"\xff"])
async def test_a_broken_body_is_400(google: Emulated, sent: bytes) -> None:
    """A body that is not a JSON object of the message is INVALID_ARGUMENT."""
    assert (await refusal(google, "POST", CREATE, data=sent))[:2] == (400, "INVALID_ARGUMENT")


async def test_fields_of_other_clients_are_let_pass(google: Emulated) -> None:
    """Fields that gcloud knows but the proto does not have do not break a call."""
    await create(google, networkConfig={}, sbomConfig={})


@pytest.mark.parametrize(
    ("identity", "status", "name"),
    [(None, 401, "UNAUTHENTICATED"), (STRANGER, 403, "PERMISSION_DENIED"), (OPERATOR, 404, "NOT_FOUND")],
)
async def test_permission_is_checked_before_existence(
    google: Emulated, identity: str | None, status: int, name: str
) -> None:
    """401 without a valid token, 403 without permission, 404 only for callers with permission."""
    assert (await refusal(google, "GET", REPOSITORY, identity))[:2] == (status, name)


async def test_a_body_is_not_judged_before_the_caller(google: Emulated) -> None:
    """A broken body of an unknown caller is 401, and the call is in the trace."""
    assert (await refusal(google, "POST", CREATE, None, data=b"{"))[:2] == (401, "UNAUTHENTICATED")
    assert google.trace()[-1]["status"] == "UNAUTHENTICATED"


async def test_the_recorded_headers(google: Emulated) -> None:
    """Content type and Google's own headers, for replies and errors."""
    google.create()
    for path, status in ((REPOSITORY, 200), (f"{COLLECTION}/absent", 404)):
        response = await rest(google, "GET", path)
        headers = response.headers
        assert response.status == status
        assert headers["Content-Type"] == "application/json; charset=UTF-8"
        assert (headers["Server"], headers["X-Content-Type-Options"]) == ("ESF", "nosniff")
        assert headers.getall("Vary") == ["Origin", "X-Origin", "Referer"]
        assert (headers["X-Frame-Options"], headers["X-XSS-Protection"]) == ("SAMEORIGIN", "0")


@pytest.mark.parametrize("version", ["v1", "v1beta2"])
async def test_locations_are_listed_in_both_versions(google: Emulated, version: str) -> None:
    """Locations are listed in v1beta2 too, which gcloud uses."""
    found = await body(google, "GET", f"/{version}/projects/acme-packages/locations")
    assert {"name": PARENT, "locationId": "us-central1"} in found["locations"]


async def test_lists_come_in_pages(google: Emulated) -> None:
    """Pages of pageSize, linked by nextPageToken, contain each repository once; an empty list is an empty object."""
    assert await body(google, "GET", COLLECTION) == {}
    names = [f"{COLLECTION}/r{number}" for number in range(3)]
    for name in names:
        google.create(name)
    first = await body(google, "GET", f"{COLLECTION}?pageSize=2")
    second = await body(google, "GET", f"{COLLECTION}?pageSize=2&pageToken={first['nextPageToken']}")
    assert [row["name"] for row in first["repositories"] + second["repositories"]] == names
    assert "nextPageToken" not in second


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{REPOSITORY}:reindex"),
        ("POST", f"{REPOSITORY}:getIamPolicy"),
        ("GET", f"{REPOSITORY}/npmPackages"),
        ("GET", f"{PARENT}/operations"),
        ("GET", f"/v1beta2/{REPOSITORY}"),
        ("GET", f"{COLLECTION}?filter=name%3Dx"),
    ],
)
async def test_what_is_not_emulated_is_501(google: Emulated, method: str, path: str) -> None:
    """Unknown methods and options answer UNIMPLEMENTED; getIamPolicy is GET only."""
    google.create()
    status, name, message = await refusal(google, method, path, json={} if method == "POST" else None)
    assert (status, name) == (501, "UNIMPLEMENTED")
    assert "not part of this emulation" in message


async def test_the_rest_client(google: Emulated) -> None:
    """The REST client creates, waits for, changes and deletes a repository, and writes its policy by etag."""
    client = rest_client(google, google.token(OPERATOR))
    wanted = ar.Repository(format_=PYTHON, labels={"a": "1"})

    def work() -> tuple[Any, ...]:
        made = client.create_repository(parent=PARENT, repository_id="team-wheels", repository=wanted).result()
        found = client.get_repository(name=REPOSITORY)
        change = ar.Repository(name=REPOSITORY, cleanup_policy_dry_run=True)
        changed = client.update_repository(repository=change, update_mask={"paths": ["cleanup_policy_dry_run"]})
        fresh = client.get_iam_policy(request={"resource": REPOSITORY})
        policy = {"etag": fresh.etag, "bindings": [{"role": "roles/artifactregistry.reader", "members": ["allUsers"]}]}
        client.set_iam_policy(request={"resource": REPOSITORY, "policy": policy})
        with pytest.raises(exceptions.Conflict):
            client.set_iam_policy(request={"resource": REPOSITORY, "policy": {**policy, "bindings": []}})
        listed = [repository.name for repository in client.list_repositories(parent=PARENT)]
        client.delete_repository(name=REPOSITORY).result()
        with pytest.raises(exceptions.NotFound):
            client.get_repository(name=REPOSITORY)
        return made.registry_uri, found.format_, changed.cleanup_policy_dry_run, fresh.etag, listed

    assert await asyncio.to_thread(work) == ("", PYTHON, True, base64.b64decode("ACAB"), [REPOSITORY])
