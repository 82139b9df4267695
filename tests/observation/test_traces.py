"""Traces of a real server, as a collector gets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.observation.stand_ins import EQUIPPED_KEY, KEY, World, attributes, config, world
from tests.outbound.local_server import Received
from tests.server_process import ServerProcess, running_server

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
SECRET = "secret of the collector"


@asynccontextmanager
async def traced(
    folder: Path, **traces: Any
) -> AsyncIterator[tuple[World, httpx.AsyncClient, ExitStack]]:
    """Closing the stack ends the server, which then has told everything."""
    async with world() as outside:
        url = f"{outside.collector.url}/v1/traces"
        section = {"endpoint": url, "headers": {"Authorization": SECRET}, **traces}
        with ExitStack() as stack:
            process = running_server(config(folder, outside, traces=section), folder)
            server: ServerProcess = await asyncio.to_thread(stack.enter_context, process)
            headers = {"Authorization": f"Bearer {KEY}"}
            async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
                yield outside, client, stack


async def ask(client: httpx.AsyncClient, url: str, **headers: str) -> dict[str, Any]:
    body = {"inputs": {"url": url}, "response_mode": "blocking", "user": "u"}
    response = await client.post("/v1/workflows/run", json=body, headers=headers, timeout=20)
    return dict(response.json()["data"])


async def test_everything_a_request_leads_to_is_in_the_trace_of_its_caller(tmp_path: Path) -> None:
    async with traced(tmp_path) as (outside, client, stack):
        run = await ask(
            client,
            f"{outside.outside.url}/page?token=hidden",
            traceparent=f"00-{TRACE}-{CALLER}-01",
        )
        await asyncio.to_thread(stack.close)
    assert "succeeded" == run["status"]
    request, going, page, fetch, model, call = map(
        outside.span,
        (
            "POST /v1/workflows/run",
            "run watched",
            "node http-request",
            "GET",
            "node llm",
            "chat gpt-4o-mini",
        ),
    )
    assert {TRACE} == {span.trace_id.hex() for span in (request, going, page, fetch, model, call)}
    assert CALLER == request.parent_span_id.hex()
    assert [
        (going, request),
        (page, going),
        (fetch, page),
        (model, going),
        (call, model),
    ] == [(span, parent_of(span, outside)) for span in (going, page, fetch, model, call)]
    # And so it goes on outside.
    received = outside.asked("/page?token=hidden"), outside.asked("/v1/chat/completions")
    assert [ids_of(fetch), ids_of(call)] == [ids_sent(each) for each in received]
    assert (3, 2) == tuple(
        attributes(call)[f"gen_ai.usage.{direction}_tokens"] for direction in ("input", "output")
    )
    assert run["id"] == attributes(going)["graphmill.run_id"]
    assert {SECRET} == {each.headers["authorization"] for each in outside.collector.received}
    told = b"".join(each.body for each in outside.collector.received)
    assert not [word for word in (b"hidden", b"a page", KEY.encode()) if word in told]


def parent_of(span: Span, outside: World) -> Span:
    [parent] = [each for each in outside.spans() if each.span_id == span.parent_span_id]
    return parent


def ids_of(span: Span) -> tuple[str, str]:
    return span.trace_id.hex(), span.span_id.hex()


def ids_sent(received: Received) -> tuple[str, str]:
    _, trace_id, span_id, _ = received.headers["traceparent"].split("-")
    return trace_id, span_id


async def test_tools_and_searches_say_what_they_are_a_part_of(tmp_path: Path) -> None:
    async with traced(tmp_path) as (outside, client, stack):
        run = await ask(client, "nowhere", Authorization=f"Bearer {EQUIPPED_KEY}")
        await asyncio.to_thread(stack.close)
    assert "a page" == run["outputs"]["found"][0]["content"]
    parents = {
        ids_sent(outside.asked(target)): name
        for target, name in [
            ("/forecast", "node tool"),
            ("/kb/retrieval", "node knowledge-retrieval"),
        ]
    }
    assert parents == {
        ids_of(span): parent_of(span, outside).name
        for span in outside.spans()
        if span.name in ("GET", "POST")
    }


async def test_failures_are_seen_where_they_happen(tmp_path: Path) -> None:
    async with traced(tmp_path) as (outside, client, stack):
        run = await ask(client, f"{outside.outside.url}/broken")
        await client.get("/made/up")
        await asyncio.to_thread(stack.close)
    assert "failed" == run["status"]
    attempts = [span for span in outside.spans() if span.name == "node http-request"]
    wrong = Status.StatusCode.STATUS_CODE_ERROR
    assert [wrong, wrong] == [span.status.code for span in attempts]
    assert wrong == outside.span("run watched").status.code
    fetches = [span for span in outside.spans() if span.name == "GET"]
    assert [500, 500] == [attributes(span)["http.response.status_code"] for span in fetches]
    assert 404 == attributes(outside.span("GET unknown"))["http.response.status_code"]
    assert not outside.span("POST /v1/workflows/run").parent_span_id
    # The server was asked whether it answers, too.
    assert not [span for span in outside.spans() if "health" in span.name]


@pytest.mark.parametrize(
    ("caller", "is_told"),
    [({}, False), ({"traceparent": f"00-{TRACE}-{CALLER}-01"}, True)],
    ids=["begins here", "goes on"],
)
async def test_share_counts_for_traces_that_begin_here(
    tmp_path: Path, caller: dict[str, str], is_told: bool
) -> None:
    async with traced(tmp_path, ratio=0) as (outside, client, stack):
        await ask(client, f"{outside.outside.url}/page", **caller)
        await asyncio.to_thread(stack.close)
    assert is_told == ("run watched" in [span.name for span in outside.spans()])


async def test_collector_that_fails_disturbs_nobody(tmp_path: Path) -> None:
    async with traced(tmp_path, endpoint="http://127.0.0.1:9/v1/traces") as (
        outside,
        client,
        stack,
    ):
        run = await ask(client, f"{outside.outside.url}/page")
        await asyncio.to_thread(stack.close)
    assert "succeeded" == run["status"]
    assert "Spans are lost" in (tmp_path / "server.log").read_text()
