"""Tokens in memory: minted once per identity, shared by every Secret of it."""

import asyncio
from collections import defaultdict
from datetime import datetime

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.pip import MintedToken
from wheelhouse.plan.secrets import reusable
from wheelhouse.reconcile.ports import World


class Mint:
    """Mints tokens through the port, or hands out one that is fresh enough."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._minted: dict[Identity, MintedToken] = {}
        self._locks: defaultdict[Identity, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, identity: Identity, replaces: datetime | None, *, anew: bool = False) -> MintedToken:
        """A token of this identity that may go into a Secret.

        Args:
            identity: the ServiceAccount.
            replaces: when the token that stands in the Secret expires; never is a shorter-lived one handed out.
            anew: mint although a fresh one is known, since the index refused that.

        Raises:
            WheelhouseError: NotReady, Refused or Unavailable, as the port says.
        """
        now = self._world.now()
        self._forget_expired(now)
        async with self._locks[identity]:
            known = self._minted.get(identity)
            if known is not None and not anew and reusable(known, now, replaces):
                return known
            minted = await self._world.tokens.mint(identity, self._world.options.token_lifetime)
            self._minted[identity] = minted
            return minted

    def _forget_expired(self, now: datetime) -> None:
        for identity in [identity for identity, minted in self._minted.items() if minted.expires <= now]:
            del self._minted[identity]
            if not self._locks[identity].locked():
                del self._locks[identity]
