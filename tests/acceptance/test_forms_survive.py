"""Runs that wait for a person outlive the server process, however it ends."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphmill.storage.database import FILE_NAME
from tests.dsl.files import edges, page, workflow_text
from tests.forms import approval, asking, end, start
from tests.server_process import ServerProcess, events_of, running_server

ENDS = pytest.mark.parametrize(
    "blow", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"]
)

Json = dict[str, Any]


def beside_a_page(url: str) -> str:
    """Asks while another branch waits for a page."""
    nodes = [start(), asking(), page("page", url), end(said="h.note", status="page.status_code")]
    return workflow_text(nodes, edges("start>h", "start>page", "h:ok>end", "page>end"))


def config(folder: Path, text: str) -> Json:
    (folder / "hi.yml").write_text(text)
    return {
        "apps": [{"workflow": str(folder / "hi.yml"), "api_keys": ["app-hi"]}],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }


@contextmanager
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client("app-hi") as http:
        http.timeout = httpx.Timeout(20)
        yield http


def begin(http: httpx.Client) -> httpx.Response:
    return http.post("/v1/workflows/run", json={"inputs": {"topic": "tea"}, "user": "abc"})


def reason_of(answer: httpx.Response) -> Json:
    return dict(answer.json()["data"]["reasons"][0])


def submit(http: httpx.Client, token: str) -> httpx.Response:
    body = {"inputs": {"note": "fine"}, "action": "ok", "user": "xyz"}
    return http.post(f"/v1/form/human_input/{token}", json=body)


def wait(http: httpx.Client, run_id: str, *statuses: str) -> Json:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        detail = http.get(f"/v1/workflows/run/{run_id}").json()
        if detail["status"] in statuses:
            return dict(detail)
        time.sleep(0.02)
    raise AssertionError(f"the run is {detail['status']}, not {statuses}")


@ENDS
def test_a_paused_run_goes_on_with_the_next_process(tmp_path: Path, blow: signal.Signals) -> None:
    settings = config(tmp_path, approval())
    with running_server(settings, tmp_path) as server, client(server) as http:
        answer = begin(http)
        os.kill(server.pid, blow)
    run_id, token = answer.json()["workflow_run_id"], reason_of(answer)["form_token"]
    with running_server(settings, tmp_path) as server, client(server) as http:
        assert "paused" == wait(http, run_id, "paused", "failed")["status"]
        with http.stream(
            "GET", f"/v1/workflow/{run_id}/events?user=abc&continue_on_pause=true"
        ) as stream:
            events = events_of(stream)
            assert "human_input_required" == next(events)["event"]
            assert 200 == submit(http, token).status_code
            told = [event["event"] for event in events]
        assert ["workflow_paused", "workflow_started", "human_input_form_filled"] == told[:3]
        assert "workflow_finished" == told[-1]
        detail = wait(http, run_id, "succeeded")
        assert ("fine", 4) == (detail["outputs"]["said"], detail["total_steps"])
        assert 412 == submit(http, token).status_code


def test_a_submission_that_was_accepted_is_not_lost(tmp_path: Path) -> None:
    settings = config(tmp_path, approval())
    with running_server(settings, tmp_path) as server, client(server) as http:
        answers = [begin(http) for _ in range(5)]
        for answer in answers:
            assert 200 == submit(http, reason_of(answer)["form_token"]).status_code
        os.kill(server.pid, signal.SIGKILL)
    with running_server(settings, tmp_path) as server, client(server) as http:
        for answer in answers:
            detail = wait(http, answer.json()["workflow_run_id"], "succeeded", "failed")
            assert "fine" == detail["outputs"]["said"]


def test_a_submission_that_only_the_database_heard_of_is_taken_up(tmp_path: Path) -> None:
    """The process died after it had stored the submission, and before the run went on."""
    settings = config(tmp_path, approval())
    with running_server(settings, tmp_path) as server, client(server) as http:
        answer = begin(http)
        os.kill(server.pid, signal.SIGKILL)
    change(tmp_path, 'state = \'submitted\', answer = \'["no", {"note": "x"}]\', is_due = 1')
    with running_server(settings, tmp_path) as server, client(server) as http:
        detail = wait(http, answer.json()["workflow_run_id"], "succeeded", "failed")
        assert {"refused": "no"} == detail["outputs"]


def test_time_runs_out_while_no_process_is_there(tmp_path: Path) -> None:
    settings = config(tmp_path, approval())
    with running_server(settings, tmp_path) as server, client(server) as http:
        answer = begin(http)
        os.kill(server.pid, signal.SIGTERM)
    change(tmp_path, "expires_at = 1.0")
    with running_server(settings, tmp_path) as server, client(server) as http:
        run_id = answer.json()["workflow_run_id"]
        assert {} == wait(http, run_id, "succeeded", "failed")["outputs"]
        late = submit(http, reason_of(answer)["form_token"])
        assert (412, "human_input_form_expired") == (late.status_code, late.json()["code"])


def change(folder: Path, values: str) -> None:
    """In the database of a server that does not run."""
    connection = sqlite3.connect(folder / "data" / FILE_NAME)
    connection.execute(f"UPDATE forms SET {values}")
    connection.commit()
    connection.close()


def test_a_run_ends_that_waits_too_long(tmp_path: Path) -> None:
    settings = config(tmp_path, approval()) | {"limits": {"pause_days": 0.000_005}}
    with running_server(settings, tmp_path) as server, client(server) as http:
        run_id = begin(http).json()["workflow_run_id"]
        detail = wait(http, run_id, "stopped", "succeeded")

    error = "Nobody filled in the form within the 5e-06 days that a run may wait."
    assert ("stopped", error) == (detail["status"], detail["error"])


def test_a_form_is_filled_in_while_another_branch_goes_on(tmp_path: Path, echo_url: str) -> None:
    settings = config(tmp_path, beside_a_page(f"{echo_url}/sleep/0.5"))
    body = {"inputs": {"topic": "tea"}, "user": "abc", "response_mode": "streaming"}
    with (
        running_server(settings, tmp_path) as server,
        client(server) as http,
        http.stream("POST", "/v1/workflows/run", json=body) as stream,
    ):
        told = []
        for event in events_of(stream):
            told.append(event["event"])
            if event["event"] == "human_input_required":
                assert 200 == submit(http, event["data"]["form_token"]).status_code
            last = event

    assert "workflow_paused" not in told
    assert {"said": "fine", "status": 200} == last["data"]["outputs"]


@ENDS
def test_what_goes_on_beside_a_form_survives_too(
    tmp_path: Path, echo_url: str, blow: signal.Signals
) -> None:
    settings = config(tmp_path, beside_a_page(f"{echo_url}/sleep/0.5"))
    body = {"inputs": {"topic": "tea"}, "user": "abc", "response_mode": "streaming"}
    with (
        running_server(settings, tmp_path) as server,
        client(server) as http,
        http.stream("POST", "/v1/workflows/run", json=body) as stream,
    ):
        told = events_of(stream)
        form = next(event for event in told if event["event"] == "human_input_required")
        os.kill(server.pid, blow)
    run_id, token = form["workflow_run_id"], form["data"]["form_token"]
    with running_server(settings, tmp_path) as server, client(server) as http:
        assert "paused" == wait(http, run_id, "paused", "failed", "succeeded")["status"]
        assert 200 == submit(http, token).status_code
        detail = wait(http, run_id, "failed", "succeeded")

    assert {"said": "fine", "status": 200} == detail["outputs"]


def test_a_form_is_told_once_although_the_process_dies(tmp_path: Path, echo_url: str) -> None:
    settings = config(tmp_path, beside_a_page(f"{echo_url}/sleep/0.8"))
    body = {"inputs": {"topic": "tea"}, "user": "abc", "response_mode": "async"}
    with running_server(settings, tmp_path) as server, client(server) as http:
        run_id = http.post("/v1/workflows/run", json=body).json()["workflow_run_id"]
        path = f"/v1/workflow/{run_id}/events?user=abc&after=0"
        with http.stream("GET", path) as stream:
            told = events_of(stream)
            form = next(event for event in told if event["event"] == "human_input_required")
            os.kill(server.pid, signal.SIGKILL)
    with running_server(settings, tmp_path) as server, client(server) as http:
        assert "paused" == wait(http, run_id, "paused", "failed", "succeeded")["status"]
        with http.stream("GET", path) as stream:
            names = [event["event"] for event in events_of(stream)]
        assert 200 == submit(http, form["data"]["form_token"]).status_code
        detail = wait(http, run_id, "failed", "succeeded")

    assert (1, 1) == (names.count("human_input_required"), names.count("workflow_paused"))
    # The start, the form before and after it was filled in, the page, the end.
    assert ("succeeded", 5) == (detail["status"], detail["total_steps"])


def test_who_follows_a_paused_run_hears_that_the_server_stops(tmp_path: Path) -> None:
    settings = config(tmp_path, approval())
    with running_server(settings, tmp_path) as server, client(server) as http:
        run_id = begin(http).json()["workflow_run_id"]
        with http.stream(
            "GET", f"/v1/workflow/{run_id}/events?user=abc&continue_on_pause=true"
        ) as stream:
            events = events_of(stream)
            next(events)
            os.kill(server.pid, signal.SIGTERM)
            *_, last = events

    assert ("error", 503) == (last["event"], last["status"])
