"""Long-running operations: recorded in status before the wait, and polled by name, even after a restart."""

from datetime import timedelta

from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.repository import Operation, OperationKind
from wheelhouse.errors import Invalid, Refused, Unavailable
from wheelhouse.plan.repository import poll_delay
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.world import World

KIND = Kind.REPOSITORY


class Operations:
    """At most one operation per object."""

    def __init__(self, world: World, findings: Findings, ledger: Ledger) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger

    async def begin(self, stored: CustomObject, name: str, kind: OperationKind) -> float:
        """Record an operation that was started; the seconds until the first poll.

        Raises:
            Conflict: the object changed since it was read; its result identifies the operation later.
        """
        operation = Operation(name, kind, self._world.now())
        self._findings.note_repository(stored, operation=operation)
        await self._ledger.record(KIND, stored.key)
        return poll_delay(timedelta())

    async def wait(self, stored: CustomObject) -> float | None:
        """Poll the recorded operation; the seconds to wait while it runs, None if there is none (any more).

        Raises:
            Invalid, Refused, Unavailable: it failed, by its code.
        """
        operation = self._findings.repository(stored).operation
        if operation is None:
            return None
        result = await self._world.repositories.poll(operation.name)
        if result is not None and not result.done:
            return poll_delay(self._world.now() - operation.start_time)
        self._findings.note_repository(stored, operation=None)
        if result is not None and result.error_code:
            message = f"{operation.kind} failed: {result.error_message}"
            if result.error_code == "PERMISSION_DENIED":
                raise Refused(message)
            if result.error_code in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}:
                raise Invalid(message)
            raise Unavailable(message)
        return None
