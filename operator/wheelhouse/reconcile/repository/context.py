"""What making and releasing repositories share."""

from dataclasses import dataclass

from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.repository.operations import Operations
from wheelhouse.reconcile.repository.past import Past
from wheelhouse.reconcile.repository.projects import ProjectChecks
from wheelhouse.reconcile.repository.turns import Turns
from wheelhouse.reconcile.repository.upstreams import Upstreams
from wheelhouse.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """The ports, and what is remembered of all repositories."""

    world: World
    findings: Findings
    ledger: Ledger
    operations: Operations
    turns: Turns
    projects: ProjectChecks
    past: Past
    upstreams: Upstreams

    @classmethod
    def of(cls, world: World, findings: Findings, ledger: Ledger) -> "Context":
        """A context in which nothing is remembered yet."""
        return cls(
            world=world,
            findings=findings,
            ledger=ledger,
            operations=Operations(world, findings, ledger),
            turns=Turns(world),
            projects=ProjectChecks(world),
            past=Past(world),
            upstreams=Upstreams(world, findings),
        )
