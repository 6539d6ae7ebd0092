"""Events about the tokens in Secrets: what a user should know although everything works."""

from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.plan.leases import HeldToken, capped
from wheelhouse.reconcile.world import World

_DEFAULT = "default"
"""The ServiceAccount that Kubernetes creates in each namespace, for pods that name none."""
_CONSTRAINT = "constraints/iam.allowServiceAccountCredentialLifetimeExtension"


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
        one = (key.identity.service_account, key.lifetime, key.impersonate)  # One Event for all Secrets of a fan-out.
        if capped(key.lifetime, held.lease.life) and (one, "capped") not in reported:
            reported.add((one, "capped"))
            await self._warn(stored, "LifetimeCapped", _capped(key, held.lease.life))
        if (key.impersonate or key.identity.service_account == _DEFAULT) and (one, "shared") not in reported:
            reported.add((one, "shared"))
            await self._warn(stored, "IdentityNotDedicated", _shared(key))

    async def _warn(self, stored: CustomObject, reason: str, note: str) -> None:
        await self._world.objects.event(Kind.ACCESS, stored, reason, note, warning=True)


def _capped(key: TokenKey, life: float) -> str:
    message = (
        f"Google issued a token of {key.identity} for {life / 60:.0f} minutes, although spec.secret.tokenLifetime asks "
        f"for {key.lifetime // 60}. The operator replaces it at half of its real lifetime."
    )
    if key.impersonate:
        remedy = f"add {key.impersonate} to the organization policy {_CONSTRAINT}, or set tokenLifetime to 1h or less."
        return f"{message} For more than an hour, {remedy}"
    return f"{message} A token of a ServiceAccount lives for an hour at most: set tokenLifetime to 1h or less."


def _shared(key: TokenKey) -> str:
    who = f"acts as {key.impersonate}" if key.impersonate else "is the one of all pods that name none"
    return (
        f"Anyone who can read the Secret can do everything that ServiceAccount {key.identity} may do, and it {who}. "
        "Use a ServiceAccount that has no other permissions and no annotation for a Google service account."
    )
