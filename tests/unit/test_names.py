"""Names and their grammars: what stands in URLs that carry a token is named by what is allowed."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.names import (
    ObjectKey,
    RepositoryName,
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
"""What may stand nowhere in a name: `@` and `%` are part of an e-mail only, so they are left out there."""


def cases(table: dict[Grammar, list[str]]) -> list[object]:
    return [pytest.param(g, text, id=f"{g.__name__}-{text[:30]!r}") for g, texts in table.items() for text in texts]


@pytest.mark.parametrize(("grammar", "text"), cases(GOOD))
def test_a_name_as_google_and_kubernetes_allow_it_passes(grammar: Grammar, text: str) -> None:
    """Every form that the grammar's source names is accepted."""
    assert grammar(text)


@pytest.mark.parametrize(("grammar", "text"), cases(BAD))
def test_a_name_that_breaks_a_rule_is_refused(grammar: Grammar, text: str) -> None:
    """One broken rule is enough: length, first or last character, case, a missing part."""
    assert not grammar(text)


@pytest.mark.parametrize(("grammar", "good"), [(grammar, texts[0]) for grammar, texts in GOOD.items()])
def test_nothing_may_stand_before_or_after_a_name(grammar: Grammar, good: str) -> None:
    """A trailing newline, a path step or a delimiter at either end is refused, and so is nothing at all."""
    assert not grammar("")
    for hostile in HOSTILE:
        assert not grammar(good + hostile), hostile
        assert grammar is is_email or not grammar(hostile + good), hostile


@given(data=st.data(), smuggled=st.characters())
def test_what_passes_is_lower_case_ascii_without_delimiters(data: st.DataObject, smuggled: str) -> None:
    """Whatever character is put anywhere into a good name, what passes cannot leave its place in a URL or a file."""
    grammar = data.draw(st.sampled_from(list(GOOD)))
    good = data.draw(st.sampled_from(GOOD[grammar]))
    place = data.draw(st.integers(min_value=0, max_value=len(good)))
    text = good[:place] + smuggled + good[place:]
    if grammar(text):
        assert re.fullmatch(r"[a-z0-9.:@%+_-]+", text)


@pytest.mark.parametrize("grammar", list(GOOD))
def test_a_megabyte_is_refused_at_once(grammar: Grammar) -> None:
    """A long text neither passes nor makes the expression backtrack for long."""
    for text in ("a" * 1_000_000, "a." * 200_000, "a-" * 200_000, "a@" + "a." * 200_000):
        assert not grammar(text)


PROJECTS = st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True)
LOCATIONS = st.sampled_from(["us", "europe", "us-central1", "asia-southeast2"])
REPOSITORIES = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.builds(RepositoryName, PROJECTS | PROJECTS.map("example.com:{}".format), LOCATIONS, REPOSITORIES))
def test_a_full_name_reads_back(name: RepositoryName) -> None:
    """What is written as a full name is read as the same project, location and id."""
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
    """Keys order by namespace first, and read as kubectl users write them."""
    assert ObjectKey("a", "b") < ObjectKey("b", "a") < ObjectKey("b", "b")
    assert str(ObjectKey("team-a", "pull")) == "team-a/pull"
