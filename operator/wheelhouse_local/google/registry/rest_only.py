"""Fields of a repository that gcloud's messages have and the protos do not: taken and kept, without an effect."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wheelhouse_local.google.registry.masks import REST_ONLY as FIELDS
from wheelhouse_local.google.registry.masks import snake
from wheelhouse_local.google.registry.repositories import REST_ONLY
from wheelhouse_local.google.store import Store

Document = dict[str, Any]


class RestOnly:
    """Keeps these fields beside the repository; they go with it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, method: str, resource: str, query: Mapping[str, str], raw: bytes) -> None:
        """Keep the fields of a create, or those that an update changes."""
        if method == "ArtifactRegistry.CreateRepository":
            repository_id = query.get("repositoryId") or query.get("repository_id")
            self._keep(f"{resource}/repositories/{repository_id}", json.loads(raw), ())
        elif method == "ArtifactRegistry.UpdateRepository":
            mask = query.get("updateMask") or query.get("update_mask") or ""
            self._keep(resource, json.loads(raw), [path for path in mask.split(",") if path])

    def add(self, method: str, document: Document) -> None:
        """Add the fields to the repositories in a reply."""
        if method in {"ArtifactRegistry.GetRepository", "ArtifactRegistry.UpdateRepository"}:
            self._add(document)
        elif method == "ArtifactRegistry.ListRepositories":
            for repository in document.get("repositories", ()):
                self._add(repository)

    def _keep(self, name: str, document: Document, mask: Sequence[str]) -> None:
        kept = dict(self._store.get(REST_ONLY, f"{name}/fields") or {})
        for field in FIELDS:
            if mask and not any(f"{snake(field)}.".startswith(f"{snake(path)}.") for path in mask):
                continue
            value = _value(document, field)
            kept.pop(field, None)
            if value is not None:
                kept[field] = value
        if kept:
            self._store.put(REST_ONLY, f"{name}/fields", kept)
        else:
            self._store.delete(REST_ONLY, f"{name}/fields")

    def _add(self, repository: Document) -> None:
        for field, value in (self._store.get(REST_ONLY, f"{repository.get('name')}/fields") or {}).items():
            *path, last = field.split(".")
            inner = repository
            for part in path:
                inner = inner.setdefault(part, {})
            inner[last] = value


def _value(document: object, field: str) -> object:
    for part in field.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
