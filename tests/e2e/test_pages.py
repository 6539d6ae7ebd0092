"""The tutorial and the how-to guides work: their blocks run unchanged, in order, and print what the pages show."""

from pathlib import Path

import pytest
from support.pages import ROOT, RUN, agree, blocks, run


def test_the_comparison_finds_differences() -> None:
    """Masks hide times and ports, and nothing else; omitted lines are only where the page says so."""
    assert agree("a  2026-11-28T03:41:16Z  1s\n", "a 2027-01-02T00:00:00Z   23s\n")
    assert agree("x --hash=sha256:…\n", "x --hash=sha256:0123\n")
    assert agree("a\n…\nd\n", "a\nb\nc\nd\n")
    assert agree("a\n…\n", "a\n")
    assert not agree("a\nd\n", "a\nb\nd\n")
    assert not agree("trainers True 1s\n", "trainers False 1s\n")
    assert not agree("a\n", "")


@pytest.mark.e2e
@pytest.mark.parametrize("page", RUN)
def test_a_page_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    """Every block succeeds and prints what the page shows; only the setup of .venv is omitted."""
    path = ROOT / page
    ran = [each for each in blocks(path) if each.language == "sh" and not each.note]
    assert len(ran) >= 4
    assert sum(each.shown is not None for each in ran) >= 3
    run(path, tmp_path)
