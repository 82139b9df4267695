"""Group commits: what goes together, what fails alone, and what those who wait are told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import StoreDenied, StoreError, StoreFull, StoreUnreachable
from graphmill.storage.sqlite import connect_writer
from graphmill.storage.writer import GROUP, Write, Writer

INSERT = "INSERT INTO words VALUES (?)"


class Words:
    """A table of unique words, and the connection that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = connect_writer(path)
        self.connection.execute("CREATE TABLE words (word TEXT NOT NULL UNIQUE)")
        self.statements: list[str] = []
        self.connection.set_trace_callback(self.statements.append)

    def stored(self) -> set[str]:
        with sqlite3.connect(self.path) as reader:
            rows = reader.execute("SELECT word FROM words").fetchall()
        reader.close()
        return {word for (word,) in rows}

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path / "words.sqlite3")


@pytest.fixture
async def writer(words: Words) -> AsyncIterator[Writer]:
    writer = Writer(words.connection)
    yield writer
    await writer.close()


def submit(
    writer: Writer, *words: str | None, has_time: bool = False
) -> asyncio.Future[StoreError | None]:
    writes: list[Write] = [(INSERT, (word,)) for word in words]
    return writer.submit(lambda: writes, has_time=has_time)


async def test_writes_of_one_turn_of_the_loop_share_a_commit(words: Words, writer: Writer) -> None:
    outcomes = await asyncio.gather(*(submit(writer, f"w{i}") for i in range(50)))
    assert [None] * 50 == outcomes
    assert {f"w{i}" for i in range(50)} == words.stored()
    assert 1 == words.commits


async def test_a_source_is_asked_when_its_group_is_made_up(words: Words, writer: Writer) -> None:
    gathered: list[Write] = []
    future = writer.submit(lambda: gathered)
    gathered.append((INSERT, ("late",)))
    assert await future is None
    assert {"late"} == words.stored()


async def test_a_large_backlog_is_written_in_several_groups(words: Words, writer: Writer) -> None:
    await asyncio.gather(*(submit(writer, f"w{i}") for i in range(GROUP + 1)))
    assert GROUP + 1 == len(words.stored())
    assert 2 == words.commits


async def test_writes_that_come_while_one_is_under_way_are_written_too(
    words: Words, writer: Writer
) -> None:
    first = submit(writer, "first")
    await asyncio.sleep(0)
    second = submit(writer, "second")
    assert (None, None) == (await first, await second)
    assert {"first", "second"} == words.stored()


async def test_who_has_time_goes_along_with_the_next(words: Words, writer: Writer) -> None:
    patient = [submit(writer, f"p{i}", has_time=True) for i in range(3)]
    await asyncio.sleep(0.01)
    assert set() == words.stored()
    await submit(writer, "urgent")
    assert [None] * 3 == [future.result() for future in patient]
    assert 1 == words.commits


async def test_who_has_time_waits_for_a_while_only(
    words: Words, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphmill.storage.writer.LEISURE_SECONDS", 0.01)
    for word in ("a", "b"):
        await submit(writer, word, has_time=True)
    assert {"a", "b"} == words.stored()


async def test_who_has_time_can_be_hurried(words: Words, writer: Writer) -> None:
    writer.hurry()
    patient = submit(writer, "a", has_time=True)
    writer.hurry()
    assert await patient is None
    assert 1 == words.commits


async def test_a_row_at_fault_fails_alone(words: Words, writer: Writer) -> None:
    good, bad, also_good = submit(writer, "a"), submit(writer, None), submit(writer, "b")
    assert await good is None
    assert isinstance(await bad, StoreError)
    assert await also_good is None
    assert {"a", "b"} == words.stored()


@pytest.mark.parametrize(
    "value",
    [2**70, "\ud800", object(), "taken"],
    ids=["number too large", "no UTF-8", "no type of SQL", "duplicate"],
)
async def test_whatever_is_wrong_with_a_row_the_others_are_written(
    words: Words, writer: Writer, value: object
) -> None:
    await submit(writer, "taken")
    bad = writer.submit(lambda: [(INSERT, (value,))])
    good = submit(writer, "good")
    assert isinstance(await bad, StoreError)
    assert await good is None


async def test_writes_of_one_source_are_all_or_nothing(words: Words, writer: Writer) -> None:
    assert isinstance(await submit(writer, "a", None, "b"), StoreError)
    assert set() == words.stored()


async def test_a_source_that_fails_does_not_stop_the_others(words: Words, writer: Writer) -> None:
    def broken() -> list[Write]:
        raise ValueError("nested too deep")

    bad, good = writer.submit(broken), submit(writer, "good")
    assert "This cannot be stored: nested too deep" == str(await bad)
    assert await good is None


@pytest.mark.parametrize(
    ("pragma", "error"),
    [
        pytest.param("max_page_count = 2", StoreFull, id="disk full"),
        pytest.param("query_only = ON", StoreDenied, id="read-only"),
    ],
)
async def test_trouble_of_the_whole_database_is_told_to_all_and_passes(
    words: Words, writer: Writer, pragma: str, error: type[StoreError]
) -> None:
    words.connection.execute(f"PRAGMA {pragma}")
    big = "x" * 100_000
    outcomes = await asyncio.gather(submit(writer, big), submit(writer, big + "y"))
    assert [error, error] == [type(outcome) for outcome in outcomes]
    words.connection.execute("PRAGMA max_page_count = 1000000")
    words.connection.execute("PRAGMA query_only = OFF")
    assert await submit(writer, big) is None
    assert {big} == words.stored()


async def test_a_database_locked_by_another_process_is_unreachable(
    words: Words, writer: Writer
) -> None:
    words.connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(words.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert isinstance(await submit(writer, "a"), StoreUnreachable)
    other.execute("COMMIT")
    other.close()
    assert await submit(writer, "a") is None


async def test_who_is_cancelled_while_waiting_harms_nobody(words: Words, writer: Writer) -> None:
    cancelled, good = submit(writer, "a"), submit(writer, "b")
    cancelled.cancel()
    assert await good is None
    assert {"a", "b"} == words.stored()


@pytest.mark.parametrize("has_time", [False, True])
async def test_closing_writes_what_waits(words: Words, has_time: bool) -> None:
    writer = Writer(words.connection)
    futures = [submit(writer, f"w{i}", has_time=has_time) for i in range(2 * GROUP)]
    await writer.close()
    assert {None} == {future.result() for future in futures}
    assert 2 * GROUP == len(words.stored())


async def test_a_closed_writer_refuses(words: Words) -> None:
    writer = Writer(words.connection)
    await writer.close()
    assert isinstance(await submit(writer, "a"), StoreUnreachable)


async def test_a_backlog_without_end_is_refused(words: Words) -> None:
    writer = Writer(words.connection, backlog=2)
    outcomes = await asyncio.gather(*(submit(writer, f"w{i}") for i in range(3)))
    assert [None, None, StoreUnreachable] == [outcome and type(outcome) for outcome in outcomes]
    await writer.close()
