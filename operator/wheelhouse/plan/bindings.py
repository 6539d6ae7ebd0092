"""An IAM policy with some grants added and some removed, and everything else as it was read."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from wheelhouse.domain.iam import Binding, Grant, Pair, Policy, identity


def changed(observed: Policy, add: Sequence[Grant], removed: AbstractSet[Pair]) -> Policy:
    """A policy with grants added and removed; every other binding stays as it was read.

    Args:
        observed: the policy as it was read.
        add: the grants to add to the first unconditional binding of their role.
        removed: the grants to remove from every unconditional binding of their role.
    """
    gone = {role for role, _ in removed}
    new: dict[str, list[str]] = {}
    for grant in add:
        new.setdefault(grant.role, []).append(grant.member)
    bindings: list[Binding] = []
    for binding in observed.bindings:
        if binding.condition is not None:
            bindings.append(binding)
            continue
        role, members = binding.role, binding.members
        if role in gone:
            members = tuple(member for member in members if identity(role, member) not in removed)
        members = (*members, *new.pop(role, ()))
        if members == binding.members:
            bindings.append(binding)
        elif members:
            bindings.append(replace(binding, members=members))
    bindings.extend(Binding(role, tuple(members)) for role, members in new.items())
    return replace(observed, bindings=tuple(bindings))
