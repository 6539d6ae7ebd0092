"""A seeded bug: one small change of the product's text, and the suites that must detect it."""

from dataclasses import dataclass
from pathlib import Path


class Stale(Exception):
    """The text that a bug replaces is missing or not unique, or the result is not a valid program."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`old` occurs exactly once in the module `path` (below operator/wheelhouse); `suites` are arguments of pytest."""

    name: str
    path: str
    old: str
    new: str
    suites: tuple[str, ...]

    @property
    def file(self) -> str:
        """The module, from the root of the tree."""
        return f"operator/wheelhouse/{self.path}"

    def seed(self, root: Path) -> None:
        """Write the bug into a tree.

        Raises:
            Stale: it does not apply.
        """
        module = root / self.file
        if not module.exists():
            raise Stale(f"{self.file} does not exist")
        text = module.read_text()
        if (count := text.count(self.old)) != 1:
            raise Stale(f"its text occurs {count} times in {self.file}")
        seeded = text.replace(self.old, self.new)
        try:
            compile(seeded, self.file, "exec")
        except SyntaxError as error:
            raise Stale(f"{self.file} would not compile: {error}") from None
        module.write_text(seeded)
