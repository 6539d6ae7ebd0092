"""Wheels of installed distributions, so that a test's index can serve the real tools."""

import importlib.metadata as metadata
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UNPACKED = {"INSTALLER", "REQUESTED", "direct_url.json"}
"""What an installation adds to a wheel's own files."""


def closure(*names: str) -> list[metadata.Distribution]:
    """The installed distributions with these names, and those that they require on this machine."""
    found: dict[str, metadata.Distribution] = {}
    todo = list(names)
    while todo:
        name = canonicalize_name(todo.pop())
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)
    return list(found.values())


def wheel(distribution: metadata.Distribution, folder: Path) -> Path:
    """Pack an installed distribution as a wheel; its scripts are made from its entry points at the installation."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(": ")[2].split("-") for line in lines if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    name = canonicalize_name(distribution.metadata["Name"]).replace("-", "_")
    path = folder / f"{name}-{distribution.version}-{tag}.whl"
    entries = {each.name for each in distribution.entry_points}
    with zipfile.ZipFile(path, "w") as archive:
        for file in distribution.files or ():
            if "__pycache__" in file.parts or file.name in UNPACKED | entries or not file.locate().is_file():
                continue
            # A file outside the packages, such as the binary of uv, is a script.
            outside = ".." in file.parts
            archive.write(
                file.locate(), f"{name}-{distribution.version}.data/scripts/{file.name}" if outside else str(file)
            )
    return path
