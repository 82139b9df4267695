"""`workflow-dsl §19.8`, and what else iterations promise."""

import asyncio
import gc
import time

import pytest

from graphmill.engine.driver import RunLimits
from graphmill.engine.events import NodeFinished, RoundStarted, RunStatus, TextChunk
from graphmill.errors import WorkflowInvalid
from tests.dsl.files import node
from tests.engine.driving import Stage
from tests.nodes.containers.drawing import (
    ERROR,
    answer,
    append,
    end,
    iteration,
    plan_of,
    script,
    told_of,
)


def numbered(look_up):
    return {"r": f"{look_up('it.index')}:{look_up('it.item')}"}


def item_or_boom(look_up):
    if look_up("it.item") == "x":
        raise ValueError(ERROR)
    return {"r": look_up("it.item")}


async def over(items, c=numbered, **data):
    """The run of an iteration around one script `c`, and an end that shows its output."""
    return await told_of(
        [*iteration("it", "start.l", "c.r", **data), script("c", inside="it"), end(o="it.output")],
        "start>it s_it>c it>e",
        {"c": c},
        l=items,
    )


async def test_i1_the_nodes_inside_run_once_for_each_item_in_order():
    told = await over(["a", "b"])

    assert {"o": ["0:a", "1:b"]} == told.out
    assert [
        "run started",
        "start started",
        "start succeeded",
        "it started",
        "it opened",
        "it round 0",
        "c started",
        "c succeeded",
        "it round 1",
        "c started",
        "c succeeded",
        "it closed: succeeded",
    ] == told.lines[:12]
    assert 3 == told.end.total_steps
    closed = told.closed("it")
    assert 2 == closed.steps
    assert {"iterator_selector": ["a", "b"]} == closed.inputs
    assert {"output": ["0:a", "1:b"]} == closed.outputs
    assert ["0", "1"] == list(closed.metadata["iteration_duration_map"])


async def test_i1_what_happens_inside_says_where():
    told = await over(["a", "b"])

    inner = [
        event
        for event in told.events
        if isinstance(event, NodeFinished) and event.execution.node_id == "c"
    ]
    assert [
        {"iteration_id": "it", "iteration_index": 0},
        {"iteration_id": "it", "iteration_index": 1},
    ] == [event.metadata for event in inner]
    assert ["it", "it"] == [event.execution.position.iteration_id for event in inner]


@pytest.mark.parametrize("nothing", [None, []], ids=["i3 null", "i2 empty"])
async def test_without_items_there_are_no_rounds(nothing):
    told = await over(nothing)

    assert {"o": []} == told.out
    # As recorded: neither the beginning nor the end of rounds is told.
    assert not [line for line in told.lines if "round" in line or "opened" in line]
    assert {"iterator_selector": []} == told.finished("it").inputs


async def test_i4_what_is_no_list_fails_the_node():
    finished = (await over("abc")).finished("it")

    assert finished.error.startswith("invalid iterator value:")
    assert finished.error.endswith(", please provide a list.")
    assert "WorkflowNodeError" == finished.error_type


async def test_i5_a_missing_list_fails_the_node():
    told = await told_of(iteration("it", "start.l", "c.r"), "start>it")

    assert "iterator variable ['start', 'l'] not found" == told.end.error


async def test_i6_terminated_starts_nothing_after_the_item_that_failed():
    told = await over(["a", "x", "b"], item_or_boom)

    assert 2 == told.started.count("c")
    assert (RunStatus.FAILED, ERROR) == (told.status, told.end.error)
    # As recorded: only the container's own failure counts.
    assert 1 == told.end.exceptions_count
    assert {"output": ["a"]} == told.closed("it").outputs
    assert ERROR == told.closed("it").error
    assert ["0"] == list(told.closed("it").metadata["iteration_duration_map"])


@pytest.mark.parametrize(
    ("mode", "output"),
    [
        pytest.param("continue-on-error", ["a", None, "b"], id="i7"),
        pytest.param("remove-abnormal-output", ["a", "b"], id="i8"),
    ],
)
@pytest.mark.parametrize("is_parallel", [False, True], ids=["one by one", "parallel"])
async def test_error_modes_that_go_on(mode, output, is_parallel):
    told = await over(
        ["a", "x", "b"], item_or_boom, error_handle_mode=mode, is_parallel=is_parallel
    )

    assert {"o": output} == told.out
    assert RunStatus.SUCCEEDED == told.status
    assert 3 == told.started.count("c")


@pytest.mark.parametrize(
    ("flatten", "output"),
    [
        pytest.param(True, ["a", "a", "b", "b"], id="i9"),
        pytest.param(False, [["a", "a"], ["b", "b"]], id="i10"),
    ],
)
async def test_lists_of_lists_are_flattened_unless_told_otherwise(flatten, output):
    def twice(look_up):
        return {"r": [look_up("it.item")] * 2}

    assert {"o": output} == (await over(["a", "b"], twice, flatten_output=flatten)).out


async def test_one_level_is_flattened_and_mixed_results_are_not():
    results = {"a": [["deep"]], "b": ["flat"], "c": "text"}

    def result(look_up):
        return {"r": results[look_up("it.item")]}

    assert {"o": [["deep"], "flat"]} == (await over(["a", "b"], result)).out
    assert {"o": [["flat"], "text"]} == (await over(["b", "c"], result)).out


async def test_i18_flattening_drops_what_failed():
    def listed(look_up):
        return {"r": [item_or_boom(look_up)["r"]]}

    told = await over(["a", "x", "b"], listed, error_handle_mode="continue-on-error")
    assert {"o": ["a", "b"]} == told.out


async def test_i11_an_output_that_nothing_makes_is_null():
    told = await told_of(
        [*iteration("it", "start.l", "zz.r"), script("c", inside="it"), end(o="it.output")],
        "start>it s_it>c it>e",
        {"c": numbered},
        l=[1, 2],
    )
    assert {"o": [None, None]} == told.out


async def test_i12_parallel_results_keep_the_order_of_the_items():
    async def slower_first(look_up):
        await asyncio.sleep(0.03 - 0.01 * look_up("it.index"))
        return {"r": look_up("it.item")}

    told = await over(["a", "b", "c"], slower_first, is_parallel=True, parallel_nums=3)

    assert {"o": ["a", "b", "c"]} == told.out
    rounds = [told.lines.index(f"it round {index}") for index in range(3)]
    assert max(rounds) < told.lines.index("c started")
    assert ["2", "1", "0"] == list(told.closed("it").metadata["iteration_duration_map"])


async def test_i13_no_more_items_are_under_way_than_allowed():
    under_way, most = 0, 0

    async def counted(look_up):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return {"r": look_up("it.item")}

    told = await over([1, 2, 3, 4, 5], counted, is_parallel=True, parallel_nums=2)

    assert 2 == most
    assert told.lines.index("c succeeded") < told.lines.index("it round 2")


async def test_i14_branches_inside_are_taken_per_item():
    told = await told_of(
        [
            *iteration("it", "start.l", "agg.output"),
            node(
                "if",
                "if-else",
                parent_id="it",
                cases=[
                    {
                        "case_id": "yes",
                        "logical_operator": "and",
                        "conditions": [
                            {
                                "variable_selector": ["it", "item"],
                                "comparison_operator": "is",
                                "value": "a",
                            }
                        ],
                    }
                ],
            ),
            script("up", inside="it"),
            script("other", inside="it"),
            node(
                "agg",
                "variable-aggregator",
                parent_id="it",
                variables=[["up", "r"], ["other", "r"]],
            ),
            end(o="it.output"),
        ],
        "start>it s_it>if if:yes>up if:false>other up>agg other>agg it>e",
        {"up": lambda _: {"r": "A!"}, "other": lambda _: {"r": "other"}},
        l=["a", "b"],
    )
    assert {"o": ["A!", "other"]} == told.out


async def test_i15_a_fail_branch_catches_the_failure_of_an_item():
    told = await told_of(
        [
            *iteration("it", "start.l", "c.r", error_strategy="fail-branch"),
            script("c", inside="it"),
            end("good", o="it.output"),
            end("bad", o="it.error_message"),
        ],
        "start>it s_it>c it>good it:fail-branch>bad",
        {"c": item_or_boom},
        l=["x"],
    )
    assert {"o": ERROR} == told.out
    assert RunStatus.PARTIAL_SUCCEEDED == told.status
    assert {"error_message": ERROR, "error_type": ""} == told.finished("it").outputs


async def test_i16_only_the_output_is_known_behind():
    told = await told_of(
        [
            *iteration("it", "start.l", "c.r"),
            script("c", inside="it"),
            end(o="it.output", i="c.r", x="it.item", n="it.index"),
        ],
        "start>it s_it>c it>e",
        {"c": numbered},
        l=["a"],
    )
    assert {"o": ["0:a"], "i": None, "x": None, "n": None} == told.out


async def test_i17_iterations_nest():
    told = await told_of(
        [
            *iteration("it", "start.l", "in.output"),
            *iteration("in", "it.item", "c.r", inside="it"),
            script("c", inside="in"),
            end(o="it.output"),
        ],
        "start>it s_it>in s_in>c it>e",
        {"c": lambda look_up: {"r": f"{look_up('in.item')}!"}},
        l=[["a"], ["b", "c"]],
    )
    assert {"o": ["a!", "b!", "c!"]} == told.out
    positions = [
        (event.execution.position.iteration_id, event.execution.position.iteration_index)
        for event in told.events
        if isinstance(event, NodeFinished) and event.execution.node_id == "c"
    ]
    assert [("in", 0), ("in", 0), ("in", 1)] == positions


async def test_i19_items_under_way_finish_when_one_fails():
    async def first_fails(look_up):
        if look_up("it.item") == "x":
            raise ValueError(ERROR)
        await asyncio.sleep(0.01)
        return {"r": look_up("it.item")}

    told = await over(["x", "b", "c", "d"], first_fails, is_parallel=True, parallel_nums=3)

    assert 3 == told.started.count("c")
    assert 2 == told.lines.count("c succeeded")
    assert (RunStatus.FAILED, ERROR) == (told.status, told.end.error)


async def test_after_a_failure_inside_nothing_new_begins_in_the_round():
    async def slow(look_up):
        await asyncio.sleep(0.01)
        return {}

    told = await told_of(
        [
            *iteration("it", "start.l", "c.r"),
            script("boom", inside="it"),
            script("slow", inside="it"),
            script("behind", inside="it"),
        ],
        "start>it s_it>boom s_it>slow slow>behind",
        {"slow": slow, "behind": lambda _: {}},
        l=["a"],
    )
    assert "slow succeeded" in told.lines
    assert "behind" not in told.started
    assert ERROR == told.end.error


async def test_i20_an_answer_inside_is_shown_for_each_item():
    told = await told_of(
        [
            *iteration("it", "start.l", "it.item"),
            answer("ia", "{{#it.item#}}\n", inside="it"),
            answer("a", "done"),
        ],
        "start>it s_it>ia it>a",
        options={"mode": "advanced-chat"},
        l=["apple", "banana"],
    )
    assert "apple\nbanana\ndone" == told.text
    # As recorded: answers inside an iteration are shown and are no output of the run.
    assert {"answer": "done", "files": []} == told.out
    chunks = [event for event in told.events if isinstance(event, TextChunk)]
    assert ["it"] * 4 + [None] == [
        chunk.position and chunk.position.iteration_id for chunk in chunks
    ]


async def test_parallel_answers_are_shown_one_item_after_the_other():
    async def slower_first(look_up):
        await asyncio.sleep(0.02 - 0.01 * look_up("it.index"))
        return {"r": look_up("it.item")}

    told = await told_of(
        [
            *iteration("it", "start.l", "c.r", is_parallel=True),
            script("c", inside="it"),
            answer("ia", "<{{#c.r#}}>", inside="it"),
        ],
        "start>it s_it>c c>ia",
        {"c": slower_first},
        options={"mode": "advanced-chat"},
        l=["a", "b"],
    )
    assert "<b><a>" == told.text


async def test_i21_conversation_variables_live_on():
    told = await told_of(
        [
            *iteration("it", "start.l", "it.item"),
            append("as", "conversation.c", "it.item", inside="it"),
            answer("a", "{{#conversation.c#}}"),
        ],
        "start>it s_it>as it>a",
        options={
            "mode": "advanced-chat",
            "conversation_variables": [{"name": "c", "value_type": "array[string]", "value": []}],
        },
        l=["a", "b"],
    )
    assert "- a\n- b" == told.text


async def test_i22_a_default_value_inside_saves_the_item():
    told = await told_of(
        [
            *iteration("it", "start.l", "boom.r"),
            script(
                "boom",
                inside="it",
                error_strategy="default-value",
                default_value=[{"key": "r", "type": "string", "value": "instead"}],
            ),
            end(o="it.output"),
        ],
        "start>it s_it>boom it>e",
        l=["a"],
    )
    assert {"o": ["instead"]} == told.out
    assert RunStatus.SUCCEEDED == told.status


async def test_items_do_not_see_what_others_wrote():
    told = await told_of(
        [
            *iteration("it", "start.l", "second.r"),
            script("second", inside="it"),
            script("first", inside="it"),
            end(o="it.output"),
        ],
        "start>it s_it>second second>first it>e",
        {
            "first": lambda look_up: {"r": look_up("it.item")},
            "second": lambda look_up: {"r": look_up("first.r")},
        },
        l=["a", "b"],
    )
    assert {"o": [None, None]} == told.out


async def test_the_step_limit_counts_each_round_for_itself():
    told = await told_of(
        [*iteration("it", "start.l", "c.r"), script("c", inside="it")],
        "start>it s_it>c",
        {"c": numbered},
        limits=RunLimits(steps=5),
        l=list(range(50)),
    )
    assert RunStatus.SUCCEEDED == told.status


async def test_a_container_that_leads_into_itself_ends():
    outer, beginning = iteration("it", "start.l", "it.item")
    inner, _ = iteration("in", "start.l", "in.item", inside="it")
    inner["data"]["start_node_id"] = "s_it"

    told = await told_of([outer, beginning, inner], "start>it s_it>in", l=["a"])

    assert RunStatus.FAILED == told.status
    assert "Iterations and loops are nested more than 50 levels deep" == told.end.error


@pytest.fixture
def _settled_memory():
    """As in the server: the garbage collector does not look again at what is there already."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_settled_memory")
@pytest.mark.parametrize(
    "options", [{}, {"is_parallel": True, "parallel_nums": 1000}], ids=["one by one", "parallel"]
)
async def test_many_items_give_other_runs_their_turn(options):
    longest = 0.0

    async def watch():
        nonlocal longest
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
            before = time.thread_time()

    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch())
        told = await over(list(range(10_000)), **options)
        watcher.cancel()

    assert 10_000 == len(told.out["o"])
    assert longest < 0.2


async def test_a_thousand_items_at_once():
    async def a_moment(look_up):
        await asyncio.sleep(0.05)
        return {"r": look_up("it.item")}

    told = await over(list(range(1000)), a_moment, is_parallel=True, parallel_nums=1000)

    assert list(range(1000)) == told.out["o"]
    assert told.end.elapsed < 5


@pytest.mark.parametrize("is_parallel", [False, True], ids=["one by one", "parallel"])
async def test_stop_ends_an_iteration_at_once(is_parallel):
    async def for_ever(look_up):
        await asyncio.sleep(3600)

    plan = plan_of(
        [
            *iteration("it", "start.l", "c.r", is_parallel=is_parallel, parallel_nums=100),
            script("c", inside="it"),
        ],
        "start>it s_it>c",
        {"c": for_ever},
    )
    stage = Stage(plan, {"l": list(range(10_000))})
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("c started")
        stage.driver.stop()

    told = await stage.told()
    assert RunStatus.STOPPED == told.status
    assert (100 if is_parallel else 1) == sum(
        isinstance(event, RoundStarted) for event in told.events
    )


@pytest.mark.parametrize(
    "options", [{}, {"is_parallel": True, "parallel_nums": 1000}], ids=["one by one", "parallel"]
)
async def test_stop_ends_an_iteration_that_never_waits(options):
    plan = plan_of(
        [*iteration("it", "start.l", "c.r", **options), script("c", inside="it")],
        "start>it s_it>c",
        {"c": numbered},
    )
    stage = Stage(plan, {"l": list(range(50_000))})
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.driver.drive())
        await stage.until("c started")
        stage.driver.stop()
        began = time.thread_time()

    assert time.thread_time() - began < 1
    told = await stage.told()
    assert RunStatus.STOPPED == told.status
    assert len(told.started) < 10_000


@pytest.mark.parametrize("number", [0, -1, "many"])
def test_a_number_of_parallel_items_below_one_is_refused(number):
    with pytest.raises(WorkflowInvalid, match="parallel_nums"):
        plan_of(iteration("it", "start.l", "c.r", parallel_nums=number), "start>it")
