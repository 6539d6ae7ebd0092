"""Client configuration files: what the clients read is what was meant, or there is no file."""

import configparser
import netrc
import tempfile
import tomllib
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.pip import USERNAME, ClientConfiguration, MintedToken, RenderError, Token, index_base, render

HOST = "us-central1-python.pkg.dev"
BASE = f"https://{HOST}/acme-packages/wheels/"
READER = ClientConfiguration("wheels", f"{BASE}simple/", None, Token("ya29.secret_TOKEN-1"))
WRITER = replace(READER, upload_url=BASE)
FIELDS = ["name", "index_url", "upload_url", "token"]
INJECTIONS = [
    "\r", "\n", "\0", "\t", "\x0b", "\x0c", "\x1b", "\x7f", '"', "'", "\\", "\\n", " ", "#", ";", "%", "%0a", "%(x)s",
    "=", ":", "]", "[", "@", "\x85", "\xa0", "\u2028", "\u2029", "é", "\n ", "\n[install]\nno-deps = true",
    "\rindex-url = https://evil.example/", "\nmachine evil.example login x password y", '"\nurl = "https://evil.example',
]  # fmt: skip


def injected(field: str, text: str, where: str) -> ClientConfiguration:
    old = WRITER.token.value if field == "token" else str(getattr(WRITER, field))
    new = {"before": text + old, "within": old[:-3] + text + old[-3:], "after": old + text}[where]
    changes: dict[str, Any] = {field: Token(new) if field == "token" else new}
    return replace(WRITER, **changes)


def read_as_pip(text: str) -> dict[str, dict[str, str]]:
    """Read as pip does: from a file in text mode, so that CR and CRLF end lines too, with RawConfigParser."""
    parser = configparser.RawConfigParser()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "pip.conf")
        path.write_bytes(text.encode())
        parser.read(path, encoding="utf-8")
    return {section: dict(parser.items(section)) for section in parser.sections()}


def read_as_netrc(text: str) -> dict[str, tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "netrc")
        path.write_bytes(text.encode())
        return dict(netrc.netrc(str(path)).hosts)


def test_a_readers_files() -> None:
    """A Reader gets pip.conf, uv.toml, netrc and the plain index URL, and nothing to upload with."""
    url = f"https://oauth2accesstoken:ya29.secret_TOKEN-1@{HOST}/acme-packages/wheels/simple/"
    assert render(READER) == {
        "pip.conf": f"[global]\nindex-url = {url}\n",
        "uv.toml": f'[[index]]\nname = "wheels"\nurl = "{url}"\ndefault = true\n',
        "netrc": f"machine {HOST} login oauth2accesstoken password ya29.secret_TOKEN-1\n",
        "index-url": f"https://{HOST}/acme-packages/wheels/simple/",
    }


def test_a_writers_files() -> None:
    """A Writer gets .pypirc and uv's publish-url besides, where uploads go without /simple/."""
    texts = render(WRITER)
    assert texts[".pypirc"] == (
        "[distutils]\nindex-servers =\n    wheels\n\n"
        f"[wheels]\nrepository = {BASE}\nusername = oauth2accesstoken\npassword = ya29.secret_TOKEN-1\n"
    )
    (index,) = tomllib.loads(texts["uv.toml"])["index"]
    assert index["publish-url"] == f"https://oauth2accesstoken:ya29.secret_TOKEN-1@{HOST}/acme-packages/wheels/"
    assert {key: text for key, text in texts.items() if key not in {".pypirc", "uv.toml"}} == {
        key: text for key, text in render(READER).items() if key != "uv.toml"
    }


def test_the_index_url_file_holds_no_credential() -> None:
    """`index-url` is safe to print."""
    assert "secret" not in render(WRITER)["index-url"]


def test_netrc_names_the_host_without_the_port() -> None:
    """A world on a port of the loopback is looked up by its host, as pip, uv and requests do."""
    local = replace(READER, index_url="http://127.0.0.1:8080/us-central1-python.pkg.dev/acme/wheels/simple/")
    texts = render(local)
    assert texts["netrc"].startswith("machine 127.0.0.1 login ")
    assert "@127.0.0.1:8080/" in texts["pip.conf"]


@settings(max_examples=60, deadline=None)
@given(token=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_every_client_reads_what_was_meant(token: str) -> None:
    """For any token there are no files, or pip, uv, twine and netrc readers all see one index and this token."""
    try:
        texts = render(replace(WRITER, token=Token(token)))
    except RenderError:
        return
    pip = read_as_pip(texts["pip.conf"])
    assert set(pip) == {"global"}
    assert set(pip["global"]) == {"index-url"}
    (index,) = tomllib.loads(texts["uv.toml"])["index"]
    for url in (pip["global"]["index-url"], index["url"], index["publish-url"]):
        assert (urlsplit(url).hostname, urlsplit(url).username) == (HOST, USERNAME)
        assert unquote(urlsplit(url).password or "") == token
    assert read_as_netrc(texts["netrc"]) == {HOST: (USERNAME, "", token)}
    twine = read_as_pip(texts[".pypirc"])
    assert twine["distutils"]["index-servers"].split() == ["wheels"]
    assert twine["wheels"] == {"repository": BASE, "username": USERNAME, "password": token}


@pytest.mark.parametrize("token", ["ya29.a0Af_bC-d", "ya29.c.Kp~x/y+z==", "a" * 2048])
def test_tokens_as_google_issues_them_are_rendered(token: str) -> None:
    """The alphabet of RFC 6750 (and a token of 2 KiB) reaches every client unchanged."""
    texts = render(replace(WRITER, token=Token(token)))
    assert read_as_netrc(texts["netrc"])[HOST][2] == token
    assert unquote(urlsplit(read_as_pip(texts["pip.conf"])["global"]["index-url"]).password or "") == token
    assert read_as_pip(texts[".pypirc"])["wheels"]["password"] == token


@pytest.mark.parametrize("where", ["before", "within", "after"])
@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_no_value_smuggles_in_a_line_a_section_or_a_host(field: str, text: str, where: str) -> None:
    """Whatever a field holds, there are no files, or they have our sections, our keys and one host only."""
    configuration = injected(field, text, where)
    try:
        texts = render(configuration)
    except ValueError:
        return
    pip, twine = read_as_pip(texts["pip.conf"]), read_as_pip(texts[".pypirc"])
    assert {section: set(keys) for section, keys in pip.items()} == {"global": {"index-url"}}
    assert set(twine) == {"distutils", configuration.name}
    assert set(twine[configuration.name]) == {"repository", "username", "password"}
    toml = tomllib.loads(texts["uv.toml"])
    assert [set(index) for index in toml["index"]] == [{"name", "url", "default", "publish-url"}]
    assert list(read_as_netrc(texts["netrc"])) == [configuration.host]
    assert urlsplit(pip["global"]["index-url"]).hostname == configuration.host


@pytest.mark.parametrize("text", ["\r", "\n", "\0", " ", "\t", '"', "'", "\\", "#"], ids=ascii)
@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_a_token_that_breaks_netrc_is_refused(text: str, where: str) -> None:
    """Line ends, blanks, quotes, escapes and comment signs in a token make no file at all."""
    with pytest.raises(RenderError):
        render(injected("token", text, where))


@pytest.mark.parametrize("token", ["se\rcret", "se cret", "se#cret", "se\ncret"])
def test_a_refusal_shows_no_value(token: str) -> None:
    """The error and its traceback name the file and never what stood in it."""
    with pytest.raises(RenderError) as caught:
        render(replace(WRITER, token=Token(token)))
    shown = "".join(traceback.format_exception(caught.value))
    assert token not in shown
    assert "cret" not in str(caught.value)


def test_an_empty_host_or_token_is_refused() -> None:
    """A configuration that would match no host, or carry no token, is not written."""
    with pytest.raises(RenderError):
        render(replace(READER, token=Token("")))
    with pytest.raises(RenderError):
        render(replace(READER, index_url="/simple/"))


def test_a_token_never_shows() -> None:
    """No repr, str or format of anything that holds a token has its text."""
    token = Token("ya29.secret")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for holder in (token, MintedToken(token, moment, moment), READER, [token], {"t": token}):
        assert "secret" not in f"{holder} {holder!r} {holder!s}"
    assert str(token) == "***"
    assert token == Token("ya29.secret") != Token("other")


@pytest.mark.parametrize(
    ("template", "uri", "base"),
    [
        (None, "", "https://us-central1-python.pkg.dev/acme/wheels/"),
        (None, "us-central1-python.pkg.dev/acme/wheels", "https://us-central1-python.pkg.dev/acme/wheels/"),
        (None, "mirror.example/x/", "https://mirror.example/x/"),
        ("http://127.0.0.1:1/{location}/{project}/{repository}/", "mirror.example/x", "http://127.0.0.1:1/us-central1/acme/wheels/"),
    ],
)  # fmt: skip
def test_the_base_url_is_the_templates_the_servers_or_built(template: str | None, uri: str, base: str) -> None:
    """The setting comes first, then what the server says, then what Google's pattern gives; one slash at the end."""
    assert index_base(template, uri, "us-central1", "acme", "wheels") == base
