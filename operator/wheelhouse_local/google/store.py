"""Durable state: JSON documents by kind and name in one SQLite file; each change is one transaction."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """A small document store; all calls are synchronous and take well under a millisecond.

    A killed process loses nothing that was answered: a write is in the write-ahead log before its call returns.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS kv (kind TEXT, name TEXT, json TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply all changes inside it or none; a nested transaction is part of the outer one."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def get(self, kind: str, name: str) -> Document | None:
        """One document, or None."""
        row = self._connection.execute("SELECT json FROM kv WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, kind: str, name: str, document: Document) -> None:
        """Create or replace a document."""
        self._connection.execute("REPLACE INTO kv VALUES (?, ?, ?)", (kind, name, json.dumps(document)))

    def delete(self, kind: str, name: str) -> None:
        """Delete a document if it exists."""
        self._connection.execute("DELETE FROM kv WHERE kind = ? AND name = ?", (kind, name))

    def forget(self, prefix: str) -> None:
        """Delete the documents of every kind whose name starts with `prefix`."""
        self._connection.execute("DELETE FROM kv WHERE name >= ? AND name < ?", (prefix, prefix + "\U0010ffff"))

    def list(self, kind: str, prefix: str = "") -> list[tuple[str, Document]]:
        """The documents of a kind whose name starts with `prefix`, by name."""
        rows = self._connection.execute(
            "SELECT name, json FROM kv WHERE kind = ? AND name >= ? AND name < ? ORDER BY name",
            (kind, prefix, prefix + "\U0010ffff"),
        )
        return [(name, json.loads(text)) for name, text in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
