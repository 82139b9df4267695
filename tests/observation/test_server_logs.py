"""The log of a real server, as a collector of logs reads it."""

import json
from pathlib import Path

import httpx

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
