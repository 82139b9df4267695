"""Apps as tools of other apps: inputs in, outputs back, depth, files and cancellation."""

import asyncio
from pathlib import Path
from typing import Any

from graphmill.engine.events import RunFinished, RunStatus
from graphmill.ports.tools import Invocation
from graphmill.service.runs.app_calls import AppCalls
from graphmill.service.services import Services
from graphmill.storage.runs import LogQuery
from tests.dsl.files import edges, node, workflow_text
from tests.outbound.local_server import local_server, reply
from tests.service.world import app_of, echo, opened, run, start, waiting

FILE = {
    "variable": "f",
    "label": "F",
    "type": "file",
    "required": True,
    "allowed_file_types": ["document"],
    "allowed_file_upload_methods": ["local_file"],
}


def caller(variable: dict[str, Any] | None = None, provider: str = "called", **data: Any) -> str:
    """A file whose runs hand their input to a tool and its outputs back; `data` is the tool
    node's."""
    variable = variable or {"variable": "q", "label": "Q", "type": "text-input", "required": True}
    name = variable["variable"]
    begin = node("start", "start", title="Start", variables=[variable])
    tool = node(
        "t",
        "tool",
        title="T",
        provider_id="0b8e2e9c-6f1d-4b53-9a34-1c2d3e4f5a6b",
        provider_type="workflow",
        provider_name=provider,
        tool_name="anything",
        tool_parameters={name: {"type": "variable", "value": ["start", name]}},
        tool_configurations={},
        **data,
    )
    outputs = [
        {"variable": name, "value_selector": ["t", name]}
        for name in ("text", "json", "files", "out")
    ]
    end = node("end", "end", title="End", outputs=outputs)
    return workflow_text([begin, tool, end], edges("start>t", "t>end"))


def world(folder: Path, called: str, calling: str) -> Any:
    (folder / "called.yml").write_text(called)
    (folder / "caller.yml").write_text(calling)
    return opened(
        folder,
        {"workflow": "called.yml"},
        {"workflow": "caller.yml"},
        tools=[{"provider": "called", "kind": "workflow", "app": "called"}],
    )


async def runs_of(services: Services, slug: str) -> int:
    return (await services.runs.logs(app_of(services, slug), LogQuery())).total


def error_of(end: RunFinished) -> str:
    assert end.error is not None
    return end.error


async def test_outputs_come_back_as_text_json_and_variables(tmp_path: Path) -> None:
    async with world(tmp_path, echo(), caller()) as services:
        end = await run(services, {"q": "hello"}, slug="caller")
        assert 1 == await runs_of(services, "called")
    assert {
        "text": '{"out": "hello"}',
        "json": [{"out": "hello"}],
        "files": [],
        "out": "hello",
    } == end.outputs


async def test_called_run_belongs_to_the_same_user(tmp_path: Path) -> None:
    async with world(tmp_path, echo(), caller()) as services:
        await run(services, {"q": "hello"}, slug="caller")
        [called] = (await services.runs.logs(app_of(services, "called"), LogQuery())).entries
    assert "somebody" == called.run.session_id


async def test_files_go_in_and_out(tmp_path: Path) -> None:
    async with world(tmp_path, echo(FILE), caller(FILE)) as services:
        upload = await save_for(services, "caller")
        reference = {
            "type": "document", "transfer_method": "local_file", "upload_file_id": upload,
        }  # fmt: skip
        end = await run(services, {"f": reference}, slug="caller")
    [file] = end.outputs["files"]
    assert upload == file.related_id


async def save_for(services: Services, slug: str) -> str:
    """The id of an upload of the app's user."""
    app = app_of(services, slug)

    async def owner() -> Any:
        return await services.end_users.ensure(app.id, "somebody")

    async def content() -> Any:
        yield b"x"

    upload = await services.uploads.save(
        name="a.txt", mime_type="text/plain", chunks=content(), owner=owner
    )
    return upload.id


async def test_apps_call_each_other_no_deeper_than_five_times(tmp_path: Path) -> None:
    async with world(tmp_path, caller(), caller()) as services:
        end = await run(services, {"q": "x"}, slug="called")
        assert 6 == await runs_of(services, "called")
    assert "Failed to invoke tool: Max workflow call depth 5 reached." in error_of(end)


async def test_a_called_run_that_fails_fails_the_tool(tmp_path: Path) -> None:
    calling = caller({"variable": "url", "label": "U", "type": "text-input", "required": True})
    async with local_server(reply(500)) as server, world(tmp_path, waiting(), calling) as services:
        end = await run(services, {"url": server.url}, slug="caller")
    assert RunStatus.FAILED is end.status
    assert error_of(end).startswith("Failed to invoke tool: Request to http://127.0.0.1")


async def test_a_retry_runs_a_failed_app_again(tmp_path: Path) -> None:
    answers = iter([reply(500), reply(200, b"now")])

    async def next_answer(*arguments: Any) -> None:
        await next(answers)(*arguments)

    url = {"variable": "url", "label": "U", "type": "text-input", "required": True}
    retries = {"retry_enabled": True, "max_retries": 1, "retry_interval": 1}
    calling, called = caller(url, retry_config=retries), waiting("out")
    async with local_server(next_answer) as server, world(tmp_path, called, calling) as services:
        end = await run(services, {"url": server.url}, slug="caller")
        assert 2 == await runs_of(services, "called")
    assert "now" == end.outputs["out"]


async def test_a_call_that_is_made_again_finds_its_run(tmp_path: Path) -> None:
    async with world(tmp_path, echo(), caller()) as services:
        live = await start(services, {"q": "hello"}, slug="caller")
        await live.feed.finished()
        calls = AppCalls(services.end_users)
        calls.open(services.catalog, services.runs)
        again = await calls.call("called", {"q": "hello"}, Invocation(live.run, f"{live.run.id}:t"))
        assert 1 == await runs_of(services, "called")
        await calls.call("called", {"q": "hello"}, Invocation(live.run, f"{live.run.id}:other"))
        assert 2 == await runs_of(services, "called")
    assert {"out": "hello"} == again.outputs


async def test_an_input_that_does_not_fit_fails_the_tool(tmp_path: Path) -> None:
    short = {"variable": "q", "label": "Q", "type": "text-input", "max_length": 2}
    async with world(tmp_path, echo(short), caller()) as services:
        end = await run(services, {"q": "hello"}, slug="caller")
    assert "Failed to invoke tool: q in input form must be less than 2 characters" == end.error


async def test_an_app_that_cannot_run_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, "app: {mode: workflow}", caller()) as services:
        end = await run(services, {"q": "hello"}, slug="caller")
    assert error_of(end).startswith("Failed to get tool runtime: the app 'called' cannot run: ")


async def test_stopping_the_caller_stops_what_it_called(tmp_path: Path) -> None:
    async def silence(received: Any, reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.read()

    calling = caller({"variable": "url", "label": "U", "type": "text-input", "required": True})
    async with local_server(silence) as server, world(tmp_path, waiting(), calling) as services:
        live = await start(services, {"url": server.url}, slug="caller")
        await server.asked.wait()
        await services.runs.stop(app_of(services, "caller"), live.run.id)
        async with asyncio.timeout(2):
            assert RunStatus.STOPPED is (await live.feed.finished()).status
            await server.left.wait()
