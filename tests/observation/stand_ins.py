"""What a server that is watched runs, and a collector that it tells its spans to."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.dsl.files import edges, node, page, workflow_text
from tests.knowledge.stand_ins import records
from tests.models.stand_ins import WHOLE_REPLY, streaming
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply
from tests.service.world import URL

KEY = "app-watched"
EQUIPPED_KEY = "app-equipped"


def asking(*, retries: int = 0) -> str:
    """A file whose runs fetch the page at the input `url` and ask a model about it."""
    start = node("start", "start", title="Start", variables=[dict(URL)])
    retry = {"retry_enabled": retries > 0, "max_retries": retries, "retry_interval": 1}
    fetch = page("page", "{{#start.url#}}", retry_config=retry)
    model = node(
        "model",
        "llm",
        title="Model",
        model={"provider": "openai", "name": "gpt-4o-mini", "mode": "chat"},
        prompt_template=[{"role": "user", "text": "{{#page.body#}}"}],
        context={"enabled": False},
    )
    outputs = [{"variable": "text", "value_selector": ["model", "text"]}]
    end = node("end", "end", title="End", outputs=outputs)
    return workflow_text([start, fetch, model, end], edges("start>page", "page>model", "model>end"))


def equipped() -> str:
    """A file whose runs call a tool and search a dataset."""
    start = node("start", "start", title="Start", variables=[dict(URL)])
    tool = node(
        "tool",
        "tool",
        title="Tool",
        provider_id="weather",
        provider_type="api",
        provider_name="weather",
        tool_name="forecast",
        tool_label="Forecast",
        tool_parameters={},
        tool_configurations={},
    )
    search = node(
        "search",
        "knowledge-retrieval",
        title="Search",
        query_variable_selector=["tool", "text"],
        dataset_ids=["wiki"],
        retrieval_mode="multiple",
        multiple_retrieval_config={"top_k": 2, "reranking_enable": False},
    )
    outputs = [{"variable": "found", "value_selector": ["search", "result"]}]
    end = node("end", "end", title="End", outputs=outputs)
    return workflow_text(
        [start, tool, search, end], edges("start>tool", "tool>search", "search>end")
    )


def config(folder: Path, world: "World", **sections: Any) -> dict[str, Any]:
    """Of a server with the apps `watched` and `equipped`."""
    url = world.outside.url
    files = {"watched": asking(retries=1), "equipped": equipped()}
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text)
    forecast = {"/forecast": {"get": {"operationId": "forecast"}}}
    api = {"openapi": "3.1.0", "servers": [{"url": url}], "paths": forecast}
    (folder / "weather.json").write_text(json.dumps(api))
    model = {"provider": "*", "kind": "openai", "base_url": f"{url}/v1", "retries": 0}
    return {
        "apps": [
            {"workflow": "watched.yml", "api_keys": [KEY]},
            {"workflow": "equipped.yml", "api_keys": [EQUIPPED_KEY]},
        ],
        "models": [model],
        "tools": [{"provider": "weather", "kind": "openapi", "document": "weather.json"}],
        "knowledge": [
            {"dataset": "*", "kind": "external", "name": "wiki", "endpoint": f"{url}/kb"}
        ],
        "http_request": {"allow": ["127.0.0.0/8"]},
        **sections,
    }


@dataclass(frozen=True, slots=True)
class World:
    outside: LocalServer
    """Pages, and a model."""
    collector: LocalServer

    def asked(self, target: str) -> Received:
        """The last request for that."""
        return [each for each in self.outside.received if each.target == target][-1]

    def spans(self) -> Iterator[Span]:
        for received in self.collector.received:
            told = ExportTraceServiceRequest.FromString(received.body)
            for resource in told.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def span(self, name: str) -> Span:
        """The only one of that name."""
        [span] = [span for span in self.spans() if span.name == name]
        return span


def attributes(span: Span) -> Mapping[str, object]:
    values = {each.key: each.value for each in span.attributes}
    return {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with (
        local_server(answer) as outside,
        local_server(reply(200)) as collector,
    ):
        yield World(outside, collector)


async def answer(received: Received, *streams: Any) -> None:
    await ANSWERS.get(received.target, reply(200, b"a page"))(received, *streams)


async def silence(received: Received, *streams: Any) -> None:
    await asyncio.Event().wait()


ANSWERS: Mapping[str, Answer] = {
    "/broken": reply(500),
    "/never": silence,
    "/v1/chat/completions": streaming(WHOLE_REPLY),
    "/kb/retrieval": reply(200, records({"content": "a page", "score": 0.5, "title": "Page"})),
}
"""All else is a page."""
