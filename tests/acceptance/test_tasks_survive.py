"""Nextcloud's tasks outlive the server process, however it ends (`nextcloud-ocs §14`)."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmill.service.secrets import fingerprint_of
from tests.api.ocs.workers import header, provider
from tests.api.ocs.workflows import through_page
from tests.server_process import ServerProcess, running_server

TASKS = "/ocs/v2.php/taskprocessing"
WORK = f"{TASKS}/tasks_provider"
REGISTRATION = "/ocs/v1.php/apps/app_api/api/v1/ai_provider/task_processing"
SPEECH = "core:text2speech"
FINAL = {"STATUS_SUCCESSFUL", "STATUS_FAILED"}


def config(folder: Path, url: str) -> dict[str, Any]:
    """One task at a time, about a page that takes its time."""
    (folder / "page.yml").write_text(through_page(url))
    return {
        "apps": [{"workflow": str(folder / "page.yml")}],
        "http_request": {"allow": ["127.0.0.0/8"]},
        "ocs": {
            "tasks_at_a_time": 1,
            "users": [{"id": "alice", "password_hash": fingerprint_of("pw")}],
            "ex_apps": [{"id": "worker1", "secret_hash": fingerprint_of("w1-secret")}],
            "task_types": {"core:text2text": {"workflow": "page"}},
        },
    }


def client(server: ServerProcess) -> httpx.Client:
    headers = {"OCS-APIRequest": "true", "Accept": "application/json"}
    return httpx.Client(base_url=server.url, auth=("alice", "pw"), headers=headers)


def schedule(http: httpx.Client, text: str, task_type: str = "core:text2text") -> int:
    order = {"input": {"input": text}, "type": task_type, "appId": "test"}
    answer = http.post(f"{TASKS}/schedule", json=order)
    return int(answer.json()["ocs"]["data"]["task"]["id"])


def wait(http: httpx.Client, task_id: int, *statuses: str) -> dict[str, Any]:
    while True:
        task = http.get(f"{TASKS}/task/{task_id}").json()["ocs"]["data"]["task"]
        if task["status"] in statuses:
            return dict(task)
        time.sleep(0.02)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"])
def test_no_task_is_lost(tmp_path: Path, echo_url: str, end: signal.Signals) -> None:
    settings = config(tmp_path, f"{echo_url}/sleep/0.5")
    with running_server(settings, tmp_path) as server, client(server) as http:
        begun, *waiting = [schedule(http, f"text {i}") for i in range(3)]
        wait(http, begun, "STATUS_RUNNING")
        os.kill(server.pid, end)
    with running_server(settings, tmp_path) as server, client(server) as http:
        later = schedule(http, "later")
        assert begun < waiting[0] < waiting[1] < later
        ended = wait(http, begun, *FINAL)
        # As its run ended: it went on, or it could not.
        is_whole = ended["output"] == {"output": "text 0"}
        assert is_whole or "restart" in ended["userFacingErrorMessage"]
        for number, task_id in enumerate(waiting, 1):
            task = wait(http, task_id, *FINAL)
            assert {"output": f"text {number}"} == task["output"]


def test_worker_goes_on_where_it_was(tmp_path: Path, echo_url: str) -> None:
    """Its registration, what it had claimed and said of it, its files and what waits for it."""
    settings = config(tmp_path, f"{echo_url}/sleep/0")
    worker = header("worker1", "w1-secret")
    asked = {"providerIds[]": "worker1:tts", "taskTypeIds[]": SPEECH}
    with running_server(settings, tmp_path) as server, client(server) as http:
        body = {"provider": provider("worker1:tts", SPEECH)}
        assert 200 == http.post(REGISTRATION, json=body, headers=worker).status_code
        claimed, waiting, cancelled = [schedule(http, f"text {i}", SPEECH) for i in range(3)]
        http.post(f"{TASKS}/tasks/{cancelled}/cancel")
        http.get(f"{WORK}/next", params=asked, headers=worker)
        http.post(f"{WORK}/{claimed}/progress", json={"progress": 0.4}, headers=worker)
        sent = http.post(f"{WORK}/{claimed}/file", files={"file": b"ID3 sound"}, headers=worker)
        file_id = sent.json()["ocs"]["data"]["fileId"]
        os.kill(server.pid, signal.SIGKILL)
    with running_server(settings, tmp_path) as server, client(server) as http:
        assert 0.4 == wait(http, claimed, "STATUS_RUNNING")["progress"]
        wait(http, cancelled, "STATUS_CANCELLED")
        result = {"output": {"speech": file_id}}
        http.post(f"{WORK}/{claimed}/result", json=result, headers=worker)
        assert {"speech": file_id} == wait(http, claimed, *FINAL)["output"]
        assert b"ID3 sound" == http.get(f"{TASKS}/tasks/{claimed}/file/{file_id}").content
        following = http.get(f"{WORK}/next", params=asked, headers=worker)
        assert waiting == following.json()["ocs"]["data"]["task"]["id"]


def test_id_of_a_deleted_task_is_not_used_again(tmp_path: Path, echo_url: str) -> None:
    settings = config(tmp_path, f"{echo_url}/sleep/0")
    with running_server(settings, tmp_path) as server, client(server) as http:
        last = [schedule(http, "x") for _ in range(2)][-1]
        wait(http, last, *FINAL)
        http.delete(f"{TASKS}/task/{last}")
    with running_server(settings, tmp_path) as server, client(server) as http:
        assert schedule(http, "y") > last
