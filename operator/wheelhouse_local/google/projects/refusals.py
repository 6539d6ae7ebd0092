"""What a call to Artifact Registry gets in a project that cannot have it, before any permission is looked at."""

from google.rpc import error_details_pb2

from wheelhouse_local.google.projects.project import ARTIFACT_REGISTRY
from wheelhouse_local.google.transport.errors import ApiError

_TITLE = "Artifact Registry API"


def service_disabled(project: str) -> ApiError:
    """What Artifact Registry answers, before any permission is looked at, where its API is off in a project (number).

    The words and the ErrorInfo are those that Google's services share (https://cloud.google.com/apis/design/errors and
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
    """What a project (id or number) that does not exist or is deleted gets, before any permission is looked at.

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
