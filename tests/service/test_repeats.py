"""Requests that callers send again under one key."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from graphmill.engine.run import RequestKey
from graphmill.errors import KeyReused
from graphmill.service.runs.runs import LiveRun
from graphmill.service.services import Services
from graphmill.storage.database import FILE_NAME
from graphmill.storage.runs import RunRecord
from tests.service.world import USER, app_of, opened

KEY = RequestKey("key", "fingerprint")


async def ask(services: Services, key: RequestKey = KEY) -> LiveRun | RunRecord:
    app = app_of(services)
    user = await services.end_users.ensure(app.id, USER)
    start = partial(
        services.runs.start, app, app.published_version(), inputs={"q": "x"}, files=(), user=user
    )
    return await services.repeats.once(app, key, lambda key: start(request_key=key))


@contextmanager
def database_that_takes_nothing(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "data" / FILE_NAME)) as connection:
        connection.execute("begin immediate")
        yield


async def test_key_leads_to_its_run_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        live = await ask(services)
        assert isinstance(live, LiveRun)
        end = await live.feed.finished()
    async with opened(tmp_path) as services:
        record = await ask(services)
        assert isinstance(record, RunRecord)
        with pytest.raises(KeyReused):
            await ask(services, RequestKey(KEY.text, "another"))
    assert (live.run.id, end.outputs) == (record.id, record.outputs)


async def test_run_that_cannot_be_stored_yet_is_not_started_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        await services.end_users.ensure(app_of(services).id, USER)
        with database_that_takes_nothing(tmp_path):
            first, again = await ask(services), await ask(services)
            assert first is again
            with pytest.raises(KeyReused):
                await ask(services, RequestKey(KEY.text, "another"))
        assert isinstance(first, LiveRun)
        await first.feed.finished()
