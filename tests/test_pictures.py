"""The pictures of the README: current, well-formed, small, and without anything from another host."""

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/pictures"
PICTURES = sorted(FOLDER.glob("*.svg"))


def test_there_are_both() -> None:
    """The flow, and the recording of the demo."""
    assert [path.name for path in PICTURES] == ["demo.svg", "flow.svg"]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_shown_and_fit_to_be(path: Path) -> None:
    """The README shows it, with a description; it is XML, below 200 kB, and loads and runs nothing."""
    assert re.search(rf"!\[[^\]]{{40,}}\]\(docs/pictures/{path.name}\)", (ROOT / "README.md").read_text())
    text = path.read_text()
    assert len(text) < 200_000
    root = ElementTree.fromstring(text)  # noqa: S314 - a file of this tree
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in root.attrib
    assert not re.search(r"<script|href|url\((?!#)|https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1|oauth)", text)


def test_the_flow_is_what_its_script_draws() -> None:
    """`make pictures` would not change it."""
    assert (FOLDER / "flow.svg").read_text() == runpy.run_path(str(FOLDER / "flow.py"))["draw"]()


def test_the_recording_is_of_this_demo() -> None:
    """It shows each heading of today's demo in their order, and no token."""
    drawn = ElementTree.parse(FOLDER / "demo.svg")  # noqa: S314 - a file of this tree
    rows = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    shown = " ".join(" ".join(rows).replace("\xa0", " ").split())
    headings = re.findall(r'_narrate\(\s*"([^"]+)"', (ROOT / "operator/wheelhouse_local/demo/story.py").read_text())
    places = [shown.find(heading) for heading in headings]
    assert len(places) >= 8
    assert -1 not in places, f"run `make pictures`: the recording lacks {headings[places.index(-1)]!r}"
    assert places == sorted(places)
    assert not re.search(r"oauth2accesstoken:|password (?!\[token-[0-9a-f]{6}\])", shown)
