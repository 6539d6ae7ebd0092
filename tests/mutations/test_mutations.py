"""The suites detect seeded bugs: five of them in each run, all of them in the long one.

`PYTHONPATH=operator:tests .venv/bin/python -m mutations` tries all and prints which suite detected which.
"""

import os
import shutil
from pathlib import Path

import pytest
from mutations.bug import Bug, Stale
from mutations.catalog import BUGS, SAMPLE, sample
from mutations.runner import ROOT, Fate, try_out

LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("bug", BUGS if LONG else sample(ROOT), ids=lambda bug: bug.name)
def test_a_seeded_bug_is_killed(bug: Bug) -> None:
    """With this bug in it, the named suites fail; without it they pass."""
    verdict = try_out(bug)
    assert verdict.fate is Fate.KILLED, str(verdict)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_seeded_bug_applies(bug: Bug, tmp_path: Path) -> None:
    """The product contains the text that a bug replaces, and its suites exist."""
    module = tmp_path / bug.file
    module.parent.mkdir(parents=True)
    shutil.copy(ROOT / bug.file, module)
    bug.seed(tmp_path)
    assert module.read_text() != (ROOT / bug.file).read_text()
    assert bug.suites
    assert all((ROOT / suite.partition("::")[0]).exists() for suite in bug.suites)


def test_bugs_have_names_of_their_own() -> None:
    """Names are unique; there are enough bugs, and a sample has five."""
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert len(BUGS) >= 24
    assert len(sample(ROOT)) == SAMPLE


def test_a_bug_that_does_not_apply_is_an_error(tmp_path: Path) -> None:
    """A missing or ambiguous text is an error and not a detected bug."""
    module = tmp_path / "operator/wheelhouse/a.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 1\ny = 1\n")
    for old, new in (("z", "w"), ("1", "2"), ("x = 1", "x =")):
        with pytest.raises(Stale):
            Bug("a bug", "a.py", old, new, ("tests",)).seed(tmp_path)
    assert module.read_text() == "x = 1\ny = 1\n"


def test_a_change_that_is_no_bug_survives() -> None:
    """The runner reports an undetected change: here the first line of a module, its docstring, grows."""
    bug = BUGS[0]
    first = (ROOT / bug.file).read_text().splitlines()[0]
    verdict = try_out(Bug("no bug", bug.path, first, f"{first} ", bug.suites))
    assert verdict.fate is Fate.SURVIVED, str(verdict)
