"""Files of a run without a file store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.engine.run import Run
from graphmill.errors import FileNotFound, InvalidParameter
from graphmill.service.files.loose import LooseFiles
from graphmill.variables.file_references import FileReference
from graphmill.variables.files import File, TransferMethod
from tests.outbound.loopback import loopback_client

RUN = Run("run", "task", "app", "workflow", "", 1, "user", "terminal", {}, 0.0)


@pytest.fixture
async def files() -> AsyncIterator[LooseFiles]:
    async with loopback_client() as http:
        yield LooseFiles(http)


def local(file_id: str) -> FileReference:
    return FileReference(TransferMethod.LOCAL_FILE, stored_id=file_id)


async def test_file_that_was_laid_open_can_be_read(files: LooseFiles, tmp_path: Path) -> None:
    path = tmp_path / "Plan.TXT"
    path.write_bytes(b"hello")
    file_id = files.add(path)
    file = await files.find(local(file_id))
    expected = File(
        type="document",
        transfer_method="local_file",
        filename="Plan.TXT",
        extension=".txt",
        mime_type="text/plain",
        size=5,
        related_id=file_id,
    )
    assert (expected, path.as_uri()) == (file, file.url)
    assert b"hello" == await files.read(file, limit=5)
    with pytest.raises(ValueError, match="more than 4 bytes"):
        await files.read(file, limit=4)


async def test_other_files_cannot(files: LooseFiles) -> None:
    with pytest.raises(InvalidParameter, match="Invalid upload file"):
        await files.find(local("unknown"))
    with pytest.raises(FileNotFound):
        await files.read(File("document", "local_file", related_id="unknown"), limit=5)


async def test_file_of_the_web_is_fetched(files: LooseFiles, echo_url: str) -> None:
    url = f"{echo_url}/pic.png"
    file = await files.find(FileReference(TransferMethod.REMOTE_URL, url=url))
    assert b"\x89PNG" == (await files.read(file, limit=100))[:4]


async def test_name_of_a_made_file_is_no_path(files: LooseFiles) -> None:
    made = await files.save(b"made", filename="../../a.txt", mime_type="text/plain", run=RUN)
    assert ("../../a.txt", "tool_file") == (made.filename, made.transfer_method)
    assert b"made" == await files.read(made, limit=10)
    path = Path((made.url or "").removeprefix("file://"))
    assert (b"made", f"{made.related_id}.txt") == (path.read_bytes(), path.name)
    other = await files.save(b"", filename="b", mime_type="image/png", run=RUN)
    assert ("image", path.parent) == (
        other.type,
        Path((other.url or "").removeprefix("file://")).parent,
    )
