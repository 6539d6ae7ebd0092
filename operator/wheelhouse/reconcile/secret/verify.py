"""Ready is verified: the index is really asked with the really minted token."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.outcome import Check, Truth, failed, passed
from wheelhouse.domain.pip import Token
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Refused, Unavailable
from wheelhouse.plan.secrets import PROPAGATION, probe_delay
from wheelhouse.reconcile.ports import World

PROBE = "wheelhouse-probe"
"""A package page that need not exist: 404 there says that the token may read; the root is 404 to everyone."""
PUBLIC_PROBE = "pip"
"""What Remote and Virtual repositories are asked for: a page that their cache is likely to have."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the index said; `retry_after` seconds to ask again, `mint_again` when it did not take the token."""

    check: Check
    retry_after: float | None = None
    mint_again: bool = False


class Verifier:
    """Asks the index, and remembers since when it refuses."""

    OFF: ClassVar[Check] = Check(Truth.UNKNOWN, Reason.VERIFICATION_OFF)

    def __init__(self, world: World) -> None:
        self._world = world
        self._since: dict[SecretKey, datetime] = {}
        self._doubted: set[SecretKey] = set()

    def forget(self, key: SecretKey) -> None:
        """The Secret is gone."""
        self._since.pop(key, None)
        self._doubted.discard(key)

    async def verify(self, key: SecretKey, page: str, token: Token) -> Verdict:
        """Ask for a package page, by its URL, once."""
        now = self._world.now()
        try:
            status = await self._world.probe(page, token)
        except Unavailable as error:
            check = failed(Reason.UNAVAILABLE, f"The index did not answer: {error.message} Asked again by itself.")
            return Verdict(check, probe_delay(now - self._since.setdefault(key, now)))
        except Refused as error:
            return Verdict(failed(Reason.REFUSED, error.message), 60.0)
        if status in {200, 404}:
            self.forget(key)
            return Verdict(passed(Reason.VERIFIED))
        elapsed = now - self._since.setdefault(key, now)
        if status == 401 and key not in self._doubted:
            self._doubted.add(key)
            return Verdict(failed(Reason.REFUSED, "The index did not take the token."), 5.0, mint_again=True)
        if status == 403 and elapsed < PROPAGATION:
            message = "The grant is not in force yet: IAM takes 2 to 7 minutes and sometimes more."
            return Verdict(failed(Reason.PROPAGATING, message), probe_delay(elapsed))
        message = (
            f"The index answers {status} to the ServiceAccount's token: check that its Workload Identity pool is the "
            "cluster's, and that no deny policy or VPC Service Controls perimeter stands in the way."
        )
        return Verdict(failed(Reason.REFUSED, message), 60.0)
