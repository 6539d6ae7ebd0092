"""The files of a Secret without a token: what each client must find there, and what none of them may have."""

import configparser
import itertools
import tomllib
from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.configuration import pdm, pip, pypirc, uv
from wheelhouse.domain.configuration.credential import KeyringProvider
from wheelhouse.domain.configuration.files import keys, render
from wheelhouse.domain.configuration.form import WITH_TOKEN, Form, Format, Index
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.token import Token

PLACE = "us-central1-python.pkg.dev/acme-packages/wheels/"
FORMS = [Form(None, index, keyring=provider) for index, provider in itertools.product(Index, KeyringProvider)]
READER = ClientConfiguration("wheels", f"https://{PLACE}simple/", None, None, FORMS[0])
USER = f"https://oauth2accesstoken@{PLACE}"


def files(form: Form, *, uploads: bool = True) -> dict[str, str]:
    """The files of a form."""
    return render(replace(READER, form=form, upload_url=f"https://{PLACE}" if uploads else None), None)


def ini(text: str) -> dict[str, dict[str, str]]:
    """A file of pip or twine."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {section: dict(parser.items(section)) for section in parser.sections()}


@pytest.mark.parametrize("form", FORMS)
def test_pip_gets_the_user_and_how_to_call_keyring(form: Form) -> None:
    """With Auto there is no option: pip decides."""
    found = ini(files(form)["pip.conf"])["global"]
    option = {KeyringProvider.AUTO: None, KeyringProvider.IMPORT: "import", KeyringProvider.SUBPROCESS: "subprocess"}
    assert found.pop("keyring-provider", None) == option[form.keyring]
    assert found == {"extra-index-url" if form.index is Index.EXTRA else "index-url": f"{USER}simple/"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("uploads", [True, False])
def test_uv_gets_all_three(form: Form, *, uploads: bool) -> None:
    """The provider above the indexes, the user in each URL, and `authenticate`."""
    found = tomllib.loads(files(form, uploads=uploads)["uv.toml"])
    index = {"name": "wheels", "url": f"{USER}simple/", "authenticate": "always"}
    index |= {"default": True} if form.index is Index.PRIMARY else {}
    more = {"publish-url": USER} if uploads else {}
    assert found == {"keyring-provider": "subprocess", **more, "index": [index | more]}


def test_pdm_gets_plain_urls() -> None:
    """A project that replaces only the URL of the source gets no user with it."""
    found = tomllib.loads(files(FORMS[0])["pdm.toml"])
    assert found == {
        "pypi": {"url": f"https://{PLACE}simple/"},
        "repository": {"wheels": {"url": f"https://{PLACE}"}},
    }


def test_twine_gets_the_user_without_a_password() -> None:
    """It asks keyring for the password."""
    assert ini(files(FORMS[0])[".pypirc"])["wheels"] == {
        "repository": f"https://{PLACE}",
        "username": "oauth2accesstoken",
    }


@given(st.frozensets(st.sampled_from(Format)), st.sampled_from(FORMS), st.booleans())
def test_no_key_is_of_a_token(formats: frozenset[Format], form: Form, uploads: bool) -> None:
    """Whatever the formats, a Secret without a token has no `netrc`, `token` or `username`, and no password."""
    wanted = replace(form, formats=formats)
    found = files(wanted, uploads=uploads)
    assert found.keys() == keys(wanted, uploads=uploads)
    assert not found.keys() & {"netrc", "token", "username"}
    assert found["index-url"] == f"https://{PLACE}simple/"
    assert "password" not in "".join(found.values())
    assert "oauth2accesstoken:" not in "".join(found.values())
    others = keys(replace(wanted, formats=formats - WITH_TOKEN, keyring=None), uploads=uploads)
    assert found.keys() == others


def test_a_form_and_its_token_belong_together() -> None:
    """A token in a keyring Secret, or none in another one, is a mistake of ours: nothing is written."""
    for wrong in (replace(READER, token=Token("a")), replace(READER, form=Form())):
        with pytest.raises(RenderError, match=r"^token: "):
            render(wrong, None)


@pytest.mark.parametrize("text", ["\r", "\n", "\n[install]\nno-deps = true", '"', "@evil.example", "\x85"])
def test_no_value_smuggles_anything_in(text: str) -> None:
    """The checks of a Secret with a token hold here too: the plugin sends a token to these URLs."""
    for changed in (replace(READER, repository_id=f"a{text}b"), replace(READER, index_url=f"https://{PLACE}{text}/")):
        with pytest.raises(RenderError):
            render(changed, None)


def understood(client: ModuleType, text: str, wanted: ClientConfiguration) -> bool:
    """Whether a file has what was meant; one that does not parse has not."""
    try:
        return bool(client.reads_back(text, wanted))
    except RenderError:
        return False


@pytest.mark.parametrize("form", FORMS)
def test_reading_back_notices_each_missing_line(form: Form) -> None:
    """A file without one of its lines is not what was meant."""
    wanted = replace(READER, form=form, upload_url=f"https://{PLACE}")
    for client in (pip, uv, pdm, pypirc):
        lines = client.render(wanted).splitlines(keepends=True)
        assert client.reads_back("".join(lines), wanted)
        for number, line in enumerate(lines):
            if "=" in line:
                without = "".join(lines[:number] + lines[number + 1 :])
                assert not understood(client, without, wanted), line


def test_an_existing_secret_gives_no_authentication() -> None:
    """A Secret without a token takes none from the one that it replaces; the one that follows it starts with netrc."""
    (keyring, *_) = FORMS
    standing = Form(index=Index.EXTRA)
    assert keyring.completed(replace(standing, authentication="URL")) == keyring
    assert Form().completed(keyring).authentication is None
