"""Fixtures for tests against a real control plane and a whole local world.

One of each per pytest-xdist worker: they start in three seconds, and tests of two workers cannot affect each other
through cluster-wide objects. `--dist loadfile` keeps the number of starts low.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Tests that use gRPC and tests that start processes share a worker: gRPC's fork handlers abort the child if its
# threads are working, and nothing here forks without an exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World

# A script that starts the tests in the background lets them ignore SIGINT, and so all programs that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` tries the same examples each time, `make test-long` many new ones. Durations are not assertions: a busy
# machine is not a failure.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("WHEELHOUSE_TEST_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of gcloud where it is absent: no package registry has it, so `make test` cannot install it.

    CI never skips them: .ci/run sets WHEELHOUSE_REQUIRE_GCLOUD, and they fail there if gcloud is absent.
    """
    if shutil.which("gcloud") is not None or os.environ.get("WHEELHOUSE_REQUIRE_GCLOUD"):
        return
    skip = pytest.mark.skip(reason="gcloud is not installed: install the Google Cloud CLI to run the tests that use it")
    for item in items:
        if item.get_closest_marker("gcloud") is not None:
            item.add_marker(skip)


def _running(directory: Path, options: Options) -> Iterator[World]:
    world = World(directory)
    world.up(options)
    try:
        yield world
    finally:
        world.down(purge=True)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Only etcd, kube-apiserver and kube-controller-manager; nothing of ours is installed."""
    yield from _running(tmp_path_factory.mktemp("control plane"), Options(components=CONTROL_PLANE))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything: the control plane with crds/ and manifests/ applied, the emulated Google, and the operator."""
    yield from _running(tmp_path_factory.mktemp("world"), Options())
