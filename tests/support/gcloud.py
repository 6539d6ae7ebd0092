"""The real gcloud beside the operator of a world."""

import os
import subprocess

from support.kube import Kube

from wheelhouse_local import environment


def artifacts(kube: Kube, *arguments: str) -> str:
    """What `gcloud artifacts` prints when it succeeds."""
    done = attempt(kube, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def attempt(kube: Kube, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`gcloud artifacts`, whether it succeeds or not."""
    env = {**os.environ, **environment.shell(kube.world.state)}
    return subprocess.run(["gcloud", "artifacts", *arguments], env=env, capture_output=True, text=True, check=False)
