"""Errors of the emulated Google, with the status names of google.rpc.Code and their HTTP numbers."""

from typing import Any

import grpc
from google.protobuf import any_pb2, json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

# https://cloud.google.com/apis/design/errors#error_model
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}


class ApiError(Exception):
    """A call fails: `status` is a name of google.rpc.Code, `details` are additional messages of google.rpc."""

    def __init__(self, status: str, message: str, details: tuple[Message, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details

    @property
    def retry_after(self) -> float | None:
        """Seconds of a RetryInfo among the details."""
        found = (d.retry_delay for d in self.details if isinstance(d, error_details_pb2.RetryInfo))
        return next((delay.seconds + delay.nanos / 1e9 for delay in found), None)

    def document(self) -> dict[str, Any]:
        """The error as JSON."""
        body = {"code": self.http, "message": self.message, "status": self.status}
        packed = [any_pb2.Any() for _ in self.details]
        for target, detail in zip(packed, self.details, strict=True):
            target.Pack(detail)
        details = [json_format.MessageToDict(detail) for detail in packed]
        return {"error": body | ({"details": details} if details else {})}

    def trailer(self) -> tuple[tuple[str, bytes], ...]:
        """The error's details in gRPC's form: a google.rpc.Status in trailing metadata."""
        if not self.details:
            return ()
        status = status_pb2.Status(code=self.grpc.value[0], message=self.message)
        for detail in self.details:
            status.details.add().Pack(detail)
        return (("grpc-status-details-bin", status.SerializeToString()),)

    @property
    def http(self) -> int:
        """The HTTP status."""
        return HTTP_STATUS[self.status]

    @property
    def grpc(self) -> grpc.StatusCode:
        """The gRPC status."""
        return grpc.StatusCode[self.status]


def not_found() -> ApiError:
    """The recorded error for anything that does not exist."""
    return ApiError("NOT_FOUND", "Requested entity was not found.")


def unimplemented(what: str) -> ApiError:
    """The error for calls that are not emulated: the emulation never invents an answer."""
    return ApiError("UNIMPLEMENTED", f"{what} is not part of this emulation of Google.")
