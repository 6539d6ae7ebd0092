"""Secrets that are no longer wanted, and those that accesses left behind: deleted, and their names made available."""

from typing import Any

import structlog

from wheelhouse.domain.configuration.form import Authentication, Form
from wheelhouse.domain.findings import failed
from wheelhouse.domain.keys import AccessKey, SecretKey
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.secret import AccessReference, SecretManifest
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.reconcile.debts import Debts, SecretDebt
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.secret.content import Absence
from wheelhouse.reconcile.secret.targets import Target
from wheelhouse.reconcile.secret.writer import SecretWriter
from wheelhouse.reconcile.world import World

logger = structlog.get_logger(__name__)

SLOW = 60.0
SOON = 10.0
MORE = (0.1, 1.0)
"""Seconds that the report of a removed Secret waits for more removals, minimum and maximum."""

WHY = {
    Absence.NOT_WANTED: "the access no longer permits or requests it",
    Absence.NOT_OPTED_IN: "the namespace has not opted in",
}
"""For the log."""

_NOTHING: dict[str, Any] = {
    "name": "",
    "namespaces": (),
    "desired": None,
    "current": 0,
    "failed": (),
    "expires": None,
    "refresh": None,
    "identity": "",
    "form": Form(Authentication.NETRC),
    "upload": None,
}
"""The ledger of an access that has no Secret."""


class Removal:
    """Removes Secrets; a refusal is retried until it ends, so that a release lasts only as long as its cause.

    Args:
        world: the ports.
        findings: what the units found.
        writer: checks which access owns a Secret, and deletes it.
        debts: what accesses left behind that disappeared without a release.
    """

    def __init__(self, world: World, findings: Findings, writer: SecretWriter, debts: Debts) -> None:
        self._world = world
        self._findings = findings
        self._writer = writer
        self._debts = debts

    async def remove(self, key: SecretKey, stored: CustomObject, why: str) -> float | None:
        """Delete a Secret of an access, and remove it from the ledger. Seconds until a retry, if one is needed.

        Raises:
            Conflict: it changed meanwhile.
        """
        found = self._findings.distribution(stored)
        if found.name and key.namespace in found.namespaces:
            manifest = SecretManifest(key.namespace, found.name, AccessReference(stored.key, stored.uid))
            try:
                await self._delete(manifest, why)
            except (Invalid, Refused, Unavailable) as error:
                where = f"{key.namespace}/{found.name}"
                message = f"Secret {where} cannot be removed: {error.message} The operator retries."
                logger.warning("Could not remove a Secret", secret=where, access=str(key.access), because=error.message)
                self._findings.note_distribution(stored, distributed=failed(error.reason, message))
                self._world.queue.add(AccessKey(stored.key))
                return self._later(error)
            found = self._findings.distribution(stored)  # Other Secrets of the access may have been recorded meanwhile.
        left = tuple(name for name in found.namespaces if name != key.namespace)
        if found.name and left != found.namespaces:
            self._findings.note_distribution(stored, **({"namespaces": left} if left else _NOTHING))
            if left:
                self._world.queue.add_soon(AccessKey(stored.key), *MORE)
            else:
                self._world.queue.add(AccessKey(stored.key))
        return None

    async def pay(
        self, key: SecretKey, wanted: str, target: Target | None, waits: SecretDebt | None = None
    ) -> float | None:
        """Remove what a former access of this name left here. Seconds until a retry, if one is needed.

        Args:
            key: the place.
            wanted: the name of the desired Secret here: to write it takes over what was left.
            target: what is known of that Secret.
            waits: the Secret that the access itself requests while it waits for something: it stays.

        Raises:
            Conflict: it changed meanwhile.
        """
        wait: float | None = None
        for debt in self._debts.secrets(key.access, key.namespace):
            if debt.name == wanted:
                if target is not None and target.uid:
                    self._debts.paid(debt)
                continue
            if debt == waits:
                continue
            try:
                await self._delete(_manifest(debt), "its access was deleted")
            except (Invalid, Refused, Unavailable) as error:
                logger.warning(
                    "Could not remove a Secret", secret=f"{debt.namespace}/{debt.name}", because=error.message
                )
                wait = self._later(error)
            else:
                self._debts.paid(debt)
                self._world.interests.publish(SecretTopic(debt.namespace, debt.name), besides=key)
        return wait

    async def _delete(self, manifest: SecretManifest, why: str) -> None:
        if await self._writer.remove(manifest):
            where = f"{manifest.namespace}/{manifest.name}"
            logger.info("Secret removed", secret=where, access=str(manifest.access.key), why=why)

    def _later(self, error: Invalid | Refused | Unavailable) -> float:
        slow, floor = (SOON, error.floor) if isinstance(error, Unavailable) else (SLOW, 0.0)
        return max(slow * (1 + 0.2 * self._world.jitter()), floor)


def _manifest(debt: SecretDebt) -> SecretManifest:
    return SecretManifest(debt.namespace, debt.name, AccessReference(debt.access, debt.uid))
