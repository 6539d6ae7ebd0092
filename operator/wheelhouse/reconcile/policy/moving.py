"""Grants of the pool that the cluster moves away from: an access keeps them until those of the new pool work."""

from collections.abc import Sequence

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import Truth
from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.plan.pools import outgoing_grants
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.world import World


class Moving:
    """Knows when an access has moved.

    Args:
        world: the ports; its options say whether grants move.
        findings: what the units found; only read here.
    """

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings
        self._began = world.elapsed()

    def outgoing(
        self, declared: Declared[DesiredAccess], ledger: Sequence[GrantRecord], wanted: Sequence[Grant]
    ) -> tuple[Grant, ...]:
        """The grants of the previous pool that an access still needs.

        Args:
            declared: the access.
            ledger: the grants that it has.
            wanted: the grants that it may have now, in the configured pool.
        """
        before = outgoing_grants(ledger, wanted, self._world.options.migrate_from)
        return () if not before or self._moved(declared, ledger, wanted) else before

    def _moved(self, declared: Declared[DesiredAccess], ledger: Sequence[GrantRecord], wanted: Sequence[Grant]) -> bool:
        """Whether the new members have their grants, and the index accepted a token of theirs that is in the Secret.

        If no token is verified, it counts as moved after the lifetime of a token, when every old token has expired.
        """
        granted = {record.grant for record in ledger if record.state is not GrantState.RECORDED}
        if not granted.issuperset(wanted):
            return False
        options = self._world.options
        if options.verify_access and declared.effective is not None and declared.effective.secret is not None:
            verified = self._findings.distribution(declared.stored).verified
            return verified is not None and verified.truth is Truth.TRUE
        return self._world.elapsed() - self._began >= _longest(declared.effective)


def _longest(access: DesiredAccess | None) -> int:
    """Seconds after which every token of an access has expired."""
    return access.secret.lifetime if access is not None and access.secret is not None else DEFAULT_LIFETIME
