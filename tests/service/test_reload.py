"""Files that change while the server runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from graphmill.errors import StoreUnreachable
from graphmill.service.apps.catalog import App
from graphmill.service.services import Services
from tests.service.world import app_of, echo, opened, run, start, waiting

APP = {"workflow": "echo.yml"}


async def until(services: Services, seen: Callable[[App], bool]) -> App:
    """The app as soon as it is as wanted."""
    async with asyncio.timeout(10):
        while True:
            app = app_of(services)
            if seen(app):
                return app
            await asyncio.sleep(0.02)


async def watched(services: Services, file: Path) -> None:
    """Return when the watcher is at work: it begins a moment after the server does."""
    text, first = file.read_text(), app_of(services).current
    assert first is not None
    async with asyncio.timeout(10):
        while app_of(services).current is first:
            file.write_text(f"{text}# {asyncio.get_running_loop().time()}\n")
            await asyncio.sleep(0.1)
    file.write_text(text)
    await until(services, lambda app: app.published_version().id == first.id)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "echo.yml"
    file.write_text(echo(output="before"))
    return file


async def test_changed_file_runs_from_then_on(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        old = app_of(services)
        file.write_text(echo(output="after"))
        new = await until(services, lambda app: app != old)
        assert old.id == new.id
        assert old.published_version().id != new.published_version().id
        assert {"after": "hello"} == (await run(services, {"q": "hello"})).outputs


async def test_run_keeps_the_version_it_began_with(
    tmp_path: Path, file: Path, echo_url: str
) -> None:
    file.write_text(waiting(output="before"))
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        old = app_of(services).published_version()
        live = await start(services, {"url": f"{echo_url}/sleep/1"})
        file.write_text(waiting(output="after"))
        await until(services, lambda app: app.current is not old)
        assert services.runs.find_live(app_of(services), live.run.id) is live
        assert {"before": "slept"} == (await live.feed.finished()).outputs
        assert old.id == (await services.runs.get(app_of(services), live.run.id)).workflow_id


@pytest.mark.parametrize("text", ["app: [", "", "app: {name: A, mode: workflow}"])
async def test_broken_file_leaves_the_version_before(
    tmp_path: Path, file: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        old = app_of(services)
        file.write_text(text)
        broken = await until(services, lambda app: app.problems != ())
        assert (old.info, old.workflow) == (broken.info, broken.workflow)
        assert old.published_version() is broken.published_version()
        assert {"before": "hello"} == (await run(services, {"q": "hello"})).outputs
    assert f"goes on with the version before: {file}:" in caplog.text


async def test_mended_file_has_no_problems_any_more(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        text, old = file.read_text(), app_of(services)
        file.write_text("app: [")
        await until(services, lambda app: app.problems != ())
        file.write_text(text)
        mended = await until(services, lambda app: app.problems == ())
        assert old.published_version().id == mended.published_version().id


async def test_file_that_comes_back_is_the_version_it_was(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        text, old = file.read_text(), app_of(services)
        file.unlink()
        gone = await until(services, lambda app: app.problems != ())
        assert old.published_version() is gone.published_version()
        file.write_text(text)
        back = await until(services, lambda app: app.problems == ())
        assert old.published_version().name == back.published_version().name


async def test_file_put_in_place_by_renaming_is_seen(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        await watched(services, file)
        old = app_of(services)
        beside = tmp_path / ".echo.yml.swp"
        beside.write_text(echo(output="after"))
        beside.replace(file)
        await until(services, lambda app: app != old)
        assert {"after": "hello"} == (await run(services, {"q": "hello"})).outputs


async def test_file_behind_a_symbolic_link_is_seen(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "echo.yml").write_text(echo(output=folder.name))
    current = tmp_path / "current"
    current.symlink_to("one")
    (tmp_path / "echo.yml").symlink_to("current/echo.yml")
    async with opened(tmp_path, APP) as services:
        # A link cannot be written through without changing what it leads to: wait by another file.
        await asyncio.sleep(0.5)
        beside = tmp_path / "beside"
        beside.symlink_to("two")
        beside.replace(current)
        old = app_of(services)
        await until(services, lambda app: app != old)
        assert {"two": "hello"} == (await run(services, {"q": "hello"})).outputs


async def test_reading_the_same_again_changes_nothing(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        old = app_of(services)
        await services.catalog.reload(old)
        assert old is app_of(services)


async def test_problem_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path, APP) as services:
        await services.catalog.reload(app_of(services))
    assert 1 == caplog.text.count("file-unreadable")


async def test_version_that_could_not_be_stored_is_tried_again(tmp_path: Path, file: Path) -> None:
    async with opened(tmp_path, APP) as services:
        app = app_of(services)
    file.write_text(echo(output="after"))
    for _ in range(2):
        with pytest.raises(StoreUnreachable):
            await services.catalog.reload(app)
    assert app is app_of(services)
