"""What is secret is in no answer, no event, no log, and in files that only their owner reads."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dsl.files import edges, node, workflow_text
from tests.server_process import ServerProcess, events_of, free_port, running_server

ENVIRONMENT = "env-4f1c-very-secret"
MODEL_KEY = "sk-model-9d27-very-secret"
OWN_KEY = "app-own-key-7a55"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """Its workflow sends the secret to a server that is not there, in every part of a request."""
    port = free_port()
    calling = node(
        "call",
        "http-request",
        title="Call",
        method="post",
        url=f"http://127.0.0.1:{port}/{{{{#env.TOKEN#}}}}?t={{{{#env.TOKEN#}}}}",
        headers="X-Token: {{#env.TOKEN#}}",
        params="token: {{#env.TOKEN#}}",
        authorization={"type": "api-key", "config": {"type": "bearer", "api_key": ENVIRONMENT}},
        body={"type": "raw-text", "data": [{"type": "text", "value": "{{#env.TOKEN#}}"}]},
    )
    asking = node(
        "ask",
        "llm",
        title="Ask",
        model={"provider": "openai", "name": "m", "mode": "chat", "completion_params": {}},
        prompt_template=[{"role": "user", "text": "hi"}],
        context={"enabled": False, "variable_selector": []},
        vision={"enabled": False},
    )
    secret = {
        "id": "11111111-1111-4111-8111-111111111111",
        "name": "TOKEN",
        "value": ENVIRONMENT,
        "value_type": "secret",
        "selector": ["env", "TOKEN"],
    }
    chosen = [{"variable": "token", "value_selector": ["env", "TOKEN"]}]
    raising = node(
        "code",
        "code",
        title="Code",
        code_language="python3",
        code="def main(token):\n    print(token)\n    raise ValueError(f'{token} is refused')\n",
        variables=chosen,
        outputs={"out": {"type": "string", "children": None}},
        retry_config={"retry_enabled": True, "max_retries": 1, "retry_interval": 1},
    )
    start = node("start", "start", title="Start", variables=[])
    failing_nodes = {"call": calling, "ask": asking, "code": raising}
    for name, failing in failing_nodes.items():
        end = node("end", "end", title="End", outputs=[])
        text = workflow_text(
            [start, failing, end],
            edges(f"start>{name}", f"{name}>end"),
            environment_variables=[secret],
        )
        (folder / f"{name}.yml").write_text(text)
    config = {
        "apps": [
            {"workflow": str(folder / "call.yml"), "api_keys": ["app-call"]},
            {"workflow": str(folder / "ask.yml"), "api_keys": ["app-ask"]},
            {"workflow": str(folder / "code.yml"), "api_keys": ["app-code"]},
            {"workflow": str(folder / "call.yml"), "slug": "made"},
        ],
        "models": [
            {
                "provider": "*",
                "kind": "openai",
                "base_url": f"http://127.0.0.1:{port}/v1",
                "api_key": MODEL_KEY,
                "retries": 0,
            }
        ],
        "http_request": {"allow": ["127.0.0.0/8"]},
    }
    with running_server(config, folder) as running:
        yield running


@pytest.mark.parametrize("app", ["call", "ask"])
@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_failing_run_tells_no_secret(
    server: ServerProcess, folder: Path, app: str, mode: str
) -> None:
    order: Json = {"inputs": {}, "response_mode": mode, "user": "me"}
    with server.client(f"app-{app}") as client:
        told = client.post("/v1/workflows/run", json=order).text
        assert "failed" in told
        run_id = client.get("/v1/workflows/logs").json()["data"][0]["workflow_run"]["id"]
        told += client.get(f"/v1/workflows/run/{run_id}").text
        told += client.get("/v1/parameters").text
    told += (folder / "server.log").read_text()
    assert ENVIRONMENT not in told
    assert MODEL_KEY not in told


def test_error_of_code_tells_no_secret(server: ServerProcess, folder: Path) -> None:
    order: Json = {"inputs": {}, "response_mode": "streaming", "user": "me"}
    with (
        server.client("app-code") as client,
        client.stream("POST", "/v1/workflows/run", json=order) as stream,
    ):
        events = list(events_of(stream))
    errors = {event["event"]: event["data"].get("error") for event in events}
    for event in ("node_retry", "node_finished", "workflow_finished"):
        assert "ValueError: env-4f************et is refused" in errors[event]
        assert ENVIRONMENT not in errors[event]
    assert ENVIRONMENT not in (folder / "server.log").read_text()


def test_unknown_key_is_not_repeated(server: ServerProcess, folder: Path) -> None:
    with server.client(OWN_KEY) as client:
        answer = client.get("/v1/info")
    assert 401 == answer.status_code
    assert OWN_KEY not in answer.text + (folder / "server.log").read_text()


@pytest.mark.parametrize("name", ["keys.json", "secret.key"])
def test_files_with_secrets_are_for_their_owner_only(server: ServerProcess, name: str) -> None:
    path = server.data_dir / name
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(server.data_dir.stat().st_mode)
