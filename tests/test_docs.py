"""The reference is complete: it explains every condition, reason and setting."""

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from support.pages import PAGES, RUN, Block, blocks

from wheelhouse.api import reference
from wheelhouse.api.access import RepositoryAccessSpec
from wheelhouse.api.repository import PythonRepositorySpec
from wheelhouse.cli.main import main
from wheelhouse.domain.configuration.reserved import RESERVED
from wheelhouse.domain.reasons import STALLED_AT_ONCE, STALLED_LATER, ConditionType, Reason
from wheelhouse.settings import Settings, form, variable
from wheelhouse_local.cli import local
from wheelhouse_local.google.iam.roles import OPERATOR_ROLE, ROLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SPECS = {"PythonRepository": PythonRepositorySpec, "RepositoryAccess": RepositoryAccessSpec}


def rows(page: str) -> dict[str, list[str]]:
    """The table rows of a page by the first cell."""
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


def reasons(tree: ast.Module, method: str, position: int) -> set[str]:
    """The constants that a module passes to a method, including through a helper that forwards its parameter."""
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        parameters = [argument.arg for argument in function.args.args if argument.arg != "self"]
        for call in ast.walk(function):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == method):
                continue
            reason = call.args[position]
            if isinstance(reason, ast.Constant):
                found.add(str(reason.value))
            elif isinstance(reason, ast.Name) and reason.id in parameters:
                found |= reasons(tree, function.name, parameters.index(reason.id))
    return found


def events() -> set[str]:
    """The reasons of Events in the source's calls of `event(kind, object, reason, …)`."""
    modules = (ROOT / "operator/wheelhouse/reconcile").rglob("*.py")
    return set().union(*(reasons(ast.parse(path.read_text()), "event", 2) for path in modules))


def test_the_page_says_when_an_object_stalls() -> None:
    """The column Stalled matches the operator's behavior."""
    said = {name: cells[-1] for name, cells in rows("reference/conditions.md").items() if len(cells) == 5}
    wanted = {str(reason): "at once" for reason in STALLED_AT_ONCE} | {str(reason): "later" for reason in STALLED_LATER}
    assert {name: when for name, when in said.items() if when} == wanted


def test_no_reason_is_invented() -> None:
    """The page explains only what the operator uses, and every Event besides the reasons of Ready."""
    assert len(events()) >= 12
    assert set(rows("reference/conditions.md")) == {str(word) for word in (*ConditionType, *Reason)} | events()


def log_lines() -> set[str]:
    """The messages that the product logs at INFO or above."""
    calls = (
        node
        for path in (ROOT / "operator/wheelhouse").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and node.args
    )
    levels = {"logger.info", "logger.warning", "logger.error", "logger.exception", "log", "tell"}
    first = [call.args[0] for call in calls if ast.unparse(call.func) in levels]
    return {str(message.value) for message in first if isinstance(message, ast.Constant)}


def test_every_log_line_is_listed() -> None:
    """docs/operations.md lists each line of an operator's log."""
    page = (DOCS / "operations.md").read_text()
    assert len(log_lines()) >= 25
    assert [line for line in sorted(log_lines()) if f"`{line}`" not in page] == []


def test_every_setting_is_explained() -> None:
    """docs/reference/settings.md has every variable, and no others."""
    documented = {name for name in rows("reference/settings.md") if name.startswith("WHEELHOUSE_")}
    assert documented == {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_the_row_of_a_setting_is_what_the_operator_does(name: str) -> None:
    """The page shows the operator's default, the required form, and the description in the source."""
    field = Settings.model_fields[name]
    default = "unset" if field.default is None else f"`{field.default}`"
    meaning = " ".join((field.description or "").split())
    assert rows("reference/settings.md")[variable(name)] == [default, form(name), meaning]


def commands() -> list[tuple[str, list[str]]]:
    """All commands in the form in which a user enters them, each with its long options."""
    below = {f"local {name}": command for name, command in local.commands.items()}
    return [
        (name, [option for each in command.params if isinstance(each, click.Option) for option in each.opts[:1]])
        for name, command in {**main.commands, **below}.items()
    ]


def written(page: str, name: str) -> str:
    """A page's code about a command: `wheelhouse NAME …`, or ` NAME` in the list of a longer line."""
    text = (DOCS / page).read_text()
    word = name.rpartition(" ")[2]
    found = re.findall(rf"`(?:wheelhouse (?:local )?)?{word}\b[^`]*`", text)
    return " ".join(found)


@pytest.mark.parametrize(("name", "options"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_is_explained(name: str, options: list[str]) -> None:
    """docs/reference/cli.md has each command with its options; --state is described once for all."""
    text = written("reference/cli.md", name)
    assert text
    general = {"--state", "--help"}
    assert [option for option in options if option not in general and option not in text] == []


@pytest.mark.parametrize("name", sorted(reference.render()))
def test_the_reference_is_current(name: str) -> None:
    """`make generate` would change nothing."""
    assert (DOCS / "reference" / name).read_text() == reference.render()[name]


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """Every object of ours in a YAML block of a page, with the page's name."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
            shown = [each for each in yaml.safe_load_all(textwrap.dedent(block)) if isinstance(each, dict)]
            found += [(page.name, each) for each in shown if each.get("kind") in SPECS]
    return found


def test_every_manifest_of_the_docs_would_be_taken() -> None:
    """The API server accepts a page's examples of our kinds."""
    shown = manifests()
    assert len(shown) >= 8
    assert {page for page, _ in shown} >= {"README.md", "standard.md", "remote.md", "virtual.md", "adopt.md"}
    for page, each in shown:
        assert each["apiVersion"] == "wheelhouse.dev/v1alpha1", page
        SPECS[each["kind"]].model_validate(each["spec"])


def nodes(value: Any) -> Iterator[Any]:
    """A value, and all that it contains."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from nodes(each)


def covers(whole: Any, part: Any) -> bool:
    """Whether a value has all keys and items of another."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and covers(whole[key], value) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(covers(each, item) for each in whole) for item in part)
    return bool(whole == part)


def is_part(fragment: dict[str, Any], file: Path) -> bool:
    """Whether each top-level key of a fragment is somewhere in a file, with all that the fragment shows of it."""
    found = list(nodes(list(yaml.safe_load_all(file.read_text()))))
    return all(any(covers(each, {key: value}) for each in found) for key, value in fragment.items())


def test_a_changed_fragment_is_no_part() -> None:
    """A fragment may omit items of its file, and must not have others."""
    file = ROOT / "manifests/examples/pod.yaml"
    assert is_part({"env": [{"name": "NETRC", "value": "/etc/wheelhouse/netrc"}]}, file)
    assert not is_part({"env": [{"name": "NETRC", "value": "/etc/netrc"}]}, file)
    assert not is_part({"env": [{"name": "NETRC", "value": "/etc/wheelhouse/netrc"}, {"name": "MORE"}]}, file)
    assert not is_part({"environment": []}, file)


def objection(page: Path, block: Block) -> str:
    """What no test checks about a block although its comment gives no reason; empty if there is nothing."""
    tested = block.language == "sh" and not block.note and page.as_posix() in RUN
    if block.shown is not None and not tested:
        return "no test compares the output after it: put a comment between them"
    if block.language == "text" and block.note not in {"compared by", "not compared"}:
        return "no test compares this output, and no comment says why"
    if block.note == "part of":
        return "" if is_part(yaml.safe_load(block.text), ROOT / block.about) else f"{block.about} differs from it"
    if block.note in {"run by", "compared by"}:
        return "" if page.name in (ROOT / block.about).read_text() else f"{block.about} does not mention {page.name}"
    if block.note or tested or (block.language == "yaml" and ours(block)):
        return ""
    return "no test runs this block, and no comment says why"


def ours(block: Block) -> bool:
    """Whether a YAML block has only objects of our kinds, which test_page_manifests.py applies."""
    parsed = [each for each in yaml.safe_load_all(textwrap.dedent(block.text)) if isinstance(each, dict)]
    return bool(parsed) and {each.get("kind") for each in parsed} <= set(SPECS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_checked_or_says_why_not(page: Path) -> None:
    """Commands run, output is compared, manifests are applied, and the rest has a comment that says why not."""
    found = {block.line: objection(page.relative_to(ROOT), block) for block in blocks(page)}
    assert {line: each for line, each in found.items() if each} == {}


RUN_PAGE, OTHER_PAGE = Path(RUN[0]), Path("docs/other.md")


@pytest.mark.parametrize(
    ("page", "text", "complaint"),
    [
        (RUN_PAGE, "```sh\nls\n```\n\n```text\nx\n```\n", ""),
        (OTHER_PAGE, "```sh\nls\n```\n", "no test runs"),
        (OTHER_PAGE, "<!-- not run: a reason -->\n```sh\nls\n```\n", ""),
        (OTHER_PAGE, "<!-- not run: a reason -->\n```sh\nls\n```\n\n```text\nx\n```\n", "the output after it"),
        (RUN_PAGE, "```sh\nls\n```\n\nIt prints:\n\n```text\nx\n```\n", "compares this output"),
        (RUN_PAGE, "<!-- not compared: a drawing -->\n```text\nx\n```\n", ""),
        (RUN_PAGE, "<!-- not run: a reason -->\n```text\nx\n```\n", "compares this output"),
        (OTHER_PAGE, "<!-- compared by tests/test_words.py -->\n```text\nx\n```\n", "does not mention other.md"),
        (OTHER_PAGE, "<!-- part of manifests/examples/pod.yaml -->\n```yaml\nkind: Job\n```\n", "differs"),
        (OTHER_PAGE, "```yaml\nkind: Pod\n```\n", "no test runs"),
        (OTHER_PAGE, "```yaml\nkind: PythonRepository\n```\n", ""),
    ],
)
def test_a_block_without_a_check_is_found(page: Path, text: str, complaint: str, tmp_path: Path) -> None:
    """The rule finds commands, output and fragments that no test checks."""
    file = tmp_path / "page.md"
    file.write_text(f"# Page\n\n{text}")
    found = [each for block in blocks(file) if (each := objection(page, block))]
    assert [complaint in each for each in found] == ([True] if complaint else [])


def anchors(page: Path) -> list[str]:
    """The anchors that GitHub gives to a page's headings: lower case, without punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page refers to an existing file, and to a heading in it if it has an anchor."""
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text())
    assert [link for link, _ in links if not (page.parent / link).exists()] == []
    targets = [((page.parent / link) if link else page, anchor) for link, anchor in links if anchor]
    assert [anchor for target, anchor in targets if anchor not in anchors(target)] == []


def test_the_install_page_grants_what_the_tests_run_with() -> None:
    """The page has the same custom role that the emulated Google enforces for the operator."""
    command = re.search(r"--permissions=\\\n((?:.*\\\n)*.*)\n", (DOCS / "how-to/install.md").read_text())
    assert command is not None
    assert set(re.findall(r"[^,\\\s]+", command[1])) == ROLES[OPERATOR_ROLE]


def test_reserved_names_are_documented() -> None:
    """The how-to lists every id that has another name in clients, and no other."""
    page = (DOCS / "how-to/standard.md").read_text()
    told = re.search(r"PyPI's to you: ((?:`[a-z-]+`(?:, )?)+)\.", page)
    assert told is not None
    assert re.findall(r"`([a-z-]+)`", told[1]) == list(RESERVED)


@pytest.mark.parametrize(
    ("contract", "prefix"),
    [
        ("Each layer imports only those below it", "wheelhouse."),
        ("Packages of the loop import only those below them", "wheelhouse.reconcile."),
    ],
)
def test_the_drawing_shows_the_layers_of_the_tree(contract: str, prefix: str) -> None:
    """docs/architecture.md shows the layers of the import contracts, in their order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["name"] == contract)
    drawn = [line.strip() for line in (DOCS / "architecture.md").read_text().splitlines()]
    assert " ▶ ".join(layers).replace(prefix, "") in drawn
