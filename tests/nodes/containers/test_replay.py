"""A run that is cut off anywhere goes on as if nothing had happened: completed nodes do not run
again, nothing is told twice, nothing is left out."""

import asyncio
from collections import Counter

import pytest

from graphmill.engine.events import (
    Event,
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunStarted,
    TextChunk,
)
from tests.dsl.files import node
from tests.engine.driving import Stage
from tests.nodes.containers.drawing import (
    add_one,
    answer,
    append,
    constant,
    end,
    iteration,
    loop,
    plan_of,
    script,
)
from tests.nodes.containers.histories import mark, stored

RUNS: Counter[tuple[str, object]] = Counter()
"""How often a script ran for a value."""


async def slow(look_up):
    item = look_up("it.item")
    RUNS["slow", item] += 1
    await asyncio.sleep(0.002 * (3 - look_up("it.index")))
    return {"r": f"{item}!"}


async def twice(look_up):
    RUNS["twice", look_up("lp.i")] += 1
    await asyncio.sleep(0)
    return {"r": look_up("lp.i") * 2}


async def ask(look_up):
    RUNS["ask", None] += 1
    await asyncio.sleep(0.001)
    return {"r": "asked"}


async def wait(_):
    await asyncio.sleep(0)
    return {}


def picked(_):
    return {"r": "b"}


WORKFLOWS = {
    "parallel iteration": (
        [
            *iteration("it", "start.l", "slow.r", is_parallel=True, parallel_nums=2),
            script("slow", inside="it"),
            end(o="it.output"),
        ],
        "start>it s_it>slow it>e",
        {},
    ),
    "iteration beside others": (
        [
            script("ask"),
            *iteration("it", "start.l", "slow.r"),
            script("slow", inside="it"),
            node(
                "t",
                "template-transform",
                template="{{ a }}{{ b }}",
                variables=[
                    {"variable": "a", "value_selector": ["ask", "r"]},
                    {"variable": "b", "value_selector": ["it", "output"]},
                ],
            ),
            end(o="t.output"),
        ],
        "start>ask start>it s_it>slow ask>t it>t t>e",
        {},
    ),
    "loop with variables": (
        [
            *loop(
                "lp",
                4,
                constant("i", "number", 0),
                constant("log", "array[string]", ""),
                until=[("lp.i", "≥", "3")],
            ),
            add_one("inc", "lp.i", inside="lp"),
            script("twice", inside="lp"),
            append("as", "lp.log", "start.s", inside="lp"),
            end(i="lp.i", log="lp.log", r="twice.r"),
        ],
        "start>lp s_lp>inc inc>twice twice>as lp>e",
        {},
    ),
    "iteration in a loop": (
        [
            *loop("lp", 2, constant("i", "number", 0)),
            *iteration("it", "start.l", "slow.r", inside="lp"),
            script("slow", inside="it"),
            add_one("inc", "lp.i", inside="lp"),
            end(i="lp.i", o="it.output"),
        ],
        "start>lp s_lp>it s_it>slow it>inc lp>e",
        {},
    ),
    "answers in an iteration": (
        [
            *iteration("it", "start.l", "slow.r"),
            answer("ia", "<{{#slow.r#}}>", inside="it"),
            script("slow", inside="it"),
            append("as", "conversation.seen", "it.item", inside="it"),
            answer("a", "all {{#it.output#}} {{#conversation.seen#}}"),
        ],
        "start>it s_it>slow slow>ia ia>as it>a",
        {
            "mode": "advanced-chat",
            "conversation_variables": [
                {"name": "seen", "value_type": "array[string]", "value": []}
            ],
        },
    ),
    "parallel iterations side by side": (
        [
            *iteration("it", "start.l", "slow.r", is_parallel=True, parallel_nums=2),
            script("slow", inside="it"),
            *iteration("on", "start.l", "ask.r", is_parallel=True, parallel_nums=2),
            script("ask", inside="on"),
            end(o="it.output", p="on.output"),
        ],
        "start>it s_it>slow it>e start>on s_on>ask on>e",
        {},
    ),
    "rounds of nothing beside others": (
        [
            *iteration("it", "start.l", "start.s"),
            script("after", "picked"),
            *(script(f"w{number}", "wait") for number in range(9)),
            end(o="it.output"),
        ],
        "start>it it>after start>w0 after>e w8>e "
        + " ".join(f"w{number}>w{number + 1}" for number in range(8)),
        {},
    ),
    "branches and failures": (
        [
            script("ask"),
            script("boom", error_strategy="fail-branch"),
            script("picked"),
            node(
                "if",
                "if-else",
                cases=[
                    {
                        "case_id": "c",
                        "logical_operator": "and",
                        "conditions": [
                            {
                                "variable_selector": ["picked", "r"],
                                "comparison_operator": "is",
                                "value": "b",
                            }
                        ],
                    }
                ],
            ),
            end("e1", a="ask.r"),
            end("e2", m="boom.error_message"),
            end("e3", p="picked.r"),
        ],
        "start>ask start>boom start>picked boom:fail-branch>e2 picked>if if:c>e3 ask>e1",
        {},
    ),
}
INPUTS = {"l": ["a", "b", "c"], "s": "x"}
SCRIPTS = {"slow": slow, "twice": twice, "ask": ask, "wait": wait, "picked": picked}


def plan_named(name):
    nodes, links, options = WORKFLOWS[name]
    return plan_of(nodes, links, SCRIPTS, **options)


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch):
    """Every step is a post, and so a place where the journal may end."""
    monkeypatch.setattr("graphmill.engine.driver.TURN_SECONDS", -1)


async def finished(stage: Stage, history: list[Event] | None = None) -> list[Event]:
    await stage.driver.drive(history or ())
    return list((await stage.told()).events)


async def continued(name: str, history: list[Event]) -> list[Event]:
    return await finished(Stage(plan_named(name), INPUTS, epoch=2), history)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextChunk))


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_a_run_cut_off_anywhere_ends_as_if_it_had_not_been(name):
    stage = Stage(plan_named(name), INPUTS)
    whole = await finished(stage)
    last = whole[-1]
    assert isinstance(last, RunFinished)
    lengths = sorted({length for length in stage.journal.posts if length < len(whole)})
    assert len(lengths) > 5

    for length in lengths:
        history = stored(whole[:length])
        RUNS.clear()
        rest = await continued(name, history)

        assert not any(isinstance(event, RunStarted) for event in rest)
        assert isinstance(rest[-1], RunFinished)
        assert (last.status, last.outputs, last.error, last.total_steps, last.exceptions_count) == (
            rest[-1].status,
            rest[-1].outputs,
            rest[-1].error,
            rest[-1].total_steps,
            rest[-1].exceptions_count,
        ), f"cut after {length} events"
        assert Counter(map(mark, whole)) - Counter({TextChunk: 99}) == Counter(
            map(mark, [*history, *rest])
        ) - Counter({TextChunk: 99}), f"cut after {length} events"
        assert sorted(text_of(whole)) == sorted(text_of([*history, *rest]))


@pytest.mark.parametrize("name", WORKFLOWS)
async def test_completed_nodes_do_not_run_again(name):
    whole = await finished(Stage(plan_named(name), INPUTS))
    RUNS.clear()
    rest = await continued(name, stored(whole[:-1]))

    assert not RUNS
    assert isinstance(rest[-1], RunFinished)


async def test_an_execution_under_way_keeps_its_id_and_is_not_started_twice():
    whole = await finished(Stage(plan_named("iteration beside others"), INPUTS))
    cut = next(
        position
        for position, event in enumerate(whole)
        if isinstance(event, NodeStarted) and event.execution.node_id == "ask"
    )
    started = whole[cut]
    assert isinstance(started, NodeStarted)
    rest = await continued("iteration beside others", stored(whole[: cut + 1]))

    [ended] = [
        event
        for event in rest
        if isinstance(event, NodeFinished) and event.execution.node_id == "ask"
    ]
    assert started.execution == ended.execution


async def test_a_history_of_another_workflow_ends_the_run_with_the_reason():
    whole = await finished(Stage(plan_named("loop with variables"), INPUTS))
    rest = await continued("branches and failures", stored(whole[:-1]))

    assert isinstance(rest[-1], RunFinished)
    assert "The run cannot go on after a restart of the server" in (rest[-1].error or "")


async def test_a_run_that_is_suspended_goes_on_elsewhere():
    async def for_ever(look_up):
        await asyncio.sleep(3600)

    stage = Stage(
        plan_of([script("first"), script("slow"), end(r="slow.r")], "start>first first>slow slow>e",
                {"first": lambda _: {}, "slow": for_ever})
    )  # fmt: skip
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("slow started")
        stage.driver.suspend()
    told = await stage.told()
    assert "slow started" == told.lines[-1]

    async def at_last(look_up):
        return {"r": "done"}

    plan = plan_of(
        [script("first"), script("slow"), end(r="slow.r")],
        "start>first first>slow slow>e",
        {"first": lambda _: {}, "slow": at_last},
    )
    rest = await finished(Stage(plan, epoch=2), list(told.events))
    assert {"r": "done"} == rest[-1].outputs
