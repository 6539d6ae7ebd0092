"""The architecture as tests: budgets, purity, and the direction of imports."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "operator"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = [
    path
    for path in MODULES
    if re.match(r"wheelhouse/(plan|domain|status)/|wheelhouse/desired\.py", path.relative_to(SOURCE).as_posix())
]
IMPURE = {"kopf", "asyncio", "logging", "time", "random", "os", "aiohttp", "google", "grpc", "kubernetes", "structlog"}
MODULE_LINES, FUNCTION_LINES = 300, 45

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(text: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(text))


def functions(text: str) -> list[Function]:
    return [node for node in parsed(text) if isinstance(node, Function)]


def length(function: Function) -> int:
    """Lines of a function without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    documented = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def too_long(text: str) -> list[str]:
    return [function.name for function in functions(text) if length(function) > FUNCTION_LINES]


def undocumented(text: str) -> list[str]:
    """Public modules, classes, functions and methods without a docstring, or functions without a return type."""
    tree = ast.parse(text)
    missing = [] if ast.get_docstring(tree) else ["module"]
    outers = [node for node in ast.walk(tree) if isinstance(node, Function)]
    nested = {id(inner) for outer in outers for inner in ast.walk(outer) if inner is not outer}
    for node in ast.walk(tree):
        if not isinstance(node, Function | ast.ClassDef) or id(node) in nested:
            continue
        if isinstance(node, Function) and node.returns is None:
            missing.append(f"{node.name} has no return type")
        hidden = node.name.startswith("_") or _in_private_class(tree, node)
        if not hidden and not ast.get_docstring(node):
            missing.append(node.name)
    return missing


def _in_private_class(tree: ast.Module, node: ast.AST) -> bool:
    private = [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef) and each.name.startswith("_")]
    return any(inner is node for each in private for inner in ast.walk(each))


def imported(text: str) -> set[str]:
    """The top-level names of what a module imports."""
    found = set()
    for node in parsed(text):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def reads_the_clock(text: str) -> bool:
    return bool(re.search(r"\b(datetime|date)\.(now|utcnow|today)\(", text))


def unjustified(text: str) -> list[str]:
    """Lines that silence a checker without saying why."""
    silencing = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<codes>[^#]*)(#\s*(?P<after>.*))?$")
    bad = []
    for line in text.splitlines():
        found = silencing.search(line)
        if found and not (
            re.search(r"\s-\s+\S", found["codes"]) or re.search(r"\]\s+\S", found["codes"]) or found["after"]
        ):
            bad.append(line.strip())
    return bad


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_keeps_its_budgets(path: Path) -> None:
    """At most 300 lines a module and 45 a function, everything public documented, every return type said."""
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    assert too_long(text) == []
    assert undocumented(text) == []
    assert unjustified(text) == []


@pytest.mark.parametrize("path", PURE, ids=relative)
def test_deciding_is_pure(path: Path) -> None:
    """Plan, domain, desired and status know no clock, no client, no log and no event loop."""
    text = path.read_text()
    forbidden = IMPURE | ({"pydantic"} if path.parent.name in {"plan", "domain"} else set())
    assert imported(text) & forbidden == set()
    assert not reads_the_clock(text)


def test_pure_modules_were_found() -> None:
    """The purity test looks at something."""
    assert len(PURE) > 15


def test_ports_stay_small() -> None:
    """Reconcile sees the outside through at most eight Protocols of at most eight methods, in 160 lines."""
    text = (SOURCE / "wheelhouse/reconcile/ports.py").read_text()
    classes = [node for node in parsed(text) if isinstance(node, ast.ClassDef)]
    protocols = [
        node for node in classes if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]
    assert 0 < len(protocols) <= 8
    assert all(sum(isinstance(each, Function) for each in node.body) <= 8 for node in protocols)
    assert len(text.splitlines()) <= 160


def test_operator_is_no_package() -> None:
    """operator/__init__.py would shadow the standard library's operator module."""
    assert not (SOURCE / "__init__.py").exists()


def test_import_contracts_hold() -> None:
    """The direction of imports, as import-linter contracts (pyproject.toml)."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


_STRANGE = re.compile(
    r"(?<![\w.$-])/(home|work|root|Users)/\w|"
    + "|".join(["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "proxy" + r"\.golang"])
)


def test_nothing_names_a_machine_or_a_registry_host() -> None:
    """No path of anybody's machine and no host of a package registry is in the tree."""
    found = []
    for path in tracked():
        text = path.read_text(errors="replace")
        found += [f"{relative(path)}: {line.strip()[:80]}" for line in text.splitlines() if _STRANGE.search(line)]
    assert found == []


def test_the_checkers_can_fail() -> None:
    """Each checker finds what it is for in a bad sample."""
    body = "\n".join("    x = 1" for _ in range(60))
    assert too_long(f"def f() -> None:\n{body}\n") == ["f"]
    assert undocumented('"""M."""\nclass A:\n    def f(self): ...\n') == ["A", "f has no return type", "f"]
    assert imported("import os.path\nfrom google.auth import x\n") == {"os", "google"}
    assert reads_the_clock("datetime.now(UTC)")
    assert unjustified("x = 1  # noqa: S101\ny = f()  # type: ignore[arg-type]\n") != []
    assert unjustified("x = 1  # noqa: S101 - a test\ny = f()  # type: ignore[arg-type]  # why\n") == []
    assert _STRANGE.search("see /" + "home/me/x")
