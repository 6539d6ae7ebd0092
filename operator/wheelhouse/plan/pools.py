"""A change of the Workload Identity pool: no grant for the previous pool is rewritten by accident."""

from collections import Counter
from collections.abc import Iterable

from wheelhouse.domain.iam import Grant, GrantRecord, Identity, WorkloadIdentity
from wheelhouse.domain.pools import Pool, principal


def pool_complaint(records: Iterable[GrantRecord], workload: WorkloadIdentity, migrate_from: Pool | None) -> str | None:
    """Why nothing may be granted, revoked or minted now: some of our grants are for a pool that is not configured.

    Args:
        records: the ledgers of all accesses.
        workload: the configured pool.
        migrate_from: the previous pool, if the settings move its grants.

    Returns:
        A sentence with the remedies, or None.
    """
    configured = Pool.of(workload)
    pools = Counter(
        found[0] for record in records if record.state.owned and (found := _account(record.grant)) is not None
    )
    others = sorted(pool for pool in pools if pool not in (configured, migrate_from))
    if not others:
        return None
    first, more = others[0], len(others) - 1
    besides = f", and some for {more} others" if more else ""
    return (
        f"{pools[first]} of the grants in status were made for the Workload Identity pool {first}{besides}, but the "
        f"operator's pool is {configured}: nothing is granted, revoked or minted. If this is the wrong pool, correct "
        "WHEELHOUSE_WORKLOAD_IDENTITY_POOL and WHEELHOUSE_WORKLOAD_IDENTITY_PROJECT_NUMBER (outside GKE "
        "WHEELHOUSE_WORKLOAD_IDENTITY_PROVIDER). If the change is intended, set "
        f"WHEELHOUSE_WORKLOAD_IDENTITY_MIGRATE_FROM={first}."
    )


def outgoing_grants(
    ledger: Iterable[GrantRecord], wanted: Iterable[Grant], migrate_from: Pool | None
) -> tuple[Grant, ...]:
    """The grants of the previous pool that an access keeps until the token of the new pool is verified.

    Args:
        ledger: the grants that the access has.
        wanted: the grants that it may have now, in the configured pool.
        migrate_from: the previous pool, if the settings move its grants.

    Returns:
        Those with the same role and ServiceAccount as a wanted one. A migration does not keep any other grant.
    """
    if migrate_from is None:
        return ()
    successors = {(grant.role, found[1]) for grant in wanted if (found := _account(grant)) is not None}
    return tuple(
        record.grant
        for record in ledger
        if record.state.owned
        and (found := _account(record.grant)) is not None
        and found[0] == migrate_from
        and (record.grant.role, found[1]) in successors
    )


def _account(grant: Grant) -> tuple[Pool, Identity] | None:
    """The pool and the ServiceAccount of a grant; None if the member is not one, or if a spec names it verbatim."""
    return None if grant.verbatim else principal(grant.member)
