"""All accesses of a repository × its IAM policy → one read-modify-write.

Adds what is wanted and absent, removes what is ours and no longer wanted, and never anything else.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wheelhouse.domain.iam import MEMBER_LIMIT, Binding, Grant, GrantRecord, GrantState, Policy
from wheelhouse.domain.names import ObjectKey

Pair = tuple[str, str]
"""A grant's identity (Grant.identity)."""

Ledgers = Mapping[ObjectKey, tuple[GrantRecord, ...]]


@dataclass(frozen=True, slots=True)
class Claimant:
    """One access: what it is permitted to want, whether new grants may be added, and its ledger."""

    access: ObjectKey
    wanted: tuple[Grant, ...]
    may_add: bool
    ledger: tuple[GrantRecord, ...]

    def claims(self) -> tuple[Grant, ...]:
        """What counts as wanted now: all of it, or what it has already while nothing may be added."""
        if self.may_add:
            return self.wanted
        held = {record.grant.identity for record in self.ledger if record.state is not GrantState.REJECTED}
        return tuple(grant for grant in self.wanted if grant.identity in held)

    def addable(self) -> Iterable[Pair]:
        """What may be added to the policy: what is permitted now, and what was granted and has drifted away."""
        granted = {record.grant.identity for record in self.ledger if record.state is GrantState.GRANTED}
        return (grant.identity for grant in self.wanted if self.may_add or grant.identity in granted)


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What to do: record `before`, set `policy` (None: unchanged), then the ledgers are `after`.

    `full` are the grants that IAM's limit of 1,500 principals has no room for.
    """

    add: tuple[Grant, ...]
    remove: tuple[Grant, ...]
    before: Ledgers
    after: Ledgers
    policy: Policy | None
    full: frozenset[Pair] = frozenset()


def plan_policy(
    claimants: Sequence[Claimant], observed: Policy, rejected: Mapping[Pair, str], only: Collection[Pair] | None = None
) -> PolicyPlan:
    """Plan one pass.

    Args:
        claimants: every access that points here or whose ledger does.
        observed: the policy as just read.
        rejected: grants that IAM refused lately, with its words; they are left out.
        only: when bisecting, the grants that may be added in this attempt.

    Returns:
        A plan that keeps every binding it does not own as it was read.
    """
    wanted = {grant.identity: grant for claimant in claimants for grant in claimant.claims()}
    owned = {record.grant.identity: record.grant for c in claimants for record in c.ledger if record.state.owned}
    present = observed.grants()
    remove = tuple(grant for pair, grant in sorted(owned.items()) if pair in present and pair not in wanted)
    addable = frozenset(pair for claimant in claimants for pair in claimant.addable())
    missing = sorted(pair for pair in wanted if pair in addable and pair not in present and pair not in rejected)
    room = max(0, MEMBER_LIMIT - observed.size + len(remove))
    full = frozenset(missing[room:])
    add = tuple(wanted[pair] for pair in missing[:room] if only is None or pair in only)
    known = _Known(present, frozenset(owned), rejected, addable - full)
    before = {c.access: (*_records(c, known), *_leaving(c, wanted)) for c in claimants}
    done = frozenset(grant.identity for grant in add)
    after = {c.access: tuple(_settle(record, done) for record in _records(c, known)) for c in claimants}
    policy = _change(observed, add, remove) if add or remove else None
    return PolicyPlan(add, remove, before, after, policy, full)


@dataclass(frozen=True, slots=True)
class _Known:
    present: frozenset[Pair]
    owned: frozenset[Pair]
    rejected: Mapping[Pair, str]
    addable: frozenset[Pair]


def _records(claimant: Claimant, known: _Known) -> Iterable[GrantRecord]:
    """The ledger of what this access wants, as it must stand before the policy is set."""
    for grant in claimant.claims():
        pair = grant.identity
        if pair in known.rejected and pair not in known.present:
            yield GrantRecord(grant, GrantState.REJECTED, known.rejected[pair])
        elif pair in known.owned:
            # Whoever claims what any ledger owns owns it too, so that the last claimant removes it.
            yield GrantRecord(grant, GrantState.GRANTED if pair in known.present else GrantState.RECORDED)
        elif pair in known.present:
            yield GrantRecord(grant, GrantState.EXISTING)
        elif pair in known.addable:
            yield GrantRecord(grant, GrantState.RECORDED)


def _leaving(claimant: Claimant, wanted: Mapping[Pair, Grant]) -> Iterable[GrantRecord]:
    """What this access owns and wants no longer: it stays in the ledger until the policy was set.

    Where another access wants it, that one's ledger holds it by then, and this one's may go with the same write.
    """
    claims = {grant.identity for grant in claimant.claims()}
    for record in claimant.ledger:
        if record.state.owned and record.grant.identity not in claims:
            yield record


def _settle(record: GrantRecord, done: frozenset[Pair]) -> GrantRecord:
    if record.state is GrantState.RECORDED and record.grant.identity in done:
        return record.with_state(GrantState.GRANTED)
    return record


def _change(observed: Policy, add: Iterable[Grant], remove: Iterable[Grant]) -> Policy:
    gone = {grant.identity for grant in remove}
    bindings: list[Binding] = []
    for binding in observed.bindings:
        if binding.condition is not None:
            bindings.append(binding)
            continue
        members = tuple(m for m in binding.members if Grant(binding.role, m).identity not in gone)
        if members:
            bindings.append(replace(binding, members=members))
    for grant in add:
        for position, binding in enumerate(bindings):
            if binding.role == grant.role and binding.condition is None:
                bindings[position] = replace(binding, members=(*binding.members, grant.member))
                break
        else:
            bindings.append(Binding(grant.role, (grant.member,)))
    return replace(observed, bindings=tuple(bindings))
