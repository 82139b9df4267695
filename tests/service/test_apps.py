"""Apps: their files, keys and versions."""

from pathlib import Path

import pytest

from graphmill.dsl.model import AppMode
from graphmill.errors import NotPublished, VersionIdMalformed, VersionNotFound, WorkflowInvalid
from graphmill.ids import workflow_id_of
from graphmill.service.apps.reading import read_workflow
from tests.dsl.files import node, workflow_text
from tests.service.world import TEXT, app_of, echo, opened, run

KEY = "app-of-my-own"


async def test_app_is_found_by_each_of_its_keys(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    keys = [KEY, "another"]
    async with opened(tmp_path, {"workflow": "echo.yml", "api_keys": keys}) as services:
        found = [services.catalog.find_by_key(key) for key in keys]
        assert [app_of(services)] * 2 == found
        assert tuple(keys) == services.catalog.keys(app_of(services))


@pytest.mark.parametrize("key", ["", "app-", KEY.upper(), f"{KEY} ", "app-\udcff"])
async def test_no_app_is_found_by_another_key(tmp_path: Path, key: str) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    async with opened(tmp_path, {"workflow": "echo.yml", "api_keys": [KEY]}) as services:
        assert services.catalog.find_by_key(key) is None


async def test_app_without_a_key_keeps_the_one_that_was_made(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        [key] = services.catalog.keys(app_of(services))
    async with opened(tmp_path) as services:
        assert app_of(services) == services.catalog.find_by_key(key)


async def test_ids_are_the_same_on_every_server(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        async with opened(folder) as services:
            app = app_of(services)
            ids.append((app.id, app.published_version().id))
    assert ids[0] == ids[1]


async def test_line_ends_make_no_other_version(tmp_path: Path) -> None:
    path = tmp_path / "echo.yml"
    path.write_bytes(echo().replace("\n", "\r\n").encode())
    async with opened(tmp_path, {"workflow": "echo.yml"}) as services:
        app = app_of(services)
        assert workflow_id_of(app.id, echo()) == app.published_version().id


async def test_version_is_named_by_when_it_was_first_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        before = app_of(services).published_version()
    async with opened(tmp_path) as services:
        after = app_of(services).published_version()
    assert (before.name, before.created_at) == (after.name, after.created_at)
    assert len("2026-11-21 10:00:00.123456") == len(after.name)


async def test_configuration_names_the_app(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    async with opened(tmp_path, {"workflow": "echo.yml", "name": "Mine"}) as services:
        assert "Mine" == app_of(services).info.name


async def test_configuration_overrides_environment_variables(tmp_path: Path) -> None:
    start = node("start", "start", title="Start", variables=[])
    outputs = [{"variable": "token", "value_selector": ["env", "token"]}]
    end = node("end", "end", title="End", outputs=outputs)
    variable = {"name": "token", "value_type": "string", "value": "from the file"}
    text = workflow_text(
        [start, end],
        [{"source": "start", "sourceHandle": "source", "target": "end"}],
        environment_variables=[variable],
    )
    (tmp_path / "echo.yml").write_text(text)
    app = {"workflow": "echo.yml", "environment": {"token": "from the configuration"}}
    async with opened(tmp_path, app) as services:
        assert {"token": "from the configuration"} == (await run(services, {})).outputs


async def test_unpublished_app_has_nothing_to_run(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    async with opened(tmp_path, {"workflow": "echo.yml", "published": False}) as services:
        app = app_of(services)
        assert app.current is not None
        with pytest.raises(NotPublished):
            app.published_version()
        with pytest.raises(VersionNotFound):
            await services.catalog.version(app, app.current.id)


# --- files that cannot run -------------------------------------------------------------------


async def test_app_without_a_file_is_there_with_its_problem(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, {"workflow": "echo.yml"}) as services:
        app = app_of(services)
    assert ["file-unreadable"] == [problem.code for problem in app.problems]
    assert ("echo", AppMode.WORKFLOW, {}) == (app.info.name, app.info.mode, app.features)
    assert f"{tmp_path / 'echo.yml'}:1:1: error[file-unreadable]" in caplog.text
    with pytest.raises(WorkflowInvalid, match="No such file"):
        app.published_version()


async def test_file_that_can_be_read_and_not_run_tells_about_the_app(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start = node("start", "start", title="Start", variables=[dict(TEXT)])
    text = workflow_text([start, node("x", "no-such-type")], features={"opening_statement": "Hi"})
    (tmp_path / "echo.yml").write_text(text)
    async with opened(tmp_path, {"workflow": "echo.yml"}) as services:
        app = app_of(services)
    assert ("Test", "Hi") == (app.info.name, app.features["opening_statement"])
    assert app.current is None
    assert app.workflow is not None
    [problem] = app.problems
    assert f"echo.yml:{problem.place.line}:{problem.place.column}: error[" in caplog.text


async def test_broken_app_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("app: [")
    (tmp_path / "echo.yml").write_text(echo())
    apps = ({"workflow": "broken.yml"}, {"workflow": "echo.yml"})
    async with opened(tmp_path, *apps) as services:
        assert ["broken", "echo"] == [app.slug for app in services.catalog.apps]
        assert {"out": "hello"} == (await run(services, {"q": "hello"})).outputs


# --- versions by their id --------------------------------------------------------------------


async def test_earlier_version_stays_runnable_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo(output="before"))
    async with opened(tmp_path, {"workflow": "echo.yml"}) as services:
        earlier = app_of(services).published_version()
    (tmp_path / "echo.yml").write_text(echo(output="after"))
    async with opened(tmp_path, {"workflow": "echo.yml"}) as services:
        app = app_of(services)
        found = await services.catalog.version(app, earlier.id)
        assert (earlier.id, earlier.name) == (found.id, found.name)
        live = await services.runs.start(
            app,
            found,
            inputs={"q": "hello"},
            files=(),
            user=await services.end_users.ensure(app.id, "somebody"),
        )
        assert {"before": "hello"} == (await live.feed.finished()).outputs
        assert found is await services.catalog.version(app, earlier.id)


async def test_current_version_is_found_by_its_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as services:
        app = app_of(services)
        current = app.published_version()
        assert current is await services.catalog.version(app, current.id.upper())


async def test_version_of_another_app_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "echo.yml").write_text(echo())
    (tmp_path / "other.yml").write_text(echo(output="other"))
    apps = ({"workflow": "echo.yml"}, {"workflow": "other.yml"})
    async with opened(tmp_path, *apps) as services:
        foreign = app_of(services, "other").published_version()
        with pytest.raises(VersionNotFound) as refusal:
            await services.catalog.version(app_of(services), foreign.id)
    assert f"Workflow not found with id: {foreign.id}" == str(refusal.value)


@pytest.mark.parametrize("version_id", ["draft", "", "1234"])
async def test_id_that_is_no_uuid_is_malformed(tmp_path: Path, version_id: str) -> None:
    async with opened(tmp_path) as services:
        with pytest.raises(VersionIdMalformed) as refusal:
            await services.catalog.version(app_of(services), version_id)
    assert f"Invalid workflow_id format: '{version_id}'. " == str(refusal.value)


async def test_file_that_we_choke_on_leaves_the_others_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No file is known that does this, so there is nothing real to show it with.
    def choke(content: bytes, *_: object, **__: object) -> object:
        if b"choke" in content:
            raise RecursionError("too deep")
        return read_workflow(content, *_, **__)

    monkeypatch.setattr("graphmill.service.apps.catalog.read_workflow", choke)
    (tmp_path / "odd.yml").write_text(echo(output="choke"))
    (tmp_path / "echo.yml").write_text(echo())
    async with opened(tmp_path, {"workflow": "odd.yml"}, {"workflow": "echo.yml"}) as services:
        assert ["internal-error"] == [each.code for each in app_of(services, "odd").problems]
        assert {"out": "hello"} == (await run(services, {"q": "hello"})).outputs
    assert "RecursionError" in caplog.text
