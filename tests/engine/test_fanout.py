"""One run's events to many readers: early, late, slow, gone; and what stays in memory."""

import asyncio
from collections.abc import Callable

import pytest

from graphmill.engine import fanout
from graphmill.engine.events import RunFinished, RunStatus, TextChunk
from graphmill.engine.fanout import BATCH, Feed
from graphmill.ports.runs import NumberedEvent

FIRST = 1 << 32


def chunk(number: int) -> TextChunk:
    return TextChunk(("l", "text"), str(number))


def end() -> RunFinished:
    return RunFinished(RunStatus.SUCCEEDED, {}, None, 0.0, 0, 0, 0, 0.0)


def fill(feed: Feed, *numbers: int) -> None:
    for number in numbers:
        feed.append(chunk(number))
    feed.publish()


def finish(feed: Feed) -> None:
    feed.append(end())
    feed.publish()


class Memory:
    """What the journal holds: `feed.pending()` so far."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.rows: list[NumberedEvent] = []
        self.asked: list[int] = []

    def record(self) -> None:
        self.rows += self.feed.pending()
        self.feed.recorded()

    async def history(self, after: int) -> list[NumberedEvent]:
        self.asked.append(after)
        return [entry for entry in self.rows if entry[0] > after]


async def nothing(after: int) -> list[NumberedEvent]:
    raise AssertionError("the journal is not needed here")


async def read(
    feed: Feed, *, after: int = 0, history: fanout.History = nothing
) -> list[NumberedEvent]:
    return [entry async for batch in feed.follow(history, after=after) for entry in batch]


def texts(entries: list[NumberedEvent]) -> list[str]:
    return [event.text for _, event in entries if isinstance(event, TextChunk)]


async def test_a_reader_gets_everything_in_order_and_numbered() -> None:
    feed = Feed("run")
    async with asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read(feed))
        await asyncio.sleep(0)
        fill(feed, 1, 2)
        await asyncio.sleep(0)
        fill(feed, 3)
        finish(feed)

    assert [
        (FIRST + 1, chunk(1)),
        (FIRST + 2, chunk(2)),
        (FIRST + 3, chunk(3)),
        (FIRST + 4, end()),
    ] == reader.result()


async def test_a_batch_holds_all_that_is_ready() -> None:
    feed = Feed("run")
    fill(feed, 1, 2)
    fill(feed, 3)
    follower = feed.follow(nothing)

    assert ["1", "2", "3"] == texts(await anext(follower))
    fill(feed, 4, 5)
    finish(feed)
    assert ["4", "5"] == texts(await anext(follower))
    with pytest.raises(StopAsyncIteration):
        await anext(follower)


async def test_what_is_not_published_is_not_seen() -> None:
    feed = Feed("run")
    fill(feed, 1)
    feed.append(chunk(2))
    follower = feed.follow(nothing)

    assert ["1"] == texts(await anext(follower))
    assert FIRST + 1 == feed.position
    feed.amend(chunk(3))
    feed.publish()
    assert ["3"] == texts(await anext(follower))


async def test_many_readers_read_at_their_own_pace() -> None:
    feed = Feed("run")

    async def slow(pause: Callable[[], float]) -> list[NumberedEvent]:
        seen = []
        async for batch in feed.follow(nothing):
            seen += batch
            await asyncio.sleep(pause())
        return seen

    async with asyncio.TaskGroup() as tasks:
        readers = [
            tasks.create_task(slow(lambda number=number: number % 3 / 1000))
            for number in range(200)
        ]
        for number in range(20):
            fill(feed, number)
            await asyncio.sleep(0.001)
        finish(feed)

    expected = [str(number) for number in range(20)]
    assert all(expected == texts(reader.result()) for reader in readers)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(0, ["1", "2", "3"], id="from the beginning"),
        pytest.param(FIRST, ["1", "2", "3"], id="before the first event"),
        pytest.param(FIRST + 2, ["3"], id="from the middle"),
        pytest.param(FIRST + 3, [], id="only the end"),
        pytest.param(FIRST + 4, [], id="after the end"),
        pytest.param(FIRST + 99, [], id="from a number that never was"),
    ],
)
async def test_a_late_reader_of_a_finished_run(after: int, expected: list[str]) -> None:
    feed = Feed("run")
    fill(feed, 1, 2, 3)
    finish(feed)

    async with asyncio.timeout(1):
        assert expected == texts(await read(feed, after=after))


async def test_a_number_that_never_was_means_from_now_on() -> None:
    feed = Feed("run")
    fill(feed, 1)
    async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read(feed, after=FIRST + 99))
        await asyncio.sleep(0)
        fill(feed, 2)
        finish(feed)

    assert ["2"] == texts(reader.result())


async def test_a_reader_behind_the_window_reads_on_from_the_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 10)
    feed = Feed("run")
    memory = Memory(feed)
    follower = feed.follow(memory.history)
    fill(feed, 0)
    assert ["0"] == texts(await anext(follower))
    fill(feed, *range(1, 100))
    memory.record()
    fill(feed, *range(100, 105))
    memory.record()
    finish(feed)

    rest = [entry async for batch in follower for entry in batch]
    assert [str(number) for number in range(1, 105)] == texts(rest)
    assert [FIRST + number for number in range(2, 107)] == [number for number, _ in rest]
    assert [FIRST + 1] == memory.asked


async def test_a_reader_has_until_the_next_commit_to_take_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 2)
    feed = Feed("run")
    memory = Memory(feed)
    fill(feed, *range(8))
    memory.record()
    assert [str(number) for number in range(8)] == texts(await anext(feed.follow(nothing)))


async def test_a_reader_goes_on_when_the_journal_has_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 2)
    feed = Feed("run")
    memory = Memory(feed)
    fill(feed, 1, 2, 3, 4)
    memory.record()
    memory.record()
    memory.rows = []
    finish(feed)

    assert ["3", "4"] == texts(await read(feed, history=memory.history))


async def test_the_journal_may_know_the_end_before_it_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 2)
    feed = Feed("run")
    memory = Memory(feed)
    fill(feed, *range(8))
    feed.append(end())
    memory.record()
    async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read(feed, history=memory.history))
        await asyncio.sleep(0.01)
        feed.publish()

    assert [FIRST + number for number in range(1, 10)] == [number for number, _ in reader.result()]


async def test_only_what_the_journal_holds_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 10)
    feed = Feed("run")
    fill(feed, *range(300))
    feed.pending()
    fill(feed, *range(300, 1000))
    assert 1000 == feed.backlog

    feed.recorded()
    assert 700 == feed.backlog
    follower = feed.follow(nothing, after=FIRST + 300)
    assert [str(number) for number in range(300, 300 + BATCH)] == texts(await anext(follower))


async def test_memory_is_bounded_by_window_and_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "WINDOW", 10)
    feed = Feed("run")
    memory = Memory(feed)
    for number in range(1000):
        fill(feed, number)
        if feed.backlog == 20:
            memory.record()
        assert len(feed._events) <= 50

    assert 1000 == feed.count


async def test_a_later_owner_puts_its_events_behind_those_before() -> None:
    feed = Feed("run", epoch=2)
    before = [(FIRST + 1, chunk(1)), (FIRST + 2, chunk(2))]

    async def history(after: int) -> list[NumberedEvent]:
        return [entry for entry in before if entry[0] > after]

    fill(feed, 3)
    finish(feed)

    assert ["1", "2", "3"] == texts(await read(feed, history=history))
    assert ["2", "3"] == texts(await read(feed, history=history, after=FIRST + 1))
    assert ["3"] == texts(await read(feed, history=history, after=FIRST + 2))
    assert [] == texts(await read(feed, after=(2 << 32) + 1))


async def test_events_of_this_owner_are_not_read_twice() -> None:
    feed = Feed("run", epoch=2)
    memory = Memory(feed)
    memory.rows = [(FIRST + 1, chunk(1))]
    fill(feed, 2)
    memory.record()
    finish(feed)

    assert ["1", "2"] == texts(await read(feed, history=memory.history))


async def test_waiting_for_the_end() -> None:
    feed = Feed("run")
    async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(feed.finished()) for _ in range(3)]
        fill(feed, 1)
        await asyncio.sleep(0)
        assert not feed.is_finished
        finish(feed)

    assert [end()] * 3 == [task.result() for task in waiting]
    assert end() == await feed.finished()


async def test_a_reader_that_goes_away_leaves_nothing_behind() -> None:
    feed = Feed("run")
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read(feed)) for _ in range(10)]
        await asyncio.sleep(0)
        for reader in readers[::2]:
            reader.cancel()
        await asyncio.sleep(0)
        assert 5 == len(feed._readers)
        finish(feed)

    assert [] == feed._readers
    assert all([(FIRST + 1, end())] == reader.result() for reader in readers[1::2])


@pytest.mark.parametrize("is_woken_first", [True, False])
async def test_a_reader_that_goes_away_while_it_is_woken_disturbs_nobody(
    is_woken_first: bool,
) -> None:
    feed = Feed("run")
    async with asyncio.TaskGroup() as tasks:
        gone, stays = tasks.create_task(read(feed)), tasks.create_task(read(feed))
        await asyncio.sleep(0)
        if is_woken_first:
            fill(feed, 1)
            gone.cancel()
        else:
            gone.cancel()
            fill(feed, 1)
        finish(feed)

    assert gone.cancelled()
    assert ["1"] == texts(stays.result())


def test_the_journal_gets_each_event_once() -> None:
    feed = Feed("run")
    fill(feed, 1, 2)
    assert [(FIRST + 1, chunk(1)), (FIRST + 2, chunk(2))] == feed.pending()
    assert [] == feed.pending()
    feed.append(chunk(3))
    assert [(FIRST + 3, chunk(3))] == feed.pending()


def test_an_amended_event_is_handed_over_again() -> None:
    feed = Feed("run")
    fill(feed, 1)
    feed.append(chunk(2))
    feed.pending()
    feed.amend(chunk(3))

    assert [(FIRST + 2, chunk(3))] == feed.pending()


async def test_a_reader_is_given_a_little_at_a_time() -> None:
    feed = Feed("run")
    fill(feed, *range(3 * BATCH))
    finish(feed)
    sizes = [len(batch) async for batch in feed.follow(nothing)]
    assert [BATCH, BATCH, BATCH, 1] == sizes
