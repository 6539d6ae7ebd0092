"""Refusals of the emulated Google, with the status names of google.rpc.Code and their HTTP numbers."""

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
_SERVICE, _TITLE = "artifactregistry.googleapis.com", "Artifact Registry API"


class ApiError(Exception):
    """A call is refused: `status` is a name of google.rpc.Code, `details` are messages of google.rpc besides."""

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
        """The refusal as JSON."""
        body = {"code": self.http, "message": self.message, "status": self.status}
        packed = [any_pb2.Any() for _ in self.details]
        for target, detail in zip(packed, self.details, strict=True):
            target.Pack(detail)
        details = [json_format.MessageToDict(detail) for detail in packed]
        return {"error": body | ({"details": details} if details else {})}

    def trailer(self) -> tuple[tuple[str, bytes], ...]:
        """The refusal's details as gRPC carries them: a google.rpc.Status in trailing metadata."""
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
    """The recorded answer for anything that is not there."""
    return ApiError("NOT_FOUND", "Requested entity was not found.")


def unimplemented(what: str) -> ApiError:
    """What the emulation does not cover is said, never invented."""
    return ApiError("UNIMPLEMENTED", f"{what} is not part of this emulation of Google.")


def service_disabled(project: str) -> ApiError:
    """What Artifact Registry answers, before any permission is looked at, where its API is off in a project (number).

    The words and the ErrorInfo are those that Google's services share (https://cloud.google.com/apis/design/errors and
    public threads that quote them).
    """
    url = f"https://console.developers.google.com/apis/api/{_SERVICE}/overview?project={project}"
    message = (
        f"{_TITLE} has not been used in project {project} before or it is disabled. Enable it by visiting {url} then "
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and "
        "retry."
    )
    info = _error_info("SERVICE_DISABLED", project, serviceTitle=_TITLE, activationUrl=url)
    link = error_details_pb2.Help.Link(description="Google developers console API activation", url=url)
    return ApiError("PERMISSION_DENIED", message, (info, _localized(message), error_details_pb2.Help(links=[link])))


def consumer_invalid(project: str, message: str) -> ApiError:
    """What a project (id or number) that does not exist or is deleted gets, before any permission is looked at.

    Quoted from other services in public threads (ErrorInfo CONSUMER_INVALID); inferred for Artifact Registry.
    """
    url = "https://console.developers.google.com"
    link = error_details_pb2.Help.Link(description="Google developers console", url=url)
    details = (_error_info("CONSUMER_INVALID", project), _localized(message), error_details_pb2.Help(links=[link]))
    return ApiError("PERMISSION_DENIED", message, details)


def _error_info(reason: str, project: str, **more: str) -> error_details_pb2.ErrorInfo:
    metadata = {"service": _SERVICE, "consumer": f"projects/{project}", "containerInfo": project, **more}
    return error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)


def _localized(message: str) -> error_details_pb2.LocalizedMessage:
    return error_details_pb2.LocalizedMessage(locale="en-US", message=message)
