"""A chatflow that answers from knowledge, on a real server: documents are taken in on the command
line while it runs, models and a service are on loopback."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.test_samples import ROOT, example
from tests.dsl.files import edges, node, workflow_text
from tests.knowledge.stand_ins import EMBEDDING, HANDBOOK, provide, records
from tests.models.stand_ins import delta, events, streaming
from tests.outbound.local_server import LocalServer, Received, local_server, reply
from tests.server_process import ServerProcess, running_server

Json = dict[str, Any]

FLOW = [
    node("start", "start", title="Start", variables=[]),
    node(
        "search",
        "knowledge-retrieval",
        title="Search",
        query_variable_selector=["sys", "query"],
        dataset_ids=["base-id==", "wiki-id=="],
        retrieval_mode="multiple",
        multiple_retrieval_config={"top_k": 2, "reranking_enable": False},
    ),
    node(
        "llm",
        "llm",
        title="LLM",
        model={"provider": "openai", "name": "gpt-4o", "mode": "chat", "completion_params": {}},
        prompt_template=[
            {"role": "system", "text": "Know this: {{#context#}}"},
            {"role": "user", "text": "{{#sys.query#}}"},
        ],
        context={"enabled": True, "variable_selector": ["search", "result"]},
        vision={"enabled": False},
    ),
    node("answer", "answer", title="Answer", answer="{{#llm.text#}}"),
]


async def _world(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A provider of models that repeats what it was told to know, and a service."""
    if received.target == "/kb/retrieval":
        found = {"content": "Fish is caught at sea.", "score": 0.3, "title": "Fish"}
        await reply(200, records(found))(received, reader, writer)
    elif received.target == "/v1/chat/completions":
        said = json.loads(received.body)["messages"][0]["content"]
        await streaming(events(delta(said), delta("", "stop"), b"[DONE]"))(received, reader, writer)
    else:
        await provide(received, reader, writer)


@pytest.fixture
async def outside() -> AsyncIterator[LocalServer]:
    async with local_server(_world) as server:
        yield server


async def test_a_chatflow_answers_from_documents_and_a_service(
    outside: LocalServer, tmp_path: Path
) -> None:
    (tmp_path / "flow.yml").write_text(
        workflow_text(FLOW, edges("start>search", "search>llm", "llm>answer"), mode="advanced-chat")
    )
    config = {
        "apps": [{"workflow": str(tmp_path / "flow.yml"), "api_keys": ["app-1"]}],
        "models": [{"provider": "*", "kind": "openai", "base_url": f"{outside.url}/v1"}],
        "knowledge": [
            {"dataset": "base-*", "kind": "local", "name": "handbook", "embedding": EMBEDDING},
            {
                "dataset": "wiki-*",
                "kind": "external",
                "name": "wiki",
                "endpoint": outside.url + "/kb",
            },
        ],
    }
    with running_server(config, tmp_path) as server:
        await _take_in(tmp_path)
        whole = await _ask(server, "Is there fish on Fridays?")
        nothing = await _ask(server, "Urlaub")
    # The outer braces stay, as with Dify.
    known = f"{{{HANDBOOK['lunch.md']}\nFish is caught at sea.}}"
    assert f"Know this: {known}" == whole["answer"]
    lunch, fish = whole["metadata"]["retriever_resources"]
    assert (1, "handbook", "lunch.md", "upload_file", HANDBOOK["lunch.md"]) == (
        lunch["position"],
        lunch["dataset_name"],
        lunch["document_name"],
        lunch["data_source_type"],
        lunch["content"],
    )
    assert (2, "wiki", "Fish", "external", 0.3) == (
        fish["position"],
        fish["dataset_name"],
        fish["document_name"],
        fish["data_source_type"],
        fish["score"],
    )
    assert "leave.md" == nothing["metadata"]["retriever_resources"][0]["document_name"]


async def test_the_sample_answers_from_its_documents(tmp_path: Path) -> None:
    sample = yaml.safe_load((ROOT / "config.yaml").read_text())
    app = {"workflow": str(ROOT / "workflows/handbook.yml"), "api_keys": ["app-handbook"]}
    key, body = example("handbook")
    answers = []
    with running_server({"apps": [app], "knowledge": sample["knowledge"]}, tmp_path) as server:
        await _add(tmp_path, *map(str, (ROOT / "workflows/handbook").iterdir()))
        with server.client(key) as client:
            for question in (body["inputs"]["question"], "Where do I send receipts?", "Quarks?"):
                asked = {**body, "inputs": {"question": question}}
                answer = client.post("/v1/workflows/run", json=asked).json()
                answers.append(answer["data"]["outputs"]["answer"])
    assert "28 days of annual leave" in answers[0]
    assert "accounting office" in answers[1]
    assert "The handbook says nothing about that." == answers[2].strip()


async def _take_in(folder: Path) -> None:
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text)
    await _add(folder, *HANDBOOK)


async def _add(folder: Path, *names: str) -> None:
    """On the command line, while the server runs."""
    command = [sys.executable, "-m", "graphmill", "knowledge", "add", "handbook", *names]
    await asyncio.to_thread(subprocess.run, command, cwd=folder, check=True, capture_output=True)


async def _ask(server: ServerProcess, query: str) -> Json:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        response = await client.post(
            "/v1/chat-messages",
            headers={"Authorization": "Bearer app-1"},
            json={"query": query, "inputs": {}, "response_mode": "blocking", "user": "u"},
        )
    assert response.status_code == 200, response.text
    return dict(response.json())
