"""Client configuration files: clients read exactly the intended values, or there is no file."""

import configparser
import netrc
import re
import tempfile
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.configuration import netrc as our_netrc
from wheelhouse.domain.configuration import pdm, pip, pypirc, uv
from wheelhouse.domain.configuration.files import INDEX_URL, KEYS, keys, render
from wheelhouse.domain.configuration.form import Authentication, Form, Format, Index
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError, UploadIndex
from wheelhouse.domain.configuration.reserved import RESERVED
from wheelhouse.domain.token import USERNAME, MintedToken, Token, is_access_token

HOST = "us-central1-python.pkg.dev"
BASE = f"https://{HOST}/acme-packages/wheels/"
LOCAL = "http://127.0.0.1:8080/{location}-python.pkg.dev/{project}/{repository}/"
NETRC, IN_URLS = Form(Authentication.NETRC), Form(Authentication.URL)
EXTRA = Form(Authentication.NETRC, Index.EXTRA)
FORMS = [NETRC, IN_URLS, EXTRA, Form(Authentication.URL, Index.EXTRA)]
READER = ClientConfiguration("wheels", f"{BASE}simple/", None, Token("ya29.secret_TOKEN-1"), IN_URLS)
WRITER = replace(READER, upload_url=BASE)
THERE = "https://europe-west1-python.pkg.dev/other-packages/uploads/"
COMBINED = replace(READER, upload_url=THERE, upload_index=UploadIndex("uploads", f"{THERE}simple/"))
FIELDS = ["repository_id", "index_url", "upload_url", "token"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
LONGEST = (ALPHABET * 200)[:12_286] + "=="
"""The maximum length of a token by the Security Token Service: 12,288 bytes (its v1 discovery document)."""
INJECTIONS = [
    "\r", "\n", "\0", "\t", "\x0b", "\x0c", "\x1b", "\x7f", '"', "'", "\\", "\\n", " ", "#", ";", "%", "%0a", "%(x)s",
    "=", ":", "]", "[", "@", "\x85", "\xa0", "\u2028", "\u2029", "é", "\n ", "\n[install]\nno-deps = true", "\ud800",
    "\rindex-url = https://evil.example/", "\nmachine evil.example login x password y", '"\nurl = "https://evil.example',
    "https://[x/", "${HOME}", "../../other/", "]\n[pypi", "x" * 100_000,
]  # fmt: skip


def changed(field: str, value: str) -> ClientConfiguration:
    changes: dict[str, Any] = {field: Token(value) if field == "token" else value}
    return replace(WRITER, **changes)


def injected(field: str, text: str, where: str) -> ClientConfiguration:
    old = WRITER.token.value if field == "token" else str(getattr(WRITER, field))
    return changed(field, {"before": text + old, "within": old[:-3] + text + old[-3:], "after": old + text}[where])


def read_as_pip(text: str) -> dict[str, dict[str, str]]:
    """Read as pip does: from a file in text mode, so that CR and CRLF end lines too, with RawConfigParser."""
    return read_ini(configparser.RawConfigParser(), text)


def read_ini(parser: configparser.RawConfigParser, text: str) -> dict[str, dict[str, str]]:
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


def read_by_pdm(text: str) -> dict[str, str]:
    """The URL of each index and repository: `pypi` is the default index. There is nothing else in the file."""
    toml = tomllib.loads(text)
    found = {kind: toml[kind].pop("url") for kind in toml if "url" in toml[kind]}
    for kind, named in toml.items():
        for name, table in named.items():
            found[f"{kind}.{name}"] = table.pop("url")
            assert table == {}
    return found


def credentials(url: str) -> tuple[str, str | None, str]:
    """The URL without its credentials, the user, and the password as clients send it."""
    parts = urlsplit(url)
    return (
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        parts.username,
        unquote(parts.password or ""),
    )


def assert_clients_read(texts: dict[str, str], configuration: ClientConfiguration) -> None:
    """pip, uv, netrc's readers, twine and hatch all get our index, our user and this token, and nothing else."""
    token = configuration.token.value
    login = (USERNAME, token) if configuration.form.in_urls else (None, "")
    index, upload = ((url, *login) for url in (configuration.index_url, str(configuration.upload_url)))
    found = read_as_pip(texts["pip.conf"])
    primary = configuration.form.index is Index.PRIMARY
    key = "index-url" if primary else "extra-index-url"
    assert {section: set(keys) for section, keys in found.items()} == {"global": {key}}
    assert credentials(found["global"][key]) == index
    toml = tomllib.loads(texts["uv.toml"])
    assert set(toml) == {"index", "publish-url"}
    entry, *others = toml["index"]
    there = configuration.upload_index
    publishes = others[0] if there is not None else entry
    fields = {"name", "url", "authenticate"} | ({"default"} if primary else set())
    assert set(entry) == (fields | {"publish-url"} if there is None else fields)
    assert (entry["name"], entry["authenticate"]) == (configuration.name, "always")
    assert entry.get("default", False) is primary
    assert toml["publish-url"] == publishes["publish-url"]
    assert (credentials(entry["url"]), credentials(publishes["publish-url"])) == (index, upload)
    if there is not None:
        (other,) = others
        assert set(other) == {"name", "url", "authenticate", "explicit", "publish-url"}
        assert (other["name"], other["authenticate"], other["explicit"]) == (configuration.upload_name, "always", True)
        assert credentials(other["url"]) == (there.index_url, *login)
        assert other["name"] != entry["name"]
    hosts = {urlsplit(url).hostname for url in (configuration.index_url, str(configuration.upload_url))}
    assert read_as_netrc(texts["netrc"]) == dict.fromkeys(hosts, (USERNAME, "", token))
    assert read_by_pdm(texts["pdm.toml"]) == {
        "pypi" if primary else f"pypi.{configuration.name}": configuration.index_url,
        f"repository.{configuration.upload_name}": configuration.upload_url,
    }
    section = {"repository": configuration.upload_url, "username": USERNAME, "password": token}
    for parser in (configparser.RawConfigParser(), configparser.ConfigParser()):
        servers = {"index-servers": f"\n{configuration.upload_name}"}
        assert read_ini(parser, texts[".pypirc"]) == {"distutils": servers, configuration.upload_name: section}
    assert texts["index-url"] == configuration.index_url


def test_a_readers_files() -> None:
    """A Reader gets pip.conf, uv.toml, pdm.toml, netrc and the plain index URL, and nothing to upload with."""
    url = f"https://oauth2accesstoken:ya29.secret_TOKEN-1@{HOST}/acme-packages/wheels/simple/"
    assert render(READER, None) == {
        "pip.conf": f"[global]\nindex-url = {url}\n",
        "uv.toml": f'[[index]]\nname = "wheels"\nurl = "{url}"\ndefault = true\nauthenticate = "always"\n',
        "pdm.toml": f'[pypi]\nurl = "https://{HOST}/acme-packages/wheels/simple/"\n',
        "netrc": f"machine {HOST} login oauth2accesstoken password ya29.secret_TOKEN-1\n",
        "index-url": f"https://{HOST}/acme-packages/wheels/simple/",
    }


def test_a_writers_files() -> None:
    """A Writer also gets .pypirc, uv's publish-url and pdm's repository: uploads go to the URL without /simple/."""
    texts = render(WRITER, None)
    assert texts[".pypirc"] == (
        "[distutils]\nindex-servers =\n    wheels\n\n"
        f"[wheels]\nrepository = {BASE}\nusername = oauth2accesstoken\npassword = ya29.secret_TOKEN-1\n"
    )
    (index,) = tomllib.loads(texts["uv.toml"])["index"]
    assert index["publish-url"] == f"https://oauth2accesstoken:ya29.secret_TOKEN-1@{HOST}/acme-packages/wheels/"
    assert texts["pdm.toml"] == f'{render(READER, None)["pdm.toml"]}\n[repository.wheels]\nurl = "{BASE}"\n'
    assert {key: text for key, text in texts.items() if key not in {".pypirc", "uv.toml", "pdm.toml"}} == {
        key: text for key, text in render(READER, None).items() if key not in {"uv.toml", "pdm.toml"}
    }
    assert_clients_read(texts, WRITER)


def test_with_netrc_no_url_has_the_token() -> None:
    """Only netrc and .pypirc have the token: twine reads no netrc."""
    texts = render(replace(WRITER, form=NETRC), None)
    assert {key for key, text in texts.items() if "secret" in text} == {"netrc", ".pypirc"}
    assert texts["pip.conf"] == f"[global]\nindex-url = https://{HOST}/acme-packages/wheels/simple/\n"
    assert {key: text for key, text in texts.items() if "secret" in text} == {
        key: render(WRITER, None)[key] for key in ("netrc", ".pypirc")
    }
    assert_clients_read(texts, replace(WRITER, form=NETRC))


@settings(max_examples=100, deadline=None)
@given(formats=st.frozensets(st.sampled_from(Format)), uploads=st.booleans(), form=st.sampled_from(FORMS))
def test_a_secret_has_the_keys_of_its_formats(formats: frozenset[Format], uploads: bool, form: Form) -> None:
    """Each with the same text as among all formats; .pypirc only for those who upload."""
    asked = replace(form, formats=formats)
    texts = render(replace(WRITER if uploads else READER, form=asked), None)
    wanted = {key for each in formats if uploads or each is not Format.PYPIRC for key in KEYS[each]}
    assert set(texts) == keys(asked, uploads=uploads) == wanted | {INDEX_URL}
    everything = render(replace(WRITER if uploads else READER, form=replace(form, formats=frozenset(Format))), None)
    assert texts.items() <= everything.items()


def test_the_format_token_is_the_user_and_the_token_alone() -> None:
    """Programs read the files as they are, without a line end."""
    texts = render(replace(READER, form=replace(NETRC, formats=frozenset({Format.TOKEN}))), None)
    assert texts == {
        "username": "oauth2accesstoken",
        "token": "ya29.secret_TOKEN-1",
        "index-url": f"https://{HOST}/acme-packages/wheels/simple/",
    }


def test_extra_adds_the_index_to_the_public_one() -> None:
    """Pip has `extra-index-url`, and uv and pdm an index that is not the default one."""
    texts = render(replace(READER, form=EXTRA), None)
    url = f"https://{HOST}/acme-packages/wheels/simple/"
    assert texts["pip.conf"] == f"[global]\nextra-index-url = {url}\n"
    assert texts["uv.toml"] == f'[[index]]\nname = "wheels"\nurl = "{url}"\nauthenticate = "always"\n'
    assert texts["pdm.toml"] == f'[pypi.wheels]\nurl = "{url}"\n'


def test_netrc_has_a_line_for_each_host() -> None:
    """An upload URL on another host gets a line of its own; a host that both URLs have gets one."""
    other = "europe-west1-python.pkg.dev"
    texts = render(replace(WRITER, upload_url=f"https://{other}/acme-packages/wheels/", form=NETRC), None)
    assert [line.split()[1] for line in texts["netrc"].splitlines()] == [HOST, other]
    assert_clients_read(texts, replace(WRITER, upload_url=f"https://{other}/acme-packages/wheels/", form=NETRC))
    assert len(render(WRITER, None)["netrc"].splitlines()) == 1


@pytest.mark.parametrize("form", FORMS, ids=["netrc", "url", "extra", "extra-url"])
def test_uploads_can_go_to_another_repository(form: Form) -> None:
    """Clients install from one index and upload to the other, in another location and project."""
    configuration = replace(COMBINED, form=form)
    texts = render(configuration, None)
    assert_clients_read(texts, configuration)
    assert [line.split()[1] for line in texts["netrc"].splitlines()] == [HOST, "europe-west1-python.pkg.dev"]
    assert "uploads" not in texts["pip.conf"] + texts["index-url"]


@pytest.mark.parametrize(
    ("here", "there", "name"),
    [
        ("wheels", "uploads", "uploads"),
        ("wheels", "wheels", "wheels-upload"),
        ("wheels", "pypi", "pypi-repository"),
        ("pypi", "pypi", "pypi-repository-upload"),
        ("pypi-repository", "pypi", "pypi-repository-upload"),
        ("pypi", "pypi-repository", "pypi-repository-upload"),
    ],
)
def test_two_repositories_have_two_names(here: str, there: str, name: str) -> None:
    """Also with one id in two locations; neither name means something to a client, and the first keeps its own."""
    index = UploadIndex(there, f"{THERE}simple/")
    configuration = replace(COMBINED, repository_id=here, upload_index=index)
    assert configuration.upload_name == name
    assert configuration.name == replace(READER, repository_id=here).name
    assert name not in RESERVED
    assert_clients_read(render(configuration, None), configuration)


@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: ascii(text)[:40])
@pytest.mark.parametrize("field", ["repository_id", "index_url"])
def test_no_value_of_the_upload_repository_smuggles_anything_in(field: str, text: str) -> None:
    """There are no files, or every client reads exactly the value."""
    there = UploadIndex("uploads", f"{THERE}simple/")
    changes: dict[str, Any] = {field: getattr(there, field) + text}
    configuration = replace(COMBINED, upload_index=replace(there, **changes))
    try:
        texts = render(configuration, None)
    except RenderError:
        return
    assert_clients_read(texts, configuration)


def test_the_index_url_file_holds_no_credential() -> None:
    """`index-url` is safe to print."""
    assert "secret" not in render(WRITER, None)["index-url"]


def test_netrc_names_the_host_without_the_port() -> None:
    """A world on a loopback port is found by its host, as pip, uv and requests look it up."""
    local = replace(READER, index_url="http://127.0.0.1:8080/us-central1-python.pkg.dev/acme/wheels/simple/")
    texts = render(local, LOCAL)
    assert texts["netrc"].startswith("machine 127.0.0.1 login ")
    assert "@127.0.0.1:8080/" in texts["pip.conf"]


@pytest.mark.parametrize("field", ["index_url", "upload_url"])
@pytest.mark.parametrize("template", [None, LOCAL])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "/simple/",
        "https://evil.example/simple/",
        f"https://evil.example/{HOST}/acme-packages/wheels/",
        f"https://{HOST}.evil.example/acme-packages/wheels/",
        f"http://{HOST}/acme-packages/wheels/",
        f"https://{HOST}:8443/acme-packages/wheels/",
        f"https://x@{HOST}/acme-packages/wheels/",
        f"https://{HOST}/acme-packages/../other/",
        f"https://{HOST}/acme-packages/wheels/?x",
        f"https://{HOST}/acme-packages/wheels/#x",
        "http://127.0.0.1:8081/acme-packages/wheels/",
        "https://[x/",
    ],
)
def test_no_file_for_a_url_that_gets_no_token(field: str, template: str | None, url: str) -> None:
    """The allow-list is checked where the files are rendered, and the error names the URL's field."""
    with pytest.raises(RenderError, match=f"^{field}: a URL that must not receive a token$"):
        render(changed(field, url), template)


def test_the_templates_server_is_allowed_by_the_template_alone() -> None:
    """The local world's URLs result in files with its setting, and in none without it."""
    url = "http://127.0.0.1:8080/us-central1-python.pkg.dev/acme-packages/wheels/"
    local = replace(WRITER, index_url=f"{url}simple/", upload_url=url)
    assert_clients_read(render(local, LOCAL), local)
    with pytest.raises(RenderError):
        render(local, None)


@settings(max_examples=60, deadline=None)
@given(
    token=st.text(ALPHABET, min_size=1, max_size=40) | st.text(max_size=20) | st.text(ALPHABET + "=%\"'#:; \n"),
    form=st.sampled_from(FORMS),
)
def test_every_client_reads_what_was_meant(token: str, form: Form) -> None:
    """For any token there are no files, or pip, uv, twine, hatch and netrc readers all get one index and this token."""
    configuration = replace(WRITER, token=Token(token), form=form)
    if is_access_token(token):
        assert_clients_read(render(configuration, None), configuration)
    else:
        with pytest.raises(RenderError):
            render(configuration, None)


@pytest.mark.parametrize("token", ["ya29.a0Af_bC-d", "ya29.c.Kp~x/y+z==", "a" * 2048, LONGEST])
def test_tokens_as_google_issues_them_are_rendered(token: str) -> None:
    """The alphabet of RFC 6750, and a token of Google's maximum length, reach every client unchanged."""
    configuration = replace(WRITER, token=Token(token))
    assert_clients_read(render(configuration, None), configuration)


def test_the_longest_token_is_as_long_as_google_says() -> None:
    """12,288 bytes, with every character that a token may have."""
    assert len(LONGEST.encode()) == 12_288
    assert set(ALPHABET) | {"="} == set(LONGEST)


@pytest.mark.parametrize("form", FORMS, ids=["netrc", "url", "extra", "extra-url"])
@pytest.mark.parametrize("where", ["before", "within", "after"])
@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: ascii(text)[:40])
@pytest.mark.parametrize("field", FIELDS)
def test_no_value_smuggles_in_a_line_a_section_or_a_host(field: str, text: str, where: str, form: Form) -> None:
    """Whatever a field contains, there are no files, or every client reads exactly the field's value from them."""
    configuration = replace(injected(field, text, where), form=form)
    try:
        texts = render(configuration, None)
    except RenderError:
        return
    assert_clients_read(texts, configuration)
    assert urlsplit(texts["index-url"]).hostname == HOST


@settings(deadline=None)
@given(
    st.builds(ClientConfiguration, st.text(), st.text(), st.none() | st.text(), st.builds(Token, st.text())), st.text()
)
def test_whatever_the_model_holds_a_refusal_is_a_render_error(
    configuration: ClientConfiguration, template: str
) -> None:
    """No string breaks a parser in between: the only error is a RenderError."""
    with pytest.raises(RenderError):
        render(configuration, template)


def meant(client: ModuleType, configuration: ClientConfiguration) -> dict[str, Any]:
    """Return what a client must read; only from the fields of its own file, as another one may not parse at all."""
    if client is pip:
        return {"global": {"index-url": configuration.url(configuration.index_url)}}
    if client is pypirc:
        section = {
            "repository": configuration.upload_url,
            "username": USERNAME,
            "password": configuration.token.value,
        }
        return {"distutils": {"index-servers": "\nwheels"}, "wheels": section}
    if client is our_netrc:
        return dict.fromkeys(configuration.hosts, (USERNAME, "", configuration.token.value))
    if client is pdm:
        uploads = {"wheels": {"url": configuration.upload_url}}
        return {"pypi": {"url": configuration.index_url}, "repository": uploads}
    publish = {"publish-url": configuration.url(str(configuration.upload_url))}
    index = {
        "name": "wheels",
        "url": configuration.url(configuration.index_url),
        "default": True,
        "authenticate": "always",
        **publish,
    }
    return {"index": [index], **publish}


READERS: tuple[tuple[ModuleType, Callable[[str], Any]], ...] = (
    (pip, read_as_pip),
    (pypirc, read_as_pip),
    (uv, tomllib.loads),
    (pdm, tomllib.loads),
    (our_netrc, read_as_netrc),
)
HOSTILE = st.text(max_size=8) | st.sampled_from(INJECTIONS).filter(lambda text: len(text) < 100 and text.isprintable())


@settings(max_examples=200, deadline=None)
@given(
    field=st.sampled_from(["index_url", "upload_url", "token"]),
    text=HOSTILE,
    where=st.sampled_from(["before", "within", "after"]),
)
def test_reading_back_sees_what_the_checks_would_have_let_through(field: str, text: str, where: str) -> None:
    """Without the checks of the values: a text that reads back is read in the same way by the client, from a file.

    Control characters are refused before (a bare CR is a line end to pip and none to a string's reader).
    """
    configuration = injected(field, text, where)
    for client, read in READERS:
        try:
            rendered = client.render(configuration)
            if not rendered.replace("\n", "").isprintable() or not client.reads_back(rendered, configuration):
                continue
        except ValueError:
            continue
        assert read(rendered) == meant(client, configuration)


@pytest.mark.parametrize("text", ["\r", "\n", "\0", " ", "\t", '"', "'", "\\", "#", "%"], ids=ascii)
@pytest.mark.parametrize("where", ["before", "within", "after"])
def test_a_token_that_breaks_a_file_is_refused(text: str, where: str) -> None:
    """Line ends, blanks, quotes, escapes, comment signs and hatch's interpolation in a token prevent all files."""
    with pytest.raises(RenderError):
        render(injected("token", text, where), None)


@pytest.mark.parametrize("token", ["se\rcret", "se cret", "se#cret", "se\ncret"])
def test_a_refusal_shows_no_value(token: str) -> None:
    """The error and its traceback name the file and never its content."""
    with pytest.raises(RenderError) as caught:
        render(replace(WRITER, token=Token(token)), None)
    shown = "".join(traceback.format_exception(caught.value))
    assert token not in shown
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("client", [pip, pypirc, uv, pdm], ids=lambda module: str(module.FILE))
def test_a_file_that_does_not_parse_is_named(client: ModuleType) -> None:
    """The condition of the access quotes the error."""
    with pytest.raises(RenderError, match=rf"^{re.escape(client.FILE)} does not parse$"):
        client.reads_back("[", WRITER)


@pytest.mark.parametrize("name", ["", "Wheels", "a.b", "-a", "a" * 64, "pypi]", "a\n"])
def test_a_name_is_a_repositorys_id(name: str) -> None:
    """The name of a section contains nothing special to a reader."""
    with pytest.raises(RenderError, match=r"^repository_id: "):
        render(replace(WRITER, repository_id=name), None)


def test_an_empty_token_is_refused() -> None:
    """A configuration without a token is not written."""
    with pytest.raises(RenderError):
        render(replace(READER, token=Token("")), None)


def test_a_token_never_shows() -> None:
    """No repr, str or format of an object with a token has its text."""
    token = Token("ya29.secret")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for holder in (token, MintedToken(token, moment, moment), READER, [token], {"t": token}):
        assert "secret" not in f"{holder} {holder!r} {holder!s}"
    assert str(token) == "***"
    assert token == Token("ya29.secret") != Token("other")
