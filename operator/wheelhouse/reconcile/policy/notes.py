"""The findings of the passes over a policy, recorded for each access and counted for the repository."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from wheelhouse.domain.findings import AccessSummary, Check, pending
from wheelhouse.domain.iam import MEMBER_LIMIT
from wheelhouse.domain.keys import AccessKey
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.errors import Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.claimant import Claimant
from wheelhouse.reconcile.debts import Debts
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.checks import refused
from wheelhouse.reconcile.policy.transaction import Outcome
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import by_type, check_of

logger = structlog.get_logger(__name__)

NEARLY_FULL = 0.9
"""The share of IAM's limit from which the operator warns."""

_FIELD = "granted"
_NO_LEDGER: Mapping[str, Any] = {"repository": None, "create_time": None, "grants": ()}


class Notes:
    """Writes the GrantFindings, except for the ledgers of a successful pass.

    Args:
        world: the ports.
        findings: where they are recorded.
        ledger: knows how long an outage has lasted.
        debts: what accesses left behind that disappeared without a release.
    """

    def __init__(self, world: World, findings: Findings, ledger: Ledger, debts: Debts) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger
        self._debts = debts

    def found(self, claimant: Claimant, check: Check) -> None:
        """A pass has completed."""
        self._ledger.recovered(Kind.ACCESS, claimant.access, _FIELD)
        self._note(claimant, check)

    def outage(self, claimants: Sequence[Claimant], error: Unavailable) -> None:
        """Google does not answer: a passed finding stays for a while."""
        for claimant in claimants:
            declared = self._world.cache.access(claimant.access)
            if declared is None:
                continue
            standing = self._standing(declared.stored, claimant)
            check = self._ledger.outage(Kind.ACCESS, claimant.access, _FIELD, standing, error)
            if check is not standing:  # What an earlier process found is in status, and stays there.
                self._note(claimant, check)

    async def unreadable(self, name: RepositoryName, claimants: Sequence[Claimant], error: Invalid | Refused) -> None:
        """Google does not allow the policy to be read; if the project is gone, so are the revoked grants."""
        leaving = any(not claimant.wanted for claimant in claimants)
        debts = self._debts.grants(name)
        gone = isinstance(error, Refused) and (leaving or bool(debts)) and await self._project_gone(name)
        for claimant in claimants:
            if gone and not claimant.wanted:
                self._note(claimant, pending("The operator grants nothing."), **_NO_LEDGER)
            else:
                self._note(claimant, refused(error, name))
        for debt in debts if gone else ():
            self._debts.paid(debt)

    def gone(self, name: RepositoryName, claimants: Sequence[Claimant]) -> None:
        """The repository does not exist, and neither do its grants."""
        for claimant in claimants:
            self._note(claimant, pending(f"{name} does not exist. Waiting for the repository."), **_NO_LEDGER)
        for debt in self._debts.grants(name):
            self._debts.paid(debt)

    async def count(self, name: RepositoryName, outcome: Outcome) -> None:
        """Count the principals in the repository's status; an Event warns if the policy gets full."""
        accesses = sum(1 for claimant in outcome.claimants if claimant.wanted)
        changed = outcome.plan.policy is not None or outcome.recorded.tried  # A start without changes writes nothing.
        summary = AccessSummary(accesses, outcome.plan.size, MEMBER_LIMIT)
        for manager in self._world.cache.repositories_on(name):
            if self._findings.repository(manager.stored).name != name:
                continue
            before = self._findings.summary(manager.stored)
            self._findings.note_summary(manager.stored, summary)
            if _nearly_full(summary) and not (before is not None and _nearly_full(before)):
                note = (
                    f"The IAM policy of {name} has {summary.members} of at most {MEMBER_LIMIT} principals. Grant "
                    "roles to groups, or remove accesses, before it is full."
                )
                logger.warning("A policy is nearly full", repository=name.full, members=summary.members)
                await self._world.objects.event(Kind.REPOSITORY, manager.stored, "PolicyNearlyFull", note, warning=True)
            if changed and summary != before:
                await self._show(manager.stored)

    async def _show(self, stored: CustomObject) -> None:
        """Write a new count. If that fails, the next pass of the repository writes it."""
        if self._findings.repository(stored).generation is None:
            return  # No pass has checked the repository since the start.
        try:
            await self._ledger.report(Kind.REPOSITORY, stored.key)
        except WheelhouseError as error:
            logger.debug("Could not write a count", object=str(stored.key), because=error.message)

    def _note(self, claimant: Claimant, check: Check, **ledger: Any) -> None:
        declared = self._world.cache.access(claimant.access)
        if declared is None or declared.stored.uid != claimant.uid:
            return
        stored = declared.stored
        before = self._findings.grants(stored)
        shown = before.made_for is None and not ledger and self._standing(stored, claimant) == check
        after = self._findings.note_grants(stored, made_for=claimant.digest, check=check, **ledger)
        if (after != before and not shown) or stored.deleting:
            self._world.queue.add(AccessKey(claimant.access))

    def _standing(self, stored: CustomObject, claimant: Claimant) -> Check | None:
        """The finding for exactly this claim, by this process or in status."""
        found = self._findings.grants(stored)
        if found.made_for is None:
            return check_of(by_type(stored.status).get(ConditionType.GRANTED, {}))
        return found.check if found.made_for == claimant.digest else None

    async def _project_gone(self, name: RepositoryName) -> bool:
        try:
            project = await self._world.projects.get(name.project)
        except (Refused, Unavailable):
            return False  # Resource Manager gives the same answer for absent and forbidden projects.
        return project is None or not project.active


def _nearly_full(summary: AccessSummary) -> bool:
    return summary.members >= NEARLY_FULL * MEMBER_LIMIT
