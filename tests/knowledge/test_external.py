"""Services that speak Dify's external knowledge API, friendly and hostile ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from graphmill.errors import KnowledgeFailed
from graphmill.knowledge.external import LARGEST_ANSWER
from graphmill.ports.knowledge import MetadataCondition, MetadataFilter, Search, Segment
from tests.knowledge.stand_ins import World, base, external, opened, records
from tests.outbound.local_server import Answer, LocalServer, Received, local_server, reply

KEY = "kb-secret-key"
RECORD = {"content": "Text", "score": 0.8, "title": "a.md", "metadata": {"page": 3}}


@asynccontextmanager
async def service(
    folder: Path, answer: Answer, **entry: Any
) -> AsyncIterator[tuple[World, LocalServer]]:
    async with (
        local_server(answer) as server,
        opened(folder, external(f"{server.url}/kb/", **entry)) as world,
    ):
        yield world, server


async def found(folder: Path, body: bytes, **search: Any) -> list[Segment]:
    async with service(folder, reply(200, body)) as (world, _):
        return await world.knowledge.search(["id-1"], Search("q", **search))


async def test_the_service_is_asked_as_the_protocol_says(tmp_path: Path) -> None:
    wanted = MetadataFilter((MetadataCondition("year", "is", "1999"),), match_all=False)
    async with service(tmp_path, reply(200, records()), knowledge_id="kb-7") as (world, server):
        search = Search("What?", top_k=3, score_threshold=0.4, filter=wanted)
        assert [] == await world.knowledge.search(["id-1"], search)
    (received,) = server.received
    assert ("POST", "/kb/retrieval", f"Bearer {KEY}", "application/json") == (
        received.method,
        received.target,
        received.headers["authorization"],
        received.headers["content-type"],
    )
    assert {
        "knowledge_id": "kb-7",
        "query": "What?",
        "retrieval_setting": {"top_k": 3, "score_threshold": 0.4},
        "metadata_condition": {
            "logical_operator": "or",
            "conditions": [{"name": "year", "comparison_operator": "is", "value": "1999"}],
        },
    } == json.loads(received.body)


async def test_without_an_id_of_its_own_the_dataset_is_named(tmp_path: Path) -> None:
    async with service(tmp_path, reply(200, records())) as (world, server):
        await world.knowledge.search(["id-1"], Search("q"))
    body = json.loads(server.received[0].body)
    assert ("id-1", False) == (body["knowledge_id"], "metadata_condition" in body)


async def test_records_become_segments(tmp_path: Path) -> None:
    (segment,) = await found(tmp_path, records(RECORD))
    assert Segment("id-1", "wiki", "a.md", "a.md", "Text", 0.8, {"page": 3}) == segment


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(records({"content": "a"}), [("a", 0.0)], id="nothing but content"),
        pytest.param(
            records({"content": "a", "score": None, "title": None, "metadata": None}),
            [("a", 0.0)],
            id="nulls",
        ),
        pytest.param(records({"score": 1}, {"content": ""}), [], id="no content"),
        pytest.param(b'{"records": [{"content": "a", "score": NaN}]}', [("a", 0.0)], id="NaN"),
        pytest.param(b'{"records": [{"content": "a", "score": 1e999}]}', None, id="infinite"),
        pytest.param(
            records({"content": "a", "score": 0.1}, {"content": "b", "score": 0.9}),
            [("b", 0.9), ("a", 0.1)],
            id="out of order",
        ),
        pytest.param(rb'{"records": [{"content": "\ud800"}]}', [("\\ud800", 0.0)], id="surrogate"),
    ],
)
async def test_half_a_record_is_enough(tmp_path: Path, body: bytes, expected: Any) -> None:
    segments = await found(tmp_path, body)
    if expected is not None:
        assert expected == [(segment.content, segment.score) for segment in segments]


async def test_no_more_is_taken_than_was_asked_for(tmp_path: Path) -> None:
    body = records(*({"content": str(n), "score": 0.5} for n in range(100)))
    assert 2 == len(await found(tmp_path, body, top_k=2))


async def test_what_is_below_the_threshold_is_left_out(tmp_path: Path) -> None:
    body = records({"content": "a", "score": 0.1}, {"content": "b", "score": 0.9})
    assert ["b"] == [each.content for each in await found(tmp_path, body, score_threshold=0.5)]


async def _silent(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.read()


async def _drips(
    received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        pytest.param(reply(500, b"broken"), "status code 500 and 'broken'", id="error"),
        pytest.param(
            reply(403, b'{"error_code": 1002, "error_msg": "Auth failed"}'), "Auth failed", id="403"
        ),
        pytest.param(
            reply(302, b"", [("Location", "http://169.254.169.254/")]),
            "status code 302",
            id="redirect",
        ),
        pytest.param(reply(200, b"<html>"), "without records: '<html>'", id="no JSON"),
        pytest.param(reply(200, b"[]"), "without records", id="a list"),
        pytest.param(reply(200, b'{"records": null}'), "without records", id="null"),
        pytest.param(reply(200, b'{"records": [1]}'), "without records", id="a number"),
        pytest.param(reply(200, b"[" * 100_000), "without records", id="deep"),
        pytest.param(reply(200, b" " * (LARGEST_ANSWER + 1)), "more than 4 MB", id="large"),
        pytest.param(reply(500, f"you sent {KEY}".encode()), r"you sent \*\*\*", id="key"),
        pytest.param(
            reply(500, b"x" * 295 + KEY.encode()), r"xx\*\*\*", id="key at the end of the excerpt"
        ),
        pytest.param(_silent, "no answer within 0.3 seconds", id="silent"),
        pytest.param(_drips, "no answer within 0.3 seconds", id="drips"),
    ],
)
async def test_a_failure_is_told(tmp_path: Path, answer: Answer, complaint: str) -> None:
    async with service(tmp_path, answer, timeout_seconds=0.3) as (world, _):
        with pytest.raises(KnowledgeFailed, match=complaint) as caught:
            await world.knowledge.search(["id-1"], Search("q"))
    assert str(caught.value).startswith("The external knowledge base 'wiki' failed: ")
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 500


async def test_cancelling_closes_the_connection(tmp_path: Path) -> None:
    async with service(tmp_path, _silent) as (world, server):
        task = asyncio.ensure_future(world.knowledge.search(["id-1"], Search("q")))
        await server.asked.wait()
        task.cancel()
        await server.left.wait()
        assert task.cancelled()


async def test_one_that_fails_ends_the_other_searches(tmp_path: Path) -> None:
    async with local_server(_silent) as slow, local_server(reply(500)) as broken:
        entries = [external(slow.url, "slow"), external(broken.url, "broken")]
        async with opened(tmp_path, *entries) as world:
            with pytest.raises(KnowledgeFailed, match="status code 500"):
                await world.knowledge.search(["slow", "broken"], Search("q"))
            await slow.left.wait()


async def test_all_datasets_are_searched_together(tmp_path: Path) -> None:
    body = records({"content": "from outside", "score": 0.5, "title": "outside"})
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(local_server(reply(200, body)))
        entries = [external(server.url, "out-*"), base(dataset="in-*")]
        world = await stack.enter_async_context(opened(tmp_path, *entries))
        await world.add("inside", "from within")
        both = await world.found("from within", "out-1", "in-1")
        inner = await world.found("from within", "in-1")
    assert (["inside", "outside"], ["inside"]) == (both, inner)
    assert 1 == len(server.received)
