"""`python -m wheelhouse_local.demo`: starts a world, runs the demo, and stops the world."""

import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wheelhouse_local.demo.story import Story
from wheelhouse_local.demo.terminal import DemoError
from wheelhouse_local.errors import LocalError
from wheelhouse_local.world import World


@contextlib.contextmanager
def _started(directory: Path) -> Iterator[World]:
    world = World(directory, say=lambda line: print(f"  {line}", flush=True))
    try:
        world.up()
        yield world
    finally:
        print("\nStopping the local world.", flush=True)
        world.down(purge=True)


def main() -> int:
    """Run the demo; the exit status is 0 if every step succeeded."""
    print(
        "This demo shows the whole workflow. Nothing leaves this machine, and nothing keeps running afterwards.",
        flush=True,
    )
    # A closed terminal and a SIGTERM from a service manager stop the world, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="wheelhouse demo ") as name, _started(Path(name) / "world") as world:
            work = Path(name) / "work"
            work.mkdir()
            Story(world, work).everything()
    except (DemoError, LocalError, OSError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(
        "\nThe demo is complete. Try next, in the root of the checkout:\n"
        "  . .venv/bin/activate\n"
        "  wheelhouse local up --detach\n"
        '  eval "$(wheelhouse local env)"\n'
        "  kubectl apply -f manifests/examples/quickstart.yaml\n"
        "  kubectl wait --for=condition=Ready pyrepo,pyaccess --all -A --timeout=60s\n"
        "  kubectl describe secret pip-config -n ml-training\n"
        "  wheelhouse local requests --since 5m | grep Sts.Token\n"
        "  kubectl explain repositoryaccess.spec.secret\n"
        "  wheelhouse local down --purge\n"
        "docs/tutorial.md explains each step."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
