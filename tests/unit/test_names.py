"""Names and their grammars: parts of URLs with a token are restricted to a list of allowed characters."""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain import names
from wheelhouse.domain.names import (
    ObjectKey,
    RepositoryName,
    dns_labels,
    is_dns_label,
    is_dns_subdomain,
    is_email,
    is_google_service_account,
    is_location,
    is_project,
    is_repository_id,
)

Grammar = Callable[[str], bool]

GOOD: dict[Grammar, list[str]] = {
    is_project: ["acme-packages", "a12345", "a" * 30, "example.com:acme-packages", "a.b.example.com:acme-packages"],
    is_location: ["us", "europe", "us-central1", "northamerica-northeast1", "me-central2"],
    is_repository_id: ["a", "wheels", "team-a-wheels2", "a" * 63],
    is_dns_label: ["a", "0", "team-a", "a" * 63],
    is_dns_subdomain: ["a", "a.b", "team-a.example.com", ".".join(["a" * 62] * 4)],
    is_email: ["a@b.co", "ann.b+c%d_e-f@mail.example.com", "1@2.3"],
    is_google_service_account: [
        "ci@acme-packages.iam.gserviceaccount.com",
        "ci@acme-packages.example.com.iam.gserviceaccount.com",
        "123-compute@developer.gserviceaccount.com",
        "acme@appspot.gserviceaccount.com",
    ],
}

BAD: dict[Grammar, list[str]] = {
    is_project: [
        "acme",
        "a" * 31,
        "1acme-packages",
        "acme-",
        "Acme-packages",
        "system:masters",
        "x:acme-packages",
        "-",
    ],
    is_location: ["us-central", "US", "us-central1-a", "evil.com", "1us", "us-", "u" * 41],
    is_repository_id: ["1a", "a-", "-a", "A", "a_b", "a.b", "a" * 64],
    is_dns_label: ["-a", "a-", "a.b", "A", "a" * 64],
    is_dns_subdomain: [".a", "a.", "a..b", "a.-b", "A", ".".join(["a" * 63] * 4)],
    is_email: [
        "a",
        "@b.co",
        "a@b",
        "a@b.",
        "a@.b.co",
        "a..b@c.co",
        ".a@b.co",
        "a.@b.co",
        "A@b.co",
        "a@b@c.co",
        "a b@c.co",
    ],
    is_google_service_account: [
        "ann@example.com",
        "ci@acme-packages.iam.gserviceaccount.com.evil.com",
        "ci@iam.gserviceaccount.com",
        "ci@evil.com/acme-packages.iam.gserviceaccount.com",
        "ci@developer.gserviceaccount.com.",
    ],
}

HOSTILE = [
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    "/",
    "#",
    "?",
    "@",
    "%",
    "%0a",
    "\\",
    "..",
    "\x0b",
    "\x85",
    "\xa0",
    "\u2028",
    "é",
]
"""What no name may contain: `@` and `%` are omitted, because an e-mail may contain them."""


def cases(table: dict[Grammar, list[str]]) -> list[object]:
    return [pytest.param(g, text, id=f"{g.__name__}-{text[:30]!r}") for g, texts in table.items() for text in texts]


@pytest.mark.parametrize(("grammar", "text"), cases(GOOD))
def test_a_name_as_google_and_kubernetes_allow_it_passes(grammar: Grammar, text: str) -> None:
    """Every form in the grammar's source is accepted."""
    assert grammar(text)


@pytest.mark.parametrize(("grammar", "text"), cases(BAD))
def test_a_name_that_breaks_a_rule_is_refused(grammar: Grammar, text: str) -> None:
    """One violated rule is enough: length, first or last character, case, a missing part."""
    assert not grammar(text)


@pytest.mark.parametrize(("grammar", "good"), [(grammar, texts[0]) for grammar, texts in GOOD.items()])
def test_nothing_may_stand_before_or_after_a_name(grammar: Grammar, good: str) -> None:
    """A trailing newline, a path step or a delimiter at either end is rejected, and so is an empty string."""
    assert not grammar("")
    for hostile in HOSTILE:
        assert not grammar(good + hostile), hostile
        assert grammar is is_email or not grammar(hostile + good), hostile


@given(data=st.data(), smuggled=st.characters())
def test_what_passes_is_lower_case_ascii_without_delimiters(data: st.DataObject, smuggled: str) -> None:
    """Whatever character is inserted into a valid name, an accepted text stays in its place in a URL or a file."""
    grammar = data.draw(st.sampled_from(list(GOOD)))
    good = data.draw(st.sampled_from(GOOD[grammar]))
    place = data.draw(st.integers(min_value=0, max_value=len(good)))
    text = good[:place] + smuggled + good[place:]
    if grammar(text):
        assert re.fullmatch(r"[a-z0-9.:@%+_-]+", text)


@pytest.mark.parametrize("grammar", list(GOOD))
def test_a_megabyte_is_refused_at_once(grammar: Grammar) -> None:
    """A long text is rejected, and the expression does not backtrack for long."""
    for text in ("a" * 1_000_000, "a." * 200_000, "a-" * 200_000, "a@" + "a." * 200_000):
        assert not grammar(text)


KEY = "projects/acme-keys/locations/us-central1/keyRings/packages/cryptoKeys/wheels"
SECRET = "projects/acme-packages/secrets/password/versions/1"
INDEX = "https://packages.example.com/simple/"
# Pattern, length, valid texts, invalid texts.
COMPOSED: dict[str, tuple[str, int, list[str], list[str]]] = {
    "full repository name": (
        names.REPOSITORY,
        names.REPOSITORY_LENGTH,
        ["projects/a12345/locations/us/repositories/r", "projects/x.y:a12345/locations/us/repositories/r"],
        [
            "projects/a12345/locations/us/repositories/r/packages/p",
            "projects/system:masters/locations/us/repositories/r",
        ],
    ),
    "key": (
        names.KMS_KEY,
        names.KMS_KEY_LENGTH,
        [KEY, KEY.replace("packages", "A_b-9"), KEY.replace("us-central1", "europe")],
        [f"{KEY}/cryptoKeyVersions/1", KEY.replace("wheels", "a.b"), KEY.replace("packages", "x" * 64)],
    ),
    "secret version": (
        names.SECRET_VERSION,
        names.SECRET_VERSION_LENGTH,
        [SECRET, SECRET.replace("/1", "/latest"), SECRET.replace("/1", "/1000000")],
        [SECRET.replace("/1", "/0"), SECRET.replace("/1", "/-1"), SECRET.replace("/versions/1", "")],
    ),
    "URL": (
        names.HTTPS_URL,
        names.URL_LENGTH,
        [INDEX, "https://a", "https://a:8443/", "https://0.a.example/..b/.c/...", "https://x/a..b/c.."],
        [
            "https://1/",
            "https://a.1/",
            "https://0x1/",
            "https://a/..",
            "https://a/b/../c",
            "https://a/.",
            "https://a:0/",
        ],
    ),
    "age": (names.AGE, names.AGE_LENGTH, ["0s", "30d", "999999h", "5m"], ["d", "1", "1w", "1.5h", "1h1h", "1000000s"]),
    "prefix": (names.VERSION_PREFIX, names.VERSION_PREFIX_LENGTH, ["acme-", "1!0.+_"], ["*", "a b", "a" * 129]),
    "item": (names.ITEM_NAME, names.ITEM_NAME_LENGTH, ["a", "-", "0-a", "a" * 63], ["A", "a_b", "a.b", "a" * 64]),
    "user name": (names.USERNAME, names.USERNAME_LENGTH, ["!", "a@b:c~", "x" * 128], ["a b", "é", "\x7f", "x" * 129]),
}
PARTS = pytest.mark.parametrize(
    ("pattern", "length", "good", "bad"), [pytest.param(*row, id=name) for name, row in COMPOSED.items()]
)


@PARTS
def test_what_is_composed_of_names(pattern: str, length: int, good: list[str], bad: list[str]) -> None:
    """Each part matches its own grammar, none is missing, and nothing surrounds them."""
    for text in good:
        assert names.matches(pattern, text, length), text
        for tail in ("\n", "\r", "\0", " ", "\x85", "\xa0", "\u2028", "é"):
            assert not names.matches(pattern, text + tail, length), text + tail
            assert not names.matches(pattern, tail + text, length), tail + text
    for text in (*bad, ""):
        assert not names.matches(pattern, text, length), text


@PARTS
def test_a_composed_megabyte_is_refused_at_once(pattern: str, length: int, good: list[str], bad: list[str]) -> None:
    """No expression backtracks for long, even if the length is not checked first."""
    assert good
    assert bad
    for text in (good[0] + "/" * 50_000 + "\n", good[0] + "a." * 50_000 + "\n", "https://" + "a." * 50_000 + "\n"):
        assert not names.matches(pattern, text, len(text))
        assert not names.matches(pattern, text, length)


@given(st.text(alphabet="projectslain/.:-0129uswERk", max_size=80) | st.text(max_size=40))
def test_no_part_of_a_full_name_exceeds_its_length(text: str) -> None:
    """An accepted full name can be read by `parse`, which checks each part."""
    full = f"projects/{text}/locations/us/repositories/r"
    assert names.matches(names.REPOSITORY, full, names.REPOSITORY_LENGTH) == (RepositoryName.parse(full) is not None)


def test_the_longest_project_fits_into_every_full_name() -> None:
    """In a full name of maximum length, the project has at most its own maximum."""
    shortest = [
        (names.REPOSITORY_LENGTH, "projects//locations/us/repositories/r"),
        (names.KMS_KEY_LENGTH, "projects//locations/us/keyRings/r/cryptoKeys/k"),
        (names.SECRET_VERSION_LENGTH, "projects//secrets/s/versions/1"),
    ]
    assert [length - len(rest) for length, rest in shortest] == [names.PROJECT_LENGTH] * 3


@given(data=st.data(), smuggled=st.text(alphabet=st.characters(max_codepoint=0x24F) | st.just("/"), max_size=3))
def test_a_url_that_passes_goes_where_it_seems_to(data: st.DataObject, smuggled: str) -> None:
    """Whatever is inserted into a valid URL, an accepted text has one meaning: https, a host, no user, a path."""
    good = data.draw(st.sampled_from([INDEX, "https://a.example:8443/x/..y/z", "https://localhost"]))
    place = data.draw(st.integers(min_value=0, max_value=len(good)))
    text = good[:place] + smuggled + good[place:]
    if not names.matches(names.HTTPS_URL, text, names.URL_LENGTH):
        return
    parts = urlsplit(text)
    assert (parts.scheme, parts.username, parts.password, parts.query, parts.fragment) == ("https", None, None, "", "")
    assert parts.hostname
    assert parts.hostname == parts.hostname.lower()
    assert re.fullmatch("[a-z0-9.-]+", parts.hostname)
    assert not re.fullmatch("[0-9]+|0x[0-9a-f]*", parts.hostname.rpartition(".")[2])
    assert parts.port is None or 1 <= parts.port <= 65535
    assert not {".", ".."} & set(parts.path.split("/"))
    assert urljoin(text, parts.path) == text


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("team", True, True),
        ("équipe", True, True),
        ("部门", True, True),
        ("a-1_٣", True, True),
        ("a" * 63, True, True),
        ("1st", False, True),
        ("_a", False, True),
        ("-a", False, True),
        ("", False, True),
        ("a" * 64, False, False),
        ("Team", False, False),
        ("É", False, False),
        ("ǅ", False, False),
        ("ʰ", False, False),
        ("a.b", False, False),
        ("a/b", False, False),
        ("a\n", False, False),
        ("a\u200d", False, False),
        ("e\u0301", False, False),
    ],
)
def test_labels_of_google(text: str, key: bool, value: bool) -> None:
    """Letters that are lower-case or have no case, digits, `_` and `-`; a key begins with a letter."""
    assert (names.is_label_key(text), names.is_label_value(text)) == (key, value)


@pytest.mark.parametrize(("key", "ours"), [("wheelhouse", True), ("wheelhouse-object", True), ("my-wheelhouse", False)])
def test_our_labels_are_ours(key: str, ours: bool) -> None:
    """Every key with our prefix, even one that no version writes yet."""
    assert names.is_our_label(key) is ours


PROJECTS = st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True)
LOCATIONS = st.sampled_from(["us", "europe", "us-central1", "asia-southeast2"])
REPOSITORIES = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.builds(RepositoryName, PROJECTS | PROJECTS.map("example.com:{}".format), LOCATIONS, REPOSITORIES))
def test_a_full_name_reads_back(name: RepositoryName) -> None:
    """A full name reads back as the same project, location and id."""
    assert RepositoryName.parse(name.full) == name
    assert name.full == f"{name.parent}/repositories/{name.repository_id}" == str(name)


FULL = "projects/acme-packages/locations/us-central1/repositories/wheels"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "None",
        f"/{FULL}",
        f"{FULL}/",
        f"{FULL}\n",
        f"{FULL}/packages/x",
        FULL.replace("projects", "Projects"),
        FULL.replace("locations", "zones"),
        FULL.replace("wheels", ".."),
        FULL.replace("wheels", "wheels%2f"),
        FULL.replace("us-central1", "evil.com"),
        FULL.replace("acme-packages", "system:masters"),
        FULL.rpartition("/")[0],
    ],
)
def test_anything_else_is_no_full_name(text: str) -> None:
    """A name with a missing, extra or malformed part is None, never a guess."""
    assert RepositoryName.parse(text) is None


def test_object_keys_sort_and_show_as_namespace_and_name() -> None:
    """Keys are ordered by namespace first, and shown as kubectl users write them."""
    assert ObjectKey("a", "b") < ObjectKey("b", "a") < ObjectKey("b", "b")
    assert str(ObjectKey("team-a", "pull")) == "team-a/pull"


@given(st.lists(st.sampled_from(["team-a", "0", "A", "a\nb", "\n", "", "a.b", "a" * 63, "a" * 64]) | st.text()))
def test_many_labels_are_checked_as_one_is(texts: list[str]) -> None:
    """The match over all names at once decides as the match of each does."""
    assert dns_labels(texts) == [text for text in texts if is_dns_label(text)]
