"""Print every string in the operator's code that has a space in it, and every line of the docs, each with its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def strings() -> Iterator[tuple[str, str]]:
    """The place and the text of everything that a person reads: code, definitions, manifests and pages."""
    for path in sorted((ROOT / "operator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
                yield f"{path.relative_to(ROOT)}:{node.lineno}", " ".join(node.value.split())
    for path in sorted([*(ROOT / "crds").glob("*.yaml"), *(ROOT / "manifests").rglob("*.yaml")]):
        for document in yaml.safe_load_all(path.read_text()):
            for text in _texts(document):
                yield str(path.relative_to(ROOT)), " ".join(text.split())
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip():
                yield f"{path.relative_to(ROOT)}:{number}", line.strip()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and " " in value.strip():
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


if __name__ == "__main__":
    for place, text in strings():
        print(f"{place}: {text}")  # noqa: T201 - printing is its purpose
