"""The database fails, for real: what callers and operators are told (`nextcloud-ocs §9`)."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from graphmill.storage.database import FILE_NAME
from tests.api.ocs.client import TI, TP, TX, opened

ORDER = {"input": {"input": "x"}, "type": "core:text2text", "appId": "test"}
TEXT = {"input": "x", "type": r"OCP\TextProcessing\FreePromptTaskType", "appId": "test"}


async def test_database_that_fails_is_told(
    tmp_path: Path, echo_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as other:
            other.execute("ALTER TABLE ocs_tasks RENAME TO elsewhere")
        orders = [
            await ocs.post(f"{TP}/schedule", ORDER),
            await ocs.post(f"{TX}/schedule", TEXT),
            await ocs.post(f"{TI}/schedule", {"input": "cat", "appId": "test"}),
        ]
        others = [await ocs.get(f"{api}/task/1") for api in (TP, TX, TI)]
    failed = [(500, 500, "Internal server error")] * 3
    assert failed == [(each.status, each.code, each.message) for each in orders]
    failed = [(500, 500, "Internal error")] * 3
    assert failed == [(each.status, each.code, each.message) for each in others]
    assert "ocs_tasks" not in "".join(each.response.text for each in (*orders, *others))
    assert "graphmill doctor" in caplog.text
