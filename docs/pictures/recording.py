"""Records docs/pictures/demo.svg from a real run of the demo: `python docs/pictures/recording.py`.

The pauses of the run are kept, but none is longer than MOST, and each heading stays long enough to be read.
"""

import io
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 130, 34
MOST, ROW, HEADING, END = 1.2, 0.08, 1.8, 6.0
"""Seconds: the longest pause, and what a row, a heading and the end stay at least."""
_CHARACTER, _LINE, _PADDING, _TITLE = 12.2, 24.4, 14, 44
_THEME = TerminalTheme((22, 27, 34), (201, 209, 217), [(201, 209, 217)] * 8)
_STYLES = {"$": "bold #7ee787", "[": "bold #ffffff"}
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width}} {height}" role="img">
<title>A recording of make demo</title>
<style>
.{{unique_id}}-matrix {{{{
  font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: {{char_height}}px;
  animation: play {seconds:.1f}s step-end infinite
}}}}
@media (prefers-reduced-motion: reduce) {{{{ .{{unique_id}}-matrix {{{{ animation: none }}}} }}}}
@keyframes play {{{{ {frames} }}}}
{{styles}}
</style>
<clipPath id="screen"><rect width="{{width}}" height="{screen}"/></clipPath>
<rect width="{{width}}" height="{height}" rx="10" fill="#161b22"/>
<circle cx="24" cy="22" r="7" fill="#ff5f57"/><circle cx="46" cy="22" r="7" fill="#febc2e"/>
<circle cx="68" cy="22" r="7" fill="#28c840"/>
<g transform="translate({padding}, {title})" clip-path="url(#screen)"><g class="{{unique_id}}-matrix">
{{matrix}}
</g></g>
</svg>
"""


def run() -> Iterator[tuple[float, str]]:
    """Each line of the demo, and the seconds since the line before it."""
    before = time.monotonic()
    command = [sys.executable, "-u", "-m", "wheelhouse_local.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield 0.0, "$ make demo"
        for line in process.stdout:
            now = time.monotonic()
            yield now - before, line.rstrip().replace(f"{ROOT}/", "").replace(str(Path.home()), "~")
            before = now
    if process.returncode:
        raise SystemExit(f"The demo failed with status {process.returncode}: nothing was recorded.")


def record() -> str:
    """The recording as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    moments, clock = [], 0.0
    for pause, line in run():
        clock += min(max(pause, ROW), MOST)
        if line[:1] == "[":
            clock += HEADING
        rows = _rows(line)
        for row in rows:
            console.print(Text(row, style=_STYLES.get(line[:1], "")), no_wrap=True, overflow="ignore", crop=False)
        moments.append((clock, len(rows)))
    return _drawn(console, moments, clock + END)


def _rows(line: str) -> list[str]:
    """The rows of a line in the picture; an empty line is one row."""
    whole = {"replace_whitespace": False, "break_on_hyphens": False}
    return textwrap.wrap(line, COLUMNS, subsequent_indent=" " * 6, **whole) or [""]


def _drawn(console: Console, moments: list[tuple[float, int]], seconds: float) -> str:
    """The console's rows, which an animation moves up as they came."""
    frames, shown = [f"0% {{{{ transform: translateY({ROWS * _LINE:.1f}px) }}}}"], 0
    for moment, rows in moments:
        shown += rows
        up = (ROWS - shown) * _LINE
        frames.append(f"{100 * moment / seconds:.2f}% {{{{ transform: translateY({up:.1f}px) }}}}")
    frames.append(f"100% {{{{ transform: translateY({(ROWS - shown) * _LINE:.1f}px) }}}}")
    screen = ROWS * _LINE + 1
    values = {"height": round(screen + _TITLE + _PADDING), "screen": screen, "padding": _PADDING, "title": _TITLE}
    code = _FORMAT.format(seconds=seconds, frames=" ".join(frames), **values)
    drawn = console.export_svg(theme=_THEME, code_format=code, unique_id="demo", font_aspect_ratio=_CHARACTER / 20)
    return re.sub(r' clip-path="url\(#demo-line-\d+\)"', "", drawn).replace("</text><text", "</text>\n<text")


if __name__ == "__main__":
    Path(__file__).with_name("demo.svg").write_text(record())
