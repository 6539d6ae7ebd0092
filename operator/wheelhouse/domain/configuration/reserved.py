"""Names with a built-in meaning in a client: no section and no index may have such a name.

A client that knows a name sends our token to the server that it associates with it, or that server's token to ours.
"""

from collections.abc import Mapping

RESERVED: Mapping[str, str] = {
    "distutils": "The section that lists the others: twine.utils.get_config, flit.upload.get_repositories.",
    "server-login": "User and password for every server that has none of its own, PyPI's too: twine.utils.get_config.",
    "pypi": (
        "Where uploads go unless another name is given: twine.utils.get_config, flit.upload.get_repository,"
        " pdm.project.config.DEFAULT_REPOSITORIES, maturin's complete_registry; PyPI, even with another URL:"
        " distutils.config of Python 3.11, poetry.publishing.publisher.Publisher without a repository;"
        " poetry.factory.Factory.create_package_source refuses another."
    ),
    "testpypi": (
        "TestPyPI: twine.utils.get_config, pdm.project.config.DEFAULT_REPOSITORIES, maturin's complete_registry."
    ),
    "main": "PyPI, even with another URL, and the default: hatch.publish.index.IndexPublisher.get_repos.",
    "test": "TestPyPI, even with another URL: hatch.publish.index.IndexPublisher.get_repos.",
    "url": "A setting of the default index, where an index would have its name: pdm.project.config.Config.",
    "username": "A setting of pdm's default index, as url.",
    "password": "A setting of pdm's default index, as url.",
}
"""The names, from the sources of twine 7.0, flit 4.2, hatch 1.18, pdm 2.29, poetry 2.5, maturin 1.

tests/clients/test_names.py asks the code of the first five.

pip.conf names no index, and uv has no built-in name (uv-distribution-types/src/index_name.rs). But uv uses a user's
variable UV_INDEX_PYPI_PASSWORD for an index named `pypi`, so its file avoids the same names.
"""


def index_name(repository_id: str) -> str:
    """The name of a repository in clients' files: its id, or `ID-repository` if the id is reserved."""
    return f"{repository_id}-repository" if repository_id in RESERVED else repository_id
