"""A database of its own for each test, as a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmill.storage.database import Database, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(None, tmp_path / "data") as database:
        yield database
