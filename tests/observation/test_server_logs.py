"""The log of a real server, as a collector of logs reads it."""

import asyncio
import json
import time
from pathlib import Path

import httpx

from graphmill.service.secrets import hash_password
from tests.observation.stand_ins import KEY, config, world
from tests.server_process import running_server


async def test_records_are_json_and_say_what_they_belong_to(tmp_path: Path) -> None:
    async with world() as outside:
        settings = config(tmp_path, outside, logs={"access": True})
        body = {
            "inputs": {"url": f"{outside.outside.url}/broken"},
            "response_mode": "blocking",
            "user": "u",
        }
        headers = {"Authorization": f"Bearer {KEY}", "X-Request-Id": "my-own.id"}
        with running_server(settings, tmp_path) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
                response = await client.post("/v1/workflows/run", json=body, headers=headers)
                other = await client.get("/v1/info?secret=hidden", headers={"X-Request-Id": "a b"})
    run_id = response.json()["workflow_run_id"]
    assert "my-own.id" == response.headers["x-request-id"]
    assert "a b" != other.headers["x-request-id"]
    said = (tmp_path / "server.log").read_text().splitlines()
    # The rest is for people: apps with their keys.
    lines = [line for line in said if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    [failed] = [record for record in records if record.get("run_id") == run_id]
    assert ("my-own.id", "watched", "warning", "graphmill.service.runs.runs") == tuple(
        failed[name] for name in ("request_id", "app", "level", "logger")
    )
    assert "a run has failed" in failed["message"]
    told = [record for record in records if record["logger"] == "graphmill.access"]
    assert [
        ("POST /v1/workflows/run 200", "/v1/workflows/run", 200, "my-own.id"),
        ("GET /v1/info 401", "/v1/info", 401, other.headers["x-request-id"]),
    ] == [
        tuple(record[name] for name in ("message", "route", "status", "request_id"))
        for record in told
        if record["route"] != "/health"
    ]
    assert not [line for line in lines if KEY in line or "hidden" in line]


async def test_task_that_waited_belongs_to_the_request_that_ordered_it(tmp_path: Path) -> None:
    async with world() as outside:
        alice = {"id": "alice", "password_hash": hash_password("alice-pw")}
        ocs = {"users": [alice], "tasks_at_a_time": 1, "publish_workflows": ["watched"]}
        with running_server(config(tmp_path, outside, ocs=ocs), tmp_path) as server:
            url = f"{server.url}/ocs/v2.php/taskprocessing"
            async with httpx.AsyncClient(
                headers={"OCS-APIRequest": "true"}, auth=("alice", "alice-pw"), timeout=20
            ) as client:

                async def schedule(page: str, request_id: str) -> int:
                    body = {
                        "type": "app:watched",
                        "appId": "test",
                        "input": {"url": f"{outside.outside.url}{page}"},
                    }
                    headers = {"X-Request-Id": request_id, "Accept": "application/json"}
                    answer = await client.post(f"{url}/schedule", json=body, headers=headers)
                    return int(answer.json()["ocs"]["data"]["task"]["id"])

                first = await schedule("/never", "first")
                await outside.outside.asked.wait()
                await schedule("/broken", "second")
                # Its end makes room for the other one.
                await client.post(f"{url}/tasks/{first}/cancel")
                [failed] = await asyncio.to_thread(_await_failures, tmp_path / "server.log")
    assert "second" == failed["request_id"]


def _await_failures(log: Path) -> list[dict[str, str]]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = [line for line in log.read_text().splitlines() if "a run has failed" in line]
        if lines:
            return [json.loads(line) for line in lines]
        time.sleep(0.02)
    raise AssertionError("no run has failed")
