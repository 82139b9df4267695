"""SQLite: how connections are set up, and what its errors mean.

A commit survives the death of this process: with the write-ahead log and `synchronous=NORMAL` it
is in the system's hands before anyone is told. A power failure can cost the commits of the last
seconds, never the database; an fsync for each commit would cost every run several milliseconds on
common disks.
"""

import sqlite3
from pathlib import Path
from typing import Final

from graphmill.errors import StoreDenied, StoreError, StoreFull, StoreUnreachable

BUSY_SECONDS: Final = 5.0
"""How long to wait for another process that writes."""

_SET_UP: Final = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    # Sorting must not depend on a writable temporary folder.
    "PRAGMA temp_store = MEMORY",
)

_MEANINGS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_FULL: (StoreFull, "The disk under the database is full"),
    sqlite3.SQLITE_BUSY: (StoreUnreachable, "The database is locked by another process"),
    sqlite3.SQLITE_LOCKED: (StoreUnreachable, "The database is locked by another process"),
    sqlite3.SQLITE_IOERR: (StoreUnreachable, "The disk under the database fails"),
    sqlite3.SQLITE_CANTOPEN: (StoreDenied, "The database file cannot be opened"),
    sqlite3.SQLITE_READONLY: (StoreDenied, "The database file may not be written"),
    sqlite3.SQLITE_PERM: (StoreDenied, "The database file may not be used"),
    sqlite3.SQLITE_CORRUPT: (StoreError, "The database file is damaged; restore it from a backup"),
    sqlite3.SQLITE_NOTADB: (StoreError, "The database file is no SQLite database"),
}
"""By primary result code."""

ROW_FAULTS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)
"""What a row itself can be guilty of; other rows would be taken."""


def connect_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; one thread at a time may use it. Raises sqlite3.Error."""
    return _connect(path, "PRAGMA journal_mode = WAL")


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection for queries; each sees the database as its last commit left it."""
    connection = _connect(path, "PRAGMA query_only = ON")
    # SQLite's own knows the letters of English only; Postgres's knows all.
    connection.create_function("lower", 1, _lower, deterministic=True)
    return connection


def _connect(path: Path, role: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        for statement in (*_SET_UP, role):
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def translate(error: Exception) -> StoreError:
    """What a failed statement means to those who wait for it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and (meaning := _MEANINGS.get(code & 0xFF)) is not None:
        kind, sentence = meaning
        return kind(f"{sentence}: {error}")
    return StoreError(f"The database refuses: {error}")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
