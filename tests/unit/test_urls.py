"""URLs are built from a repository's name, and a token is sent only to allowed hosts."""

import re
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.urls import gets_token, index_urls

WHEELS = RepositoryName("acme-packages", "us-central1", "wheels")
PAGE = "us-central1-python.pkg.dev/acme-packages/wheels/simple/pip/"
LOCAL = "http://127.0.0.1:8080/{location}-python.pkg.dev/{project}/{repository}/"


@pytest.mark.parametrize(
    ("template", "base"),
    [
        (None, "https://us-central1-python.pkg.dev/acme-packages/wheels/"),
        ("", "https://us-central1-python.pkg.dev/acme-packages/wheels/"),
        (LOCAL, "http://127.0.0.1:8080/us-central1-python.pkg.dev/acme-packages/wheels/"),
        ("https://a.example/{repository}/x-{project}/{location}/", "https://a.example/wheels/x-acme-packages/us-central1/"),
        ("https://a.example/{project.__class__}/{0}/{}/{{project}}/", "https://a.example/{project.__class__}/{0}/{}/{acme-packages}/"),
    ],
)  # fmt: skip
def test_urls_are_the_templates_or_googles(template: str | None, base: str) -> None:
    """The setting has priority over Google's host; only the three placeholders are special in a template."""
    assert index_urls(WHEELS, template) == (f"{base}simple/", base)


def test_a_domain_scoped_project_keeps_its_colon() -> None:
    """As gcloud prints it for Python; every client keeps it unchanged in the path."""
    index_url, _ = index_urls(RepositoryName("example.com:packages", "us", "wheels"), None)
    assert index_url == "https://us-python.pkg.dev/example.com:packages/wheels/simple/"
    assert gets_token(index_url, None)


@pytest.mark.parametrize("url", [f"https://{PAGE}", "https://us-python.pkg.dev/", "https://a-b-python.pkg.dev/a:b/~/"])
@pytest.mark.parametrize("template", [None, "", LOCAL])
def test_googles_hosts_get_a_token(url: str, template: str | None) -> None:
    """Every location's host for Python, with and without a template."""
    assert gets_token(url, template)


def test_the_templates_server_gets_a_token() -> None:
    """Exactly its scheme, host and port; without the template nothing of it is allowed."""
    index_url, upload_url = index_urls(WHEELS, LOCAL)
    assert gets_token(index_url, LOCAL)
    assert gets_token(upload_url, LOCAL)
    assert not gets_token(index_url, None)
    for other in ("http://127.0.0.1:808/", "http://127.0.0.1/", "https://127.0.0.1:8080/", "http://127.0.0.1:80800/"):
        assert not gets_token(index_url.replace("http://127.0.0.1:8080/", other), LOCAL)


OTHERS = [
    "", "/", "/simple/", PAGE, f"//{PAGE}", "https://", "https:///simple/", "https://[x/", "https://[::1]/simple/",
    f"http://{PAGE}", f"HTTPS://{PAGE}", f"ftp://{PAGE}", "file:///etc/passwd", "https://evil.example/x/simple/a/",
    "https://us-central1-python.pkg.dev.evil.example/p/r/simple/", "https://evil.example/us-central1-python.pkg.dev/p/r/",
    "https://evil.example#-python.pkg.dev/p/r/", "https://evil.example?-python.pkg.dev/p/r/",
    "https://evil.example\\-python.pkg.dev/p/r/", "https://evil.example/-python.pkg.dev/p/r/",
    "https://x@us-central1-python.pkg.dev/p/r/", "https://x:y@us-central1-python.pkg.dev/p/r/",
    "https://us-central1-python.pkg.dev@evil.example/p/r/", "https://us-central1-python.pkg.dev:443/p/r/",
    "https://us-central1-python.pkg.dev:8443/p/r/", "https://us-central1-python.pkg.dev:@evil.example/",
    "https://us-central1-docker.pkg.dev/p/r/", "https://python.pkg.dev/p/r/", "https://-python.pkg.dev/p/r/",
    "https://a.b-python.pkg.dev/p/r/", "https://US-python.pkg.dev/p/r/", "https://us-python.pkg.dev./p/r/",
    "https://us-python.pkgxdev/p/r/", "https://\u212aus-python.pkg.dev/p/r/", "https://us-python.pkg\u3002dev/p/r/",
    "https://us-python.pkg.dev/p/../q/", "https://us-python.pkg.dev/p/./q/", "https://us-python.pkg.dev/..",
    "https://us-python.pkg.dev/p//q/", "https://us-python.pkg.dev/p/%2e%2e/q/", "https://us-python.pkg.dev/p\\q/",
    "https://us-python.pkg.dev/p/?x=1", "https://us-python.pkg.dev/p/#x", "https://us-python.pkg.dev/p;x/",
    "https://us-python.pkg.dev\r\n/p/", "https://us-python.pkg.dev/p/\n", "https://us-python.pkg.dev/p/\r",
    "https://us-python.pkg.dev/p /", " https://us-python.pkg.dev/p/", "\thttps://us-python.pkg.dev/p/",
    "https://us-python.pkg.dev", "https://us-python.pkg.dev/p", f"http://127.0.0.1:1/{PAGE}", f"http://0x7f000001:8080/{PAGE}",
    "http://x@a.example/wheels/",
]  # fmt: skip


@pytest.mark.parametrize("url", OTHERS, ids=ascii)
@pytest.mark.parametrize(
    "template", [None, LOCAL, "https://a.example/{location}/", "http://x@a.example/", "nonsense", "http://[x/"]
)
def test_no_other_url_gets_a_token(url: str, template: str | None) -> None:
    """Another host, scheme or port, a user, a query, a fragment, an escape or a path step: each of them is enough."""
    assert not gets_token(url, template)


@given(text=st.text(), place=st.integers(0, 80), template=st.none() | st.just(LOCAL) | st.text())
@example(text="\u0130", place=9, template=LOCAL)
def test_what_gets_a_token_has_one_reading(text: str, place: int, template: str | None) -> None:
    """Whatever is inserted into a valid URL, the standard library reads an accepted one as an allowed host."""
    for good in (f"https://{PAGE}", index_urls(WHEELS, LOCAL)[0]):
        url = good[:place] + text + good[place:]
        if not gets_token(url, template):
            continue
        parts = urlsplit(url)
        assert parts.geturl() == url
        assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
        assert not {"", ".", ".."} & set(parts.path.split("/")[1:-1])
        google = parts.scheme == "https" and re.fullmatch(r"[a-z0-9-]+-python\.pkg\.dev", parts.netloc, re.ASCII)
        assert google or (template or "").startswith(f"{parts.scheme}://{parts.netloc}/")


@given(st.builds(RepositoryName, st.text(), st.text(), st.text()))
@example(RepositoryName("acme-packages", "evil.example/#", "wheels"))
@example(RepositoryName("acme-packages", "x@evil.example:80/", "wheels"))
@example(RepositoryName("acme-packages", "evil.example:80", "wheels"))
@example(RepositoryName("acme-packages", "us", "../../other"))
@example(RepositoryName("acme-packages", "us", "wheels/simple"))
@example(RepositoryName("acme-packages/other", "us", "wheels"))
def test_a_name_that_is_none_leads_nowhere_else(name: RepositoryName) -> None:
    """Even unchecked parts stay in their place, or the URL must not receive a token."""
    for template in (None, LOCAL):
        for url in index_urls(name, template):
            if gets_token(url, template):
                host, *path = url.partition("://")[2].removesuffix("simple/").split("/")
                assert host in {f"{name.location}-python.pkg.dev", "127.0.0.1:8080"}
                assert path[-3:] == [name.project, name.repository_id, ""]


def test_a_megabyte_is_judged_at_once() -> None:
    """No expression backtracks for long."""
    begun = time.process_time()
    for url in (
        "https://" + "a" * 10**6,
        f"https://{PAGE}" + "a/" * 500_000 + "\n",
        "https://us" + "-python" * 150_000,
    ):
        assert not gets_token(url, LOCAL)
    assert time.process_time() - begun < 1
