"""What holds for every file store: whole or not at all."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from graphmill.errors import FileNotFound
from graphmill.files.s3 import PART
from graphmill.ports.files import FileStore
from tests.files.streams import broken, content, pieces

LARGE = [bytes([number]) * 700_001 for number in range(20)]
"""More than two parts of an upload."""


@pytest.mark.parametrize(
    "parts",
    [[b"abc", b"", b"def"], [], LARGE, [b"x" * PART], [b"x" * (2 * PART + 1)]],
    ids=["small", "empty", "large", "just one part", "one large piece"],
)
async def test_what_was_written_is_read_back(store: FileStore, parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert len(whole) == await store.write("ab/one", pieces(*parts))
    assert whole == await content(store, "ab/one")
    assert len(whole) == await store.size("ab/one")


@pytest.mark.parametrize("parts", [[b"first half"], LARGE], ids=["small", "large"])
async def test_a_stream_that_breaks_leaves_nothing_behind(
    store: FileStore, parts: list[bytes]
) -> None:
    with pytest.raises(ConnectionResetError):
        await store.write("broken", broken(*parts))
    assert await store.size("broken") is None


@pytest.mark.parametrize("parts", [[b"new"], LARGE], ids=["small", "large"])
async def test_a_stream_that_breaks_leaves_the_file_of_before(
    store: FileStore, parts: list[bytes]
) -> None:
    await store.write("key", pieces(b"old"))
    with pytest.raises(ConnectionResetError):
        await store.write("key", broken(*parts))
    assert b"old" == await content(store, "key")


async def test_a_cancelled_write_leaves_nothing_behind(store: FileStore) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await store.write("endless", endless())
    assert await store.size("endless") is None


async def test_what_is_not_there_is_not_found(store: FileStore) -> None:
    with pytest.raises(FileNotFound):
        await content(store, "nothing")
    assert await store.size("nothing") is None


async def test_a_download_can_be_left(store: FileStore) -> None:
    await store.write("key", pieces(*LARGE))
    for _ in range(20):
        download = store.open("key")
        assert (await anext(download)).startswith(b"\x00")
        await download.aclose()
    assert b"".join(LARGE) == await content(store, "key")


async def test_many_files_are_written_and_read_at_once(store: FileStore) -> None:
    async def there_and_back(number: int) -> bytes:
        await store.write(f"{number}", pieces(b"%d" % number))
        return await content(store, f"{number}")

    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(there_and_back(number)) for number in range(40)]
    assert [b"%d" % number for number in range(40)] == [each.result() for each in work]


@pytest.mark.parametrize("verb", ["delete", "undo"])
async def test_deleting_twice_is_no_error(store: FileStore, verb: str) -> None:
    await store.write("key", pieces(b"x"))
    await store.write("key-and-more", pieces(b"y"))
    for _ in range(2):
        await getattr(store, verb)("key")
    assert await store.size("key") is None
    assert 1 == await store.size("key-and-more")
