"""The errors of calls to Artifact Registry in a project without it, before any permission is checked."""

from google.rpc import error_details_pb2

from wheelhouse_local.google.projects.project import ARTIFACT_REGISTRY
from wheelhouse_local.google.transport.errors import ApiError

_TITLE = "Artifact Registry API"


def service_disabled(project: str) -> ApiError:
    """Artifact Registry's error, before any permission is checked, if its API is off in a project (number).

    The message and the ErrorInfo are common to Google's services (https://cloud.google.com/apis/design/errors and
    public threads that quote them).
    """
    url = f"https://console.developers.google.com/apis/api/{ARTIFACT_REGISTRY}/overview?project={project}"
    message = (
        f"{_TITLE} has not been used in project {project} before or it is disabled. Enable it by visiting {url} then "
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and "
        "retry."
    )
    info = _error_info("SERVICE_DISABLED", project, serviceTitle=_TITLE, activationUrl=url)
    link = error_details_pb2.Help.Link(description="Google developers console API activation", url=url)
    return ApiError("PERMISSION_DENIED", message, (info, _localized(message), error_details_pb2.Help(links=[link])))


def consumer_invalid(project: str, message: str) -> ApiError:
    """The error for a missing or deleted project (id or number), before any permission is checked.

    Quoted from other services in public threads (ErrorInfo CONSUMER_INVALID); inferred for Artifact Registry.
    """
    url = "https://console.developers.google.com"
    link = error_details_pb2.Help.Link(description="Google developers console", url=url)
    details = (_error_info("CONSUMER_INVALID", project), _localized(message), error_details_pb2.Help(links=[link]))
    return ApiError("PERMISSION_DENIED", message, details)


def _error_info(reason: str, project: str, **more: str) -> error_details_pb2.ErrorInfo:
    metadata = {"service": ARTIFACT_REGISTRY, "consumer": f"projects/{project}", "containerInfo": project, **more}
    return error_details_pb2.ErrorInfo(reason=reason, domain="googleapis.com", metadata=metadata)


def _localized(message: str) -> error_details_pb2.LocalizedMessage:
    return error_details_pb2.LocalizedMessage(locale="en-US", message=message)
