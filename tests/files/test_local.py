"""The folder store: whole or not at all."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import FileNotFound, StoreDenied, StoreUnreachable
from graphmill.files.local import LocalFiles


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def content(store: LocalFiles, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.open(key)])


async def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path / "files")
    assert 6 == await store.write("uploads/ab/one", pieces(b"abc", b"", b"def"))
    assert b"abcdef" == await content(store, "uploads/ab/one")


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    assert 0 == await store.write("empty", pieces())
    assert b"" == await content(store, "empty")


async def test_a_stream_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first half"
        raise ConnectionResetError

    store = LocalFiles(tmp_path)
    with pytest.raises(ConnectionResetError):
        await store.write("broken", broken())
    assert [] == list(tmp_path.iterdir())


async def test_a_stream_that_breaks_leaves_the_file_of_before(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"new"
        raise ConnectionResetError

    store = LocalFiles(tmp_path)
    await store.write("key", pieces(b"old"))
    with pytest.raises(ConnectionResetError):
        await store.write("key", broken())
    assert b"old" == await content(store, "key")


async def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFound):
        await content(LocalFiles(tmp_path), "nothing")


async def test_deleting_twice_is_no_error(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    await store.write("key", pieces(b"x"))
    await store.delete("key")
    await store.delete("key")
    with pytest.raises(FileNotFound):
        await content(store, "key")


async def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file stands where the folder should be")
    with pytest.raises(StoreUnreachable):
        await LocalFiles(tmp_path / "files").write("key", pieces(b"x"))


async def test_a_refusal_of_the_system_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the system's answer is put in place of a real refusal.
    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreDenied, match="Permission denied"):
        await LocalFiles(tmp_path).write("key", pieces(b"x"))
    assert [] == list(tmp_path.iterdir())


async def test_a_key_never_leaves_the_folder(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        await LocalFiles(tmp_path / "files").write("../outside", pieces(b"x"))
