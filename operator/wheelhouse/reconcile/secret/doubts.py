"""Secrets that only status names, while nothing new may be written: another client may have written the status."""

from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.secret import AccessReference, SecretManifest
from wheelhouse.errors import NotReady
from wheelhouse.reconcile.policy.claims import Claim
from wheelhouse.reconcile.secret.targets import Target
from wheelhouse.reconcile.secret.writer import SecretWriter, holds


class Doubts:
    """Checks once whether such a Secret exists.

    Args:
        writer: asks for the state of a Secret.
    """

    def __init__(self, writer: SecretWriter) -> None:
        self._writer = writer

    async def settled(self, key: SecretKey, stored: CustomObject, claim: Claim, name: str, target: Target) -> bool:
        """Find out whether the Secret exists, if status alone must not decide that.

        Args:
            key: the place.
            stored: the access.
            claim: the decision about it.
            name: the name of the Secret.
            target: what is known of the Secret; the answer is noted there.

        Returns:
            Whether it may be written again. A Secret in a namespace that the spec does not request is kept while the
            spec waits, but it is never created.

        Raises:
            Conflict, Invalid, Refused, Unavailable: the check failed.
        """
        former = target.inherited and key.namespace in claim.places.former
        if (target.doubtful or former) and not claim.may_add:
            target.written = await self._stands(SecretManifest(key.namespace, name, _reference(stored)))
        target.doubtful = target.inherited = False
        return target.written or not former

    async def _stands(self, manifest: SecretManifest) -> bool:
        """Whether the Secret exists, and is this access's."""
        try:
            return holds(await self._writer.ask(manifest))
        except NotReady:  # It is another access's.
            return False


def _reference(stored: CustomObject) -> AccessReference:
    return AccessReference(stored.key, stored.uid)
