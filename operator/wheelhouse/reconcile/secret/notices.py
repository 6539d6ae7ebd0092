"""Events about the tokens in Secrets: what a user should know although everything works."""

from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.plan.leases import HeldToken, capped
from wheelhouse.reconcile.world import World


class Notices:
    """Sends each Event once for an access and a token's key; a restart may send it again.

    Args:
        world: the ports.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    async def written(self, stored: CustomObject, key: TokenKey, held: HeldToken, reported: set[object]) -> None:
        """Report on a token that is in a Secret.

        Args:
            stored: the access.
            key: whose token it is.
            held: the token.
            reported: what was reported for this access before; it is changed here.
        """
        if capped(key.lifetime, held.lease.life) and (key, "capped") not in reported:
            reported.add((key, "capped"))
            await self._warn(stored, "LifetimeCapped", _capped(key, held.lease.life))

    async def _warn(self, stored: CustomObject, reason: str, note: str) -> None:
        await self._world.objects.event(Kind.ACCESS, stored, reason, note, warning=True)


def _capped(key: TokenKey, life: float) -> str:
    return (
        f"Google issued a token of {key.identity} for {life / 60:.0f} minutes, although spec.secret.tokenLifetime asks "
        f"for {key.lifetime // 60}. The operator replaces it at half of its real lifetime. A token of a Kubernetes "
        "ServiceAccount lives for an hour at most: set tokenLifetime to 1h or less."
    )
