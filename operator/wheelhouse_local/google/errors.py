"""Refusals of the emulated Google, with the status names of google.rpc.Code and their HTTP numbers."""

import grpc

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
    """A call is refused: `status` is a name of google.rpc.Code."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def http(self) -> int:
        """The HTTP status."""
        return HTTP_STATUS[self.status]

    @property
    def grpc(self) -> grpc.StatusCode:
        """The gRPC status."""
        return grpc.StatusCode[self.status]


def not_found() -> ApiError:
    """The recorded answer for anything that is not there."""
    return ApiError("NOT_FOUND", "Requested entity was not found.")


def unimplemented(what: str) -> ApiError:
    """What the emulation does not cover is said, never invented."""
    return ApiError("UNIMPLEMENTED", f"{what} is not part of this emulation of Google.")
