"""Every file store passes the same tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.files.local import LocalFiles
from graphmill.files.s3 import S3Files
from graphmill.ports.files import FileStore


@pytest.fixture(params=["local", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    if request.param == "local":
        yield LocalFiles(tmp_path / "files")
        return
    files = S3Files(request.getfixturevalue("s3"))
    yield files
    await files.close()
