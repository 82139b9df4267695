"""Starting runs and reading their answers (`service-api §29`, rows 16-38, 117, 119, 215)."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.dify.client import USER, Api, Json, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = "application/json"


async def posted(api: Api, content: bytes, content_type: str | None = JSON) -> Any:
    """The answer to a raw body."""
    headers = {"Authorization": "Bearer app-main"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    return await api.http.post("/v1/workflows/run", content=content, headers=headers)


async def test_blocking_answer_has_all_its_members(api: Api) -> None:
    response = await api.run({"name": "Ann"})
    body = response.json()
    data = body["data"]
    assert (200, JSON) == (response.status_code, response.headers["content-type"])
    assert ["task_id", "workflow_run_id", "data"] == list(body)
    assert UUID(body["task_id"]) != UUID(body["workflow_run_id"]) == UUID(data["id"])
    assert [
        "id",
        "workflow_id",
        "status",
        "outputs",
        "error",
        "elapsed_time",
        "total_tokens",
        "total_steps",
        "created_at",
        "finished_at",
    ] == list(data)
    assert ("succeeded", None) == (data["status"], data["error"])
    assert {"name": "Ann", "bio": "none"}.items() <= data["outputs"].items()
    whole_numbers = ("total_tokens", "total_steps", "created_at", "finished_at")
    assert [int] * 4 == [type(data[name]) for name in whole_numbers]
    assert float is type(data["elapsed_time"])
    assert data["finished_at"] >= data["created_at"]
    assert 2 == data["total_steps"]


@pytest.mark.parametrize(
    "members", [{}, {"response_mode": None}, {"response_mode": "blocking"}, {"files": None}]
)
async def test_mode_is_blocking_unless_asked_otherwise(api: Api, members: Json) -> None:
    body = {"inputs": {"name": "Ann"}, "user": USER, **members}
    response = await api.post("/workflows/run", body)
    assert (200, JSON) == (response.status_code, response.headers["content-type"])


async def test_unknown_members_are_ignored(api: Api) -> None:
    members = {"foo": 1, "workflow_id": "x", "conversation_id": 5, "query": ["q"]}
    assert 200 == (await api.run({"name": "Ann"}, **members)).status_code


@pytest.mark.parametrize(
    ("members", "parameter"),
    [
        ({"response_mode": "fast"}, "response_mode"),
        ({"response_mode": 1}, "response_mode"),
        ({"inputs": None}, "inputs"),
        ({"inputs": "x"}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": 5}, "inputs"),
        ({"files": "x"}, "files"),
        ({"files": {}}, "files"),
        ({"files": 5}, "files"),
        ({"files": [1]}, "files"),
        ({"files": ["x"]}, "files"),
        ({"user": "u" * 256}, "user"),
    ],
)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
async def test_wrong_member_is_named(api: Api, members: Json, parameter: str, mode: str) -> None:
    body = {"inputs": {"name": "Ann"}, "user": USER, "response_mode": mode, **members}
    response = await api.post("/workflows/run", body)
    assert (400, "invalid_param") == error_of(response)
    assert parameter == response.json()["params"]


async def test_missing_inputs_are_named(api: Api) -> None:
    response = await api.post("/workflows/run", {"user": USER})
    assert (400, "invalid_param") == error_of(response)
    assert "inputs" == response.json()["params"]
    assert "Missing required parameter in the JSON body" == response.json()["message"]


@pytest.mark.parametrize("members", [{}, *({"user": user} for user in ("", None, 0, False, []))])
async def test_user_is_required(api: Api, members: Json) -> None:
    response = await api.post("/workflows/run", {"inputs": {"name": "Ann"}, **members})
    assert (400, "invalid_param") == error_of(response)
    assert "Arg user must be provided." == response.json()["message"]


@pytest.mark.parametrize(
    ("user", "session_id"),
    [
        (123, "123"),
        (["a"], "['a']"),
        (True, "True"),
        ("üser 日本", "üser 日本"),
        ("u" * 255, "u" * 255),
    ],
)
async def test_user_is_any_text_or_made_one(api: Api, user: object, session_id: str) -> None:
    response = await api.run({"name": "Ann"}, user=user)
    query = {"created_by_end_user_session_id": session_id, "limit": 1}
    [entry] = (await api.get("/workflows/logs", params=query)).json()["data"]
    assert response.json()["workflow_run_id"] == entry["workflow_run"]["id"]
    assert session_id == entry["created_by_end_user"]["session_id"]


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{bad", JSON, 400, "bad_request"),
        (b"", JSON, 400, "bad_request"),
        (b'{"inputs":{"name":"\x82"},"user":"u"}', JSON, 400, "bad_request"),
        (b'\xef\xbb\xbf{"inputs":{"name":"A"},"user":"u"}', JSON, 400, "bad_request"),
        (b"[1]", JSON, 400, "invalid_param"),
        (b"null", JSON, 400, "invalid_param"),
        (b'"x"', JSON, 400, "invalid_param"),
        (b"5", JSON, 400, "invalid_param"),
        (b'{"inputs":{"name":"A"},"user":"u"}', "text/plain", 415, "unsupported_media_type"),
        (b'{"inputs":{"name":"A"},"user":"u"}', None, 415, "unsupported_media_type"),
        (b"user=u", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "text/json+x", 415, "unsupported_media_type"),
    ],
)
async def test_body_that_is_no_json_object_is_refused(
    api: Api, content: bytes, content_type: str | None, status: int, code: str
) -> None:
    assert (status, code) == error_of(await posted(api, content, content_type))


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"],
)
async def test_json_goes_by_several_names(api: Api, content_type: str) -> None:
    content = '{"inputs":{"name":"é"},"user":"u"}'.encode()
    response = await posted(api, content, content_type)
    assert "é" == response.json()["data"]["outputs"]["name"]


@pytest.mark.parametrize(
    ("app", "body", "error"),
    [
        ("chat", {"inputs": {}, "user": "u"}, (400, "not_workflow_app")),
        ("chat", {"user": "u"}, (400, "not_workflow_app")),
        ("chat", {"inputs": {}}, (400, "invalid_param")),
        ("unpublished", {"inputs": {}, "user": "u"}, (400, "invalid_param")),
        (
            "unpublished",
            {"inputs": {}, "user": "u", "response_mode": "streaming"},
            (400, "invalid_param"),
        ),
        ("disabled", {}, (403, "forbidden")),
    ],
)
async def test_app_that_cannot_run_says_so(
    api: Api, app: str, body: Json, error: tuple[int, str]
) -> None:
    assert error == error_of(await api.post("/workflows/run", body, app=app))


async def test_messages_of_mode_and_publication_are_dify_s(api: Api) -> None:
    body = {"inputs": {}, "user": "u"}
    chat = await api.post("/workflows/run", body, app="chat")
    unpublished = await api.post("/workflows/run", body, app="unpublished")
    assert (
        "Please check if your app mode matches the right API route.",
        "Workflow not published",
    ) == (chat.json()["message"], unpublished.json()["message"])


async def test_broken_file_refuses_blocking_runs(api: Api) -> None:
    response = await api.run({}, app="broken")
    assert (400, "invalid_param") == error_of(response)
    assert "\n" not in response.json()["message"]


async def test_broken_file_refuses_streaming_runs_within_the_stream(api: Api) -> None:
    [event] = await api.events({}, app="broken")
    assert ("error", None, "invalid_param", 400) == (
        event["event"],
        event["workflow_run_id"],
        event["code"],
        event["status"],
    )
    assert event["message"]


async def test_failed_run_is_a_success_of_the_request(api: Api) -> None:
    response = await api.run({}, app="failing")
    data = response.json()["data"]
    assert (200, "failed", {}) == (response.status_code, data["status"], data["outputs"])
    assert "url should start with http:// or https://" == data["error"]


async def test_handled_failure_is_a_partial_success(api: Api) -> None:
    data = (await api.run({}, app="partial")).json()["data"]
    assert ("partial-succeeded", None, {"r": "d"}) == (
        data["status"],
        data["error"],
        data["outputs"],
    )


@pytest.mark.parametrize("trace", ["ab_c-1", "!!!", "x" * 129, ""])
async def test_trace_id_never_changes_the_answer(api: Api, trace: str) -> None:
    body = {"inputs": {"name": "Ann"}, "user": USER, "trace_id": trace}
    response = await api.http.post(
        "/v1/workflows/run",
        params={"trace_id": trace},
        json=body,
        headers={"Authorization": "Bearer app-main", "X-Trace-Id": trace, "traceparent": trace},
    )
    assert 200 == response.status_code


async def test_query_does_not_stand_in_for_the_body(api: Api) -> None:
    response = await api.http.post(
        "/v1/workflows/run",
        params={"response_mode": "streaming", "user": "other"},
        json={"inputs": {"name": "Ann"}, "user": USER},
        headers={"Authorization": "Bearer app-main"},
    )
    assert JSON == response.headers["content-type"]


# --- by version ------------------------------------------------------------------------------


async def version_of(api: Api, app: str, inputs: Json) -> str:
    return str((await api.run(inputs, app=app)).json()["data"]["workflow_id"])


async def test_version_runs_by_its_id(api: Api) -> None:
    version = await version_of(api, "main", {"name": "Ann"})
    body = {"inputs": {"name": "Ann"}, "user": USER}
    response = await api.post(f"/workflows/{version}/run", body)
    assert (200, version) == (response.status_code, response.json()["data"]["workflow_id"])


@pytest.mark.parametrize(
    ("version", "body", "error", "message"),
    [
        (
            "abc",
            {"inputs": {}, "user": "u"},
            (400, "bad_request"),
            "Invalid workflow_id format: 'abc'. ",
        ),
        ("abc", {"inputs": 5, "user": "u"}, (400, "invalid_param"), ""),
        ("abc", {"inputs": {}}, (400, "invalid_param"), "Arg user must be provided."),
        (
            "11111111-1111-4111-8111-111111111111",
            {"inputs": {}, "user": "u"},
            (404, "not_found"),
            "Workflow not found with id: 11111111-1111-4111-8111-111111111111",
        ),
    ],
)
async def test_version_that_is_not_there_is_refused(
    api: Api, version: str, body: Json, error: tuple[int, str], message: str
) -> None:
    response = await api.post(f"/workflows/{version}/run", body)
    assert error == error_of(response)
    assert response.json()["message"].startswith(message)


async def test_version_of_another_app_is_not_found(api: Api) -> None:
    foreign = await version_of(api, "other", {})
    response = await api.post(f"/workflows/{foreign}/run", {"inputs": {"name": "A"}, "user": "u"})
    assert (404, "not_found") == error_of(response)


# --- other modes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/chat-messages", (400, "not_chat_app")),
        ("/chat-messages/some-task/stop", (400, "not_chat_app")),
        ("/completion-messages", (400, "app_unavailable")),
        ("/completion-messages/some-task/stop", (400, "app_unavailable")),
    ],
)
async def test_endpoints_of_other_modes_tell_what_an_app_is_not(
    api: Api, path: str, error: tuple[int, str]
) -> None:
    body = {"inputs": {}, "query": "hi", "user": USER}
    assert error == error_of(await api.post(path, body))
    assert (400, "invalid_param") == error_of(await api.post(path, {"query": "hi"}))
