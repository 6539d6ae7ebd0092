"""The architecture as tests: budgets, purity, and the direction of imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "operator"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = [
    path
    for path in MODULES
    if re.match(r"wheelhouse/(plan|domain|status|desired)/", path.relative_to(SOURCE).as_posix())
]
IMPURE = {"kopf", "asyncio", "logging", "time", "random", "os", "aiohttp", "google", "grpc", "kubernetes", "structlog"}
MODULE_LINES, FUNCTION_LINES = 300, 45
PROTOCOLS, METHODS, PORTS_LINES = 8, 8, 160
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

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
    """Functions over their budget, and the module if it is over its own."""
    module = ["module"] if len(text.splitlines()) > MODULE_LINES else []
    return module + [function.name for function in functions(text) if length(function) > FUNCTION_LINES]


def for_tests(text: str) -> list[str]:
    """Parameters and attributes that exist for tests, detected by their names."""
    named = re.compile(r"(^|_)(test|tests|testing|mock|fake)(_|$)")
    arguments = [node.arg for node in parsed(text) if isinstance(node, ast.arg)]
    targets = [node.target for node in parsed(text) if isinstance(node, ast.AnnAssign)]
    fields = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in (*arguments, *fields) if named.search(name)]


def port_faults(text: str) -> list[str]:
    """What is over the limits in a module of ports."""
    classes = [node for node in parsed(text) if isinstance(node, ast.ClassDef)]
    protocols = [each for each in classes if any("Protocol" in ast.unparse(base) for base in each.bases)]
    methods = {each.name: sum(isinstance(inner, Function) for inner in each.body) for each in protocols}
    faults = [f"{name} has {count} methods" for name, count in methods.items() if count > METHODS]
    if not 0 < len(protocols) <= PROTOCOLS:
        faults.append(f"{len(protocols)} Protocols")
    if (lines := len(text.splitlines())) > PORTS_LINES:
        faults.append(f"{lines} lines")
    return faults


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
    """The top-level names of a module's imports."""
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
    """Lines that disable a checker without a reason."""
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
    """At most 300 lines per module and 45 per function, docstrings on everything public, return types everywhere."""
    text = path.read_text()
    assert too_long(text) == []
    assert undocumented(text) == []
    assert unjustified(text) == []
    assert for_tests(text) == []


@pytest.mark.parametrize("path", [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/*.py")], ids=relative)
def test_every_ignore_has_its_reason(path: Path) -> None:
    """Outside the product too, a line that disables a checker has a reason."""
    assert unjustified(path.read_text()) == []


@pytest.mark.parametrize("path", PURE, ids=relative)
def test_deciding_is_pure(path: Path) -> None:
    """Plan, domain, desired and status use no clock, no client, no log and no event loop."""
    text = path.read_text()
    forbidden = IMPURE | ({"pydantic"} if path.parent.name in {"plan", "domain"} else set())
    assert imported(text) & forbidden == set()
    assert not reads_the_clock(text)


def test_pure_modules_were_found() -> None:
    """The purity test checks some modules."""
    assert len(PURE) > 15


def test_ports_stay_small() -> None:
    """Reconcile uses the outside through at most eight Protocols of at most eight methods, in 160 lines."""
    assert port_faults((SOURCE / "wheelhouse/reconcile/ports.py").read_text()) == []


def test_operator_is_no_package() -> None:
    """operator/__init__.py would shadow the standard library's operator module."""
    assert not (SOURCE / "__init__.py").exists()


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of root/pyproject.toml for the packages in root/operator."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    env = {**os.environ, "PYTHONPATH": str(root / "operator")}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)


def test_import_contracts_hold() -> None:
    """The direction of imports, as import-linter contracts (pyproject.toml)."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(LINTER['contracts'])} kept, 0 broken" in done.stdout


def test_contracts_are_sentences() -> None:
    """The name of a contract is its rule, in a sentence."""
    names = [contract["name"] for contract in LINTER["contracts"]]
    assert [name for name in names if not re.fullmatch(r"[A-Z][a-z]+( [\w,:|-]+){2,}", name)] == []


def test_every_module_has_its_layer() -> None:
    """A new part of the product must be in a layer: the layers contain all of them, and nothing else."""
    layers = next(contract["layers"] for contract in LINTER["contracts"] if contract["type"] == "layers")
    named = {name.strip() for layer in layers for name in layer.split("|")}
    found = {
        f"wheelhouse.{path.stem}"
        for path in (SOURCE / "wheelhouse").iterdir()
        if (path.is_dir() or path.suffix == ".py") and not path.name.startswith("__")
    }
    assert named == found


BREACHES = {
    "Each layer imports only those below it": ("wheelhouse/plan/policy.py", "import wheelhouse.runtime.queue"),
    "The product never imports the local world": ("wheelhouse/bootstrap/operator.py", "import wheelhouse_local.state"),
    "Only handlers import Kopf, and bootstrap runs it": ("wheelhouse/reconcile/loop.py", "import kopf"),
    "Only clients make requests": ("wheelhouse/reconcile/loop.py", "import aiohttp"),
    "Deciding is pure": ("wheelhouse/domain/names.py", "import pydantic"),
    "Reading the spec and writing the status is pure too": ("wheelhouse/desired/access.py", "import asyncio"),
    "Packages of the loop import only those below them": (
        "wheelhouse/reconcile/policy/claims.py",
        "import wheelhouse.reconcile.access.unit",
    ),
    "Clients of Kubernetes import nothing of Google": (
        "wheelhouse/clients/kubernetes/objects.py",
        "import wheelhouse.clients.google.policies",
    ),
    "Packages of the emulated Google import only those below them": (
        "wheelhouse_local/google/iam/policies.py",
        "import wheelhouse_local.google.registry.repositories",
    ),
    "Only services import the methods of the registry": (
        "wheelhouse_local/google/index/library.py",
        "import wheelhouse_local.google.registry.methods.contents",
    ),
    "Only the transport of the emulated Google imports gRPC": (
        "wheelhouse_local/google/registry/operations.py",
        "import grpc",
    ),
    "Only the store of the emulated Google imports SQLite": (
        "wheelhouse_local/google/projects/directory.py",
        "import sqlite3",
    ),
}


def test_every_contract_can_break(tmp_path: Path) -> None:
    """Each contract detects a violation, in a copy of the source."""
    shutil.copytree(SOURCE, tmp_path / "operator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert set(BREACHES) == {contract["name"] for contract in LINTER["contracts"]}
    for module, line in BREACHES.values():
        path = tmp_path / "operator" / module
        path.write_text(f"{path.read_text()}\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert {name for name in BREACHES if f"{name} BROKEN" in done.stdout} == set(BREACHES)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


_STRANGE = re.compile(
    r"(?<![\w.$-])/(home|work|root|Users)/\w|"
    + "|".join(
        [
            "pypi" + r"\.org",
            "python" + "hosted",
            r"registry\." + "npmjs",
            r"(proxy|sum)\." + "golang",
            r"crates\." + "io",
        ]
    )
)


def test_nothing_names_a_machine_or_a_registry_host() -> None:
    """The tree contains no path of a developer's machine and no host of a package registry."""
    found = []
    for path in tracked():
        text = path.read_text(errors="replace")
        found += [f"{relative(path)}: {line.strip()[:80]}" for line in text.splitlines() if _STRANGE.search(line)]
    assert found == []


def test_the_checkers_can_fail() -> None:
    """Each checker finds its problem in a bad sample, and nothing in a good one."""
    body = "\n".join("    x = 1" for _ in range(60))
    assert too_long(f"def f() -> None:\n{body}\n") == ["f"]
    assert too_long("x = 1\n" * 301) == ["module"]
    assert undocumented('"""M."""\nclass A:\n    def f(self): ...\n') == ["A", "f has no return type", "f"]
    assert for_tests("def f(clock, test_clock=None): ...\nclass A:\n    for_tests: bool\n    latest: int\n") == [
        "test_clock",
        "for_tests",
    ]
    assert imported("import os.path\nfrom google.auth import x\n") == {"os", "google"}
    assert reads_the_clock("datetime.now(UTC)")
    assert unjustified("x = 1  # noqa: S101\ny = f()  # type: ignore[arg-type]\n") != []
    assert unjustified("x = 1  # noqa: S101 - a test\ny = f()  # type: ignore[arg-type]  # why\n") == []
    methods = "\n".join(f"    def f{number}(self) -> None: ..." for number in range(9))
    assert port_faults(f"class P(Protocol):\n{methods}\n") == ["P has 9 methods"]
    assert port_faults("x = 1\n" * 161) == ["0 Protocols", "161 lines"]
    for strange in ("see /" + "home/me/x", "pypi" + ".org/simple", "https://proxy." + "golang.org"):
        assert _STRANGE.search(strange), strange
    assert not _STRANGE.search("/healthz of PyPI, $HOME/work")
