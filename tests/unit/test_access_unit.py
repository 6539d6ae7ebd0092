"""When an access asks for a new token because a person did."""

from typing import Any

import pytest
from fakes.world import WORKLOAD, Fakes

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import FINALIZER, OPT_IN_LABEL, OPT_IN_VALUE, REQUESTED_ANNOTATION, Kind, Namespace
from wheelhouse.reconcile.access.unit import AccessUnit
from wheelhouse.reconcile.debts import Debts
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.unit import SecretUnit

KEY, WHEELS = ObjectKey("owners", "one"), ObjectKey("owners", "wheels")
PULL = Identity("owners", "pull")
TOKEN = TokenKey(PULL, 3600)
SPEC = {
    "repositoryRef": {"name": "wheels"},
    "subjects": [{"kind": "ServiceAccount", "name": "pull"}],
    "secret": {"name": "pip", "serviceAccountName": "pull"},
}
GRANTED = {
    "repository": "projects/acme-packages/locations/us-central1/repositories/wheels",
    "grants": [
        {"role": "roles/artifactregistry.reader", "member": WORKLOAD.member(PULL), "state": "Granted"},
    ],
}


class Process:
    """The access unit of a process that has just started, and the tokens that it asks for."""

    def __init__(self) -> None:
        self.fakes = Fakes()
        world, findings, debts = self.fakes.world, Findings(), Debts()
        ledger, claims = Ledger(world, findings), Claims(world, findings)
        self._tokens = TokenUnit(world)
        secrets = SecretUnit(world, findings, ledger, claims, self._tokens, debts)
        self.fakes.cache.store_namespace(Namespace("owners", {OPT_IN_LABEL: OPT_IN_VALUE}, projects=("acme-packages",)))
        self.fakes.cache.store(
            Kind.REPOSITORY, self.fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
        )
        policies = PolicyUnit(world, findings, ledger, claims, debts)
        self._unit = AccessUnit(world, findings, ledger, claims, policies, secrets, debts)

    async def look(self, requested: str, status: dict[str, Any]) -> bool:
        """One pass of the access; whether it asks for a token."""
        cluster = self.fakes.cluster
        annotations = {REQUESTED_ANNOTATION: requested} if requested else {}
        cluster.put(Kind.ACCESS, KEY, SPEC, annotations=annotations)
        body = cluster.objects[Kind.ACCESS, KEY]
        body["status"] = status
        body["metadata"]["finalizers"] = [FINALIZER]
        stored = cluster.get(Kind.ACCESS, KEY)
        assert stored is not None
        self.fakes.cache.store(Kind.ACCESS, stored)
        await self._unit.reconcile(KEY)
        return self._tokens.overdue(TOKEN)


@pytest.mark.parametrize(
    ("requested", "handled", "asks"),
    [
        ("", "", False),
        ("now", "now", False),
        ("now", "", True),
        ("now", "before", True),
    ],
)
async def test_a_start_hears_what_was_asked_meanwhile(requested: str, handled: str, asks: bool) -> None:
    """It goes by what status says was handled last: an unchanged annotation asks for nothing."""
    status = GRANTED | ({"lastHandledRequest": handled} if handled else {})
    assert await Process().look(requested, status) is asks


async def test_a_new_access_asks_for_no_token_before_its_grant() -> None:
    """Its first Secret has a new token anyway, and without a grant none is minted."""
    assert not await Process().look("now", {})
