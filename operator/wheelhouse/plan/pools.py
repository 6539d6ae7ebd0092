"""A change of the workload identity pool: no grant that was made for the pool of before is rewritten by accident."""

from collections import Counter
from collections.abc import Iterable

from wheelhouse.domain.iam import Grant, GrantRecord, WorkloadIdentity
from wheelhouse.domain.pools import Pool, principal


def pool_complaint(records: Iterable[GrantRecord], workload: WorkloadIdentity, migrate_from: Pool | None) -> str | None:
    """Why nothing may be granted, withdrawn or minted now: grants of ours are for a pool that is not configured.

    Args:
        records: the ledgers of all accesses.
        workload: the configured pool.
        migrate_from: the pool of before, when the settings say that grants move.

    Returns:
        A sentence with the remedies, or None.
    """
    configured = Pool.of(workload)
    pools = Counter(
        found[0] for record in records if record.state.owned and (found := principal(record.grant.member)) is not None
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
    """The grants of the pool of before that an access keeps until the token of the new pool is verified.

    Args:
        ledger: what the access has.
        wanted: what it may have now, in the configured pool.
        migrate_from: the pool of before, when the settings say that grants move.

    Returns:
        Those of the same role and ServiceAccount as a wanted one; what is no longer wanted is kept by no migration.
    """
    successors = {(grant.role, found[1]) for grant in wanted if (found := principal(grant.member)) is not None}
    return tuple(
        record.grant
        for record in ledger
        if record.state.owned
        and (found := principal(record.grant.member)) is not None
        and found[0] == migrate_from
        and (record.grant.role, found[1]) in successors
    )
