"""The form of Secrets whose status was lost, while the spec does not say it: the Secrets themselves show it."""

import asyncio
from weakref import WeakValueDictionary

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.configuration.credential import Credential
from wheelhouse.domain.configuration.form import Authentication, Form
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.secret import AUTHENTICATION_ANNOTATION, AccessReference, Applied, SecretManifest
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.places import Places
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.secret.writer import SecretWriter, holds

WITHOUT_URLS = frozenset({str(Authentication.NETRC), str(Credential.KEYRING)})
"""Values of the annotation of a Secret whose URLs have no token."""
ENOUGH = 5
"""Secrets that are asked for the form."""
MOST = 64
"""Namespaces in which a Secret is looked for: if none of them has one, the access probably has none."""

_SHOWN = f"metadata.annotations.{AUTHENTICATION_ANNOTATION}"


class Forms:
    """Finds out where existing Secrets have the token.

    Args:
        findings: what the units found; the form is noted there.
        writer: asks for the state of a Secret.
    """

    def __init__(self, findings: Findings, writer: SecretWriter) -> None:
        self._findings = findings
        self._writer = writer
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def recall(self, declared: Declared[DesiredAccess], places: Places) -> None:
        """Note the form of the Secrets, if neither the spec nor status says it.

        The Secret in the access's own namespace decides. In other namespaces, others can edit the Secret, so the
        majority of some Secrets decides. If there is none, the Secrets are new.

        Args:
            declared: the access.
            places: where it has, or should have, its Secrets.

        Raises:
            Conflict, Invalid, Refused, Unavailable: the check failed.
        """
        stored, secret = declared.stored, declared.current.secret if declared.current is not None else None
        if secret is None or self._known(stored):
            return
        lock = self._asking.setdefault(stored.uid, asyncio.Lock())
        async with lock:  # The other Secrets of the access wait for the answer.
            if self._known(stored):
                return
            authentication = Authentication.NETRC
            if secret.form.authentication is None and secret.form.keyring is None:
                authentication = await self._shown(stored, secret.name, places)
            self._findings.note_distribution(stored, form=Form(authentication))

    def _known(self, stored: CustomObject) -> bool:
        found = self._findings.distribution(stored)
        return bool(found.name) or found.form.authentication is not None

    async def _shown(self, stored: CustomObject, name: str, places: Places) -> Authentication:
        """The form that existing Secrets have; Netrc if there are none, or as many of each form.

        The trouble of one namespace is no answer, so that it does not stop the others.

        Raises:
            Conflict, Invalid, Refused, Unavailable: no Secret was found, and a check failed.
        """
        own = stored.key.namespace
        found: list[Authentication] = []
        problem: WheelhouseError | None = None
        for namespace in _sample(places.names, own):
            try:
                shown = await self._ask(SecretManifest(namespace, name, AccessReference(stored.key, stored.uid)))
            except (Conflict, Invalid, Refused, Unavailable) as error:
                problem, shown = problem or error, None
            if shown is not None:
                found.append(shown)
            if shown is not None and (namespace == own or len(found) == ENOUGH):
                break
        if not found and problem is not None:
            raise problem
        in_urls = found.count(Authentication.URL)
        return Authentication.URL if 2 * in_urls > len(found) else Authentication.NETRC

    async def _ask(self, manifest: SecretManifest) -> Authentication | None:
        """The form of one Secret; None if there is none of this access."""
        try:
            reply = await self._writer.ask(manifest)
        except NotReady:  # It is another access's.
            return None
        if not holds(reply) or not isinstance(reply, Applied):
            return None
        ours = reply.owned is not None and _SHOWN in reply.owned
        return Authentication.NETRC if ours and reply.authentication in WITHOUT_URLS else Authentication.URL


def _sample(names: tuple[str, ...], own: str) -> tuple[str, ...]:
    """The own namespace first, then some of the others, spread over all of them."""
    others = [name for name in names if name != own]
    step = max(1, -(-len(others) // MOST))
    return (*(name for name in names if name == own), *others[::step])
