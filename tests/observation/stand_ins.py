"""What a server that is watched runs, and a collector that it tells its spans to."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.dsl.files import edges, node, workflow_text
from tests.models.stand_ins import WHOLE_REPLY, streaming
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply
from tests.service.world import URL

KEY = "app-watched"


def asking(*, retries: int = 0) -> str:
    """A file whose runs fetch the page at the input `url` and ask a model about it."""
    start = node("start", "start", title="Start", variables=[dict(URL)])
    page = node(
        "page",
        "http-request",
        title="Page",
        method="get",
        url="{{#start.url#}}",
        headers="",
        params="",
        authorization={"type": "no-auth", "config": None},
        body={"type": "none", "data": []},
        retry_config={"retry_enabled": retries > 0, "max_retries": retries, "retry_interval": 1},
    )
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
    return workflow_text([start, page, model, end], edges("start>page", "page>model", "model>end"))


def config(folder: Path, world: "World", **sections: Any) -> dict[str, Any]:
    """Of a server with one app, `watched`."""
    path = folder / "watched.yml"
    path.write_text(asking(retries=1))
    model = {"provider": "*", "kind": "openai", "base_url": f"{world.outside.url}/v1", "retries": 0}
    return {
        "apps": [{"workflow": str(path), "api_keys": [KEY]}],
        "models": [model],
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
        local_server(by_target({"/v1/chat/completions": streaming(WHOLE_REPLY)})) as outside,
        local_server(reply(200)) as collector,
    ):
        yield World(outside, collector)


def by_target(answers: Mapping[str, Answer]) -> Answer:
    """Another path is a page; `/broken` is none, and `/never` does not answer."""
    pages = {"/broken": reply(500), "/never": silence, **answers}

    async def answer(received: Received, *streams: Any) -> None:
        await pages.get(received.target, reply(200, b"a page"))(received, *streams)

    return answer


async def silence(received: Received, *streams: Any) -> None:
    await asyncio.Event().wait()
