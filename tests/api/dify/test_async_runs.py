"""What this API adds to Dify's: runs that nobody waits for, requests that are sent again."""

import asyncio
import time
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.dify.client import USER, Api, Json, error_of, events_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = {"inputs": {}, "query": "Hi", "user": USER}


def key() -> str:
    """One that nobody has used."""
    return str(uuid4())


async def detail(api: Api, run_id: str, *, app: str = "main", **query: object) -> Json:
    response = await api.get(f"/workflows/run/{run_id}", app=app, params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def count_of_runs(api: Api, user: str) -> int:
    answer = await api.get("/workflows/logs", params={"created_by_end_user_session_id": user})
    return int(answer.json()["total"])


def run_of(response: httpx.Response) -> str:
    """The run that an answer is about, by its head."""
    return response.headers["x-workflow-run-id"]


# --- response_mode async ---------------------------------------------------------------------


async def test_accepted_run_is_told_and_found_at_once(live_api: Api, echo_url: str) -> None:
    inputs = {"url": f"{echo_url}/sleep/0.5"}
    response = await live_api.run(inputs, app="waiting", response_mode="async")
    answer = response.json()
    run_id = answer["workflow_run_id"]
    assert (202, run_id) == (response.status_code, run_of(response))
    assert {"task_id", "workflow_run_id", "data"} == answer.keys()
    assert {"id", "workflow_id", "status", "created_at"} == answer["data"].keys()
    assert (run_id, "scheduled") == (answer["data"]["id"], answer["data"]["status"])
    assert UUID(answer["task_id"])
    going = await detail(live_api, run_id, app="waiting")
    ended = await detail(live_api, run_id, app="waiting", wait=10)
    assert ("running", "succeeded") == (going["status"], ended["status"])


async def test_waiting_ends_before_the_run_does(live_api: Api, echo_url: str) -> None:
    inputs = {"url": f"{echo_url}/sleep/30"}
    answer = (await live_api.run(inputs, app="waiting", response_mode="async")).json()
    before = time.monotonic()
    going = await detail(live_api, answer["workflow_run_id"], app="waiting", wait=0.2)
    assert "running" == going["status"]
    assert 0.2 <= time.monotonic() - before < 2
    path = f"/workflows/tasks/{answer['task_id']}/stop"
    await live_api.post(path, {"user": USER}, app="waiting")


@pytest.mark.parametrize("wait", ["soon", "-1", "1e3", "nan", "1" * 20])
async def test_wait_that_is_no_number_is_refused(api: Api, wait: str) -> None:
    run_id = run_of(await api.run({"name": "Ann"}))
    response = await api.get(f"/workflows/run/{run_id}", params={"wait": wait})
    assert (400, "invalid_param") == error_of(response)


async def test_waiting_for_a_run_that_is_not_there_finds_none(api: Api) -> None:
    response = await api.get(f"/workflows/run/{uuid4()}", params={"wait": "30"})
    assert (404, "not_found") == error_of(response)


async def test_inputs_are_checked_before_a_run_is_accepted(api: Api) -> None:
    response = await api.run({}, response_mode="async")
    assert (400, "invalid_param") == error_of(response)


async def test_chats_are_streamed_or_waited_for(api: Api) -> None:
    response = await api.post("/chat-messages", {**QUESTION, "response_mode": "async"}, app="chat")
    assert (400, "invalid_param") == error_of(response)


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_every_answer_names_its_run(api: Api, mode: str) -> None:
    response = await api.run({"name": "Ann"}, response_mode=mode)
    assert run_of(response) in response.text
    response = await api.post("/chat-messages", {**QUESTION, "response_mode": mode}, app="chat")
    assert (await detail(api, run_of(response), app="chat"))["status"] == "succeeded"


# --- Idempotency-Key -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "modes",
    [
        ("blocking", "blocking"),
        ("blocking", "async"),
        ("async", "blocking"),
        ("streaming", "streaming"),
        ("blocking", "streaming"),
        ("streaming", "blocking"),
    ],
    ids="-".join,
)
async def test_request_that_is_sent_again_starts_nothing(api: Api, modes: tuple[str, str]) -> None:
    user = repeat_key = key()
    for _ in range(2):
        told = [
            await api.run({"name": "Ann"}, user=user, repeat_key=repeat_key, response_mode=mode)
            for mode in modes
        ]
        assert 1 == len({run_of(answer) for answer in told})
        if modes[0] == modes[1]:
            assert told[0].text == told[1].text
    assert 1 == await count_of_runs(api, user)


async def test_repeated_stream_has_the_events_of_the_first(api: Api) -> None:
    repeat_key = key()
    first, again = [
        await api.run({"name": "Ann"}, repeat_key=repeat_key, response_mode="streaming")
        for _ in range(2)
    ]
    assert list(events_of(first.text)) == list(events_of(again.text))


async def test_request_that_is_sent_again_meanwhile_waits_for_the_same_run(
    live_api: Api, echo_url: str
) -> None:
    inputs, repeat_key = {"url": f"{echo_url}/sleep/0.5"}, key()
    answers = await asyncio.gather(
        *(live_api.run(inputs, app="waiting", repeat_key=repeat_key) for _ in range(5))
    )
    assert 1 == len({answer.text for answer in answers})
    assert "succeeded" == answers[0].json()["data"]["status"]


async def test_going_run_is_streamed_from_its_beginning(live_api: Api, echo_url: str) -> None:
    inputs, repeat_key = {"url": f"{echo_url}/sleep/0.5"}, key()
    accepted = await live_api.run(
        inputs, app="waiting", repeat_key=repeat_key, response_mode="async"
    )
    streamed = await live_api.run(
        inputs, app="waiting", repeat_key=repeat_key, response_mode="streaming"
    )
    events = list(events_of(streamed.text))
    assert {run_of(accepted)} == {event["workflow_run_id"] for event in events}
    assert ("workflow_started", "workflow_finished") == (events[0]["event"], events[-1]["event"])


@pytest.mark.parametrize(
    "other",
    [{"inputs": {"name": "Bob"}}, {"user": "somebody-else"}, {"files": []}],
    ids=lambda change: next(iter(change)),
)
async def test_key_of_another_request_is_a_conflict(api: Api, other: Json) -> None:
    repeat_key = key()
    body = {"inputs": {"name": "Ann"}, "user": USER}
    await api.post("/workflows/run", body, repeat_key=repeat_key)
    response = await api.post("/workflows/run", {**body, **other}, repeat_key=repeat_key)
    assert (409, "conflict") == error_of(response)


async def test_order_of_members_makes_no_other_request(api: Api) -> None:
    repeat_key = key()
    body = {"inputs": {"name": "Ann"}, "user": USER}
    first = await api.post("/workflows/run", body, repeat_key=repeat_key)
    again = await api.post("/workflows/run", dict(reversed(body.items())), repeat_key=repeat_key)
    assert first.json() == again.json()


async def test_version_belongs_to_the_request(api: Api) -> None:
    repeat_key = key()
    first = await api.run({"name": "Ann"}, repeat_key=repeat_key)
    path = f"/workflows/{first.json()['data']['workflow_id']}/run"
    body = {"inputs": {"name": "Ann"}, "response_mode": "blocking", "user": USER}
    assert (409, "conflict") == error_of(await api.post(path, body, repeat_key=repeat_key))


async def test_each_app_has_keys_of_its_own(api: Api) -> None:
    repeat_key = key()
    first = await api.run({"name": "Ann"}, repeat_key=repeat_key)
    other = await api.run({}, app="failing", repeat_key=repeat_key)
    assert run_of(first) != run_of(other)


async def test_refused_request_uses_no_key(api: Api) -> None:
    repeat_key = key()
    assert 400 == (await api.run({}, repeat_key=repeat_key)).status_code
    assert 200 == (await api.run({"name": "Ann"}, repeat_key=repeat_key)).status_code


async def test_failed_run_is_not_tried_again(api: Api) -> None:
    repeat_key = key()
    first, again = [await api.run({}, app="failing", repeat_key=repeat_key) for _ in range(2)]
    assert "failed" == first.json()["data"]["status"]
    assert first.json() == again.json()


@pytest.mark.parametrize(
    ("repeat_key", "status"), [("", 200), ("x" * 255, 200), ("é\x7f'\"", 200), ("x" * 256, 400)]
)
async def test_key_is_any_text_that_is_not_too_long(api: Api, repeat_key: str, status: int) -> None:
    response = await api.http.post(
        "/v1/workflows/run",
        json={"inputs": {"name": "Ann"}, "user": USER},
        headers=[(b"Authorization", b"Bearer app-main"), (b"Idempotency-Key", repeat_key.encode())],
    )
    assert status == response.status_code


@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_turn_that_is_sent_again_is_one_turn(api: Api, mode: str) -> None:
    repeat_key = key()
    body = {**QUESTION, "user": key(), "response_mode": mode}
    first, again = [
        await api.post("/chat-messages", body, app="chat", repeat_key=repeat_key) for _ in range(2)
    ]
    assert run_of(first) == run_of(again)
    if mode == "blocking":
        assert first.json() == again.json()
    else:
        assert list(events_of(first.text)) == list(events_of(again.text))
    messages = [
        event["message_id"] for event in events_of(first.text) if event["event"] == "message_end"
    ] or [first.json()["message_id"]]
    conversations = await api.get("/conversations", app="chat", params={"user": body["user"]})
    assert (1, 1) == (len(messages), len(conversations.json()["data"]))


async def test_reader_of_numbers_reads_on_where_it_was(live_api: Api, echo_url: str) -> None:
    inputs = {"url": f"{echo_url}/sleep/0.5"}
    accepted = await live_api.run(inputs, app="waiting", response_mode="async")
    path = f"/workflow/{run_of(accepted)}/events"
    whole = await live_api.get(path, app="waiting", params={"user": USER, "after": "0"})
    numbers = [line for line in whole.text.split("\n") if line.startswith("id: ")]
    assert len(numbers) == len(set(numbers)) == len(list(events_of(whole.text)))
    for position, number in enumerate(numbers, 1):
        rest = await live_api.http.get(
            f"/v1{path}",
            params={"user": USER},
            headers={
                "Authorization": "Bearer app-waiting",
                "Last-Event-ID": number.removeprefix("id: "),
            },
        )
        assert numbers[position:] == [
            line for line in rest.text.split("\n") if line.startswith("id: ")
        ]
