"""One word for each thing, in all that a person reads: docs/reference/glossary.md lists the words."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
UNUSUAL = ("whoever", "whatsoever", "nobody", "thereof", "hereby", "heretofore", "ado", "lest", "whilst")
"""Words that are rare in technical English."""


def terms() -> dict[str, list[str]]:
    """The glossary's terms, each with the words that are not used for it."""
    found = {}
    for line in GLOSSARY.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[0] not in {"term", "---"}:
            found[cells[0]] = [word.strip() for word in cells[2].split(",") if word.strip()]
    return found


def avoided() -> list[str]:
    """All words that are not used: those of the table, and the unusual ones."""
    return [*(word for words in terms().values() for word in words), *UNUSUAL]


def texts() -> ModuleType:
    """The script that lists what a person reads."""
    spec = importlib.util.spec_from_file_location("strings_of_docs", ROOT / "docs" / "strings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_glossary_is_complete_and_sorted() -> None:
    """It has the terms in order, and words to avoid."""
    names = list(terms())
    assert len(names) >= 25
    assert names == sorted(names)
    assert len(avoided()) >= 12


def test_no_text_uses_another_word_for_a_term() -> None:
    """Messages, help, descriptions, docstrings and pages use the glossary's words."""
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, avoided()))})\b", re.IGNORECASE)
    read = list(texts().strings())
    assert len(read) > 4000
    found = [f"{place}: {text[:120]}" for place, text in read if pattern.search(text) and GLOSSARY.name not in place]
    assert found == []
