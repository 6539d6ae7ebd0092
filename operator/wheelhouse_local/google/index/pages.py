"""Simple pages (PEP 503): parsed from upstreams, and rendered."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit


@dataclass(frozen=True, slots=True)
class Link:
    """A file on a page: its SHA-256 (empty if the page has none), Requires-Python, and its source."""

    sha256: str
    requires_python: str
    origin: str


def read(text: str, url: str) -> dict[str, Link]:
    """The files of an upstream's page by name; `url` is the page's own, for relative links."""
    parser = _Anchors()
    parser.feed(text)
    found: dict[str, Link] = {}
    for attributes in parser.anchors:
        target, fragment = urldefrag(urljoin(url, attributes.get("href") or ""))
        filename = unquote(urlsplit(target).path.rpartition("/")[2])
        digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        if filename:
            found[filename] = Link(digest, attributes.get("data-requires-python") or "", target)
    return found


def write(name: str, links: Mapping[str, Link]) -> str:
    """A package's page; files are next to it, at `../../NAME/FILENAME`."""
    rows = "".join(_row(name, filename, links[filename]) for filename in sorted(links))
    return f"<!DOCTYPE html>\n<html><head><title>Links for {name}</title></head><body>\n{rows}</body></html>\n"


def _row(name: str, filename: str, link: Link) -> str:
    requires = link.requires_python
    attribute = f' data-requires-python="{html.escape(requires)}"' if requires else ""
    shown, fragment = html.escape(filename), f"#sha256={link.sha256}" if link.sha256 else ""
    return f'<a href="../../{name}/{shown}{fragment}"{attribute}>{shown}</a><br>\n'


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append(dict(attrs))
