"""Remote repositories: a proxy with a cache. Pages are refreshed hourly, files are kept forever."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from wheelhouse_local.google.index.fetch import Fetcher, Login, UpstreamError
from wheelhouse_local.google.index.pages import Link, read
from wheelhouse_local.google.projects.secret_manager import SecretManager
from wheelhouse_local.google.registry.packages import Packages
from wheelhouse_local.google.registry.repositories import PAGE
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

FRESH = 3600.0
"""Seconds for which a page is served without a request to the upstream (hourly is documented, for Python inferred)."""
_REGISTRY_SUFFIX = "-python.pkg.dev"

Config = Mapping[str, Any]
"""`remoteRepositoryConfig` as JSON."""


def source(config: Config) -> str:
    """The source of a Remote: `PYPI`, a URL, or a repository's name."""
    python = config.get("pythonRepository") or {}
    custom = (config.get("commonRepository") or {}).get("uri") or (python.get("customRepository") or {}).get("uri")
    return str(custom or "PYPI")


def registry_name(uri: str) -> str | None:
    """The full name of the repository in a URL of Artifact Registry, or in a resource name; None for others."""
    if uri.startswith("projects/"):
        return uri
    parts = urlsplit(uri)
    location = (parts.hostname or "").removesuffix(_REGISTRY_SUFFIX)
    path = [part for part in parts.path.split("/") if part]
    if location == parts.hostname or len(path) not in {2, 3} or path[2:] not in ([], ["simple"]):
        return None
    return f"projects/{path[0]}/locations/{location}/repositories/{path[1]}"


class RemoteProxy:
    """Fetches for Remote repositories with an outside index as their upstream.

    Args:
        store: stores pages and packages.
        packages: stores files.
        secrets: returns passwords for service agents.
        fetcher: sends the requests.
        public: the URL of the public index's pages, known once it is ready.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        packages: Packages,
        secrets: SecretManager,
        fetcher: Fetcher,
        public: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._packages = packages
        self._secrets = secrets
        self._fetcher = fetcher
        self._public = public
        self._clock = clock

    async def links(self, repository: str, config: Config, agent: str, name: str) -> dict[str, Link] | None:
        """A package's files from the upstream, or from the cache; None if the upstream does not have the package.

        Raises:
            UpstreamError: the upstream does not answer, and nothing is cached.
        """
        key = f"{repository}/{name}"
        cached = self._store.get(PAGE, key)
        if cached is not None and self._clock() - cached["fetched"] < FRESH:
            return _links(cached)
        url = f"{self._base(config)}{name}/"
        try:
            status, text = await self._fetcher.page(url, self._login(config, agent))
            if status not in {200, 404}:
                raise UpstreamError(f"{status} from {url}")
        except UpstreamError:
            if cached is None:
                raise
            return _links(cached)
        if status == 404:
            return None
        found = read(text, url)
        rows = {f: {"sha256": k.sha256, "requires": k.requires_python, "url": k.origin} for f, k in found.items()}
        self._store.put(PAGE, key, {"fetched": self._clock(), "links": rows})
        return found

    async def fetch(self, repository: str, config: Config, agent: str, name: str, filename: str) -> str | None:
        """The SHA-256 of a file, which is on disk afterwards; None if the upstream does not have the file.

        Raises:
            UpstreamError: it is not cached, and the upstream does not return it, or returns another one than on its
                page.
        """
        kept = (self._packages.files(repository, name) or {}).get(filename)
        if kept is not None:
            return str(kept["sha256"])
        link = (await self.links(repository, config, agent, name) or {}).get(filename)
        if link is None:
            return None
        path, digest = await self._fetcher.file(link.origin, self._login(config, agent), self._packages.folder)
        if link.sha256 not in {"", digest}:
            path.unlink()
            raise UpstreamError(f"The file {filename} is not the one of the upstream's page.")
        self._packages.keep(repository, name, filename, path, digest, link.requires_python)
        return digest

    async def problem(self, config: Config, agent: str) -> str | None:
        """Try the upstream's list of packages; return the problem, in words."""
        if source(config) == "PYPI":
            return None  # The public index has a name and is not tried: inferred.
        url = self._base(config)
        try:
            status, _ = await self._fetcher.page(url, self._login(config, agent))
        except UpstreamError as error:
            return str(error)
        return None if status < 400 else f"{status} from {url}"

    def _base(self, config: Config) -> str:
        """The URL of the pages: the URL itself if it ends in /simple, otherwise below it (inferred)."""
        uri = source(config)
        if uri == "PYPI":
            return self._public()
        uri = uri.rstrip("/")
        return f"{uri}/" if uri.endswith("/simple") else f"{uri}/simple/"

    def _login(self, config: Config, agent: str) -> Login | None:
        known = (config.get("upstreamCredentials") or {}).get("usernamePasswordCredentials")
        if not known:
            return None
        try:
            password = self._secrets.secret_value(known.get("passwordSecretVersion", ""), agent).decode()
        except ApiError as error:
            raise UpstreamError(f"The upstream's password cannot be read: {error.message}") from error
        return Login(
            urlsplit(self._base(config)).netloc, aiohttp.encode_basic_auth(known.get("username", ""), password)
        )


def _links(cached: Mapping[str, Any]) -> dict[str, Link]:
    return {name: Link(row["sha256"], row["requires"], row["url"]) for name, row in cached["links"].items()}
