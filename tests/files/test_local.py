"""What only a folder can do wrong."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.errors import StoreDenied, StoreUnreachable
from graphmill.files.local import LocalFiles
from tests.files.streams import broken, pieces


async def test_a_stream_that_breaks_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await LocalFiles(tmp_path).write("broken", broken(b"first half"))
    assert [] == list(tmp_path.iterdir())


async def test_what_a_process_left_that_died_is_undone(tmp_path: Path) -> None:
    writing = _Frozen()
    files = LocalFiles(tmp_path)
    await files.write("key", writing.stream(tmp_path))
    (tmp_path / ".key.part").write_bytes(writing.seen)
    await files.undo("key")
    assert [] == list(tmp_path.iterdir())


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


class _Frozen:
    """Looks at the folder while a file is being written, as a crash would leave it."""

    def __init__(self) -> None:
        self.seen = b""

    async def stream(self, folder: Path) -> AsyncIterator[bytes]:
        yield bytes(1024 * 1024)
        [part] = folder.iterdir()
        assert ".key.part" == part.name
        self.seen = part.read_bytes()
