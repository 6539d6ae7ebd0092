"""TOML files as uv and pdm read them."""

import tomllib
from typing import Any

from wheelhouse.domain.configuration.model import RenderError


def read(text: str, file: str) -> dict[str, Any]:
    """The tables with their keys and values.

    Args:
        text: the content.
        file: its name, for the error.

    Raises:
        RenderError: the text does not parse.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise RenderError(f"{file} does not parse") from None
