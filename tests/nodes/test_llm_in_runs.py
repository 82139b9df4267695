"""llm in whole runs: what readers see of a reply, also when its call fails (`workflow-dsl §13`)."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from graphmill.engine.events import ReasoningChunk, TextChunk
from graphmill.errors import ModelFailed
from graphmill.nodes.compile import compile_plan
from graphmill.ports.models import ChatPiece, ChatRequest
from tests.dsl.files import START, edges, load, node
from tests.engine.driving import Told, run
from tests.nodes.running import NO_PORTS
from tests.nodes.scripted_models import MODEL, USAGE, ScriptedModels


class FailingFirst(ScriptedModels):
    """The first call fails after a piece."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
        self.requests.append(request)
        yield ChatPiece("a")
        if len(self.requests) == 1:
            raise ModelFailed("broke off")
        yield ChatPiece("b")
        yield ChatPiece("", usage=USAGE)


def llm(**data):
    return node(
        "l",
        "llm",
        model=MODEL,
        prompt_template=[{"role": "user", "text": "{{#start.q#}}"}],
        context={"enabled": False},
        **data,
    )


END = node("e", "end", outputs=[{"variable": "t", "value_selector": ["l", "text"]}])


async def told_of(models, *, reasoning_chunks=False, **data) -> Told:
    workflow = load([START, llm(**data), END], edges("start>l", "l>e"))
    ports = replace(NO_PORTS, models=models, reasoning_chunks=reasoning_chunks)
    return await run(compile_plan(workflow, ports), q="Q")


def texts(told):
    return [event.text for event in told.events if isinstance(event, TextChunk)]


async def test_tokens_of_the_run_are_those_of_its_calls():
    told = await told_of(ScriptedModels())

    assert ({"t": "Hello"}, 15, ["Hel", "lo", ""]) == (told.out, told.end.total_tokens, texts(told))


async def test_what_a_failed_attempt_has_told_stays_told():
    retries = {"retry_enabled": True, "max_retries": 1, "retry_interval": 1}
    told = await told_of(FailingFirst(), retry_config=retries)

    assert (["a", "a", "b", ""], {"t": "ab"}) == (texts(told), told.out)
    assert "partial-succeeded" == told.end.status


async def test_a_default_value_takes_the_place_of_a_reply():
    default = [{"key": "text", "type": "string", "value": "model is down"}]
    told = await told_of(
        ScriptedModels((), error=ModelFailed("no")),
        error_strategy="default-value",
        default_value=default,
    )

    assert ({"t": "model is down"}, ["model is down"]) == (told.out, texts(told))


async def test_thoughts_told_apart_are_events_of_their_own():
    models = ScriptedModels(("<think>r1</think>Hel", "lo"))
    told = await told_of(models, reasoning_chunks=True, reasoning_format="separated")

    thoughts = [
        (event.node_id, event.text, event.is_final)
        for event in told.events
        if isinstance(event, ReasoningChunk)
    ]
    assert [("l", "r1", False), ("l", "", True)] == thoughts
    assert (["Hel", "lo", ""], {"t": "Hello"}) == (texts(told), told.out)


async def test_a_model_in_silence_holds_no_other_run_back():
    silent = asyncio.Event()

    class Silent(ScriptedModels):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatPiece, None]:
            yield ChatPiece("a")
            await silent.wait()
            yield ChatPiece("", usage=USAGE)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(told_of(Silent()))
        assert {"t": "Hello"} == (await told_of(ScriptedModels())).out
        assert not waiting.done()
        silent.set()


@pytest.mark.parametrize("exit_taken", ["a", "b"])
async def test_a_classifier_leaves_by_one_exit(exit_taken):
    classifier = node(
        "c",
        "question-classifier",
        query_variable_selector=["start", "q"],
        model=MODEL,
        classes=[{"id": "a", "name": "A"}, {"id": "b", "name": "B"}],
    )
    ends = [
        node(name, "end", outputs=[{"variable": name, "value_selector": ["c", "class_id"]}])
        for name in ("ea", "eb")
    ]
    reply = f'{{"category_id": "{exit_taken}", "category_name": "x"}}'
    workflow = load([START, classifier, *ends], edges("start>c", "c:a>ea", "c:b>eb"))
    ports = replace(NO_PORTS, models=ScriptedModels((reply,)))
    told = await run(compile_plan(workflow, ports), q="Q")

    assert ({f"e{exit_taken}": exit_taken}, 15) == (told.out, told.end.total_tokens)
