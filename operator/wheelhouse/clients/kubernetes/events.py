"""Events (events.k8s.io/v1): reports for users. If one cannot be published, nothing else fails."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog

from wheelhouse.clients.http import reduced
from wheelhouse.clients.kubernetes.transport import Call, Transport, path
from wheelhouse.errors import WheelhouseError

logger = structlog.get_logger(__name__)

CONTROLLER = "wheelhouse.dev/operator"
NOTE_LIMIT = 1024
"""Bytes of a note (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/)."""


class Events:
    """Publishes Events as one instance of the operator.

    Args:
        transport: sends the requests.
        instance: the operator's pod, at most 128 characters.
        now: the clock (UTC).
    """

    def __init__(
        self, transport: Transport, instance: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._transport = transport
        self._instance = instance
        self._now = now

    async def publish(self, regarding: Mapping[str, str], reason: str, note: str, *, warning: bool = False) -> None:
        """Publish an Event in the namespace of its object. A failure is only logged.

        A namespace that is being deleted accepts none: that is not even logged.
        """
        namespace, name = regarding["namespace"], regarding["name"]
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": f"{name[:230]}.{secrets.token_hex(8)}"},
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance[:128],
            "action": "Reconcile",
            "reason": reason,
            "regarding": dict(regarding),
            "note": _bounded(note),
            "type": "Warning" if warning else "Normal",
        }
        call = Call("create", "events", "POST", path("/apis/events.k8s.io/v1", namespace, "events"), body=body)
        try:
            reply = await self._transport.send(call)
        except WheelhouseError as error:
            logger.warning("Could not publish an Event", reason=reason, error=error.message)
            return
        if not reply.ok and not reply.terminating and reply.status != 404:
            logger.warning(
                "Could not publish an Event", reason=reason, status=reply.status, error=reduced(reply.message)
            )


def _bounded(note: str) -> str:
    return note if len(note.encode()) <= NOTE_LIMIT else note.encode()[: NOTE_LIMIT - 3].decode(errors="ignore") + "…"
