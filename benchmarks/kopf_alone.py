"""An operator that watches the same kinds as ours through Kopf, and does nothing with them: the cost of Kopf alone."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import kopf

from wheelhouse.handlers.events import GROUP, VERSION, kopf_settings


def registry(server: str, ca: str, token: Path) -> kopf.OperatorRegistry:
    """Handlers that ignore their events."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=server, ca_path=ca, token=token.read_text().strip())

    @kopf.on.event(GROUP, VERSION, "pythonrepositories", registry=found)
    @kopf.on.event(GROUP, VERSION, "repositoryaccesses", registry=found)
    @kopf.on.event("", "v1", "namespaces", registry=found)
    async def drop(**_: Any) -> None:
        """Do nothing."""

    return found


if __name__ == "__main__":
    SERVER, CA, TOKEN = sys.argv[1:]
    asyncio.run(kopf.operator(registry=registry(SERVER, CA, Path(TOKEN)), settings=kopf_settings(), clusterwide=True))
