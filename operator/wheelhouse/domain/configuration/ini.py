"""INI files as pip and twine read them."""

import configparser

from wheelhouse.domain.configuration.model import RenderError


def read(text: str, file: str) -> dict[str, dict[str, str]]:
    """The sections with their keys and values.

    Args:
        text: the content.
        file: its name, for the error.

    Raises:
        RenderError: the text does not parse.
    """
    # pip's own delimiters and interpolation (pip/_internal/configuration.py reads with RawConfigParser).
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        raise RenderError(f"{file} does not parse") from None
    return {section: dict(parser.items(section)) for section in parser.sections()}
