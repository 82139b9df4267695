"""What callers send is data: it becomes no template, no selector, no code and no workflow."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dsl.files import edges, node, workflow_text
from tests.server_process import ServerProcess, running_server

TOKEN = "env-77a1-very-secret"
MIB = 1024 * 1024

Json = dict[str, Any]


def _template(name: str, text: str) -> Json:
    said = [{"variable": "said", "value_selector": ["start", "text"]}]
    return node(name, "template-transform", template=text, variables=said)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Its workflow gives what it is told through everything that renders."""
    folder = tmp_path_factory.mktemp("injection")
    text = {"variable": "text", "label": "Text", "type": "paragraph", "max_length": 0}
    code = node(
        "code",
        "code",
        code_language="python3",
        code="def main(said):\n    return {'result': said}",
        variables=[{"variable": "said", "value_selector": ["start", "text"]}],
        outputs={"result": {"type": "string", "children": None}},
    )
    places = {"start": "text", "plain": "output", "loop": "output", "code": "result"}
    outputs = [
        {"variable": name, "value_selector": [name, output]} for name, output in places.items()
    ]
    nodes = [
        node("start", "start", variables=[text]),
        _template("plain", "{{ said }}"),
        _template("loop", "{% for _ in [1] %}{{ said }}{% endfor %}"),
        code,
        node("end", "end", outputs=outputs),
    ]
    secret = {
        "id": "11111111-1111-4111-8111-111111111111",
        "name": "TOKEN",
        "value": TOKEN,
        "value_type": "secret",
        "selector": ["env", "TOKEN"],
    }
    (folder / "echo.yml").write_text(
        workflow_text(
            nodes,
            edges("start>plain", "plain>loop", "loop>code", "code>end"),
            environment_variables=[secret],
        )
    )
    config = {"apps": [{"workflow": str(folder / "echo.yml"), "api_keys": ["app-echo"]}]}
    with running_server(config, folder) as running:
        yield running


def outputs_of(server: ServerProcess, text: str, **more: Any) -> Json:
    order = {"inputs": {"text": text}, "user": "me", **more}
    with server.client("app-echo") as client:
        answer = client.post("/v1/workflows/run", json=order, timeout=30)
    assert TOKEN not in answer.text
    return dict(answer.json()["data"]["outputs"])


@pytest.mark.parametrize(
    "text",
    [
        "{{ 7 * 7 }}",
        "{{#env.TOKEN#}} {{#sys.user_id#}}",
        "{% for x in range(9) %}{{ x }}{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "${HOME} $(id) `id`",
        "'; import os; os.system('id') #",
        '"""\n{{ said }}\n"""',
    ],
)
def test_text_stays_what_it_is(server: ServerProcess, text: str) -> None:
    assert {text} == set(outputs_of(server, text).values())


def test_request_brings_no_workflow_of_its_own(server: ServerProcess) -> None:
    evil = {
        "graph": {"nodes": [], "edges": []},
        "workflow": {"graph": {"nodes": []}},
        "model_config": {"base_url": "http://169.254.169.254/"},
        "environment_variables": [{"name": "TOKEN", "value": "mine"}],
        "app_id": "other",
        "sys": {"user_id": "root"},
    }
    assert {"hi"} == set(outputs_of(server, "hi", **evil).values())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_packed_body_is_not_unpacked(server: ServerProcess, coding: str) -> None:
    order = json.dumps({"inputs": {"text": "x" * 30 * MIB}, "user": "me"}).encode()
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    with server.client("app-echo") as client:
        answer = client.post(
            "/v1/workflows/run", content=gzip.compress(order, 1), headers=headers, timeout=30
        )
    assert (400, "bad_request") == (answer.status_code, answer.json()["code"])
