"""The operator's writes to our own kinds: whole status with a resourceVersion, finalizers, Events, lists."""

from dataclasses import replace
from typing import Any, cast

import pytest
from fakes.bench import Bench, RealBench
from structlog.testing import capture_logs

from wheelhouse.clients.kubernetes.admission import enforcement
from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.objects import KubernetesObjects
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import APPLY, MERGE, Call, Reply, Transport
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, NotReady, Refused

KIND = Kind.ACCESS


def status(ready: str = "True", **fields: Any) -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    return {"observedGeneration": 1, "conditions": [condition], **fields}


async def test_status_is_written_whole_and_once(bench: Bench) -> None:
    """The same again changes nothing; omitted fields are removed; an older resourceVersion is a conflict."""
    stored = await bench.access(await bench.namespace())
    first = await bench.objects.write_status(KIND, stored, status(grantSummary="somebody"))
    assert first is not None
    assert first.status == status(grantSummary="somebody")
    again = await bench.objects.write_status(KIND, first, status(grantSummary="somebody"))
    assert again == first
    less = await bench.objects.write_status(KIND, first, status("False"))
    assert less is not None
    assert less.status == status("False")
    with pytest.raises(Conflict):
        await bench.objects.write_status(KIND, first, status())


async def test_a_deleted_object_is_not_written(bench: Bench) -> None:
    """A deleted object is None; a recreated object of the same name is a conflict."""
    namespace = await bench.namespace()
    stored = await bench.access(namespace)
    assert await bench.delete_access(stored.key) is None
    assert await bench.objects.write_status(KIND, stored, status()) is None
    assert await bench.objects.set_finalizers(KIND, stored, [FINALIZER]) is None
    await bench.access(namespace)
    with pytest.raises(Conflict):
        await bench.objects.write_status(KIND, stored, status())
    with pytest.raises(Conflict):
        await bench.objects.set_finalizers(KIND, stored, [FINALIZER])


async def test_finalizers_hold_and_let_go(bench: Bench) -> None:
    """Our finalizer holds a deleted object, whose generation increases; without its last finalizer, it is gone."""
    stored = await bench.access(await bench.namespace())
    held = await bench.objects.set_finalizers(KIND, stored, [FINALIZER])
    assert held is not None
    assert held.finalizers == (FINALIZER,)
    assert await bench.objects.set_finalizers(KIND, held, [FINALIZER]) == held
    with pytest.raises(Conflict):
        await bench.objects.set_finalizers(KIND, stored, [])
    deleting = await bench.delete_access(stored.key)
    assert deleting is not None
    assert (deleting.deleting, deleting.generation) == (True, stored.generation + 1)
    assert await bench.objects.write_status(KIND, deleting, status()) is not None
    left = await bench.delete_access(stored.key)
    assert left is not None
    released = await bench.objects.set_finalizers(KIND, left, [])
    assert released is not None
    assert (released.deleting, released.finalizers) == (True, ())
    assert await bench.objects.set_finalizers(KIND, left, []) is None


async def test_a_definition_that_stays(bench: Bench) -> None:
    """Our kinds are not being deleted."""
    assert not await bench.objects.definition_deleting(KIND)


@pytest.fixture
def real(admin: Transport, operator: Transport) -> RealBench:
    objects = KubernetesObjects(operator, Events(operator, "contract-pod"))
    return RealBench(admin, KubernetesSecrets(operator), objects)


async def test_conditions_of_others_stay(real: RealBench, admin: Transport) -> None:
    """Another controller's condition, applied by its own manager, stays after our writes."""
    stored = await real.access(await real.namespace())
    theirs = status()["conditions"][0] | {"type": "Theirs"}
    where = f"/apis/wheelhouse.dev/v1alpha1/namespaces/{stored.key.namespace}/repositoryaccesses/{stored.key.name}"
    body = {
        "apiVersion": "wheelhouse.dev/v1alpha1",
        "kind": "RepositoryAccess",
        "metadata": {"name": stored.key.name},
        "status": {"conditions": [theirs]},
    }
    call = Call("apply", "x", "PATCH", f"{where}/status", {"fieldManager": "theirs"}, body, APPLY)
    current = CustomObject.parse((await admin.send(call)).body)
    for ready in ("True", "False"):
        written = await real.objects.write_status(KIND, current, status(ready))
        assert written is not None
        types = {row["type"]: row["status"] for row in written.status["conditions"]}
        assert types == {"Theirs": "True", "Ready": ready}
        current = written


async def test_fields_that_another_client_wrote_are_removed(real: RealBench, admin: Transport) -> None:
    """Also if they alone would not be valid: what is not in our status does not stay, and our next write works."""
    current: CustomObject | None = await real.access(await real.namespace())
    secret = {"name": "pip-config", "namespaces": ["a"], "desired": 1, "current": 1, "summary": "1/1"}
    forged = {
        "secret": {"namespaces": ["b"], "identity": "a/b", "uploadRepository": "projects/p/locations/l/repositories/x"},
        "conditions": [status()["conditions"][0] | {"type": "IndexSafe"}],
    }
    for ours in (status(), status("False", secret=secret)):
        assert current is not None
        current = await real.objects.write_status(KIND, current, status(secret=secret))
        assert current is not None
        key = current.key
        where = f"/apis/wheelhouse.dev/v1alpha1/namespaces/{key.namespace}/repositoryaccesses/{key.name}/status"
        reply = await admin.send(Call("patch", "x", "PATCH", where, {}, {"status": forged}, MERGE))
        assert reply.ok, reply.message
        current = await real.objects.write_status(KIND, CustomObject.parse(reply.body), ours)
        assert current is not None
        assert current.status == ours


async def test_events_reach_people(real: RealBench, admin: Transport) -> None:
    """`kubectl describe` finds it by the object's uid; a long note is truncated."""
    stored = await real.access(await real.namespace())
    await real.objects.event(KIND, stored, "DriftCorrected", "ü" * 2000, warning=True)
    where = f"/apis/events.k8s.io/v1/namespaces/{stored.key.namespace}/events"
    found = (await admin.send(Call("list", "events", "GET", where))).body["items"]
    event = next(item for item in found if item["reportingController"] == "wheelhouse.dev/operator")
    assert (event["reason"], event["type"], event["reportingInstance"]) == ("DriftCorrected", "Warning", "contract-pod")
    assert (event["regarding"]["uid"], event["regarding"]["kind"]) == (stored.uid, "RepositoryAccess")
    assert len(event["note"].encode()) <= 1024


async def test_an_event_that_cannot_be_is_no_failure(real: RealBench) -> None:
    """Ignored in a terminating or absent namespace, otherwise logged."""
    stored = await real.access(await real.namespace())
    with capture_logs() as logs:
        await real.objects.event(KIND, stored, "", "an Event without a reason is refused")
    assert [line["status"] for line in logs] == [422]
    await real.terminate(stored.key.namespace)
    with capture_logs() as logs:
        await real.objects.event(KIND, stored, "Ready", "in a namespace that goes")
        gone = replace(stored, key=ObjectKey("contract-gone", "x"))
        await real.objects.event(KIND, gone, "Ready", "in a namespace that is gone")
    assert logs == []


async def test_the_self_test_sees_the_policies(operator: Transport, admin: Transport) -> None:
    """Enforced for the operator; nothing denies an administrator, and the complaint names that login."""
    assert await enforcement(operator, "contract-system", "operator") is None
    complaint = await enforcement(admin, "contract-system", "operator")
    assert complaint is not None
    assert "logged in to Kubernetes as 'admin', not as its ServiceAccount system:serviceaccount:contract-" in complaint
    assert "more permissions than manifests/base grants" in complaint


class Lenient:
    """An API server that allows everything, and reports this user."""

    def __init__(self, review: dict[str, Any]) -> None:
        self._review = review

    async def send(self, call: Call) -> Reply:
        return Reply(201, self._review if call.kind == "selfsubjectreviews" else {})


@pytest.mark.parametrize(
    "review",
    [{}, {"status": "x"}, {"status": {"userInfo": {"username": "system:serviceaccount:contract-system:operator"}}}],
)
async def test_without_policies_the_operator_asks_for_them(review: dict[str, Any]) -> None:
    """With its own login, or one that the API server does not name, the missing policies are the problem."""
    complaint = await enforcement(cast(Transport, Lenient(review)), "contract-system", "operator")
    assert complaint is not None
    assert complaint.startswith("No admission policy keeps the operator from writing Secrets of other types.")


async def test_tokens_are_for_tenants_that_opted_in(real: RealBench, operator: Transport, admin: Transport) -> None:
    """A ServiceAccount's token for the pool; absent, not opted in, and another audience are distinguished."""
    tokens = ServiceAccountTokens(operator, "acme-packages.svc.id.goog")
    namespace, closed = await real.namespace(), await real.namespace(opted_in=False)
    for where in (namespace, closed):
        await admin.send(
            Call("x", "x", "POST", f"/api/v1/namespaces/{where}/serviceaccounts", body={"metadata": {"name": "wheels"}})
        )
    token = await tokens.request(Identity(namespace, "wheels"), 20)
    assert token.value.startswith("eyJ")
    for identity in (Identity(namespace, "absent"), Identity("contract-gone", "wheels")):
        with pytest.raises(NotReady) as absent:
            await tokens.request(identity, 600)
        assert absent.value.reason is Reason.SERVICE_ACCOUNT_NOT_FOUND
    with pytest.raises(Refused) as refused:
        await tokens.request(Identity(closed, "wheels"), 600)
    assert refused.value.reason is Reason.NOT_OPTED_IN
    with pytest.raises(Refused) as other:
        await ServiceAccountTokens(operator, "https://kubernetes.default.svc").request(
            Identity(namespace, "wheels"), 600
        )
    assert other.value.reason is Reason.TOKEN_REFUSED


async def test_accesses_are_listed_by_their_uids(bench: Bench) -> None:
    """A fresh list has each existing access, even one that is being deleted, and no deleted one."""
    first, second, third = [await bench.access(await bench.namespace(), name) for name in ("a", "b", "c")]
    assert await bench.objects.set_finalizers(KIND, second, [FINALIZER]) is not None
    for each in (second, third):
        await bench.delete_access(each.key)
    found = await bench.objects.access_uids()
    assert found[first.uid] == first.key
    assert found[second.uid] == second.key
    assert third.uid not in found
