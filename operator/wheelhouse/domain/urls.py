"""URLs of package indexes, and which URLs may receive a token.

A URL that receives a token is built from a repository's name or from the operator's setting, never from what others can
write: a status, or an answer. It is still checked where it is rendered and where it is requested.
"""

import re
from urllib.parse import quote

from wheelhouse.domain.endpoints import expanded
from wheelhouse.domain.names import RepositoryName

# The colon of a domain-scoped project (`example.com:proj`) stays: `gcloud artifacts print-settings python` prints it
# unchanged (gcloud 528). Only the documentation for Docker's hosts requires a slash there.
_GOOGLE = "https://{location}-python.pkg.dev/{project}/{repository}/"
_GOOGLE_ORIGIN = re.compile(r"https://[a-z0-9-]+-python\.pkg\.dev")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?=/)")
# No empty segment, `.` or `..`, and no escape, query, fragment or backslash: every client reads it in the same way.
_PATH = re.compile(r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~:-]+)*/")


def index_urls(name: RepositoryName, template: str | None) -> tuple[str, str]:
    """The URL to install from (…/simple/), and the URL to upload to.

    Args:
        name: the repository.
        template: the setting `index_url_template`; unset: Artifact Registry's own host.
    """
    parts = (quote(part, safe=":") for part in (name.location, name.project, name.repository_id))
    base = expanded(template or _GOOGLE, *parts)
    return f"{base}simple/", base


def gets_token(url: str, template: str | None) -> bool:
    """Whether a URL may receive a token: one of Artifact Registry's Python hosts over HTTPS, or the template's server.

    The URL is plain: no user, query, fragment or escape, and no port except the template's.
    """
    origin = _ORIGIN.match(url)
    if origin is None or not _PATH.fullmatch(url, origin.end()):
        return False
    configured = _ORIGIN.match(template or "")
    return bool(_GOOGLE_ORIGIN.fullmatch(origin[0])) or (configured is not None and origin[0] == configured[0])
