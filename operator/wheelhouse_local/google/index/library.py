"""The packages of a repository of any mode: its own files, those of an upstream, or those of several."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.index.fetch import UpstreamError
from wheelhouse_local.google.index.pages import Link
from wheelhouse_local.google.index.remote import RemoteProxy, registry_name, source
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.registry.modes import RepositoryPb
from wheelhouse_local.google.registry.packages import Packages, version_of
from wheelhouse_local.google.registry.repositories import KIND as REPOSITORY
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller

Document = Mapping[str, Any]
Acting = Callable[[str], Caller]
"""A caller, by its IAM member."""
_READ = "artifactregistry.repositories.downloadArtifacts"
_DEEPEST = 4
"""Maximum length of a chain of upstreams."""


class Library:
    """Finds packages; upstreams are read as the service agent of the repository's project, not as the caller."""

    def __init__(
        self,
        store: Store,
        packages: Packages,
        proxy: RemoteProxy,
        projects: Projects,
        policies: Policies,
        acting: Acting,
    ) -> None:
        self._store = store
        self._packages = packages
        self._proxy = proxy
        self._projects = projects
        self._policies = policies
        self._acting = acting

    def knows(self, repository: str) -> bool:
        """Whether a repository with this full name exists."""
        return self._store.get(REPOSITORY, repository) is not None

    def writable(self, repository: str) -> bool:
        """Whether it accepts uploads: only Standard repositories do."""
        found = self._store.get(REPOSITORY, repository) or {}
        return str(found.get("mode", "STANDARD_REPOSITORY")) == "STANDARD_REPOSITORY"

    async def links(self, repository: str, name: str, depth: int = 0) -> dict[str, Link] | None:
        """A package's files, each with the repository that it comes from; None if the package does not exist.

        Raises:
            UpstreamError: an upstream does not answer, and nothing else has the package.
        """
        found = self._store.get(REPOSITORY, repository)
        if found is None or depth > _DEEPEST:
            return None
        if found.get("mode") == "VIRTUAL_REPOSITORY":
            return await self._union(repository, found, name, depth)
        if found.get("mode") != "REMOTE_REPOSITORY":
            rows = self._packages.files(repository, name)
            if rows is None:
                return None
            return {f: Link(row["sha256"], row["requires_python"], repository) for f, row in rows.items()}
        config = found["remoteRepositoryConfig"]
        upstream = registry_name(source(config))
        if upstream is not None:
            return await self.links(upstream, name, depth + 1) if self._may_read(repository, upstream) else None
        links = await self._proxy.links(repository, config, self._agent(repository), name)
        if links is None:
            return None
        return {f: Link(link.sha256, link.requires_python, repository) for f, link in links.items()}

    async def file(self, repository: str, name: str, filename: str) -> Path | None:
        """The path of a file's content; None if the file does not exist.

        Raises:
            UpstreamError: it must be fetched, and the fetch fails.
        """
        link = (await self.links(repository, name) or {}).get(filename)
        if link is None:
            return None
        origin = self._store.get(REPOSITORY, link.origin) or {}
        if origin.get("mode") != "REMOTE_REPOSITORY":
            return self._packages.path(link.sha256)
        config = origin["remoteRepositoryConfig"]
        digest = await self._proxy.fetch(link.origin, config, self._agent(link.origin), name, filename)
        return None if digest is None else self._packages.path(digest)

    async def problem(self, project: str, config: RepositoryPb) -> str | None:
        """The problem, in words, with the upstream in the message of a new Remote in this project."""
        document = json_format.MessageToDict(config)
        upstream = registry_name(source(document))
        if upstream is None:
            return await self._proxy.problem(document, f"serviceAccount:{self._projects.known(project).agent}")
        there = self.knows(upstream)
        return None if there and self._may_read(f"projects/{project}", upstream) else f"{upstream} cannot be read"

    async def _union(self, repository: str, found: Document, name: str, depth: int) -> dict[str, Link] | None:
        """All versions of all upstreams; a version in several comes from the upstream with the largest priority.

        The union is reported by users. Inferred: for equal priorities the smaller id wins. An upstream that is
        down is skipped only if one before it has the package, because otherwise a public package could replace a
        private one.
        """
        policies = (found.get("virtualRepositoryConfig") or {}).get("upstreamPolicies") or []
        ranked = sorted(policies, key=lambda policy: (-policy.get("priority", 0), policy["id"]))
        names = [p["repository"] for p in ranked if self._may_read(repository, p["repository"])]
        answers = await asyncio.gather(*(self.links(each, name, depth + 1) for each in names), return_exceptions=True)
        union: dict[str, Link] = {}
        served: set[str] = set()
        for answer in answers:
            if isinstance(answer, BaseException) and not (union and isinstance(answer, UpstreamError)):
                raise answer
            links = answer if isinstance(answer, dict) else {}
            union |= {filename: link for filename, link in links.items() if version_of(filename) not in served}
            served |= {version_of(filename) for filename in links}
        return union or None

    def _may_read(self, reader: str, upstream: str) -> bool:
        """Whether the service agent of the reader's project may read an upstream; inferred for its own project."""
        project = reader.split("/")[1]
        if upstream.split("/")[1] == project:
            return True
        return self._policies.allowed(self._acting(self._agent(reader)), upstream, _READ)

    def _agent(self, repository: str) -> str:
        return f"serviceAccount:{self._projects.known(repository.split('/')[1]).agent}"
