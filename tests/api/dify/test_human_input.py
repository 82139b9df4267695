"""Forms over HTTP: cases 198–210 of `service-api §29`, and what stands around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from graphmill.server import create_app, server_config
from graphmill.service.services import Services
from graphmill.storage.tables import forms
from graphmill.wiring.server import build
from tests.api.dify.client import Api, Json, events_of, live_events
from tests.api.serving import served
from tests.dsl.files import edges, node, workflow_text
from tests.forms import NOTE, approval, asking, end, start
from tests.service.world import settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURES = {
    "type": "file-list",
    "output_variable_name": "pictures",
    "allowed_file_types": ["image"],
    "number_limits": 2,
}
FIELDS = [
    NOTE,
    {
        "type": "select",
        "output_variable_name": "team",
        "option_source": {"type": "constant", "value": ["red", "blue"]},
    },
    {
        "type": "file",
        "output_variable_name": "picture",
        "allowed_file_types": ["image"],
        "allowed_file_upload_methods": ["local_file"],
    },
    PICTURES,
]


def chat() -> str:
    nodes = [
        start(),
        node("hello", "answer", title="Hello", answer="Hm. "),
        asking(),
        node("said", "answer", title="Said", answer="You said {{#h.note#}}"),
    ]
    return workflow_text(nodes, edges("start>hello", "hello>h", "h:ok>said"), mode="advanced-chat")


def both() -> str:
    """Asks twice at once."""
    nodes = [
        start(),
        asking("one"),
        asking("two"),
        end(one="one.note", two="two.note"),
    ]
    pairs = edges("start>one", "start>two", "one:ok>end", "two:ok>end")
    return workflow_text(nodes, pairs)


WORKFLOWS = {
    "hi": approval(),
    "other": approval(),
    "fields": approval(inputs=FIELDS),
    "mail": approval(delivery_methods=[{"type": "email", "enabled": True, "config": {}}]),
    "chat": chat(),
    "both": both(),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    folder = tmp_path_factory.mktemp("forms")
    for name, text in WORKFLOWS.items():
        (folder / f"{name}.yml").write_text(text)
    apps = [{"workflow": f"{name}.yml", "api_keys": [f"app-{name}"]} for name in WORKFLOWS]
    async with build(settings(folder, *apps)) as services:
        yield services


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def api(services: Services) -> AsyncIterator[Api]:
    config = server_config(create_app(services), services.settings.server)
    async with (
        served(config) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
    ):
        yield Api(http)


async def run(api: Api, app: str = "hi", **body: Any) -> httpx.Response:
    content = {"inputs": {"topic": "tea"}, "user": "abc", **body}
    return await api.post("/workflows/run", content, app=app)


async def paused(api: Api, app: str = "hi", **body: Any) -> Json:
    """The whole answer of a run that pauses."""
    answer = await run(api, app, **body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["status"] == "paused"
    return answer.json()


async def token_of(api: Api, app: str = "hi") -> tuple[str, str]:
    """A paused run and the token of its form."""
    answer = await paused(api, app)
    return answer["workflow_run_id"], answer["data"]["reasons"][0]["form_token"]


async def submit(api: Api, token: str, *, app: str = "hi", **body: Any) -> httpx.Response:
    content = {"inputs": {"note": "fine"}, "action": "ok", "user": "xyz", **body}
    return await api.post(f"/form/human_input/{token}", content, app=app)


async def ended(api: Api, run_id: str, app: str = "hi") -> Json:
    """Detail of a run when it has ended."""
    for _ in range(200):
        detail = (await api.get(f"/workflows/run/{run_id}", app=app)).json()
        if detail["status"] not in ("running", "paused"):
            return detail
        await asyncio.sleep(0.01)
    raise AssertionError(f"run {run_id} has not ended")


@asynccontextmanager
async def following(api: Api, run_id: str, app: str = "hi", **query: str) -> AsyncIterator[Any]:
    """An iterator over the events of a rejoined run."""
    query = {"user": "abc", **query}
    path = f"/v1/workflow/{run_id}/events"
    headers = {"Authorization": f"Bearer app-{app}"}
    async with api.http.stream("GET", path, params=query, headers=headers) as stream:
        assert stream.status_code == 200
        yield live_events(stream)


async def tokens(services: Services, form_id: str) -> Any:
    """What the database holds, which nobody is told."""
    database = services.forms._store._database
    return await database.fetch_all(select(forms.c.token).where(forms.c.id == form_id))


async def expire(services: Services, form_id: str) -> None:
    """Put the end of a form's time to the beginning of all times."""
    statement = update(forms).where(forms.c.id == form_id).values(expires_at=1.5)
    await services.forms._store._database.write(statement)


async def names(events: Any) -> list[str]:
    return [event["event"] async for event in events]


def error(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["message"]


async def test_198_a_stream_ends_with_the_form_and_the_pause(api: Api) -> None:
    answer = await run(api, response_mode="streaming")
    events = list(events_of(answer.text))

    told = [event["event"] for event in events]
    assert told == [
        "workflow_started",
        "node_started",
        "node_finished",
        "node_started",
        "human_input_required",
        "workflow_paused",
    ]
    form, pause = events[-2]["data"], events[-1]["data"]
    assert isinstance(form["form_token"], str)
    assert form["actions"][0] == {"id": "ok", "title": "Approve", "button_style": "primary"}
    assert {
        "form_id", "form_token", "node_id", "node_title", "form_content", "inputs", "actions",
        "display_in_ui", "resolved_default_values", "expiration_time",
    } == set(form)  # fmt: skip
    assert ("h", "Ask h", "Approve tea? {{#$output.note#}}") == (
        form["node_id"],
        form["node_title"],
        form["form_content"],
    )
    assert pause["reasons"] == [{"TYPE": "human_input_required", **form}]
    assert {
        "workflow_run_id": events[0]["workflow_run_id"],
        "paused_nodes": ["h"],
        "outputs": {},
        "status": "paused",
        "total_tokens": 0,
        "total_steps": 2,
    }.items() <= pause.items()
    assert {"reasons", "created_at", "elapsed_time"} <= set(pause)


async def test_199_detail_says_that_the_run_is_paused(api: Api) -> None:
    run_id, _ = await token_of(api)
    detail = (await api.get(f"/workflows/run/{run_id}", app="hi")).json()

    assert ("paused", {}, None) == (detail["status"], detail["outputs"], detail["finished_at"])


async def test_200_a_blocking_answer_says_why_the_run_waits(api: Api) -> None:
    data = (await paused(api))["data"]

    assert (None, {}, ["h"], None) == (
        data["finished_at"],
        data["outputs"],
        data["paused_nodes"],
        data["error"],
    )
    [reason] = data["reasons"]
    assert "human_input_required" == reason["TYPE"]


async def test_201_the_form_can_be_read(api: Api) -> None:
    _, token = await token_of(api)
    answer = await api.get(f"/form/human_input/{token}", app="hi")

    content = answer.json()
    assert isinstance(content.pop("expiration_time"), int)
    assert content == {
        "form_content": "Approve tea? {{#$output.note#}}",
        "inputs": [
            {
                "type": "paragraph",
                "output_variable_name": "note",
                "default": {"type": "constant", "selector": [], "value": "none"},
            }
        ],
        "resolved_default_values": {"note": "none"},
        "user_actions": [
            {"id": "ok", "title": "Approve", "button_style": "primary"},
            {"id": "no", "title": "Reject", "button_style": "default"},
        ],
    }


@pytest.mark.parametrize("method", ["get", "post"])
async def test_202_203_an_unknown_token_and_one_of_another_app_are_not_found(
    api: Api, method: str
) -> None:
    _, token = await token_of(api, "other")
    for unknown in ("nonsense", token, f"{token}x"):
        path = f"/form/human_input/{unknown}"
        answer = await api.get(path, app="hi") if method == "get" else await submit(api, unknown)
        assert error(answer) == (404, "not_found", "Form not found")


async def test_a_form_for_mail_alone_is_not_open_to_the_api(api: Api, services: Services) -> None:
    [reason] = (await paused(api, "mail"))["data"]["reasons"]

    assert (None, False) == (reason["form_token"], reason["display_in_ui"])
    [(token,)] = await tokens(services, reason["form_id"])
    answer = await api.get(f"/form/human_input/{token}", app="mail")
    assert error(answer) == (404, "not_found", "Form not found")
    answer = await submit(api, token, app="mail")
    assert error(answer) == (404, "not_found", "Form not found")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"action": "nope"}, (400, "invalid_form_data", "Invalid action: nope")),
        ({"inputs": {}}, (400, "invalid_form_data", "Missing required inputs: note")),
        ({"user": None}, (400, "invalid_param", "Arg user must be provided.")),
        ({"action": None}, (400, "invalid_param", "Must not be null!")),
        ({"inputs": None}, (400, "invalid_param", "Must not be null!")),
        ({"inputs": {"note": 7}}, (400, "invalid_form_data",
         "Invalid value for paragraph input 'note': it must be a text")),
    ],
    ids=["204 action", "205 input", "206 user", "no action", "no inputs", "type"],
)  # fmt: skip
async def test_204_205_206_what_cannot_be_taken_leaves_the_form_open(
    api: Api, body: Json, expected: tuple[int, str, str]
) -> None:
    run_id, token = await token_of(api)

    assert expected == error(await submit(api, token, **body))
    assert (await api.get(f"/form/human_input/{token}", app="hi")).status_code == 200
    assert (await submit(api, token)).status_code == 200
    assert "succeeded" == (await ended(api, run_id))["status"]


@pytest.mark.parametrize("missing", ["user", "action", "inputs"])
async def test_all_members_of_a_submission_are_required(api: Api, missing: str) -> None:
    _, token = await token_of(api)
    body = {"inputs": {"note": "a"}, "action": "ok", "user": "u"}
    del body[missing]
    answer = await api.post(f"/form/human_input/{token}", body, app="hi")

    assert (400, "invalid_param") == error(answer)[:2]


@pytest.mark.parametrize(
    ("action", "outputs"),
    [
        ("ok", {"said": "fine", "how": "Approve", "whole": "Approve tea? fine"}),
        ("no", {"refused": "no"}),
    ],
)
async def test_207_a_submission_lets_the_run_go_on_along_its_action(
    api: Api, action: str, outputs: Json
) -> None:
    run_id, token = await token_of(api)
    answer = await submit(api, token, action=action)

    assert (200, {}) == (answer.status_code, answer.json())
    detail = await ended(api, run_id)
    assert ("succeeded", outputs, 4) == (
        detail["status"],
        detail["outputs"],
        detail["total_steps"],
    )


@pytest.mark.parametrize("note", ["", None], ids=["empty", "null"])
async def test_a_text_may_be_empty(api: Api, note: str | None) -> None:
    run_id, token = await token_of(api)

    assert (await submit(api, token, inputs={"note": note})).status_code == 200
    assert (await ended(api, run_id))["outputs"]["whole"] == "Approve tea? "


async def test_208_a_submitted_form_is_closed(api: Api) -> None:
    answer = await paused(api)
    [reason] = answer["data"]["reasons"]
    token, form_id = reason["form_token"], reason["form_id"]
    await submit(api, token)

    message = f"This form has already been submitted by another user, form_id={form_id}"
    for again in (
        await submit(api, token),
        await api.get(f"/form/human_input/{token}", app="hi"),
    ):
        assert error(again) == (412, "human_input_form_submitted", message)


async def test_only_the_first_of_many_submissions_counts(api: Api) -> None:
    run_id, token = await token_of(api)
    answers = await asyncio.gather(
        *(submit(api, token, inputs={"note": str(number)}) for number in range(20))
    )

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [200] + [412] * 19
    said = (await ended(api, run_id))["outputs"]["said"]
    assert said == str(statuses.index(200))


async def test_209_an_expired_form_is_closed(api: Api, services: Services) -> None:
    answer = await paused(api)
    [reason] = answer["data"]["reasons"]
    await expire(services, reason["form_id"])

    message = f"This form has expired, form_id={reason['form_id']}"
    for late in (
        await api.get(f"/form/human_input/{reason['form_token']}", app="hi"),
        await submit(api, reason["form_token"]),
    ):
        assert error(late) == (412, "human_input_form_expired", message)


async def test_a_form_whose_time_is_over_lets_the_run_go_on(api: Api, services: Services) -> None:
    answer = await paused(api)
    run_id = answer["workflow_run_id"]
    [reason] = answer["data"]["reasons"]
    async with following(api, run_id, continue_on_pause="true") as events:
        await expire(services, reason["form_id"])
        # Whatever wakes the watch: here, another form.
        await token_of(api)
        told = [event async for event in events]

    [timeout] = [event for event in told if event["event"] == "human_input_form_timeout"]
    assert timeout["data"] == {"node_id": "h", "node_title": "Ask h", "expiration_time": 1}
    [finished] = [event["data"] for event in told if event["event"] == "node_finished"]
    assert finished["outputs"] == {
        "__action_id": "",
        "__action_value": "",
        "__rendered_content": "Approve tea? ",
    }
    assert ("succeeded", {}) == (told[-1]["data"]["status"], told[-1]["data"]["outputs"])


async def test_210_who_stays_sees_the_run_to_its_end(api: Api) -> None:
    run_id, token = await token_of(api)
    async with following(api, run_id, continue_on_pause="true") as events:
        assert "human_input_required" == (await anext(events))["event"]
        assert "workflow_paused" == (await anext(events))["event"]
        await submit(api, token)
        told = [event async for event in events if event["event"] != "text_chunk"]

    assert [event["event"] for event in told] == [
        "workflow_started",
        "human_input_form_filled",
        "node_finished",
        "node_started",
        "node_finished",
        "workflow_finished",
    ]
    assert "resumption" == told[0]["data"]["reason"]
    assert "tea" == told[0]["data"]["inputs"]["topic"]
    assert told[1]["data"] == {
        "node_id": "h",
        "node_title": "Ask h",
        "rendered_content": "Approve tea? fine",
        "action_id": "ok",
        "action_text": "Approve",
        "submitted_data": {"note": "fine"},
    }
    assert told[2]["data"]["inputs"] == {"note": "fine"}


async def test_who_does_not_stay_is_told_why_the_run_waits(api: Api) -> None:
    run_id, _ = await token_of(api)
    async with following(api, run_id) as events:
        assert ["human_input_required", "workflow_paused"] == await names(events)


async def test_a_snapshot_of_a_paused_run_begins_at_its_start(api: Api) -> None:
    run_id, _ = await token_of(api)
    async with following(api, run_id, include_state_snapshot="true") as events:
        told = [event async for event in events]

    assert [event["event"] for event in told] == [
        "workflow_started",
        "node_started",
        "node_finished",
        "node_started",
        "human_input_required",
        "workflow_paused",
    ]
    assert {} == told[2]["data"]["outputs"]


async def test_who_counts_events_misses_none_across_a_pause(api: Api) -> None:
    run_id, token = await token_of(api)
    async with following(api, run_id, after="0") as events:
        before = await names(events)
    async with following(api, run_id, after="0", continue_on_pause="true") as events:
        seen = [(await anext(events))["event"] for _ in before]
        await submit(api, token)
        behind = await names(events)

    assert before == seen
    assert ["workflow_started", "workflow_finished"] == [behind[0], behind[-1]]
    async with following(api, run_id, after="0") as events:
        assert before + behind == await names(events)


async def test_a_paused_run_of_another_user_is_not_found(api: Api) -> None:
    run_id, _ = await token_of(api)
    answer = await api.get(f"/workflow/{run_id}/events?user=eve", app="hi")

    assert (404, "not_found") == error(answer)[:2]


async def test_stopping_a_paused_run_ends_it_and_closes_its_form(api: Api) -> None:
    answer = await paused(api)
    run_id, [reason] = answer["workflow_run_id"], answer["data"]["reasons"]
    async with following(api, run_id, continue_on_pause="true") as events:
        await anext(events)
        stopped = await api.post(
            f"/workflows/tasks/{answer['task_id']}/stop", {"user": "abc"}, app="hi"
        )
        told = [event async for event in events]

    assert {"result": "success"} == stopped.json()
    end = told[-1]["data"]
    assert ("stopped", "Stopped by user.", 2) == (end["status"], end["error"], end["total_steps"])
    detail = (await api.get(f"/workflows/run/{run_id}", app="hi")).json()
    assert ("stopped", "Stopped by user.") == (detail["status"], detail["error"])
    late = await submit(api, reason["form_token"])
    assert (412, "human_input_form_expired") == error(late)[:2]


async def test_a_paused_run_of_another_app_is_not_stopped(api: Api) -> None:
    answer = await paused(api)
    await api.post(f"/workflows/tasks/{answer['task_id']}/stop", {"user": "abc"}, app="other")

    detail = (await api.get(f"/workflows/run/{answer['workflow_run_id']}", app="hi")).json()
    assert "paused" == detail["status"]


async def test_a_log_shows_the_run_as_paused(api: Api) -> None:
    await paused(api, user="log-reader")
    page = await api.get("/workflows/logs?created_by_end_user_session_id=log-reader", app="hi")

    [entry] = page.json()["data"]
    assert "paused" == entry["workflow_run"]["status"]


async def test_an_asynchronous_run_is_found_paused(api: Api) -> None:
    answer = await run(api, response_mode="async")
    assert 202 == answer.status_code
    run_id = answer.json()["workflow_run_id"]
    detail = (await api.get(f"/workflows/run/{run_id}?wait=10", app="hi")).json()

    assert "paused" == detail["status"]


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_a_repeated_request_finds_the_pause_of_its_run(api: Api, mode: str) -> None:
    body = {"inputs": {"topic": "tea"}, "user": "abc", "response_mode": mode}
    first, again = [
        await api.post("/workflows/run", body, app="hi", repeat_key=f"again-{mode}")
        for _ in range(2)
    ]

    assert first.headers["x-workflow-run-id"] == again.headers["x-workflow-run-id"]
    if mode == "blocking":
        assert first.json() == again.json()
    else:
        assert [event["event"] for event in events_of(first.text)] == [
            event["event"] for event in events_of(again.text)
        ]


async def test_two_forms_of_a_run_are_filled_in_one_after_the_other(api: Api) -> None:
    answer = await paused(api, "both")
    run_id = answer["workflow_run_id"]
    assert sorted(answer["data"]["paused_nodes"]) == ["one", "two"]
    tokens = {each["node_id"]: each["form_token"] for each in answer["data"]["reasons"]}
    async with following(api, run_id, "both", continue_on_pause="true") as events:
        for _ in range(3):
            await anext(events)
        await submit(api, tokens["two"], app="both", inputs={"note": "2"})
        told = []
        while not told or told[-1]["event"] != "workflow_paused":
            told.append(await anext(events))
        assert ["workflow_started", "human_input_form_filled", "node_finished"] == [
            event["event"] for event in told if "human_input_required" != event["event"]
        ][:3]
        assert ["one"] == told[-1]["data"]["paused_nodes"]
        await submit(api, tokens["one"], app="both", inputs={"note": "1"})
        rest = [event async for event in events]

    assert {"one": "1", "two": "2"} == rest[-1]["data"]["outputs"]


async def test_two_forms_filled_in_at_once_end_the_run(api: Api) -> None:
    answer = await paused(api, "both")
    await asyncio.gather(
        *(
            submit(api, each["form_token"], app="both", inputs={"note": each["node_id"]})
            for each in answer["data"]["reasons"]
        )
    )

    detail = await ended(api, answer["workflow_run_id"], "both")
    assert {"one": "one", "two": "two"} == detail["outputs"]


async def chat_answer(api: Api, **body: Any) -> httpx.Response:
    content = {"inputs": {"topic": "tea"}, "query": "Well?", "user": "abc", **body}
    return await api.post("/chat-messages", content, app="chat")


async def messages(api: Api, conversation_id: str) -> list[Json]:
    page = await api.get(f"/messages?user=abc&conversation_id={conversation_id}", app="chat")
    return list(page.json()["data"])


async def test_a_chat_pauses_and_goes_on(api: Api) -> None:
    answer = (await chat_answer(api)).json()
    data = answer["data"]

    assert ("workflow_paused", "advanced-chat", "Hm. ") == (
        answer["event"],
        answer["mode"],
        answer["answer"],
    )
    assert {
        "id", "mode", "conversation_id", "message_id", "workflow_run_id", "answer", "metadata",
        "created_at", "paused_nodes", "reasons", "status", "elapsed_time", "total_tokens",
        "total_steps",
    } == set(data)  # fmt: skip
    assert ("paused", answer["message_id"], "Hm. ") == (data["status"], data["id"], data["answer"])
    [message] = await messages(api, answer["conversation_id"])
    assert ("paused", "Hm. ") == (message["status"], message["answer"])

    run_id = answer["workflow_run_id"]
    async with following(api, run_id, "chat", continue_on_pause="true") as events:
        await anext(events)
        await submit(api, data["reasons"][0]["form_token"], app="chat")
        told = [event async for event in events]
    assert {answer["conversation_id"]} == {event["conversation_id"] for event in told}
    resumed = next(event for event in told if event["event"] == "workflow_started")
    assert "sys.conversation_id" not in resumed["data"]["inputs"]
    said = "".join(event["answer"] for event in told if event["event"] == "message")
    assert "You said fine" == said
    assert ["workflow_finished", "message_end"] == [event["event"] for event in told[-2:]]
    [message] = await messages(api, answer["conversation_id"])
    assert ("normal", "Hm. You said fine") == (message["status"], message["answer"])


async def test_a_streamed_chat_ends_with_the_pause(api: Api) -> None:
    answer = await chat_answer(api, response_mode="streaming")
    told = list(events_of(answer.text))

    assert ["human_input_required", "workflow_paused"] == [event["event"] for event in told[-2:]]
    assert {"conversation_id", "message_id", "created_at", "workflow_run_id"} <= set(told[-1])


@pytest.mark.parametrize(("user", "status"), [("eve", "paused"), ("abc", "stopped")])
async def test_a_paused_turn_is_stopped_by_who_asked(api: Api, user: str, status: str) -> None:
    answer = (await chat_answer(api)).json()
    await api.post(f"/chat-messages/{answer['task_id']}/stop", {"user": user}, app="chat")

    detail = await api.get(f"/workflows/run/{answer['workflow_run_id']}", app="chat")
    assert status == detail.json()["status"]


async def picture(api: Api, user: str, name: str = "p.png") -> Json:
    answer = await api.upload(name, b"\x89PNG", "image/png", app="fields", user=user)
    assert answer.status_code == 201, answer.text
    return {
        "type": "image",
        "transfer_method": "local_file",
        "upload_file_id": answer.json()["id"],
    }


async def test_files_and_options_come_out_as_they_were_given(api: Api) -> None:
    run_id, token = await token_of(api, "fields")
    one, two = await picture(api, "xyz"), await picture(api, "xyz")
    inputs = {"note": "n", "team": "red", "picture": one, "pictures": [one, two]}
    async with following(api, run_id, "fields", continue_on_pause="true") as events:
        await anext(events)
        answer = await submit(api, token, app="fields", inputs=inputs)
        assert answer.status_code == 200, answer.text
        told = [event async for event in events]

    [outputs] = [
        event["data"]["outputs"]
        for event in told
        if event["event"] == "node_finished" and event["data"]["node_id"] == "h"
    ]
    assert ("n", "red", "p.png") == (
        outputs["note"],
        outputs["team"],
        outputs["picture"]["filename"],
    )
    assert [one["upload_file_id"], two["upload_file_id"]] == [
        each["related_id"] for each in outputs["pictures"]
    ]


REMOTE = {"type": "image", "transfer_method": "remote_url", "url": "http://127.0.0.1:1/p.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"team": "green"},
         "Invalid value for select input 'team': 'green' is none of ['red', 'blue']"),
        ({"team": ["red"]},
         "Invalid value for select input 'team': ['red'] is none of ['red', 'blue']"),
        ({"picture": "p.png"}, "Invalid value for file input 'picture': it must be a file"),
        ({"picture": {"type": "image"}}, "Invalid value for file input 'picture': "
         "transfer_method is required in file mapping"),
        ({"picture": REMOTE}, "Invalid value for file input 'picture': "),
        ({"pictures": {}}, "Invalid value for file-list input 'pictures': it must be a list"),
        ({"pictures": [1, 2, 3]},
         "Invalid value for file-list input 'pictures': it takes at most 2 files"),
        ({"pictures": [1]}, "Invalid value for file-list input 'pictures': it must be a file"),
        ({"team": "", "picture": None, "pictures": []},
         "Missing required inputs: team, picture, pictures"),
    ],
    ids=["option", "options", "text", "no method", "remote", "no list", "many", "no file",
         "empty"],
)  # fmt: skip
async def test_wrong_values_are_refused(api: Api, changes: Json, message: str) -> None:
    _, token = await token_of(api, "fields")
    one = await picture(api, "xyz")
    inputs = {"note": "n", "team": "red", "picture": one, "pictures": [one], **changes}
    answer = await submit(api, token, app="fields", inputs=inputs)

    assert (400, "invalid_form_data") == error(answer)[:2]
    assert error(answer)[2].startswith(message)


async def test_a_file_of_another_user_is_refused(api: Api) -> None:
    _, token = await token_of(api, "fields")
    mine, other = await picture(api, "xyz"), await picture(api, "somebody else")
    inputs = {"note": "n", "team": "red", "picture": other, "pictures": [mine]}
    answer = await submit(api, token, app="fields", inputs=inputs)

    message = "Invalid value for file input 'picture': Invalid upload file"
    assert error(answer) == (400, "invalid_form_data", message)


async def test_tokens_cannot_be_guessed(api: Api) -> None:
    tokens = {(await token_of(api))[1] for _ in range(5)}

    assert 5 == len(tokens)
    # 24 random bytes.
    assert {32} == {len(token) for token in tokens}
