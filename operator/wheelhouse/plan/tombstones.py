"""What is left of grants to accounts that were deleted: it grants nothing, and takes up room in the policy for ever."""

from collections.abc import Set as AbstractSet

from wheelhouse.domain.iam import Grant, Pair, Policy, identity, undeleted


def buried(tombstone: Pair) -> Pair:
    """The grant that a tombstone was before its account was deleted."""
    role, member = tombstone
    return identity(role, undeleted(member) or member)


def tombstones(observed: Policy, missing: AbstractSet[Pair]) -> dict[Pair, Grant]:
    """The deleted members that were ours.

    Args:
        observed: the policy as it was read.
        missing: grants that we made and that are no longer in the policy.

    Returns:
        The members of unconditional bindings that are such a grant after its account was deleted. Those of other
        clients are not among them.
    """
    found: dict[Pair, Grant] = {}
    for binding in observed.bindings if missing else ():
        for member in binding.members if binding.condition is None else ():
            before = undeleted(member)
            if before is not None and identity(binding.role, before) in missing:
                found[identity(binding.role, member)] = Grant(binding.role, member)
    return found
