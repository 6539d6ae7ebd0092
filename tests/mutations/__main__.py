"""Seed bugs and see which survive: `PYTHONPATH=operator:tests .venv/bin/python -m mutations [-l] [WORD…]`.

A WORD selects the bugs whose name or module contains it; `-l` lists them. The exit status is not 0 if one survives,
does not apply, or could not be tried.
"""

import sys

from mutations.catalog import BUGS
from mutations.runner import Fate, try_out


def main(words: list[str]) -> int:
    """Try the selected bugs."""
    named = [word for word in words if word != "-l"]
    chosen = [bug for bug in BUGS if not named or any(word in f"{bug.path} {bug.name}" for word in named)]
    if "-l" in words:
        print("\n".join(f"{bug.path}: {bug.name}" for bug in chosen))
        return 0
    fates = []
    for bug in chosen:
        verdict = try_out(bug)
        print(verdict, flush=True)
        fates.append(verdict.fate)
    killed = fates.count(Fate.KILLED)
    print(f"{len(fates)} bugs, {killed} killed")
    return 0 if killed == len(fates) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
