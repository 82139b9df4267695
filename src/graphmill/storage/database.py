"""The database as the stores see it: SQLAlchemy Core statements in, plain rows out.

SQLAlchemy writes the SQL, once for each statement; its engine and pool stay out of the way, where
they would cost more than SQLite itself.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import aiosqlite
from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from graphmill.errors import ConfigInvalid, StoreDenied, StoreError
from graphmill.storage.schema import prepare
from graphmill.storage.sqlite import connect_reader, connect_writer, translate
from graphmill.storage.writer import Source, Write, Writer

FILE_NAME: Final = "graphmill.sqlite3"
READERS: Final = 3
"""Connections for queries: a long search holds up one of them."""

Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Mapping[str, Any]

_DIALECT: Final = sqlite.dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement as SQLite takes it."""

    text: str
    names: tuple[str, ...]
    """Of the parameters, in the order of their marks."""
    constants: Parameters
    """Those that the statement gives itself."""

    def bind(self, parameters: Parameters) -> Write:
        values = {**self.constants, **parameters}
        return self.text, tuple([values[name] for name in self.names])


class Database:
    """Made by `open_database`. Keep statements in constants: each is compiled only once."""

    def __init__(self, writer: Writer, readers: Sequence[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._readers = [_Reader(connection) for connection in readers]
        self._compiled: WeakKeyDictionary[ClauseElement, Sql] = WeakKeyDictionary()

    def compiled(self, statement: ClauseElement) -> Sql:
        sql = self._compiled.get(statement)
        if sql is None:
            sql = self._compiled[statement] = _compile(statement)
        return sql

    async def fetch_all(self, statement: ClauseElement, **parameters: object) -> list[Row]:
        """The rows of a query. Raises StoreError."""
        text, values = self.compiled(statement).bind(parameters)
        reader = min(self._readers, key=lambda reader: reader.queries)
        return await reader.fetch_all(text, values)

    async def fetch_one(self, statement: ClauseElement, **parameters: object) -> Row | None:
        """The first row of a query. Raises StoreError."""
        rows = await self.fetch_all(statement, **parameters)
        return rows[0] if rows else None

    async def write(self, statement: ClauseElement, **parameters: object) -> None:
        """Return when it is committed. Raises StoreError, and then nothing was written."""
        await self.write_all([(statement, parameters)])

    async def write_all(self, writes: Iterable[tuple[ClauseElement, Parameters]]) -> None:
        """The same for several statements: all or none of them."""
        bound = [self.compiled(statement).bind(parameters) for statement, parameters in writes]
        error = await self.submit(lambda: bound)
        if error is not None:
            raise error

    def submit(
        self, source: Source, *, has_time: bool = False
    ) -> asyncio.Future[StoreError | None]:
        """Write what `source` will give when the next group is made up; see `Writer.submit`."""
        return self._writer.submit(source, has_time=has_time)

    def hurry(self) -> None:
        """Write all that was submitted as soon as possible."""
        self._writer.hurry()

    @property
    def writes_waiting(self) -> int:
        """How many of those submitted do."""
        return self._writer.waiting


class _Reader:
    """One connection for queries."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.queries = 0
        """How many wait for it or are at work."""

    async def fetch_all(self, text: str, values: Row) -> list[Row]:
        self.queries += 1
        try:
            rows = await self._connection.execute_fetchall(text, values)
            return [tuple(row) for row in rows]
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise translate(error) from error
        finally:
            self.queries -= 1


def _compile(statement: ClauseElement) -> Sql:
    compiled = statement.compile(dialect=_DIALECT)
    assert isinstance(compiled, SQLCompiler), "statements are compiled to SQL"
    return Sql(compiled.string, tuple(compiled.positiontup or ()), compiled.params)


@asynccontextmanager
async def open_database(url: str | None, data_dir: Path) -> AsyncIterator[Database]:
    """The database at `url`, or the SQLite file in `data_dir`, with the tables of this version.

    Closing it waits until everything is written. Raises ConfigInvalid or StoreError."""
    if url is not None:
        raise ConfigInvalid("database_url: only SQLite works so far; leave the key out")
    path = data_dir / FILE_NAME
    async with AsyncExitStack() as stack:
        connection = await asyncio.to_thread(_open_file, path)
        writer = Writer(connection)
        stack.push_async_callback(writer.close)
        readers = [
            await stack.enter_async_context(aiosqlite.Connection(lambda: connect_reader(path), 64))
            for _ in range(READERS)
        ]
        yield Database(writer, readers)


def _open_file(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connect_writer(path)))
            prepare(connection, path)
            stack.pop_all()
    except sqlite3.Error as error:
        raise translate(error) from error
    except OSError as error:
        raise StoreDenied(f"The folder {path.parent} cannot be made: {error.strerror}") from error
    return connection
