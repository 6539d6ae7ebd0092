"""The owner of each grant in each policy: what the operator added is ours, what others added is not.

Some cannot be distinguished: a grant that another client adds while a ledger says that the operator will add it, or one
whose ledger another client erased. Those are doubtful: they may stay or go.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from convergence.interleaved.expectation import Granted
from fakes.world import Fakes

from wheelhouse.domain.iam import Binding, Grant, Policy
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.objects import Kind

OWNED = {"Recorded", "Granted"}


class Tuples:
    """The true owners in every policy."""

    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes
        self.ours: set[Granted] = set()
        self.doubtful: set[Granted] = set()

    def present(self, full: str) -> set[Granted]:
        """All unconditional grants of a repository, each as its identity."""
        policy = self._fakes.google.policies.get(full)
        return {(full, *pair) for pair in policy.grants()} if policy else set()

    def set_by_us(self, full: str, before: Policy, after: Policy) -> tuple[set[Granted], set[Granted], str | None]:
        """(added, removed, changes of others' grants) by a write of the operator."""
        old, new = _grants(full, before), _grants(full, after)
        added, removed = new - old, old - new
        foreign = removed - self.ours - self.doubtful
        wrong = f"took away {sorted(foreign)}" if foreign else None
        if _untouched(before, removed) != _untouched(after, added):
            wrong = wrong or f"changed bindings of others in {full}: {before.bindings} became {after.bindings}"
        self.ours = (self.ours | added) - removed
        self.doubtful -= removed
        return added, removed, wrong

    def set_by_others(self, full: str, before: Policy, after: Policy) -> None:
        """A write of another client."""
        old, new = _grants(full, before), _grants(full, after)
        self.ours -= old - new
        self.doubtful -= old - new
        self.doubtful |= (new - old) & self.recorded(full)

    def prune(self) -> None:
        """Delete what no longer exists: a deleted repository has no policy."""
        self.ours = {grant for grant in self.ours if grant in self.present(grant[0])}
        self.doubtful = {grant for grant in self.doubtful if grant in self.present(grant[0])}

    def gone(self, full: str) -> None:
        """The repository was deleted, and its policy with it."""
        self.ours = {grant for grant in self.ours if grant[0] != full}
        self.doubtful = {grant for grant in self.doubtful if grant[0] != full}

    def recorded(self, full: str) -> set[Granted]:
        """The grants on a repository that are or will be ours according to any ledger."""
        bodies = (body for (kind, _), body in self._fakes.cluster.objects.items() if kind is Kind.ACCESS)
        return {grant for body in bodies for grant in ledger(body) if grant[0] == full}

    def unrecorded(self) -> set[Granted]:
        """Our grants that are in no status."""
        known = {full: self.recorded(full) for full in {grant[0] for grant in self.ours}}
        return {grant for grant in self.ours if grant not in known[grant[0]]}

    def doubt(self, grants: Iterable[Granted]) -> None:
        """These can no longer be distinguished from others' grants."""
        found = set(grants)
        self.doubtful |= found
        self.ours -= found


def ledger(body: Mapping[str, Any]) -> set[Granted]:
    """Our grants in an access's status; none if it is malformed."""
    status = body.get("status")
    grants = status.get("grants") if isinstance(status, dict) else None
    rows = [row for row in grants if isinstance(row, dict)] if isinstance(grants, list) else []
    full = str(status.get("repository")) if isinstance(status, dict) else ""
    return {
        (full, *Grant(str(row.get("role")), str(row.get("member"))).identity)
        for row in rows
        if row.get("state") in OWNED
    }


def _grants(full: str, policy: Policy) -> set[Granted]:
    return {(full, *pair) for pair in policy.grants()}


def _untouched(policy: Policy, ours: set[Granted]) -> tuple[list[Binding], Counter[tuple[str, str]]]:
    """Conditional bindings unchanged, and every other tuple with its count."""
    conditional = [binding for binding in policy.bindings if binding.condition is not None]
    pairs = {grant[1:] for grant in ours}
    counted = Counter(
        (binding.role, member)
        for binding in policy.bindings
        if binding.condition is None
        for member in binding.members
        if Grant(binding.role, member).identity not in pairs
    )
    return conditional, counted


def parsed(full: str) -> RepositoryName:
    """A full name, which is always valid in these tests."""
    name = RepositoryName.parse(full)
    assert name is not None, full
    return name
