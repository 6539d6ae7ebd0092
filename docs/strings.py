"""Print every string in the operator's code that has a space in it, and every line of the docs, each with its place."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

for path in sorted((ROOT / "operator").rglob("*.py")):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            print(f"{path.relative_to(ROOT)}:{node.lineno}: {' '.join(node.value.split())}")  # noqa: T201 - printing is its purpose

for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip():
            print(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")  # noqa: T201 - printing is its purpose
