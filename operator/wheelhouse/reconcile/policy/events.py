"""Reports of a change: a log line for each grant, and Events of revoked grants and of what a user did not request."""

from collections.abc import Sequence

import structlog

from wheelhouse.domain.iam import Grant, Pair, identity, undeleted
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.policy import PolicyPlan
from wheelhouse.reconcile.world import World

logger = structlog.get_logger(__name__)


class PolicyEvents:
    """Reports changes.

    Args:
        world: the ports.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    async def publish(self, name: RepositoryName, claimants: Sequence[Claimant], plan: PolicyPlan) -> None:
        """Report what was set, and which access it concerns."""
        if plan.add or plan.remove:
            await self._changes(name, claimants, plan)
        for access, grant in plan.adopted:
            note = (
                f"{grant.member} already had {grant.role} on {name}. This object now owns the grant (adoptionPolicy "
                "Always), and deleting this object revokes it. Let only one cluster adopt grants on a repository."
            )
            logger.info("Adopted a grant", object=str(access), **_words(grant, name))
            if (declared := self._world.cache.access(access)) is not None:
                await self._world.objects.event(Kind.ACCESS, declared.stored, "GrantAdopted", note)
        for claimant in claimants if plan.restored else ():
            members = [r.grant.member for r in claimant.ledger if r.grant.identity in plan.restored]
            if members:
                note = (
                    f"Another client removed {_listed(members)} from the IAM policy of {name}. The operator restored "
                    "the grant. To revoke a grant, change or delete this object."
                )
                logger.warning("Restored a grant", object=str(claimant.access), repository=name.full, members=members)
                if (declared := self._world.cache.access(claimant.access)) is not None:
                    await self._world.objects.event(Kind.ACCESS, declared.stored, "GrantRestored", note, warning=True)

    async def _changes(self, name: RepositoryName, claimants: Sequence[Claimant], plan: PolicyPlan) -> None:
        wanting: dict[Pair, Claimant] = {}
        owning: dict[Pair, Claimant] = {}
        for claimant in reversed(claimants):
            wanting |= {grant.identity: claimant for grant in claimant.wanted}
            owning |= {record.grant.identity: claimant for record in claimant.ledger if record.state.owned}
        for grant in plan.add:
            why = "it was removed elsewhere" if grant.identity in plan.restored else "the access requests it"
            logger.info("Granted", object=str(wanting[grant.identity].access), **_words(grant, name), why=why)
        revoked: dict[ObjectKey, list[Grant]] = {}
        for grant in plan.remove:
            before = undeleted(grant.member)
            owner = owning.get(grant.identity if before is None else identity(grant.role, before))
            access = str(owner.access) if owner else "none"
            why = owner.why if owner else "its access disappeared without a release"
            if before is not None:
                why = "the account was deleted in Google"
            logger.info("Revoked", object=access, **_words(grant, name), why=why)
            if owner is not None:
                revoked.setdefault(owner.access, []).append(grant)
        for claimant in claimants:
            if claimant.access in revoked:
                await self._revoked(name, claimant, revoked[claimant.access])

    async def _revoked(self, name: RepositoryName, claimant: Claimant, grants: Sequence[Grant]) -> None:
        """Publish an Event of revoked grants, unless the whole object is deleted."""
        declared = self._world.cache.access(claimant.access)
        if declared is None or declared.stored.deleting or declared.stored.uid != claimant.uid:
            return
        if self._world.cache.namespaces.ending(claimant.access.namespace):
            return
        roles, members = ", ".join(sorted({grant.role for grant in grants})), [grant.member for grant in grants]
        note = f"Revoked {roles} on {name} from {_listed(members)}: {claimant.why}."
        await self._world.objects.event(Kind.ACCESS, declared.stored, "GrantRevoked", note)


def _words(grant: Grant, name: RepositoryName) -> dict[str, str]:
    return {"member": grant.member, "role": grant.role, "repository": name.full}


def _listed(members: Sequence[str]) -> str:
    first = ", ".join(members[:3])
    return first if len(members) <= 3 else f"{first} and {len(members) - 3} more"
