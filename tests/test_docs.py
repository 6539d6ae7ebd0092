"""The reference is complete: every condition, reason and setting is explained where a user looks for it."""

import re
from pathlib import Path

import pytest

from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The table rows of a page by the word in their first cell."""
    found = {}
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (name := re.fullmatch(r"`([^`]+)`", cells[0])):
            found[name[1]] = cells[1:]
    return found


@pytest.mark.parametrize("word", [*ConditionType, *Reason])
def test_every_condition_and_reason_is_explained(word: str) -> None:
    """docs/reference/conditions.md has each type and reason, with when, why and what to do."""
    cells = rows("reference/conditions.md")[str(word)]
    assert all(len(cell) > 3 for cell in cells[:-1])


def test_no_reason_is_invented() -> None:
    """The page explains nothing that the operator never says."""
    events = {"DriftCorrected", "Recreating", "SecretEdited", "SecretTakenOver"}
    assert set(rows("reference/conditions.md")) == {str(word) for word in (*ConditionType, *Reason)} | events


def test_every_setting_is_explained() -> None:
    """docs/reference/settings.md has every variable, and none besides."""
    assert set(rows("reference/settings.md")) == {f"WHEELHOUSE_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(
    "page", sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]), ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that is there."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
