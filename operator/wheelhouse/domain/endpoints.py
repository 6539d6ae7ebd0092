"""Which URLs a setting may contain: grammars of hosts and URLs, and the template of index URLs.

Requests contain tokens, so http is allowed for this machine only, and no URL has user information, a query or an
escape. The host of a template is literal: tenants write locations, and none may choose which host receives a token.
"""

import re

from wheelhouse.domain.names import HOST, PORT, URL_LENGTH

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"({_OCTET}\.){{3}}{_OCTET}"
_NAME_OR_ADDRESS = f"({HOST}|{_ADDRESS})"
HOST_AND_PORT = f"{_NAME_OR_ADDRESS}:{PORT}"
_ORIGIN = rf"(https://{_NAME_OR_ADDRESS}|http://(localhost|127\.0\.0\.1))(:{PORT})?"
_TEXT = "[A-Za-z0-9._~-]"
BASE_URL = rf"{_ORIGIN}/({_TEXT}*[A-Za-z0-9_~-]{_TEXT}*/)*"

_PLACEHOLDER = r"\{(location|project|repository)\}"
# At most one placeholder in a segment: `{project}{repository}` would give two repositories one URL.
_SEGMENT = rf"({_TEXT}*[A-Za-z0-9_~-]{_TEXT}*|{_TEXT}*{_PLACEHOLDER}{_TEXT}*)"
_TEMPLATE = re.compile(rf"{_ORIGIN}/(?P<path>({_SEGMENT}/)+)")
_PARTS = ["location", "project", "repository"]


def is_index_url_template(text: str) -> bool:
    """Whether this is a base URL whose path has each of the three placeholders once, and no `simple/` at its end."""
    found = _TEMPLATE.fullmatch(text)
    if len(text) > URL_LENGTH or found is None:
        return False
    return sorted(re.findall(_PLACEHOLDER, found["path"])) == _PARTS and not text.endswith("/simple/")


def expanded(template: str, location: str, project: str, repository: str) -> str:
    """The template with its placeholders replaced, and no other syntax."""
    values = {"location": location, "project": project, "repository": repository}
    return re.sub(_PLACEHOLDER, lambda found: values[found[1]], template)
