"""`workflow-dsl §19.9`, and what else loops promise."""

import asyncio

import pytest

from graphmill.engine.events import (
    NodeFinished,
    RoundStarted,
    RunStatus,
    VariableUpdated,
)
from graphmill.errors import WorkflowInvalid
from tests.dsl.files import node
from tests.engine.driving import Stage, Told
from tests.nodes.containers.drawing import (
    ERROR,
    add_one,
    answer,
    append,
    constant,
    end,
    iteration,
    loop,
    plan_of,
    reference,
    script,
    told_of,
)

COUNTER = constant("i", "number", "0")


async def counting(count, *more, until=None, links="", scripts=None, **data):
    """The run of a loop that counts `i` up, and of an end that shows `i` and the rounds."""
    return await told_of(
        [
            *loop("lp", count, COUNTER, until=until, **data),
            add_one("inc", "lp.i", inside="lp"),
            *more,
            end(i="lp.i", r="lp.loop_round"),
        ],
        f"start>lp s_lp>inc lp>e {links}",
        scripts,
    )


def announced(told: Told) -> list[tuple[int, object]]:
    return [
        (event.index, event.outputs_before)
        for event in told.events
        if isinstance(event, RoundStarted)
    ]


async def test_l1_the_nodes_inside_run_as_often_as_the_count_says():
    told = await counting(3)

    assert {"i": 3, "r": 3} == told.out
    # As recorded: a round more than there are is announced when the count ends the loop.
    assert [
        (1, {"i": 1, "loop_round": 1}),
        (2, {"i": 2, "loop_round": 2}),
        (3, {"i": 3, "loop_round": 3}),
    ] == announced(told)
    closed = told.closed("lp")
    assert {"loop_count": 3, "i": 0} == closed.inputs
    assert {"i": 3, "loop_round": 3} == closed.outputs
    assert 3 == closed.steps
    assert "loop_completed" == closed.metadata["completed_reason"]
    assert {"0": {"i": 1}, "1": {"i": 2}, "2": {"i": 3}} == closed.metadata["loop_variable_map"]
    assert ["0", "1", "2"] == list(closed.metadata["loop_duration_map"])
    assert 3 == told.end.total_steps


async def test_l2_break_conditions_end_the_loop_after_a_round():
    told = await counting(10, until=[("lp.i", "≥", "2")])

    assert {"i": 2, "r": 2} == told.out
    assert [(1, {"i": 1, "loop_round": 1})] == announced(told)
    assert "loop_break" == told.closed("lp").metadata["completed_reason"]


async def test_l3_break_conditions_that_hold_before_leave_no_round():
    told = await counting(3, until=[("lp.i", "=", "0")])

    assert {"i": 0, "r": None} == told.out
    closed = told.closed("lp")
    assert ({}, 0, "loop_break") == (
        closed.outputs,
        closed.steps,
        closed.metadata["completed_reason"],
    )


async def test_l4_what_is_missing_before_the_first_round_does_not_count():
    told = await counting(
        5,
        node(
            "t",
            "template-transform",
            parent_id="lp",
            template="{{ i }}",
            variables=[{"variable": "i", "value_selector": ["lp", "i"]}],
        ),
        until=[("t.output", "is", "2")],
        links="inc>t",
    )
    assert {"i": 2, "r": 2} == told.out


async def test_l5_what_is_missing_after_a_round_fails_the_loop():
    told = await counting(5, until=[("zz.output", "is", "2")])

    assert "Variable ['zz', 'output'] not found" == told.end.error
    assert "error" == told.closed("lp").metadata["completed_reason"]
    assert 1 == told.closed("lp").steps


async def test_l6_a_loop_end_lets_the_round_finish_first():
    told = await counting(
        10,
        node(
            "if",
            "if-else",
            parent_id="lp",
            cases=[
                {
                    "case_id": "yes",
                    "logical_operator": "and",
                    "conditions": [
                        {
                            "variable_selector": ["lp", "i"],
                            "comparison_operator": "≥",
                            "value": "2",
                        }
                    ],
                }
            ],
        ),
        node("le", "loop-end", parent_id="lp"),
        script("beside", inside="lp"),
        links="inc>if if:yes>le inc>beside",
        scripts={"beside": lambda _: {}},
    )
    assert {"i": 2, "r": 2} == told.out
    assert "loop_break" == told.closed("lp").metadata["completed_reason"]
    assert 2 == told.lines.count("beside succeeded")
    assert 1 == told.lines.count("le succeeded")


async def test_a_loop_end_inside_an_iteration_ends_the_loop_around():
    told = await told_of(
        [
            *loop("lp", 5),
            *iteration("it", "start.l", "it.item", inside="lp"),
            node("le", "loop-end", parent_id="it", loop_id="lp"),
            end(r="lp.loop_round", o="it.output"),
        ],
        "start>lp s_lp>it s_it>le lp>e",
        l=[1, 2],
    )
    assert {"r": 1, "o": [1, 2]} == told.out


async def test_l7_a_failure_inside_fails_the_loop():
    told = await counting(3, script("boom", inside="lp"), links="inc>boom")

    assert (RunStatus.FAILED, ERROR) == (told.status, told.end.error)
    assert 1 == told.end.exceptions_count
    closed = told.closed("lp")
    assert ({}, ERROR, "error") == (
        closed.outputs,
        closed.error,
        closed.metadata["completed_reason"],
    )


async def test_l8_answers_inside_are_shown_and_joined():
    told = await told_of(
        [
            *loop("lp", 3, COUNTER),
            add_one("inc", "lp.i", inside="lp"),
            answer("ia", "{{#lp.i#}};", inside="lp"),
            answer("a", "end {{#lp.i#}}"),
        ],
        "start>lp s_lp>inc inc>ia lp>a",
        options={"mode": "advanced-chat"},
    )
    assert "1;2;3;end 3" == told.text
    assert "1;2;3;end 3" == told.out["answer"]


@pytest.mark.parametrize(
    ("var_type", "value", "expected"),
    [
        ("number", "5", 5),
        ("number", "5.5", 5.5),
        ("boolean", "true", True),
        ("object", '{"a": 1}', {"a": 1}),
        ("array[string]", '["a"]', ["a"]),
        ("array[string]", "", []),
        ("array[string]", None, []),
        ("array[number]", "[1, 2.5]", [1, 2.5]),
        ("array[object]", '[{"z": 1}]', [{"z": 1}]),
        ("array[boolean]", [True], [True]),
        ("array[string]", ["a"], ["a"]),
        ("string", "", ""),
    ],
    ids=repr,
)
async def test_l9_constants_of_every_type(var_type, value, expected):
    told = await told_of(
        [*loop("lp", 1, constant("i", var_type, value)), end(i="lp.i")], "start>lp lp>e"
    )
    assert {"i": expected} == told.out


@pytest.mark.parametrize(
    ("var_type", "value", "error"),
    [
        ("string", 5, "Type mismatch: expected string, but got integer, value=5"),
        ("number", "", "Type mismatch: expected number, but got string, value="),
        (
            "array[string]",
            "[1]",
            "Type mismatch: expected array[string], but got array[number], value=[1]",
        ),
        ("string", None, "Type mismatch: expected string, but got None"),
        ("object", [], "Type mismatch: expected object, but got empty list"),
        ("number", "text", "Type mismatch: expected number, but got string, value=text"),
    ],
    ids=repr,
)
async def test_l9_constants_that_do_not_fit(var_type, value, error):
    told = await told_of([*loop("lp", 1, constant("i", var_type, value))], "start>lp")

    assert error == told.end.error
    assert "lp opened" not in told.lines


async def test_l9_a_constant_list_that_is_no_json_fails_the_node():
    told = await told_of([*loop("lp", 1, constant("i", "array[string]", "[oops"))], "start>lp")
    assert RunStatus.FAILED == told.status


async def test_l10_a_reference_to_nothing_fails_the_node():
    told = await told_of([*loop("lp", 1, reference("i", "string", "start.zz"))], "start>lp")
    assert "Invalid value for loop variable i" == told.end.error


async def test_l11_a_referenced_value_is_taken_as_it_is():
    told = await told_of(
        [*loop("lp", 1, reference("i", "string", "start.x")), end(i="lp.i")], "start>lp lp>e", x=7
    )
    assert {"i": 7} == told.out


async def test_l12_a_round_knows_nothing_of_the_one_before():
    seen = []

    def look(look_up):
        seen.append(look_up("later.r"))
        return {}

    await told_of(
        [*loop("lp", 3), script("look", inside="lp"), script("later", inside="lp")],
        "start>lp s_lp>look look>later",
        {"look": look, "later": lambda _: {"r": "here"}},
    )
    assert [None] * 3 == seen


async def test_l13_behind_the_loop_the_last_round_can_be_read():
    told = await told_of(
        [
            *loop("lp", 3, COUNTER),
            add_one("inc", "lp.i", inside="lp"),
            script("c", inside="lp"),
            end(z="c.r"),
        ],
        "start>lp s_lp>inc inc>c lp>e",
        {"c": lambda look_up: {"r": f"round {look_up('lp.i')}"}},
    )
    assert {"z": "round 3"} == told.out


async def test_a_count_of_zero_runs_no_round():
    """The recorded Dify runs such a graph, against L14."""
    told = await counting(0)

    assert {"i": 0, "r": None} == told.out
    assert [] == announced(told)
    assert "loop_completed" == told.closed("lp").metadata["completed_reason"]


@pytest.mark.parametrize("count", [-1, "many"])
def test_a_count_that_is_none_is_refused(count):
    with pytest.raises(WorkflowInvalid, match="loop_count"):
        plan_of(loop("lp", count), "start>lp")


async def test_l15_default_values_replace_a_failed_loop():
    told = await counting(
        3,
        script("boom", inside="lp"),
        links="inc>boom",
        error_strategy="default-value",
        default_value=[{"key": "i", "type": "number", "value": 9}],
    )
    assert RunStatus.PARTIAL_SUCCEEDED == told.status
    assert {"i": 9, "error_message": ERROR, "error_type": ""} == told.finished("lp").outputs


async def test_a_loop_without_a_body_counts_its_rounds():
    told = await told_of([*loop("lp", 2), end(r="lp.loop_round")], "start>lp lp>e")

    assert {"r": 2} == told.out


async def test_an_empty_list_keeps_its_declared_type():
    told = await told_of(
        [
            *loop("lp", 2, constant("log", "array[string]", "")),
            append("as", "lp.log", "start.s", inside="lp"),
            end(log="lp.log"),
        ],
        "start>lp s_lp>as lp>e",
        s="x",
    )
    assert {"log": ["x", "x"]} == told.out
    assert [["x"], ["x", "x"]] == [
        event.value for event in told.events if isinstance(event, VariableUpdated)
    ]


async def test_loops_nest_and_start_afresh():
    told = await told_of(
        [
            *loop("lp", 2, constant("n", "number", 0)),
            *loop("in", 3, constant("m", "number", 0), inside="lp"),
            add_one("inc", "in.m", inside="in"),
            add_one("add", "lp.n", inside="lp"),
            end(n="lp.n", m="in.m"),
        ],
        "start>lp s_lp>in s_in>inc in>add lp>e",
    )
    assert {"n": 2, "m": 3} == told.out
    tags = [
        event.metadata
        for event in told.events
        if isinstance(event, NodeFinished) and event.execution.node_id == "inc"
    ]
    # As recorded: the outermost loop with the index of the innermost.
    assert [{"loop_id": "lp", "loop_index": index} for index in (0, 1, 2, 0, 1, 2)] == tags


async def test_an_iteration_inside_a_loop_names_both():
    told = await told_of(
        [
            *loop("lp", 2),
            *iteration("it", "start.l", "it.item", inside="lp"),
            script("c", inside="it"),
        ],
        "start>lp s_lp>it s_it>c",
        {"c": lambda _: {}},
        l=["a"],
    )
    tags = [
        event.metadata
        for event in told.events
        if isinstance(event, NodeFinished) and event.execution.node_id == "c"
    ]
    assert [
        {"iteration_id": "it", "iteration_index": 0, "loop_id": "lp", "loop_index": 0},
        {"iteration_id": "it", "iteration_index": 0, "loop_id": "lp", "loop_index": 1},
    ] == tags


async def test_an_endless_loop_with_an_empty_body_can_be_stopped():
    stage = Stage(plan_of(loop("lp", 10**12), "start>lp"))
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await asyncio.sleep(0.05)
        stage.driver.stop()

    assert RunStatus.STOPPED == (await stage.told()).status
