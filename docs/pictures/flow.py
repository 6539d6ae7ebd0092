"""Draws docs/pictures/flow.svg, the picture in the README: `python docs/pictures/flow.py`."""

from html import escape
from pathlib import Path

_INK, _SOFT, _BLUE, _GREEN = "#1f2933", "#52606d", "#1a56a6", "#0b6e4f"
_STYLE = f"""\
text {{ font-family: system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: {_INK}; font-size: 13px }}
.title {{ font-weight: 600; font-size: 14px }}
.soft {{ fill: {_SOFT}; font-size: 12px }}
.frame {{ fill: #f5f7fa; stroke: #cbd2d9 }}
.box {{ fill: #ffffff; stroke: {_SOFT} }}
.operator {{ fill: #e3effd; stroke: {_BLUE}; stroke-width: 2 }}
.secret {{ fill: #e3f8ee; stroke: {_GREEN}; stroke-width: 2 }}
.arrow {{ fill: none; stroke: {_SOFT}; stroke-width: 1.6; marker-end: url(#head) }}
.check {{ stroke-dasharray: 5 4 }}"""


def _text(x: int, y: int, words: str, style: str = "", anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def _frame(x: int, width: int, title: str) -> str:
    rect = f'<rect x="{x}" y="12" width="{width}" height="416" rx="12" class="frame"/>'
    return rect + _text(x + 20, 38, title, "soft", "start")


def _box(x: int, y: int, width: int, height: int, title: str, *lines: str, style: str = "box") -> str:
    middle, first = x + width // 2, y + height // 2 + 5 - 9 * len(lines)
    rect = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" class="{style}"/>'
    below = [_text(middle, first + 18 * (number + 1), line, "soft") for number, line in enumerate(lines)]
    return "\n".join([rect, _text(middle, first, title, "title"), *below])


def _arrow(path: str, *labels: tuple[int, int, str], style: str = "") -> str:
    return "\n".join([f'<path d="{path}" class="arrow {style}"/>', *(_text(x, y, words) for x, y, words in labels)])


def draw() -> str:
    """The picture as SVG."""
    parts = [
        _frame(12, 520, "Your cluster"),
        _frame(748, 240, "Google Cloud"),
        _box(36, 56, 190, 66, "PythonRepository", "what exists, who may ask"),
        _box(36, 156, 190, 66, "RepositoryAccess", "who uses it, which Secret"),
        _box(330, 84, 178, 110, "Wheelhouse operator", "keeps both sides in sync", style="operator"),
        _box(
            330, 320, 178, 80, "Secret pip-config", "pip.conf, uv.toml, netrc,", "a short-lived token", style="secret"
        ),
        _box(36, 320, 190, 80, "Pod", "pip, uv, twine"),
        _box(768, 56, 200, 76, "Artifact Registry", "the repository", "and its IAM policy"),
        _box(768, 152, 200, 66, "Security Token Service", "Workload Identity"),
        _box(768, 320, 200, 80, "Package index", "of the repository"),
        _arrow("M226 89 H276 V120 H324", (278, 80, "watches")),
        _arrow("M226 189 H276 V158 H324"),
        _arrow("M508 104 H762", (640, 96, "creates the repository, grants")),
        _arrow("M508 172 H762", (640, 164, "exchanges the ServiceAccount's"), (640, 190, "token for one of Google")),
        _arrow("M419 194 V314"),
        _text(408, 250, "writes, and refreshes", "", "end"),
        _text(408, 268, "at half the lifetime", "", "end"),
        _arrow("M470 194 V228 H584 V346 H762", (660, 338, "verifies"), style="check"),
        _arrow("M330 360 H232", (280, 351, "mounted")),
        _arrow("M131 400 V416 H868 V406"),
        _text(640, 408, "pip install, twine upload"),
    ]
    head = '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 440" role="img">',
            "<title>How Wheelhouse works</title>",
            f"<style>\n{_STYLE}\n</style>",
            f'<defs>{head}<path d="M0 0 L8 4 L0 8 z" fill="{_SOFT}"/></marker></defs>',
            '<rect width="1000" height="440" rx="14" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw())
