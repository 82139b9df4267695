"""Brings a database file to the tables of this version.

A new file gets its tables straight from `tables`; alembic, which costs more to import than the
rest of the start, is needed for files of older versions only.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from graphmill.storage import knowledge_search
from graphmill.storage.search import ddl
from graphmill.storage.tables import metadata

REVISION: Final = "0011"
"""The newest file in `migrations/versions`."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make or migrate the tables. Raises sqlite3.Error, or StoreError for a file of the future."""
    if stored_revision(connection) == REVISION:
        return
    connection.execute("BEGIN IMMEDIATE")
    revision = stored_revision(connection)
    if revision is None:
        for statement in _creation():
            connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (REVISION,))
    connection.execute("COMMIT")
    if revision not in (None, REVISION):
        _upgrade(path)


def _upgrade(path: Path) -> None:
    """Run the migrations that the file lacks. Raises StoreError for the file of a newer version."""
    # Imported here because it keeps start-up fast.
    from graphmill.storage.migrations.run import run_migrations  # noqa: PLC0415

    run_migrations(path)


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """None for a new file, and nothing for one that no migration has seen."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if known.fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _creation() -> Iterator[str]:
    dialect = sqlite.dialect()
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))
    yield from ddl()
    yield from knowledge_search.DDL
    yield "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
