"""What belongs to one app or end user is not there for others: every endpoint that takes an id,
on a real server, with the ids of somebody else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess, events_of, running_server

KIT = Path(__file__).parent.parent / "conformance" / "apps"
WAITING = Path(__file__).parent.parent / "acceptance" / "workflows" / "waiting.yml"
FILES = {
    "chat": KIT / "chat-convvars.yml",
    "other-chat": KIT / "chat-convvars.yml",
    "main": KIT / "api-main.yml",
    "other-main": KIT / "api-main.yml",
    "waiting": WAITING,
    "other-waiting": WAITING,
}
OWNER, STRANGER = "owner", "stranger"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Belongings:
    """Ids of what the owner has."""

    conversation: str
    message: str
    variable: str
    run: str
    upload: str
    end_user: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    apps = [
        {"workflow": str(path), "slug": slug, "api_keys": [f"app-{slug}"]}
        for slug, path in FILES.items()
    ]
    config = {"apps": apps, "http_request": {"allow": ["127.0.0.0/8"]}}
    with running_server(config, tmp_path_factory.mktemp("isolation")) as running:
        yield running


def call(
    server: ServerProcess, app: str, method: str, path: str, body: Json | None = None
) -> httpx.Response:
    with server.client(f"app-{app}") as client:
        return client.request(method, f"/v1{path}", json=body)


@pytest.fixture(scope="module")
def owned(server: ServerProcess) -> Belongings:
    question = {"query": "hi", "inputs": {}, "user": OWNER}
    message = call(server, "chat", "POST", "/chat-messages", question).json()
    path = f"/conversations/{message['conversation_id']}/variables?user={OWNER}"
    variables = call(server, "chat", "GET", path).json()["data"]
    order = {"inputs": {"name": "A"}, "user": OWNER}
    run = call(server, "main", "POST", "/workflows/run", order).json()
    with server.client("app-main") as client:
        form = {"file": ("a.txt", b"private", "text/plain")}
        upload = client.post("/v1/files/upload", files=form, data={"user": OWNER}).json()
    return Belongings(
        message["conversation_id"],
        message["message_id"],
        variables[0]["id"],
        run["workflow_run_id"],
        upload["id"],
        upload["created_by"],
    )


_CHAT_CALLS = {
    "messages": ("GET", "/messages?conversation_id={conversation}&user={user}", None),
    "variables": ("GET", "/conversations/{conversation}/variables?user={user}", None),
    "set a variable": (
        "PUT",
        "/conversations/{conversation}/variables/{variable}",
        {"value": "stolen"},
    ),
    "rename": ("POST", "/conversations/{conversation}/name", {"name": "stolen"}),
    "go on": (
        "POST",
        "/chat-messages",
        {"query": "and?", "inputs": {}, "conversation_id": "{conversation}"},
    ),
    "like": ("POST", "/messages/{message}/feedbacks", {"rating": "like"}),
    "suggested": ("GET", "/messages/{message}/suggested?user={user}", None),
    "delete": ("DELETE", "/conversations/{conversation}", {}),
}


@pytest.mark.parametrize("name", _CHAT_CALLS)
@pytest.mark.parametrize(
    ("app", "user"),
    [("other-chat", OWNER), ("chat", STRANGER)],
    ids=["another-app", "another-user"],
)
def test_conversation_of_somebody_else_is_not_there(
    server: ServerProcess, owned: Belongings, app: str, user: str, name: str
) -> None:
    method, path, body = _CHAT_CALLS[name]
    sent = _filled(body, owned, user)
    answer = call(server, app, method, _text(path, owned, user), sent)
    assert 404 == answer.status_code, answer.text


def test_conversation_is_as_it_was_after_all_that(server: ServerProcess, owned: Belongings) -> None:
    path = f"/messages?conversation_id={owned.conversation}&user={OWNER}"
    [message] = call(server, "chat", "GET", path).json()["data"]
    assert (owned.message, None) == (message["id"], message["feedback"])
    path = f"/conversations/{owned.conversation}/variables?user={OWNER}"
    values = [each["value"] for each in call(server, "chat", "GET", path).json()["data"]]
    assert "stolen" not in values


@pytest.mark.parametrize("app", ["chat", "other-chat"])
def test_lists_hold_nothing_of_others(server: ServerProcess, owned: Belongings, app: str) -> None:
    user = STRANGER if app == "chat" else OWNER
    listed = call(server, app, "GET", f"/conversations?user={user}").json()["data"]
    assert owned.conversation not in [each["id"] for each in listed]


@pytest.mark.parametrize(
    "path", ["/workflows/run/{run}", "/workflow/{run}/events?user=owner", "/end-users/{end_user}"]
)
def test_run_and_user_of_another_app_are_not_there(
    server: ServerProcess, owned: Belongings, path: str
) -> None:
    path = _text(path, owned, OWNER)
    assert 200 == call(server, "main", "GET", path).status_code
    assert 404 == call(server, "other-main", "GET", path).status_code


def test_events_of_another_user_are_not_there(server: ServerProcess, owned: Belongings) -> None:
    path = f"/workflow/{owned.run}/events?user={STRANGER}"
    assert 404 == call(server, "main", "GET", path).status_code


def test_log_of_another_app_is_empty(server: ServerProcess, owned: Belongings) -> None:
    path = f"/workflows/logs?keyword=A&created_by_end_user_session_id={OWNER}"
    assert 0 == call(server, "other-main", "GET", path).json()["total"]


@pytest.mark.parametrize(
    ("app", "user"),
    [("other-main", OWNER), ("main", STRANGER)],
    ids=["another-app", "another-user"],
)
def test_file_of_somebody_else_cannot_be_used(
    server: ServerProcess, owned: Belongings, app: str, user: str
) -> None:
    file = {"transfer_method": "local_file", "upload_file_id": owned.upload, "type": "document"}
    order = {"inputs": {"name": "A", "doc": file}, "files": [file], "user": user}
    answer = call(server, app, "POST", "/workflows/run", order)
    assert 400 == answer.status_code
    assert "Invalid upload file" in answer.text
    assert 404 == call(server, app, "GET", f"/files/{owned.upload}/preview").status_code


def test_run_of_another_app_goes_on_when_it_is_told_to_stop(
    server: ServerProcess, echo_url: str
) -> None:
    order = {
        "inputs": {"url": f"{echo_url}/sleep/0.5"},
        "response_mode": "streaming",
        "user": OWNER,
    }
    with (
        server.client("app-waiting") as client,
        client.stream("POST", "/v1/workflows/run", json=order) as response,
    ):
        events = events_of(response)
        first = next(events)
        for handle in (first["task_id"], first["workflow_run_id"]):
            for path in (f"/workflows/tasks/{handle}/stop", f"/workflows/{handle}/stop"):
                call(server, "other-waiting", "POST", path, {"user": OWNER})
        *_, last = events
    assert "succeeded" == last["data"]["status"]


def _filled(body: Json | None, owned: Belongings, user: str) -> Json | None:
    if body is None:
        return None
    filled = {
        name: _text(value, owned, user) if isinstance(value, str) else value
        for name, value in body.items()
    }
    return {**filled, "user": user}


def _text(text: str, owned: Belongings, user: str) -> str:
    return text.format(
        conversation=owned.conversation,
        message=owned.message,
        variable=owned.variable,
        run=owned.run,
        end_user=owned.end_user,
        user=user,
    )
