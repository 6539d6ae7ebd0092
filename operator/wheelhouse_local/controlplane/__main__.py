"""`python -m wheelhouse_local.controlplane`: find the control plane's programs, or build them, and print which."""

import sys

from wheelhouse_local.controlplane.binaries import find
from wheelhouse_local.errors import LocalError


def main() -> int:
    """Find or build them; the exit status is 0 if all three exist."""
    try:
        find(lambda line: print(line, flush=True))
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
