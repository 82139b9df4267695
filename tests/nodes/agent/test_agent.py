"""agent: both strategies with the built-in tools, asking a provider on loopback (`nodes §19`)."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.errors import ModelFailed
from graphmill.nodes.agent.toolset import MAX_CHARACTERS, observation
from graphmill.nodes.base import WaitingNode
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.conversations import PastTurn
from graphmill.ports.tools import BlobMessage, JsonMessage, LinkMessage, TextMessage, ToolResult
from tests.models.stand_ins import delta, events, in_turn, provider, streaming
from tests.nodes.http_stand_ins import FilesInMemory
from tests.nodes.running import NO_PORTS, build, context_of
from tests.nodes.scripted_models import Said, ScriptedModels
from tests.tools.opened import opened

MODEL = {"provider": "openai", "model": "gpt-4o-mini", "completion_params": {"temperature": 0}}
WEEKDAY = {"year": 2024, "month": 7, "day": 1}


class Logged:
    """`engine.context.Progress`: texts and log entries, in order."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, bool]] = []
        self.logs: list[tuple[str, str]] = []
        self.entries: dict[str, dict[str, Any]] = {}

    async def text(self, selector, text, *, is_final=False):
        assert ("node", "text") == selector
        self.texts.append((text, is_final))

    async def reasoning(self, text, *, is_final=False): ...

    async def resources(self, resources): ...

    async def log(self, entry_id, label, **entry):
        self.logs.append((label, entry["status"]))
        self.entries[entry_id] = {"label": label, **entry}


def said(text: str) -> bytes:
    """A whole reply in OpenAI's protocol."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return events(delta(text), delta("", "stop"), {"choices": [], "usage": usage}, b"[DONE]")


def called(*calls: tuple[str, object]) -> bytes:
    tool_calls = [
        {
            "index": index,
            "id": f"c{index}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": given if isinstance(given, str) else json.dumps(given),
            },
        }
        for index, (name, given) in enumerate(calls)
    ]
    choice = {"index": 0, "delta": {"tool_calls": tool_calls}, "finish_reason": "tool_calls"}
    return events({"choices": [choice]}, {"choices": [], "usage": {"total_tokens": 5}}, b"[DONE]")


def acted(name: str, given: object) -> bytes:
    """A reply as ReAct wants it."""
    action = json.dumps({"action": name, "action_input": given})
    return said(f"Thought: hm\nAction:\n```json\n{action}\n```")


def chosen(name: str, **more: Any) -> dict[str, Any]:
    return {
        "enabled": True,
        "type": "builtin",
        "provider_name": "time",
        "tool_name": name,
        "settings": {},
        "parameters": {},
        **more,
    }


def agent(strategy="function_calling", tools: Sequence[Any] = (chosen("weekday"),), **more):
    memory = more.pop("memory", None)
    values = {
        "model": MODEL,
        "tools": list(tools),
        "query": "{{#start.q#}}",
        "instruction": "Be brief.",
        "maximum_iterations": 3,
        **more,
    }
    kinds = {"query": "mixed", "instruction": "mixed"}
    return {
        "agent_strategy_provider_name": "langgenius/agent/agent",
        "agent_strategy_name": strategy,
        "agent_parameters": {
            name: value
            if isinstance(value, dict) and value.get("type") == "variable"
            else {"type": kinds.get(name, "constant"), "value": value}
            for name, value in values.items()
        },
        "memory": memory,
    }


START = {"start": {"q": "Which day was it?", "zone": "Asia/Tokyo"}}


@asynccontextmanager
async def ports_of(models, entries=(), past=()):
    async with opened(*entries) as tools:
        yield replace(
            NO_PORTS,
            models=models,
            tools=tools,
            files=FilesInMemory(),
            conversations=Said(past),
        )


async def run(data, *replies: bytes, heard: Logged | None = None, past=(), values=START):
    """The outcome, and the bodies that the provider was sent."""
    answers = [streaming(reply) for reply in replies]
    async with (
        provider(in_turn(*answers)) as stand_in,
        ports_of(stand_in.models, past=past) as ports,
    ):
        context = context_of(values)
        context.progress = heard or Logged()
        outcome = await cast("WaitingNode", build("agent", data, ports)).run(context)
        return outcome, [json.loads(each.body) for each in stand_in.server.received]


async def test_functions_are_called_until_the_model_answers():
    heard = Logged()
    outcome, bodies = await run(
        agent(), called(("weekday", WEEKDAY)), said("A Monday."), heard=heard
    )
    assert isinstance(outcome, Succeeded), outcome
    assert "A Monday." == outcome.outputs["text"]
    assert [("A Monday.", False), ("", True)] == heard.texts
    first, second = bodies
    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which day was it?"},
    ] == first["messages"]
    assert ["weekday"] == [each["function"]["name"] for each in first["tools"]]
    assert ["year", "month", "day"] == first["tools"][0]["function"]["parameters"]["required"]
    assert {
        "role": "tool", "tool_call_id": "c0", "content": "July 1, 2024 is Monday.",
    } == second["messages"][-1]  # fmt: skip
    assert [
        ("ROUND 1", "start"),
        ("gpt-4o-mini Thought", "start"),
        ("gpt-4o-mini Thought", "success"),
        ("CALL weekday", "start"),
        ("CALL weekday", "success"),
        ("ROUND 1", "success"),
        ("ROUND 2", "start"),
        ("gpt-4o-mini Thought", "start"),
        ("gpt-4o-mini Thought", "success"),
        ("ROUND 2", "success"),
    ] == heard.logs


class Recognised:
    """`ports.Tool` and `ports.Toolbox` that remembers by what its calls are recognised."""

    description = "Any."
    parameters = ()

    def __init__(self):
        self.keys = []

    async def find(self, ref):
        return self

    async def invoke(self, arguments, invocation):
        self.keys.append(invocation.key)
        return ToolResult((TextMessage("done"),))


async def test_a_call_is_recognised_by_its_place_and_its_arguments():
    asked = [called(("weekday", {})), called(("weekday", {})), said("Done.")]
    other = [called(("weekday", {"year": 1})), said("Done.")]
    tool = Recognised()
    for replies in (asked, asked, other):
        answers = [streaming(reply) for reply in replies]
        async with provider(in_turn(*answers)) as stand_in, ports_of(stand_in.models) as ports:
            node = build("agent", agent(), replace(ports, tools=tool))
            await cast("WaitingNode", node).run(context_of(START))
    first, second, *again, elsewhere = tool.keys
    assert [first, second] == again
    assert 3 == len({first, second, elsewhere})


async def test_outputs_are_the_log_usage_and_files():
    heard = Logged()
    outcome, _ = await run(agent(), called(("weekday", WEEKDAY)), said("Mo"), heard=heard)
    *log, last = outcome.outputs["json"]
    assert {"data": []} == last
    assert list(heard.entries) == [entry["id"] for entry in log]
    parents = {entry["label"]: entry["parent_id"] for entry in log}
    rounds = {entry["label"]: entry["id"] for entry in log}
    assert rounds["ROUND 1"] == parents["CALL weekday"]
    assert parents["ROUND 1"] is None
    assert {"node"} == {entry["node_id"] for entry in log}
    assert ([], outcome.usage.total_tokens) == (
        outcome.outputs["files"],
        outcome.outputs["usage"]["total_tokens"],
    )
    assert {"icon": None, "agent_strategy": "function_calling"} == outcome.metadata["tool_info"]
    assert log == outcome.metadata["agent_log"]
    assert "Which day was it?" == outcome.inputs["query"]


async def test_in_the_last_round_there_are_no_tools():
    outcome, bodies = await run(
        agent(maximum_iterations=2),
        called(("weekday", WEEKDAY)),
        called(("weekday", WEEKDAY)),
    )
    assert isinstance(outcome, Succeeded)
    assert [True, False] == ["tools" in body for body in bodies]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        pytest.param("weekday", "{broken", "The arguments are no JSON", id="broken JSON"),
        pytest.param("weekday", "[1]", "The arguments must be a JSON object", id="no object"),
        pytest.param("weekday", {"year": 1}, "The parameter 'month' needs a value", id="missing"),
        pytest.param("weekday", {**WEEKDAY, "day": 40}, "Invalid date", id="the tool's own"),
        pytest.param("zzz", {}, "There is no tool 'zzz', only weekday", id="unknown tool"),
    ],
)
async def test_a_call_that_fails_is_told_to_the_model(name, arguments, told):
    heard = Logged()
    outcome, bodies = await run(agent(), called((name, arguments)), said("Sorry"), heard=heard)
    assert "Sorry" == outcome.outputs["text"]
    assert bodies[1]["messages"][-1]["content"].startswith(f"The tool failed: {told}")
    assert (f"CALL {name}", "error") in heard.logs


async def test_values_of_the_author_are_not_the_model_s():
    manual = {
        "timezone": {"auto": 0, "value": {"type": "variable", "value": ["start", "zone"]}},
        "format": {"auto": 1, "value": None},
    }
    settings = {"timezone": {"value": {"type": "constant", "value": "UTC"}}}
    tools = [
        chosen("current_time", parameters=manual),
        chosen("current_time", settings=settings, extra={"description": "The time of the world."}),
        chosen("weekday", enabled=False),
    ]  # fmt: skip
    asked = {"timezone": "Europe/Paris", "format": "%Z"}
    _, bodies = await run(
        agent(tools=tools), called(("current_time", asked), ("current_time_2", asked)), said("ok")
    )
    first, second = bodies[0]["tools"]
    assert ["format"] == list(first["function"]["parameters"]["properties"])
    assert "The time of the world." == second["function"]["description"]
    assert ["JST", "UTC"] == [each["content"] for each in bodies[1]["messages"][-2:]]


async def test_react_acts_on_what_the_model_writes():
    heard = Logged()
    outcome, bodies = await run(
        agent("ReAct"), acted("weekday", WEEKDAY), acted("Final Answer", "A Monday."), heard=heard
    )
    assert "A Monday." == outcome.outputs["text"]
    assert [("A Monday.", False), ("", True)] == heard.texts
    first, second = bodies
    assert ["Observation:"] == first["stop"]
    assert "tools" not in first
    assert '"year": {"type": "integer"}' in first["messages"][0]["content"]
    assert "Observation: July 1, 2024 is Monday." == second["messages"][-1]["content"]
    assert ("CALL weekday", "success") in heard.logs


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param("It is Monday.", "It is Monday.", id="plain text"),
        pytest.param("Thought: easy\nFinal Answer: Monday", "Monday", id="old spelling"),
        pytest.param("<think>{}</think>Monday", "Monday", id="thoughts"),
        pytest.param('{"action": "final_answer", "action_input": {"d": 1}}', '{"d": 1}', id="JSON"),
        pytest.param("", "", id="nothing"),
    ],
)
async def test_react_takes_what_is_no_action_for_the_answer(reply, expected):
    outcome, _ = await run(agent("react"), said(reply))
    assert expected == outcome.outputs["text"]


async def test_react_is_told_to_answer_in_the_last_round():
    outcome, bodies = await run(
        agent("ReAct", maximum_iterations=2),
        acted("weekday", WEEKDAY),
        acted("weekday", WEEKDAY),
    )
    assert isinstance(outcome, Succeeded)
    assert bodies[1]["messages"][-1]["content"].startswith("No more tools can be called")
    assert 2 == len(bodies)


async def test_what_was_said_before_stands_before_the_query():
    memory = {"window": {"enabled": True, "size": 3}}
    _, [body] = await run(
        agent(memory=memory), said("ok"), past=[PastTurn("Hi", "Hello"), PastTurn("A", "B")]
    )
    assert ["Be brief.", "Hi", "Hello", "A", "B", "Which day was it?"] == [
        each["content"] for each in body["messages"]
    ]


async def test_quotes_in_a_value_do_not_break_the_structure_around_it():
    tools = [chosen("current_time", settings={"format": {"value": "{{#start.form#}}"}})]
    _, bodies = await run(
        agent(tools=tools), called(("current_time", {})), said("ok"),
        values={"start": {"q": "x", "form": 'a"b'}},
    )  # fmt: skip
    assert 'a"b' == bodies[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(
            agent("tot"),
            "Failed to get agent strategy: there is no 'tot', only function_calling, react",
            id="strategy",
        ),
        pytest.param(
            agent(tools=[chosen("x", provider_name="jina")]),
            "Failed to invoke agent: there are no tools of 'jina'. ", id="provider",
        ),
        pytest.param(
            agent(maximum_iterations=0),
            "Failed to invoke agent: the parameter 'maximum_iterations' is wrong: ", id="limit",
        ),
        pytest.param(
            agent(instruction={"type": "variable", "value": ["start", "zzz"]}),
            "Variable ['start', 'zzz'] does not exist", id="variable",
        ),
    ],
)  # fmt: skip
async def test_a_failure_says_what_is_wrong(data, error):
    async with ports_of(ScriptedModels()) as ports:
        node = cast("WaitingNode", build("agent", data, ports))
        outcome = await node.run(context_of(START))
    assert isinstance(outcome, Failed)
    assert (True, "") == (outcome.error.startswith(error), outcome.error_type)


async def test_a_model_that_fails_fails_the_node():
    models = ScriptedModels(error=ModelFailed("overloaded"))
    async with ports_of(models) as ports:
        node = cast("WaitingNode", build("agent", agent(), ports))
        outcome = await node.run(context_of(START))
    assert isinstance(outcome, Failed)
    assert "Failed to invoke agent: overloaded" == outcome.error


async def test_cancelling_closes_the_stream_of_the_provider():
    slow = streaming(events(delta("a")), events(delta("b")), pause=30)
    async with provider(slow) as stand_in, ports_of(stand_in.models) as ports:
        node = cast("WaitingNode", build("agent", agent(), ports))
        running = asyncio.ensure_future(node.run(context_of(START)))
        await stand_in.server.asked.wait()
        running.cancel()
        async with asyncio.timeout(1):
            await stand_in.server.left.wait()


def test_the_checker_learns_of_tools_and_models():
    data = {"type": "agent", "title": "A", **agent(tools=[chosen("x", provider_name="jina")])}
    facts = NODE_TYPES["agent"].facts(data)
    assert ["jina"] == [use.provider.id for use in facts.tools]
    assert [("openai", "gpt-4o-mini")] == [(use.provider, use.name) for use in facts.models]
    assert (("start", "q"),) == facts.reads


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([], "The tool has nothing to say.", id="nothing"),
        pytest.param([JsonMessage({"a": "ü"})], '{"a": "ü"}', id="JSON"),
        pytest.param([JsonMessage({"a": 1}), TextMessage("a is 1")], "a is 1", id="told twice"),
        pytest.param(
            [LinkMessage("http://x"), BlobMessage(b"", "image/png", "p.png")],
            "Link: http://x\nThe user is shown a file of type image/png, p.png.", id="file",
        ),
        pytest.param(
            [TextMessage("x" * (MAX_CHARACTERS + 5))],
            "x" * MAX_CHARACTERS + "\n[5 more characters]", id="huge",
        ),
    ],
)  # fmt: skip
def test_a_result_is_put_into_words_for_the_model(messages, expected):
    assert expected == observation(messages)


async def test_secrets_are_masked_in_the_inputs_alone():
    data = agent(query={"type": "variable", "value": ["env", "KEY"]}, instruction="{{#env.KEY#}}")
    models = ScriptedModels(("ok",))
    async with ports_of(models) as ports:
        node = cast("WaitingNode", build("agent", data, ports))
        values = {"env": {"KEY": "s3cr3t-value-1"}}
        outcome = await node.run(context_of(values, secrets=["KEY"]))
    assert [("system", "s3cr3t-value-1"), ("user", "s3cr3t-value-1")] == models.prompt
    assert 2 * [f"s3cr3t{'*' * 12}-1"] == [
        outcome.inputs[name] for name in ("query", "instruction")
    ]
