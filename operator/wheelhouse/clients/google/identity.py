"""Where the operator runs and its identity: the GKE metadata server, and Application Default Credentials."""

import asyncio
import os
from dataclasses import dataclass

import aiohttp
import google.auth
from google.auth import exceptions
from google.auth.credentials import Credentials

from wheelhouse.clients.http import read_bounded
from wheelhouse.errors import Invalid, Unavailable

GOOGLE_UNIVERSE = "googleapis.com"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
ATTEMPTS = 3
"""GKE's metadata server starts a moment after a pod does."""
PAUSE = 0.3
_TIMEOUT = aiohttp.ClientTimeout(total=3.0, connect=1.0)
_FLAVOR = {"Metadata-Flavor": "Google"}


@dataclass(frozen=True, slots=True)
class MetadataFacts:
    """What the metadata server reports; the cluster is None on a machine that is not a GKE node."""

    project: str
    project_number: str
    cluster_name: str | None
    cluster_location: str | None
    universe: str

    @property
    def pool(self) -> str:
        """The Workload Identity pool of a GKE cluster in this project."""
        return f"{self.project}.svc.id.goog"

    @property
    def cluster(self) -> str | None:
        """`projects/P/locations/L/clusters/C`."""
        if self.cluster_name is None or self.cluster_location is None:
            return None
        return f"projects/{self.project}/locations/{self.cluster_location}/clusters/{self.cluster_name}"


async def metadata_facts(host: str | None = None) -> MetadataFacts | None:
    """Read the facts from the metadata server.

    Args:
        host: `host` or `host:port`; by default GCE_METADATA_HOST as google-auth reads it, or Google's name.

    Returns:
        The facts, or None if there is no metadata server (not on Google Cloud): within a few seconds.

    Raises:
        Unavailable: there is one, but its answer is not valid.
    """
    base = f"http://{host or os.environ.get('GCE_METADATA_HOST', 'metadata.google.internal')}/computeMetadata/v1/"
    async with aiohttp.ClientSession(headers=_FLAVOR, timeout=_TIMEOUT) as session:
        for attempt in range(ATTEMPTS):
            try:
                return await _read(session, base)
            except (aiohttp.ClientConnectionError, TimeoutError, OSError):
                if attempt < ATTEMPTS - 1:
                    await asyncio.sleep(PAUSE)
    return None


async def _read(session: aiohttp.ClientSession, base: str) -> MetadataFacts | None:
    project = await _value(session, base + "project/project-id")
    number = await _value(session, base + "project/numeric-project-id")
    if project is None or number is None or not number.isdigit():
        return None
    name, location, universe = await asyncio.gather(
        _value(session, base + "instance/attributes/cluster-name"),
        _value(session, base + "instance/attributes/cluster-location"),
        _value(session, base + "universe/universe-domain"),
    )
    return MetadataFacts(project, number, name, location, universe or GOOGLE_UNIVERSE)


async def _value(session: aiohttp.ClientSession, url: str) -> str | None:
    """One value, or None if it does not exist; a server that answers without the flavor is not a metadata server."""
    async with session.get(url, allow_redirects=False) as response:
        if response.headers.get("Metadata-Flavor") != "Google":
            return None
        if response.status == 404:
            return None
        if response.status != 200:
            raise Unavailable(f"The metadata server answered with status {response.status}.")
        text = (await read_bounded(response, 4096)).decode(errors="replace").strip()
        return text or None


async def operator_credentials(universe: str) -> Credentials:
    """The operator's own credentials (Application Default Credentials), for Artifact Registry and IAM only.

    They must belong to the universe: in googleapis.com, google-auth itself calls iamcredentials.googleapis.com with the
    token, and an emulated Google must never cause that.

    Raises:
        Invalid: there are none, or they belong to another universe.
    """
    try:
        credentials, found = await asyncio.to_thread(_default)
    except exceptions.GoogleAuthError as error:
        message = f"No usable Google credentials for the operator ({type(error).__name__}): "
        remedy = (
            "on GKE enable Workload Identity; elsewhere set GOOGLE_APPLICATION_CREDENTIALS and GOOGLE_CLOUD_PROJECT."
        )
        raise Invalid(message + remedy) from None
    if found != universe:
        raise Invalid(
            f"The operator's Google credentials belong to the universe {found}, but the setting is {universe}."
        )
    return credentials


def _default() -> tuple[Credentials, str]:
    credentials, _ = google.auth.default(scopes=[CLOUD_PLATFORM])
    # Read here, in a thread: the first access may be a request to the metadata server.
    return credentials, str(credentials.universe_domain)
