"""Conversations with chatflows (`service-api §29`, rows 216-235)."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.dify.client import USER, Api, Json, error_of, events_of, live_events

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "11111111-1111-4111-8111-111111111111"


async def ask(api: Api, query: object, *, app: str = "chat", **members: Any) -> httpx.Response:
    """One turn, in blocking mode unless `members` say otherwise."""
    body = {"query": query, "inputs": {}, "response_mode": "blocking", "user": USER, **members}
    return await api.post("/chat-messages", body, app=app)


async def answer(api: Api, query: str, **members: Any) -> Json:
    response = await ask(api, query, **members)
    assert response.status_code == 200, response.text
    return dict(response.json())


async def told(api: Api, query: str, **members: Any) -> list[Json]:
    response = await ask(api, query, response_mode="streaming", **members)
    assert response.status_code == 200, response.text
    return list(events_of(response.text))


async def listed(api: Api, path: str, **query: Any) -> list[Json]:
    response = await api.get(path, app="chat", params={"user": USER, **query})
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


async def send(api: Api, method: str, path: str, body: Json | None = None, **query: str) -> Any:
    headers = {"Authorization": "Bearer app-chat"}
    return await api.http.request(method, f"/v1{path}", json=body, headers=headers, params=query)


@pytest.fixture
def stranger() -> str:
    """A user whom no other test knows."""
    return f"user-{uuid4()}"


async def test_streamed_text_is_the_answer_of_the_message(api: Api) -> None:
    events = await told(api, "hello")
    text = "".join(event["answer"] for event in events if event["event"] == "message")
    [conversation] = {event["conversation_id"] for event in events}
    messages = await listed(api, "/messages", conversation_id=conversation)
    assert ["Echo: hello"] == [message["answer"] for message in messages]
    assert "Echo: hello" == text


async def test_every_event_names_conversation_message_and_task(api: Api) -> None:
    events = await told(api, "hello")
    names = ("conversation_id", "message_id", "task_id", "created_at")
    assert 1 == len({tuple(event[name] for name in names) for event in events})
    assert ["workflow_finished", "message_end"] == [event["event"] for event in events[-2:]]


async def test_failed_turn_is_an_error_in_both_modes(api: Api) -> None:
    events = await told(api, "q", app="failing-chat")
    assert ["workflow_finished", "error"] == [event["event"] for event in events[-2:]]
    assert events[-1]["message"].startswith("Run failed: ")
    refused = await ask(api, "q", app="failing-chat")
    assert (400, "invalid_param") == error_of(refused)
    assert events[-1]["message"] == refused.json()["message"]


async def test_turns_are_counted_and_follow_one_another(api: Api) -> None:
    first = await answer(api, "one")
    again = await told(api, "two", conversation_id=first["conversation_id"])
    assert 2 == again[0]["data"]["inputs"]["sys.dialogue_count"]
    talk = first["conversation_id"].upper()
    messages = await listed(api, "/messages", conversation_id=talk)
    assert ["one", "two"] == [message["query"] for message in messages]


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"query": None}, "invalid_param", "Must not be null!"),
        ({"inputs": None}, "invalid_param", "Must not be null!"),
        ({"conversation_id": "x"}, "invalid_param", "must be a valid UUID"),
        ({"conversation_id": UNKNOWN}, "not_found", "Conversation Not Exists."),
        ({"user": ""}, "invalid_param", "Arg user must be provided."),
        ({"app": "main"}, "not_chat_app", "Please check if your app mode"),
        ({"app": "main", "user": None}, "invalid_param", "Arg user must be provided."),
    ],
    ids=["query", "inputs", "malformed", "unknown", "user", "mode", "user-before-mode"],
)
async def test_question_that_cannot_be_asked(
    api: Api, members: Json, code: str, message: str
) -> None:
    response = await ask(api, **{"query": "q", **members})
    assert code == error_of(response)[1]
    assert message in response.json()["message"]


@pytest.mark.parametrize("conversation_id", [None, ""])
async def test_no_conversation_is_a_new_one(api: Api, conversation_id: str | None) -> None:
    first, second = [await answer(api, "q", conversation_id=conversation_id) for _ in "12"]
    assert first["conversation_id"] != second["conversation_id"]


async def test_conversation_belongs_to_its_user_and_app(api: Api, stranger: str) -> None:
    mine = await answer(api, "mine")
    talk, message = mine["conversation_id"], mine["message_id"]
    theirs = {"user": stranger}
    refusals = [
        await ask(api, "q", conversation_id=talk, **theirs),
        await ask(api, "q", conversation_id=talk, app="failing-chat"),
        await send(api, "GET", "/messages", conversation_id=talk, **theirs),
        await send(api, "DELETE", f"/conversations/{talk}", theirs),
        await send(api, "POST", f"/conversations/{talk}/name", {"name": "x", **theirs}),
        await send(api, "GET", f"/conversations/{talk}/variables", **theirs),
        await send(
            api, "PUT", f"/conversations/{talk}/variables/{UNKNOWN}", {"value": 1, **theirs}
        ),
        await send(api, "GET", f"/messages/{message}/suggested", **theirs),
        await send(api, "POST", f"/messages/{message}/feedbacks", {"rating": "like", **theirs}),
    ]
    assert [404] * len(refusals) == [response.status_code for response in refusals]
    assert [] == await listed(api, "/conversations", user=stranger)
    assert ["mine"] == [
        each["query"] for each in await listed(api, "/messages", conversation_id=talk)
    ]


async def test_first_and_last_ids_lead_from_page_to_page(api: Api, stranger: str) -> None:
    first = await answer(api, "q0", user=stranger)
    talk = first["conversation_id"]
    for number in (1, 2):
        await answer(api, f"q{number}", user=stranger, conversation_id=talk)
    other = await answer(api, "other", user=stranger)
    newest = await listed(api, "/messages", user=stranger, conversation_id=talk, limit=2)
    assert ["q1", "q2"] == [message["query"] for message in newest]
    before = {"first_id": newest[0]["id"], "limit": 2}
    [oldest] = await listed(api, "/messages", user=stranger, conversation_id=talk, **before)
    assert "q0" == oldest["query"]
    [latest] = await listed(api, "/conversations", user=stranger, limit=1)
    assert (other["conversation_id"], "other") == (latest["id"], latest["name"])
    [earlier] = await listed(api, "/conversations", user=stranger, last_id=latest["id"])
    assert (talk, "q0") == (earlier["id"], earlier["name"])


async def test_conversations_are_named_after_questions_or_by_hand(api: Api, stranger: str) -> None:
    question = "What is the airspeed velocity of an unladen swallow, please?"
    talk = (await answer(api, question, user=stranger, auto_generate_name=False))["conversation_id"]
    path = f"/conversations/{talk}/name"
    [before] = await listed(api, "/conversations", user=stranger)
    by_hand = await send(api, "POST", path, {"name": " Swallows ", "user": stranger})
    by_itself = await send(api, "POST", path, {"auto_generate": True, "user": stranger})
    assert [
        "New conversation",
        "Swallows",
        "What is the airspeed velocity of an unladen swa...",
    ] == [
        before["name"],
        by_hand.json()["name"],
        by_itself.json()["name"],
    ]
    refused = await send(api, "POST", path, {"user": stranger})
    assert "name is required when auto_generate is false" == refused.json()["message"]


async def test_deleted_conversation_is_gone(api: Api, stranger: str) -> None:
    talk = (await answer(api, "q", user=stranger))["conversation_id"]
    response = await send(api, "DELETE", f"/conversations/{talk}", user=stranger)
    assert (204, b"") == (response.status_code, response.content)
    after = await send(api, "GET", "/messages", user=stranger, conversation_id=talk)
    assert (404, "not_found") == error_of(after)


async def test_rating_is_given_changed_and_taken_back(api: Api, stranger: str) -> None:
    message = await answer(api, "q", user=stranger)
    path = f"/messages/{message['id']}/feedbacks"
    statuses = [
        (await send(api, "POST", path, {"rating": rating, "user": stranger})).status_code
        for rating in ("like", "dislike", None, None)
    ]
    assert [200, 200, 200, 400] == statuses
    await send(api, "POST", path, {"rating": "like", "content": "fine", "user": stranger})
    response = await api.get("/app/feedbacks", app="chat")
    [feedback] = [each for each in response.json()["data"] if each["message_id"] == message["id"]]
    assert ("like", "fine", "user") == (
        feedback["rating"],
        feedback["content"],
        feedback["from_source"],
    )


@pytest.mark.parametrize("page", ["0", "100000", "9" * 25])
async def test_ratings_have_no_such_page(api: Api, page: str) -> None:
    refused = await api.get(f"/app/feedbacks?page={page}", app="chat")
    assert (400, "invalid_param") == error_of(refused)


async def test_conversation_variables_are_listed_and_set(api: Api, stranger: str) -> None:
    turn = await answer(api, "one", app="variables", user=stranger)
    path = f"/conversations/{turn['conversation_id']}/variables"
    headers = {"Authorization": "Bearer app-variables"}

    async def call(method: str, path: str, **options: Any) -> httpx.Response:
        return await api.http.request(method, f"/v1{path}", headers=headers, **options)

    found = (await call("GET", path, params={"user": stranger})).json()["data"]
    values = {each["name"]: each["value"] for each in found}
    assert ("1", "['one']") == (values["count"], values["log"])
    ids = {each["name"]: each["id"] for each in found}
    fits = {"value": 41, "user": stranger}
    changed = await call("PATCH", f"{path}/{ids['count']}", json=fits)
    assert "41" == changed.json()["value"]
    again = await answer(
        api, "two", app="variables", user=stranger, conversation_id=turn["conversation_id"]
    )
    assert "count=42" in again["answer"]
    wrong = await call("PUT", f"{path}/{ids['count']}", json={"value": "x", "user": stranger})
    message = "Type mismatch: variable 'count' expects number, but got string type"
    assert (400, "bad_request") == error_of(wrong)
    assert message == wrong.json()["message"]
    by_name = await call("GET", path, params={"user": stranger, "variable_name": "log"})
    assert ["log"] == [each["name"] for each in by_name.json()["data"]]
    behind = {"user": stranger, "last_id": found[0]["id"], "limit": 1}
    [second] = (await call("GET", path, params=behind)).json()["data"]
    assert found[1]["id"] == second["id"]


async def test_forbidden_question_is_answered_without_a_run(api: Api) -> None:
    said = await answer(api, "What a BADword", app="moderated")
    assert "INPUT BLOCKED" == said["answer"]
    events = await told(api, "badword again", app="moderated")
    assert ["message", "message_end"] == [event["event"] for event in events]


async def test_forbidden_answer_is_replaced(api: Api) -> None:
    events = await told(api, "worse", app="outspoken")
    replaced = [event["answer"] for event in events if event["event"] == "message_replace"]
    assert ["OUTPUT BLOCKED"] == replaced
    assert "OUTPUT BLOCKED" == (await answer(api, "a badWord", app="outspoken"))["answer"]


async def test_only_its_own_user_stops_a_turn(live_api: Api, echo_url: str, stranger: str) -> None:
    body = {
        "query": f"{echo_url}/sleep/30",
        "inputs": {},
        "response_mode": "streaming",
        "user": stranger,
    }
    headers = {"Authorization": "Bearer app-waiting-chat"}
    async with live_api.http.stream(
        "POST", "/v1/chat-messages", json=body, headers=headers
    ) as response:
        events = live_events(response)
        first = await anext(events)
        path = f"/chat-messages/{first['task_id']}/stop"
        answers = []
        for user in (USER, stranger):
            answers.append((await live_api.post(path, {"user": user}, app="waiting-chat")).json())
            detail = f"/workflows/run/{first['workflow_run_id']}"
            status = (await live_api.get(detail, app="waiting-chat")).json()["status"]
            if user == USER:
                assert "running" == status
        async with asyncio.timeout(3):
            finished, ended = [event async for event in events][-2:]
    assert [{"result": "success"}] * 2 == answers
    assert ("stopped", "message_end") == (finished["data"]["status"], ended["event"])


async def test_opening_statement_is_the_introduction(api: Api, stranger: str) -> None:
    await answer(api, "q", app="outspoken", user=stranger, inputs={"name": "Ann"})
    headers = {"Authorization": "Bearer app-outspoken"}
    response = await api.http.get("/v1/conversations", params={"user": stranger}, headers=headers)
    [conversation] = response.json()["data"]
    assert ("Welcome Ann!", {"name": "Ann"}) == (
        conversation["introduction"],
        conversation["inputs"],
    )


async def test_run_of_a_turn_has_a_record_and_no_place_in_the_log(api: Api, stranger: str) -> None:
    [started, *_] = await told(api, "q", user=stranger)
    detail = await api.get(f"/workflows/run/{started['workflow_run_id']}", app="chat")
    assert "succeeded" == detail.json()["status"]
    logs = await api.get("/workflows/logs", app="chat")
    assert 0 == logs.json()["total"]
