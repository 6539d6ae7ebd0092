"""The injection corpus with the API server bypassed: the parser rejects a string, or it is harmless everywhere."""

import configparser
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import twine.utils
from corpus.fields import Field, covered, fields, in_schema
from corpus.strings import attacks
from unit.test_configuration import FORMS, assert_clients_read

from wheelhouse.clients.kubernetes.transport import path
from wheelhouse.desired.access import desired_access
from wheelhouse.desired.repository import parsed_repository
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.configuration.files import render
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.names import is_google_service_account
from wheelhouse.domain.objects import CustomObject, Namespace
from wheelhouse.domain.token import USERNAME, Token
from wheelhouse.domain.urls import index_urls
from wheelhouse.errors import Invalid

NAMES = re.compile(r"[A-Za-z0-9._:@/*+!-]*")
"""No character with a meaning in a client's file, and none that ends the host of a URL besides its own delimiters."""
FREE = {
    # Sent to Google as JSON or protobuf, and part of no URL, file or path.
    "PythonRepository.description": r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*",
    "PythonRepository.labels.team": r"[\w-]*",
    "PythonRepository.remote.credentials.username": r"[\x21-\x7e]*",
    "PythonRepository.remote.url": r"https://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~-]*)*",
}
GOOGLE_ACCOUNT = "ci@acme-packages.iam.gserviceaccount.com"
ALL = fields()
OWNERS = Namespace("owners", {}, ("acme-packages",))
TOKEN = Token("ya29.token")


def stored(field: Field, text: str) -> CustomObject:
    """The object as the watch would deliver it."""
    times = {"creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1, "resourceVersion": "1"}
    metadata = {"namespace": "owners", "name": "wheels", "uid": "00000000-0000-4000-8000-000000000001", **times}
    return CustomObject.parse({"metadata": metadata, "spec": field.spec(text)})


def harmless(field: Field, text: str) -> bool:
    """Whether a text has only characters that mean nothing wherever the field goes."""
    grammar = re.compile(FREE[field.pattern]) if field.pattern in FREE else NAMES
    return grammar.fullmatch(text) is not None


def accepted(field: Field, texts: Iterable[str] | None = None) -> list[tuple[str, Any]]:
    """The strings of the corpus, or of these, that the parser accepts in a field, with what it returns."""
    parse: Any = desired_access if field.kind == "RepositoryAccess" else parsed_repository
    found, complaints = [], []
    for text in dict.fromkeys(attacks(field.good)) if texts is None else texts:
        try:
            found.append((text, parse(stored(field, text))))
        except Invalid as error:
            complaints.append(error.message)
    assert [ascii(each) for each in complaints if not each.isprintable() or len(each) > 2000] == []
    return found


def test_the_corpus_is_large_and_complete() -> None:
    """At least 400 strings, and every string field of both schemas: a new field must be added to the bases."""
    assert all(len(set(attacks(field.good))) >= 400 for field in ALL)
    assert len(ALL) >= 70
    # Either the name of a public upstream, which is an enumeration, or a URL.
    assert in_schema() - covered() == {"PythonRepository.remote.upstream"}


@pytest.mark.parametrize("field", ALL, ids=str)
def test_what_the_parser_accepts_is_harmless(field: Field) -> None:
    """It has only characters that mean nothing in a file, a path or a URL; the others are an error of one line."""
    assert [ascii(text) for text, _ in accepted(field) if not harmless(field, text)] == []


@pytest.mark.parametrize("place", ["project", "location", "repositoryId"])
def test_what_is_in_urls_is_read_back(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip, uv, netrc, twine and configparser read exactly the URL, with the host of Artifact Registry."""
    monkeypatch.delenv("TWINE_REPOSITORY_URL", raising=False)
    found = 0
    for field in (each for each in ALL if each.kind == "PythonRepository" and each.place[-1:] == (place,)):
        for _, declared in accepted(field):
            try:
                name = declared.name(OWNERS, any_project=True)
            except Invalid:
                continue
            index, upload = index_urls(name, None)
            wanted = ClientConfiguration(name.repository_id, index, upload, TOKEN)
            assert re.fullmatch(r"[a-z0-9-]+-python\.pkg\.dev", urlsplit(index).netloc)
            for form in FORMS:
                texts = render(replace(wanted, form=form), None)
                assert_clients_read(texts, replace(wanted, form=form))
                assert read_by_twine(texts[".pypirc"], wanted.name) == (upload, USERNAME, TOKEN.value)
            found += 1
    assert found >= 5


def read_by_twine(text: str, name: str) -> tuple[str | None, ...]:
    """What twine sends where, by its own code."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, ".pypirc")
        file.write_text(text)
        parser = configparser.RawConfigParser()
        parser.read(file)
        assert set(parser.sections()) == {"distutils", name}
        row = twine.utils.get_repository_from_config(str(file), name)
    return row["repository"], row["username"], row["password"]


@pytest.mark.parametrize("place", ["name", "serviceAccountName", "namespaces"])
def test_what_is_in_paths_stays_in_its_segment(place: str) -> None:
    """The paths of Secrets and of token requests have as many segments as ever, and the text unchanged."""
    counted = Counter[str]()
    for field in (each for each in ALL if each.base == "Access" and each.place[:2] == ("secret", place)):
        for _, found in accepted(field):
            assert isinstance(found, DesiredAccess)
            assert found.secret is not None
            assert found.secret.fan_out is not None
            assert found.secret.identity is not None
            for namespace in found.secret.fan_out.namespaces:
                for parts in (
                    ("secrets", found.secret.name),
                    ("serviceaccounts", found.secret.identity.service_account),
                ):
                    where = path("/api/v1", namespace, *parts)
                    assert where == f"/api/v1/namespaces/{namespace}/{'/'.join(parts)}"
                    assert where.count("/") == 6
                    counted[place] += 1
    assert counted[place] >= 10


def test_the_annotation_of_a_service_account_stays_in_its_segment() -> None:
    """Only an e-mail of a Google service account is requested, and it needs no quoting."""
    texts = [text for text in attacks(GOOGLE_ACCOUNT) if is_google_service_account(text)]
    assert texts
    for text in texts:
        assert re.fullmatch(r"[a-z0-9._%+-]+@[a-z0-9.-]+\.gserviceaccount\.com", text), ascii(text)
        assert "/" not in quote(text, safe="@")
