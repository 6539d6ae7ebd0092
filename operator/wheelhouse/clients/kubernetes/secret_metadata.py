"""What a watch of Secrets tells: which one changed in fields that an access's field manager owns. It has no data."""

import json
from collections.abc import Mapping
from typing import Any

from wheelhouse.domain.secret import MANAGED_BY, MANAGER_PREFIX, SeenSecret

PATH = "/api/v1/secrets"
SELECTOR = "=".join(MANAGED_BY)
"""Only Secrets that Wheelhouse wrote are reported. The permission for the watch includes all others."""
REMEDY = (
    "Apply manifests/components/secret-watch, which grants list and watch on Secrets, or unset "
    "WHEELHOUSE_WATCH_SECRETS. Until then the operator checks each Secret about once a minute."
)


def seen_secret(body: Mapping[str, Any]) -> SeenSecret:
    """Read the metadata of a Secret.

    Raises:
        KeyError, TypeError, AttributeError: it is not the metadata of an object.
    """
    meta = body["metadata"]
    entries = meta.get("managedFields") or ()
    ours = sorted(
        (str(entry.get("manager")), json.dumps(entry.get("fieldsV1"), sort_keys=True))
        for entry in entries
        if str(entry.get("manager", "")).startswith(MANAGER_PREFIX) and entry.get("operation") == "Apply"
    )
    return SeenSecret(str(meta["namespace"]), str(meta["name"]), str(meta["uid"]), hash(tuple(ours)))
