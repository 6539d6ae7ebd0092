"""Long-running operations: done at the first poll, as in every recording, unless a fault changes that."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from google.cloud.artifactregistry_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import not_found
from wheelhouse_local.google.transport.faults import CURRENT

KIND, PENDING = "operation", "pending-operation"

Effect = dict[str, Any]
"""The effect of an operation when it ends: a JSON document that the code which started it can apply."""


class Operations:
    """Operations by name."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def start(self, parent: str, response: Message, effect: Effect) -> tuple[operations_pb2.Operation, Effect | None]:
        """Start an operation.

        Returns:
            The first reply (a bare UUID, without `done`: recorded), and the effect if it must be applied now.
        """
        metadata = any_pb2.Any()
        metadata.Pack(types.OperationMetadata.pb(types.OperationMetadata()))
        first = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}", metadata=metadata)
        ended = operations_pb2.Operation()
        ended.CopyFrom(first)
        ended.done = True
        fault = CURRENT.get()
        if fault is not None and fault.operation_error:
            code = code_pb2.Code.Value(fault.operation_error)
            ended.error.CopyFrom(status_pb2.Status(code=code, message="Injected by the test."))
            effect = {}
        else:
            ended.response.Pack(response)
        if fault is None or not fault.operation_delay:
            self._put(ended)
            return first, effect or None
        due = self._clock() + fault.operation_delay
        self._put(first)
        row = {"due": due, "bytes": ended.SerializeToString().hex(), "effect": effect}
        self._store.put(PENDING, first.name, row)
        return first, None

    def get(self, name: str) -> operations_pb2.Operation:
        """The current state of an operation.

        Raises:
            ApiError: NOT_FOUND.
        """
        found = self._store.get(KIND, name)
        if found is None:
            raise not_found()
        operation = operations_pb2.Operation()
        operation.ParseFromString(bytes.fromhex(found["bytes"]))
        return operation

    def settle(self) -> Iterator[Effect]:
        """End the operations that are due; the caller applies their effects."""
        for name, row in self._store.list(PENDING):
            if row["due"] <= self._clock():
                self._store.delete(PENDING, name)
                self._store.put(KIND, name, {"bytes": row["bytes"]})
                if row["effect"]:
                    yield row["effect"]

    def pending(self) -> list[Effect]:
        """The effects that are still pending."""
        return [row["effect"] for _, row in self._store.list(PENDING) if row["effect"]]

    def _put(self, operation: operations_pb2.Operation) -> None:
        self._store.put(KIND, operation.name, {"bytes": operation.SerializeToString().hex()})
