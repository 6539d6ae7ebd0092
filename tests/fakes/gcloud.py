"""The real gcloud as a subprocess, against the emulated Google."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fakes.clients import Ran, ran
from fakes.emulated import Emulated
from wheelhouse_local import environment
from wheelhouse_local.state import State


@dataclass(frozen=True, slots=True)
class Gcloud:
    """Gcloud as a person runs it whose shell has the variables of the world; what leaves this machine fails.

    Attributes:
        group: words before those of a call.
    """

    google: Emulated
    state: State
    group: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def by(self, identity: str) -> "Gcloud":
        """The same, run by another IAM member."""
        file = self.state.root / "gcloud-token"
        file.write_text(self.google.token(identity))
        return replace(self, variables={"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(file)})

    async def __call__(self, *arguments: str) -> str:
        """What it prints when it succeeds."""
        done = await self._run(*arguments)
        assert done.code == 0, done.errors
        return done.output

    async def fails(self, *arguments: str) -> str:
        """What it says when it fails."""
        done = await self._run(*arguments)
        assert done.code != 0, done.errors
        return done.errors

    async def json(self, *arguments: str) -> Any:
        """What it prints, as JSON."""
        return json.loads(await self(*arguments, "--format=json"))

    async def _run(self, *arguments: str) -> Ran:
        unreachable = "http://127.0.0.1:1"
        own = {"PATH": os.environ["PATH"], "HOME": str(self.state.root)}
        proxies = {"HTTP_PROXY": unreachable, "HTTPS_PROXY": unreachable, "NO_PROXY": "127.0.0.1"}
        env = {**own, **proxies, **environment.shell(self.state), **self.variables}
        return await ran("gcloud", *self.group, *arguments, env=env)
