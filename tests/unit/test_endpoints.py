"""The template of index URLs: tenants choose its values, and it decides where tokens are sent."""

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from wheelhouse.domain.endpoints import expanded, is_index_url_template
from wheelhouse.domain.names import LOCATION, PROJECT, REPOSITORY_ID

NAMES = st.tuples(*(st.from_regex(part, fullmatch=True) for part in (LOCATION, PROJECT, REPOSITORY_ID)))
TEXTS = st.text("ab-._/", max_size=4)
SEGMENTS = st.permutations(["{location}", "{project}", "{repository}"])
TEMPLATES = st.builds(
    lambda segments, texts: (
        "https://mirror.example/" + "".join(f"{a}{s}{b}/" for s, (a, b) in zip(segments, texts, strict=True))
    ),
    SEGMENTS,
    st.lists(st.tuples(TEXTS, TEXTS), min_size=3, max_size=3),
).filter(is_index_url_template)


@given(TEMPLATES, NAMES, NAMES)
def test_two_repositories_never_share_a_url_and_no_name_changes_the_host(
    template: str, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """For any valid template: one URL for each repository, on the administrator's host, unchanged."""
    first, second = expanded(template, *one), expanded(template, *other)
    assert (first == second) == (one == other)
    assert URL(first).origin() == URL("https://mirror.example")
    assert str(URL(first)) == first


@given(st.text(), st.text(), st.text())
def test_a_value_is_never_read_as_a_template(location: str, project: str, repository: str) -> None:
    """Braces in a value stay braces: nothing is formatted twice."""
    base = expanded("https://mirror.example/{location}/{project}/{repository}/", location, project, repository)
    assert base == f"https://mirror.example/{location}/{project}/{repository}/"


@given(st.sampled_from(["location.__class__", "location[0]", "0", "", "location!r", "location:>1000000000"]))
def test_nothing_else_in_braces_is_looked_up(field: str) -> None:
    """Format fields that access objects or request a billion blanks are plain text here, and rejected in a setting."""
    template = f"https://mirror.example/{{{field}}}/{{project}}/{{repository}}/"
    assert expanded(template, "us", "p", "r") == f"https://mirror.example/{{{field}}}/p/r/"
    assert not is_index_url_template(template)
