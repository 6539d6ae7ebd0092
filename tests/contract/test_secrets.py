"""Secrets are written and removed without a read: the API server's replies, on a fake and on a real one."""

import asyncio
import itertools
import time
from dataclasses import replace
from datetime import datetime

import pytest
from fakes.bench import Bench, RealBench

from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.transport import Call, Transport
from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.form import Authentication, Form, Format
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.secret import (
    EXPIRES_ANNOTATION,
    SECRET_TYPE,
    AccessReference,
    Applied,
    Clash,
    Denied,
    SecretManifest,
    SecretReply,
)
from wheelhouse.domain.token import Token
from wheelhouse.errors import Conflict, Refused

EVERY_FILE = Form(Authentication.URL, formats=frozenset(Format))
DATA = {"pip.conf": "a token", "netrc": "a token too"}
OTHER = AccessReference(ObjectKey("elsewhere", "other"), "22222222-2222-4222-8222-222222222222")


async def manifest(bench: Bench, namespace: str, name: str = "pip") -> SecretManifest:
    """The Secret of a new access in its own namespace."""
    access = await bench.access(namespace, name)
    annotations = {"wheelhouse.dev/x": "y", EXPIRES_ANNOTATION: "2026-01-01T01:00:00Z"}
    return SecretManifest(namespace, name, AccessReference(access.key, access.uid), DATA, annotations)


def bare(reply: SecretReply) -> SecretReply:
    """A reply without what the Secret has, or when it was written."""
    return Applied(reply.uid, reply.created) if isinstance(reply, Applied) else reply


async def ask(bench: Bench, secret: SecretManifest, *, force: bool = False) -> SecretReply:
    """The reply to a bare dry run, without its additional fields."""
    reply = await bench.secrets.apply(secret.bare, force=force, dry_run=True)
    return bare(reply)


async def look(bench: Bench, secret: SecretManifest) -> Applied:
    """The reply to a bare dry run of a Secret."""
    reply = await bench.secrets.apply(secret.bare, force=False, dry_run=True)
    assert isinstance(reply, Applied)
    return reply


async def test_create_no_op_update_delete(bench: Bench) -> None:
    """The simple lifecycle: 201, then 200 and the same resourceVersion, then new data, then deletion by its uid."""
    secret = await manifest(bench, await bench.namespace())
    created = await bench.secrets.apply(secret, force=False)
    assert isinstance(created, Applied)
    assert created.created
    before = await bench.version(secret.namespace, secret.name)
    assert bare(await bench.secrets.apply(secret, force=False)) == Applied(created.uid, created=False)
    assert await bench.version(secret.namespace, secret.name) == before
    fewer = replace(secret, data={"pip.conf": "another token"})
    assert bare(await bench.secrets.apply(fewer, force=False)) == Applied(created.uid, created=False)
    assert await bench.data(secret.namespace, secret.name) == {"pip.conf": "another token"}
    assert await ask(bench, secret) == Applied(created.uid, created=False)
    await bench.secrets.delete(secret.namespace, secret.name, OTHER.uid)
    assert await bench.data(secret.namespace, secret.name) is not None
    await bench.secrets.delete(secret.namespace, secret.name, created.uid)
    await bench.secrets.delete(secret.namespace, secret.name, created.uid)
    assert await bench.data(secret.namespace, secret.name) is None


async def test_asking_changes_nothing(bench: Bench) -> None:
    """A release's dry run of an absent Secret does not create it; for our own Secret it keeps the data."""
    secret = await manifest(bench, await bench.namespace())
    absent = await ask(bench, secret)
    assert isinstance(absent, Applied)
    assert absent.created
    assert await bench.data(secret.namespace, secret.name) is None
    await bench.secrets.apply(secret, force=False)
    before = await bench.version(secret.namespace, secret.name)
    await ask(bench, secret)
    await ask(bench, secret, force=True)
    assert await bench.version(secret.namespace, secret.name) == before


async def test_a_dry_run_shows_what_our_manager_owns(bench: Bench) -> None:
    """All applied fields, in the access's own namespace and elsewhere; none of an absent Secret."""
    secret = await manifest(bench, await bench.namespace())
    elsewhere = replace(secret, namespace=await bench.namespace())
    absent = await look(bench, secret)
    assert (absent.created, absent.owned, absent.expires_at) == (True, frozenset(), "")
    for each in (secret, elsewhere):
        written = await bench.secrets.apply(each, force=False)
        assert isinstance(written, Applied)
        found = await look(bench, each)
        assert (found.uid, found.created, found.owned) == (written.uid, False, each.paths)
        assert found.expires_at == "2026-01-01T01:00:00Z"
        assert datetime.fromisoformat(found.written_at).tzinfo is not None
        assert found.written_at == written.written_at


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".data.netrc", "evil"),
        (".data.pip.conf", None),
        (".metadata.labels.wheelhouse.dev/access", None),
    ],
)
@pytest.mark.parametrize("manager", ["kubectl-edit", "ours"])
async def test_a_dry_run_shows_what_was_edited(bench: Bench, path: str, text: str | None, manager: str) -> None:
    """Our manager no longer owns what a person changed or removed, even under our manager's name."""
    secret = await manifest(bench, await bench.namespace())
    await bench.secrets.apply(secret, force=False)
    who = secret.access.manager if manager == "ours" else manager
    await bench.edit(secret.namespace, secret.name, {path: text}, who)
    assert (await look(bench, secret)).owned == secret.paths - {path.removeprefix(".")}


async def test_a_dry_run_omits_what_others_added(bench: Bench) -> None:
    """Keys, labels and annotations of others belong to them, and do not change ours."""
    secret = await manifest(bench, await bench.namespace())
    await bench.secrets.apply(secret, force=False)
    await bench.edit(secret.namespace, secret.name, {".data.mine": "x", ".metadata.labels.mine": "x"})
    assert (await look(bench, secret)).owned == secret.paths


async def test_another_type_is_never_ours(bench: Bench) -> None:
    """409 with a cause on .type, or 422 when forced; neither a forced apply nor a delete changes it."""
    secret = await manifest(bench, await bench.namespace())
    await bench.plant(secret.namespace, secret.name, "Opaque", {"pip.conf": "theirs"})
    unforced = await bench.secrets.apply(secret, force=False)
    assert unforced == Clash(("kubectl-create",), foreign_type=True)
    assert await ask(bench, secret) == Clash(("kubectl-create",), foreign_type=True)
    forced = await bench.secrets.apply(secret, force=True)
    assert isinstance(forced, Clash)
    assert forced.foreign_type
    assert await bench.data(secret.namespace, secret.name) == {"pip.conf": "theirs"}


async def test_a_persons_edit_names_the_person(bench: Bench) -> None:
    """Data by kubectl, or under our own manager's name: without force it is rejected, with force it is reverted."""
    secret = await manifest(bench, await bench.namespace())
    first = await bench.secrets.apply(secret, force=False)
    assert isinstance(first, Applied)
    for manager in ("kubectl-edit", secret.access.manager):
        await bench.edit(secret.namespace, secret.name, {".data.pip.conf": "evil"}, manager)
        assert await bench.secrets.apply(secret, force=False) == Clash((manager,))
        assert bare(await bench.secrets.apply(secret, force=True)) == Applied(first.uid, created=False)
        assert await bench.data(secret.namespace, secret.name) == DATA
    await bench.edit(secret.namespace, secret.name, {".data.netrc": None, ".data.mine": "kept"})
    assert isinstance(await bench.secrets.apply(secret, force=False), Applied)
    assert await bench.data(secret.namespace, secret.name) == DATA | {"mine": "kept"}


async def test_an_edited_label_does_not_hide_a_secret(bench: Bench) -> None:
    """A release repeats with force if only a person's fields conflict, and gets the uid."""
    secret = await manifest(bench, await bench.namespace())
    written = await bench.secrets.apply(secret, force=False)
    assert isinstance(written, Applied)
    await bench.edit(secret.namespace, secret.name, {".metadata.labels.wheelhouse.dev/access-uid": "nobody"})
    assert await ask(bench, secret) == Clash(("kubectl-edit",))
    assert await ask(bench, secret, force=True) == Applied(written.uid, created=False)


async def test_another_access_is_named(bench: Bench) -> None:
    """Two accesses want one Secret: the reply names the other's manager, for a write and for a dry run."""
    secret = await manifest(bench, await bench.namespace())
    await bench.secrets.apply(secret, force=False)
    theirs = replace(secret, access=OTHER, data={"pip.conf": "other"})
    assert await bench.secrets.apply(theirs, force=False) == Clash((secret.access.manager,))
    assert await ask(bench, theirs) == Clash((secret.access.manager,))


async def test_taking_over_and_disowning(bench: Bench) -> None:
    """A deleted access's Secret is forced, and one apply of nothing removes what only its manager owned."""
    secret = await manifest(bench, await bench.namespace())
    dead = replace(secret, access=OTHER, data={"pip.conf": "old", ".pypirc": "old"}, annotations={})
    first = await bench.secrets.apply(dead, force=False)
    assert isinstance(first, Applied)
    taken = replace(secret, data={"pip.conf": "new"})
    assert bare(await bench.secrets.apply(taken, force=True)) == Applied(first.uid, created=False)
    assert await bench.data(secret.namespace, secret.name) == {"pip.conf": "new", ".pypirc": "old"}
    await bench.secrets.disown(secret.namespace, secret.name, OTHER.uid, OTHER.manager)
    assert await bench.data(secret.namespace, secret.name) == {"pip.conf": "new", ".pypirc": "old"}
    await bench.secrets.disown(secret.namespace, secret.name, first.uid, OTHER.manager)
    assert await bench.data(secret.namespace, secret.name) == {"pip.conf": "new"}
    await bench.secrets.disown(secret.namespace, "absent", first.uid, OTHER.manager)
    assert await bench.data(secret.namespace, "absent") is None


async def test_a_frozen_secret(bench: Bench) -> None:
    """422 if data would change; an apply without a change succeeds; a release still gets the uid, and deletes."""
    secret = await manifest(bench, await bench.namespace())
    written = await bench.secrets.apply(secret, force=False)
    assert isinstance(written, Applied)
    await bench.freeze(secret.namespace, secret.name)
    assert bare(await bench.secrets.apply(secret, force=False)) == Applied(written.uid, created=False)
    assert await bench.secrets.apply(replace(secret, data={"pip.conf": "new"}), force=False) == Clash(immutable=True)
    assert await ask(bench, secret) == Applied(written.uid, created=False)
    await bench.secrets.delete(secret.namespace, secret.name, written.uid)
    assert await bench.data(secret.namespace, secret.name) is None


async def test_a_namespace_that_has_not_opted_in(bench: Bench) -> None:
    """No Secret is created there, and a dry run for an absent one has the same result."""
    secret = await manifest(bench, await bench.namespace(opted_in=False))
    for reply in (await bench.secrets.apply(secret, force=False), await ask(bench, secret)):
        assert isinstance(reply, Denied)
        assert not reply.terminating


async def once_denied(bench: Bench, secret: SecretManifest) -> SecretReply:
    """The reply to a refresh, once the API server's policies know the Namespace's labels: their cache may be late."""
    until = time.monotonic() + 10
    for number in itertools.count():
        refreshed = replace(secret, data=DATA | {"pip.conf": f"newer {number}"})
        reply = await bench.secrets.apply(refreshed, force=False)
        if isinstance(reply, Denied) or time.monotonic() > until:
            break
        await asyncio.sleep(0.05)
    return reply


async def test_a_namespace_that_opted_out(bench: Bench) -> None:
    """No refresh any more, but everything that removes still works."""
    secret = await manifest(bench, await bench.namespace())
    written = await bench.secrets.apply(secret, force=False)
    assert isinstance(written, Applied)
    await bench.opt_out(secret.namespace)
    assert isinstance(await once_denied(bench, secret), Denied)
    assert await ask(bench, secret) == Applied(written.uid, created=False)
    assert await ask(bench, secret, force=True) == Applied(written.uid, created=False)
    await bench.secrets.delete(secret.namespace, secret.name, written.uid)
    assert await bench.data(secret.namespace, secret.name) is None


async def test_a_namespace_that_goes(bench: Bench) -> None:
    """Terminating or missing: nothing can be created, and that is not an error."""
    secret = await manifest(bench, await bench.namespace())
    gone = replace(secret, namespace="contract-gone")
    await bench.terminate(secret.namespace)
    for absent in (replace(secret, name="absent"), gone):
        for reply in (await bench.secrets.apply(absent, force=False), await ask(bench, absent)):
            assert isinstance(reply, Denied)
            assert reply.terminating
    await bench.secrets.delete("contract-gone", "absent", OTHER.uid)
    await bench.secrets.disown("contract-gone", "absent", OTHER.uid, OTHER.manager)


async def test_a_secret_that_is_being_deleted(bench: Bench) -> None:
    """The API server accepts the apply, but it does not count as a success, because the Secret is deleted anyway."""
    secret = await manifest(bench, await bench.namespace())
    await bench.secrets.apply(secret, force=False)
    await bench.hold_and_delete(secret.namespace, secret.name)
    with pytest.raises(Conflict):
        await bench.secrets.apply(secret, force=False)
    with pytest.raises(Conflict):
        await ask(bench, secret)


async def test_a_secret_of_our_type_from_another_client(bench: Bench) -> None:
    """The same type without a conflict: both share it, as with any server-side apply; the other fields stay."""
    secret = await manifest(bench, await bench.namespace())
    await bench.plant(secret.namespace, secret.name, SECRET_TYPE, {"theirs": "kept"})
    joined = await bench.secrets.apply(secret, force=False)
    assert isinstance(joined, Applied)
    assert not joined.created
    assert await bench.data(secret.namespace, secret.name) == DATA | {"theirs": "kept"}


async def test_only_our_type_is_deleted(bench: Bench) -> None:
    """A wrong uid in the ledger could belong to another Secret: admission denies the deletion."""
    if isinstance(bench, RealBench):
        namespace = await bench.namespace()
        await bench.plant(namespace, "foreign", "Opaque", {"a": "b"})
        where = f"/api/v1/namespaces/{namespace}/secrets/foreign"
        uid = (await bench._admin.send(Call("get", "secrets", "GET", where))).metadata["uid"]
    else:
        namespace, uid = await bench.namespace(), bench._fakes.secrets.plant("contract-1", "foreign").uid  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        await bench.secrets.delete(namespace, "foreign", uid)


async def test_the_secret_belongs_to_its_access(bench: Bench) -> None:
    """In the own namespace Kubernetes collects it, even after a forced finalizer removal; elsewhere it cannot."""
    secret = await manifest(bench, await bench.namespace())
    fanned_out = replace(secret, namespace=await bench.namespace())
    for each in (secret, fanned_out):
        await bench.secrets.apply(each, force=False)
    assert await bench.owners(secret.namespace, secret.name) == [secret.access.uid]
    assert await bench.owners(fanned_out.namespace, fanned_out.name) == []


async def test_no_data_comes_back(operator: Transport, admin: Transport) -> None:
    """Replies contain only metadata, even to an apply of a Secret with more than our fields."""
    bench = RealBench(admin, KubernetesSecrets(operator), KubernetesObjects(operator, Events(operator, "pod")))
    secret = await manifest(bench, await bench.namespace())
    await bench.plant(secret.namespace, secret.name, SECRET_TYPE, {"theirs": "canary"})
    bodies: list[object] = []
    send = operator.send

    async def watched(call: Call) -> object:
        reply = await send(call)
        bodies.append(reply.body)
        return reply

    operator.send = watched  # type: ignore[method-assign, assignment]
    await bench.secrets.apply(secret, force=False)
    await bench.secrets.apply(secret, force=True, dry_run=True)
    assert [body.get("kind") for body in bodies] == ["PartialObjectMetadata"] * 2  # type: ignore[attr-defined]
    assert "canary" not in str(bodies)


async def test_a_secret_with_the_longest_token_is_stored_whole(bench: Bench) -> None:
    """12,288 bytes, the maximum of the Security Token Service, in every file, and replaced by another token."""
    upload = "https://us-central1-python.pkg.dev/acme-packages/wheels/"
    wanted = ClientConfiguration("wheels", f"{upload}simple/", upload, Token("a" * 12288), EVERY_FILE)
    secret = await manifest(bench, await bench.namespace())
    for letter in "ab":
        data = render(replace(wanted, token=Token(letter * 12288)), None)
        assert set(data) == {"index-url", "pip.conf", "uv.toml", "pdm.toml", "netrc", ".pypirc", "username", "token"}
        assert isinstance(await bench.secrets.apply(replace(secret, data=data), force=False), Applied)
        assert await bench.data(secret.namespace, secret.name) == data
