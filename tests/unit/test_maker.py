"""A repository whose object disappears during a pass."""

from typing import Any

import pytest
from fakes.calls import PortCall
from fakes.world import Fakes

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, Kind, Namespace
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.repository.unit import RepositoryUnit

KIND, KEY = Kind.REPOSITORY, ObjectKey("owners", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")


class Office:
    """A repository unit, and one object that it has seen."""

    def __init__(self, **spec: Any) -> None:
        self.fakes = Fakes()
        findings = Findings()
        self.unit = RepositoryUnit(self.fakes.world, findings, Ledger(self.fakes.world, findings))
        self.fakes.cache.store_namespace(Namespace("owners", projects=(NAME.project,)))
        spec = {"location": NAME.location, **spec}
        self.fakes.cache.store(KIND, self.fakes.cluster.put(KIND, KEY, spec, finalizers=[FINALIZER]))

    def vanish(self) -> None:
        """The object is gone, finalizer or not, when its status is written next; no watch has told yet."""

        def before(call: PortCall) -> None:
            if call.name == "objects.write_status":
                self.fakes.cluster.objects.pop((KIND, KEY), None)

        self.fakes.calls.before = before


@pytest.mark.parametrize("gone", [False, True])
async def test_the_repository_of_an_object_that_is_gone_is_not_created(gone: bool) -> None:
    """Its name could not be recorded, so a repository that is created now would never be released."""
    office = Office()
    if gone:
        office.vanish()
    await office.unit.reconcile(KEY)
    assert office.fakes.calls.count()["repositories.create"] == (0 if gone else 1)
    assert (NAME.full in office.fakes.google.repositories) is not gone


@pytest.mark.parametrize("gone", [False, True])
async def test_no_repository_is_adopted_for_an_object_that_is_gone(gone: bool) -> None:
    """It gets no labels, and nothing in it changes."""
    office = Office(adoptionPolicy="Always", description="ours")
    office.fakes.google.plant(NAME, description="theirs")
    if gone:
        office.vanish()
    await office.unit.reconcile(KEY)
    settings = office.fakes.google.repositories[NAME.full].settings
    assert office.fakes.calls.count()["repositories.patch"] == (0 if gone else 1)
    assert (settings.description, bool(settings.labels)) == (("theirs", False) if gone else ("ours", True))
