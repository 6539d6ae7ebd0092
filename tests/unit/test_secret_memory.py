"""What a restart reads from status, and what it leaves unchanged until it has checked."""

from typing import Any

import pytest
from fakes.world import Fakes

from wheelhouse.domain.findings import passed, pending
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.memory import Memory
from wheelhouse.reconcile.secret.targets import Targets

KEY = ObjectKey("owners", "one")
URL = "https://us-central1-python.pkg.dev/acme/wheels/simple/"
CONTENT = Content("pip", TokenKey(Identity("owners", "pull"), 3600), "wheels", URL, None, f"{URL}pip/", "owners/pull")
WAITS = pending("Waiting.")


def stored(fakes: Fakes, *, distributed: str = "True", verified: str = "Verified", **secret: Any) -> CustomObject:
    """An access whose status an earlier process wrote."""
    status = {
        "secret": {
            "name": "pip",
            "namespaces": ["owners", "team"],
            "current": 2,
            "identity": "owners/pull",
            "expirationTime": "2026-01-01T00:50:00Z",
            "refreshTime": "2026-01-01T00:20:00Z",
            **secret,
        },
        "conditions": [
            {"type": "Distributed", "status": distributed, "reason": "Distributed", "observedGeneration": 1},
            {"type": "Verified", "status": "True", "reason": verified, "observedGeneration": 1},
        ],
    }
    made = fakes.cluster.put(Kind.ACCESS, KEY, {"repositoryRef": {"name": "wheels"}})
    body = fakes.cluster.objects[Kind.ACCESS, KEY] | {"status": status}
    assert made.generation == 1
    return CustomObject.parse(body)


def test_counts_stay_until_every_secret_was_checked() -> None:
    """One of two Secrets was checked: status does not get a count of one, and nothing is written."""
    fakes, findings, targets = Fakes(), Findings(), Targets()
    memory = Memory(fakes.world, findings, targets)
    access = stored(fakes)
    for namespace, current in (("owners", 2), ("team", 2)):
        all_of, target = memory.recall(SecretKey(KEY, namespace), access, CONTENT)
        all_of.count(namespace, target, passed(Reason.DISTRIBUTED))
        memory.note(access, all_of, WAITS)
        assert findings.distribution(access).current == current
    assert findings.distribution(access).distributed == passed(Reason.DISTRIBUTED)
    all_of.count("team", target, None)
    memory.note(access, all_of, WAITS)
    assert findings.distribution(access).current == 1


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        ({}, True),
        ({"distributed": "False"}, False),
        ({"verified": "Propagating"}, False),
        ({"verified": "Pending"}, False),
        ({"verified": "Refused"}, True),
        ({"verified": "VerificationOff"}, True),
        ({"identity": "owners/another"}, False),
        ({"identity": ""}, False),
        ({"name": "another"}, False),
        ({"namespaces": ["team"]}, False),
        ({"namespaces": "owners"}, False),
    ],
)
def test_what_stands_after_a_start(status: dict[str, Any], stands: bool) -> None:
    """Only a Secret that is finished by status counts as having the desired content."""
    fakes = Fakes()
    memory = Memory(fakes.world, Findings(), Targets())
    _, target = memory.recall(SecretKey(KEY, "owners"), stored(fakes, **status), CONTENT)
    assert (target.digest == digest(CONTENT)) is stands


def test_mere_progress_waits_for_company() -> None:
    """Other counts and times reach the access within five seconds, another finding at once."""
    fakes, findings = Fakes(), Findings()
    memory = Memory(fakes.world, findings, Targets())
    access = stored(fakes, namespaces=["owners"])
    all_of, target = memory.recall(SecretKey(KEY, "owners"), access, CONTENT)
    all_of.count("owners", target, passed(Reason.DISTRIBUTED))
    memory.note(access, all_of, WAITS)
    assert fakes.queue.pop() == AccessKey(KEY)
    fakes.queue.done(AccessKey(KEY), None)
    target.lease = None
    all_of.count("owners", target, passed(Reason.DISTRIBUTED))
    memory.note(access, all_of, WAITS)
    assert fakes.queue.pop() is None
    fakes.clock.advance(5)
    assert fakes.queue.pop() == AccessKey(KEY)
