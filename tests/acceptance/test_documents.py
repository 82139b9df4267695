"""Documents over HTTP: files that a run fetches, and a document whose reader is stopped."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.documents import made
from tests.server_process import ServerProcess, events_of, free_port, running_server

KEY = "app-fetched"
USER = "somebody"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """It may fetch from itself."""
    workflow = Path(__file__).parent / "workflows" / "fetched.yml"
    port = free_port()
    config = {
        "apps": [{"workflow": str(workflow), "api_keys": [KEY]}],
        "http_request": {"allow": [f"127.0.0.1:{port}"]},
    }
    with running_server(config, tmp_path_factory.mktemp("documents"), port=port) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(KEY) as client:
        yield client


def link_to(client: httpx.Client, content: bytes) -> str:
    """A signed link to a PDF."""
    file = {"file": ("a.pdf", content, "application/pdf")}
    answer = client.post("/v1/files/upload", data={"user": USER}, files=file)
    assert answer.status_code == 201
    return str(answer.json()["source_url"])


def run_body(url: str, mode: str) -> Json:
    return {"inputs": {"url": url}, "response_mode": mode, "user": USER}


def test_a_fetched_file_is_a_value_like_an_uploaded_one(client: httpx.Client) -> None:
    content = made.sample("page.pdf")
    body = run_body(link_to(client, content), "blocking")
    data = client.post("/v1/workflows/run", json=body).json()["data"]
    outputs = data["outputs"]
    assert (None, ["Grüße aus Köln"]) == (data["error"], outputs["texts"])
    assert ("tool_file", ".pdf", len(content)) == (
        outputs["file"]["transfer_method"],
        outputs["file"]["extension"],
        outputs["size"],
    )
    assert content == httpx.get(outputs["file"]["url"]).content


def test_stopping_a_run_ends_its_reader_at_once(client: httpx.Client) -> None:
    url = link_to(client, made.pdf(10_000, 50))
    body = run_body(url, "streaming")
    with client.stream("POST", "/v1/workflows/run", json=body) as stream:
        events = events_of(stream)
        started = next(each for each in events if _starts(each, "document-extractor"))
        stopped_at = time.monotonic()
        client.post(f"/v1/workflows/tasks/{started['task_id']}/stop", json={"user": USER})
        end = list(events)[-1]
    assert time.monotonic() - stopped_at < 2
    assert ("workflow_finished", "stopped") == (end["event"], end["data"]["status"])
    after = client.post(
        "/v1/workflows/run", json=run_body(link_to(client, made.pdf(1)), "blocking")
    )
    assert ["one line of text"] == after.json()["data"]["outputs"]["texts"]


def _starts(event: Json, node_type: str) -> bool:
    return event["event"] == "node_started" and event["data"]["node_type"] == node_type
