"""What the tests of the package index share."""

import pytest
from fakes.emulated import READ, READER, WRITE, WRITER, Emulated


@pytest.fixture
def wheels(google: Emulated) -> Emulated:
    """A repository with a reader and a writer."""
    google.create()
    google.grant((READ, READER), (WRITE, WRITER))
    return google
