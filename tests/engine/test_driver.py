"""Whole runs of scripted nodes: traversal and outputs (`workflow-dsl §19.3`), failures (`§19.4`),
and the order in which things are told (`§9.3`, `§12.2`)."""

from typing import Any

import pytest

from graphmill.engine.context import NodeContext
from graphmill.engine.driver import RunLimits
from graphmill.engine.events import (
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunStarted,
    RunStatus,
)
from graphmill.engine.graph import NodeClass
from graphmill.engine.outcome import Failed, Outcome, Succeeded
from graphmill.engine.plan import Plan
from graphmill.engine.retry import RetryPolicy
from graphmill.engine.usage import Usage
from graphmill.variables.values import Value
from tests.engine.driving import Stage, run
from tests.engine.sketch import (
    AGG,
    AS,
    BOOM,
    ERR,
    ETYPE,
    IF,
    LLM,
    A,
    C,
    E,
    node,
    sketch,
)


@pytest.mark.parametrize(
    ("plan", "inputs", "out", "steps"),
    [
        pytest.param(
            sketch("start>e", E("e", q="start.q")), {"q": "hi"}, {"q": "hi"}, 2, id="X1 start, end"
        ),
        pytest.param(
            sketch("start>a start>b a>e b>e", C("a"), C("b"), E("e", x="a.r", y="b.r")),
            {},
            {"x": "A", "y": "B"},
            4,
            id="X2 join",
        ),
        pytest.param(
            sketch(
                "start>if if:true>a if:false>b a>e b>e",
                IF("if", true=("start.x", "1")),
                C("a"),
                C("b"),
                E("e", a="a.r", b="b.r"),
            ),
            {"x": "1"},
            {"a": "A", "b": None},
            4,
            id="X3 branch and join",
        ),
        pytest.param(
            sketch("start>if if:true>a a>e", IF("if", true=("start.x", "1")), C("a"), E("e")),
            {"x": "2"},
            {},
            2,
            id="X4 no edge for the handle",
        ),
        pytest.param(
            sketch(
                "start>if if:c1>a if:c2>b if:false>c a>g b>g c>g g>e",
                IF("if", c1=("start.x", "1"), c2=("start.x", "2")),
                C("a"),
                C("b"),
                C("c"),
                AGG("g", "a.r", "b.r", "c.r"),
                E("e", o="g.output"),
            ),
            {"x": "2"},
            {"o": "B"},
            5,
            id="X5 three branches and an aggregator",
        ),
        pytest.param(
            sketch("start>e1 start>e2", E("e1", a="start.x"), E("e2", b="start.x")),
            {"x": "v"},
            {"a": "v", "b": "v"},
            3,
            id="X6 two ends",
        ),
        pytest.param(
            sketch("start>e1 start>a a>e2", E("e1", a="start.x"), C("a"), E("e2", a="a.r")),
            {"x": "v"},
            {"a": "A"},
            4,
            id="X7 the later end wins",
        ),
        pytest.param(
            sketch("start>e", E("e", a="nope.x", b="start.x")),
            {"x": "v"},
            {"a": None, "b": "v"},
            2,
            id="X8 missing reference",
        ),
        pytest.param(
            sketch("start>e e>a", E("e", a="start.x"), C("a")),
            {"x": "v"},
            {"a": "v"},
            3,
            id="X9 a node behind the end",
        ),
        pytest.param(sketch("start>a", C("a")), {}, {}, 2, id="X10 no end"),
        pytest.param(sketch(""), {}, {}, 1, id="X11 only start"),
        pytest.param(
            sketch("start>a start>a a>e", C("a"), E("e", a="a.r")),
            {},
            {"a": "A"},
            3,
            id="X12 duplicated edge",
        ),
        pytest.param(
            sketch("start>a a>b b>a b>e", C("a"), C("b"), E("e", a="a.r")),
            {},
            {},
            1,
            id="X13 cycle",
        ),
        pytest.param(
            sketch("start>a a>e z>e", C("a"), C("z"), E("e", a="a.r")),
            {},
            {},
            2,
            id="X14 join with an unreached node",
        ),
        pytest.param(
            sketch("start>a a>e", C("a"), C("z"), E("e", a="a.r")),
            {},
            {"a": "A"},
            3,
            id="X15 isolated node",
        ),
        pytest.param(
            sketch("start>a a>b", A("a", "1"), A("b", "2")),
            {},
            {"answer": "12"},
            3,
            id="X16 answers are joined",
        ),
        pytest.param(
            sketch("start>a a:weird>e", C("a"), E("e", x="a.r")),
            {},
            {"x": "A"},
            3,
            id="X17 handle of a node that does not branch",
        ),
    ],
)
async def test_traversal(
    plan: Plan, inputs: dict[str, Value], out: dict[str, Value], steps: int
) -> None:
    told = await run(plan, **inputs)

    assert RunStatus.SUCCEEDED == told.status
    assert out == told.out
    assert steps == told.end.total_steps
    assert steps == len(told.started) == len(set(told.started))


FALLBACK: dict[str, Any] = {"default": {"r": "D"}}
RETRIES = RetryPolicy(max_retries=2, interval=0.001)


@pytest.mark.parametrize(
    ("plan", "status", "out", "exceptions", "steps"),
    [
        pytest.param(
            sketch("start>c c>e", BOOM("c"), E("e", x="c.r")),
            RunStatus.FAILED, {}, 1, 2,
            id="F1 unhandled",
        ),
        pytest.param(
            sketch(
                "start>c c>ok c:fail-branch>ko",
                BOOM("c", fail_branch=True),
                E("ok", x="c.r"),
                E("ko", m="c.error_message", t="c.error_type"),
            ),
            RunStatus.PARTIAL_SUCCEEDED, {"m": ERR, "t": ETYPE}, 1, 3,
            id="F2 fail branch",
        ),
        pytest.param(
            sketch(
                "start>c c>ok c:fail-branch>ko",
                C("c", fail_branch=True),
                E("ok", x="c.r"),
                E("ko", m="c.error_message"),
            ),
            RunStatus.SUCCEEDED, {"x": "C"}, 0, 3,
            id="F3 fail branch of a node that succeeds",
        ),
        pytest.param(
            sketch("start>c c>ok", BOOM("c", fail_branch=True), E("ok", x="c.r")),
            RunStatus.PARTIAL_SUCCEEDED, {}, 1, 2,
            id="F4 fail branch without an edge",
        ),
        pytest.param(
            sketch(
                "start>c c>e",
                BOOM("c", **FALLBACK),
                E("e", x="c.r", m="c.error_message", t="c.error_type"),
            ),
            RunStatus.PARTIAL_SUCCEEDED, {"x": "D", "m": ERR, "t": ETYPE}, 1, 3,
            id="F5 default value",
        ),
        pytest.param(
            sketch("start>c c>e", BOOM("c", retry=RETRIES), E("e", x="c.r")),
            RunStatus.FAILED, {}, 3, 4,
            id="F6 retries exhausted",
        ),
        pytest.param(
            sketch(
                "start>l l>e",
                LLM("l", [ValueError("1")], [ValueError("2")], ["a"], retry=RetryPolicy(3, 0.001)),
                E("e", x="l.text"),
            ),
            RunStatus.PARTIAL_SUCCEEDED, {"x": "a"}, 2, 5,
            id="F7 a retry succeeds",
        ),
        pytest.param(
            sketch("start>c c>e", BOOM("c", retry=RetryPolicy(0, 0.001)), E("e", x="c.r")),
            RunStatus.FAILED, {}, 1, 2,
            id="F8 no retries",
        ),
        pytest.param(
            sketch(
                "start>c c>e", BOOM("c", retry=RetryPolicy(1, 0.001), **FALLBACK), E("e", x="c.r")
            ),
            RunStatus.PARTIAL_SUCCEEDED, {"x": "D"}, 2, 4,
            id="F9 retry, then default value",
        ),
        pytest.param(
            sketch("start>if if:true>e", IF("if", true=("nope.x", "1")), E("e")),
            RunStatus.FAILED, {}, 1, 2,
            id="F10 condition on a missing variable",
        ),
    ],
)  # fmt: skip
async def test_failures(
    plan: Plan, status: RunStatus, out: dict[str, Value], exceptions: int, steps: int
) -> None:
    told = await run(plan)

    assert status == told.status
    assert out == told.out
    assert exceptions == told.end.exceptions_count
    assert steps == told.end.total_steps


async def test_an_unhandled_failure_is_the_error_of_the_run() -> None:
    told = await run(sketch("start>c c>e", BOOM("c"), E("e", x="c.r")))

    assert ["run started", "start started", "start succeeded"] == told.lines[:3]
    assert ["c started", "c failed", "run failed"] == told.lines[3:]
    assert ERR == told.end.error
    assert (ERR, ETYPE, {}) == _error(told.finished("c"))


def _error(event: NodeFinished) -> tuple[str | None, str, dict[str, Value]]:
    return event.error, event.error_type, event.outputs


@pytest.mark.parametrize("strategy", ["fail-branch", "default-value"])
async def test_a_handled_failure_gives_the_error_as_outputs(strategy: str) -> None:
    options = FALLBACK if strategy == "default-value" else {"fail_branch": True}
    told = await run(sketch("start>c", BOOM("c", **options)))
    expected = {"error_message": ERR, "error_type": ETYPE}
    if strategy == "default-value":
        expected["r"] = "D"

    finished = told.finished("c")
    assert NodeStatus.EXCEPTION == finished.status
    assert (ERR, ETYPE, expected) == _error(finished)
    assert {"error_strategy": strategy} == finished.metadata
    assert told.end.error is None


async def test_an_exception_in_a_node_is_a_failure_with_its_text() -> None:
    def inline(context: NodeContext) -> Outcome:
        raise KeyError("lost")

    async def waiting(context: NodeContext) -> Outcome:
        raise ValueError("mid")

    for script in (node("n", inline), node("n", waiting, waits=True)):
        told = await run(sketch("start>n", script))

        assert RunStatus.FAILED == told.status
        assert "WorkflowNodeError" == told.finished("n").error_type
        assert told.end.error in ("'lost'", "mid")


async def test_inputs_and_process_data_of_a_failure_are_kept() -> None:
    failure = Failed("no", "Odd", {"i": 1}, {"p": 2}, {"half": "done"}, usage=Usage(3))
    told = await run(sketch("start>n", node("n", lambda context: failure)))

    finished = told.finished("n")
    assert ({"i": 1}, {"p": 2}, {"half": "done"}) == (
        finished.inputs,
        finished.process_data,
        finished.outputs,
    )
    assert 3 == told.end.total_tokens


async def test_a_retry_is_told_when_the_next_attempt_begins_and_keeps_its_execution() -> None:
    told = await run(sketch("start>c", BOOM("c", retry=RETRIES, fail_branch=True)))

    assert ["c started", "c retry 1", "c retry 2", "c exception"] == told.lines[3:-1]
    retries = [event for event in told.events if isinstance(event, NodeRetried)]
    assert [ERR, ERR] == [event.error for event in retries]
    assert {told.finished("c").execution.id} == {event.execution.id for event in retries}


async def test_retries_wait_their_interval() -> None:
    plan = sketch("start>c", BOOM("c", retry=RetryPolicy(max_retries=2, interval=0.02)))
    finished = (await run(plan)).finished("c")

    assert 0.04 <= finished.at - finished.execution.started_at < 1


async def test_tokens_of_failed_attempts_count() -> None:
    outcomes = [Failed("no", usage=Usage(2)), Succeeded({}, usage=Usage(5))]

    async def attempt(context: NodeContext) -> Outcome:
        return outcomes.pop(0)

    told = await run(sketch("start>n", node("n", attempt, waits=True, retry=RETRIES)))

    assert 7 == told.end.total_tokens


async def test_a_branch_node_without_a_handle_fails() -> None:
    script = node("if", lambda context: Succeeded({}, handle=""), node_class=NodeClass.BRANCH)
    told = await run(sketch("start>if if:>a", script, C("a")))

    assert RunStatus.FAILED == told.status
    assert "Branch node if completed without selecting a branch" == told.end.error
    assert ["start", "if"] == told.started


async def test_the_first_unhandled_failure_ends_the_run_beside_others() -> None:
    """Recorded: case graph-failure-beside-slow-branch."""
    slow = LLM("slow", ["a", 60.0])
    told = await run(
        sketch("start>bad bad>after start>slow slow>e", BOOM("bad"), C("after"), slow, E("e"))
    )

    assert RunStatus.FAILED == told.status
    assert ERR == told.end.error
    assert 3 == told.end.total_steps
    assert "slow succeeded" not in told.lines


async def test_outputs_so_far_are_told_when_a_run_fails() -> None:
    """Recorded: case chat-fails-after-text."""
    told = await run(sketch("start>a a>c c>b", A("a", "before "), BOOM("c"), A("b", "after")))

    assert {"answer": "before "} == told.out
    assert RunStatus.FAILED == told.status


async def test_a_handled_failure_does_not_hide_a_later_one() -> None:
    """Recorded: case error-handled-then-fatal."""
    told = await run(sketch("start>a a>b", BOOM("a", **FALLBACK), BOOM("b")))

    assert RunStatus.FAILED == told.status
    assert 2 == told.end.exceptions_count


async def test_effects_of_a_node_come_in_order() -> None:
    """`§9.3`: variables, edges with the text they let through, then the node's own event."""
    plan = sketch(
        "start>w w>a a>b",
        AS("w", "conversation.c", "start.x"),
        A("a", "<{{#conversation.c#}}>"),
        C("b"),
        conversation={"c": "old"},
    )
    told = await run(plan, x="new")

    assert [
        "run started",
        "start started",
        "start succeeded",
        "w started",
        "conversation.c = 'new'",
        "'<' of a.answer",
        "'new' of conversation.c",
        "'>' of a.answer",
        "w succeeded",
        "a started",
        "a succeeded",
        "b started",
        "b succeeded",
        "run succeeded",
    ] == told.lines


async def test_the_run_begins_with_its_inputs_and_the_system_values() -> None:
    told = await run(sketch(""), q="hi")

    begun = told.events[0]
    assert isinstance(begun, RunStarted)
    assert {
        "q": "hi",
        "sys.files": [],
        "sys.user_id": "ann",
        "sys.app_id": "app",
        "sys.workflow_id": "workflow",
        "sys.workflow_run_id": "run",
        "sys.timestamp": 1000,
    } == begun.inputs


async def test_executions_are_numbered_in_order_of_starts_and_know_their_predecessor() -> None:
    told = await run(sketch("start>a start>b a>e b>e", C("a"), C("b"), E("e")))

    executions = [event.execution for event in told.events if isinstance(event, NodeStarted)]
    assert [
        (1, "start", None),
        (2, "a", "start"),
        (3, "b", "start"),
        (4, "e", "b"),
    ] == [(execution.index, execution.node_id, execution.predecessor) for execution in executions]


async def test_a_context_carries_the_execution_and_its_idempotency_key() -> None:
    seen: list[NodeContext] = []

    async def attempt(context: NodeContext) -> Outcome:
        seen.append(context)
        return Failed("again")

    script = node("n", attempt, waits=True, retry=RetryPolicy(1, 0.001))
    told = await run(sketch("start>n", script))

    assert ["run:n", "run:n"] == [context.idempotency_key for context in seen]
    assert {told.finished("n").execution.id} == {context.execution_id for context in seen}
    assert all(context.has_recourse for context in seen)


async def test_runs_of_one_plan_share_no_values() -> None:
    plan = sketch(
        "start>w w>v v>e",
        AS("w", "conversation.c", "start.x"),
        AS("v", "env.e", "start.x"),
        E("e", c="conversation.c"),
        conversation={"c": "old"},
    )
    first, second = await run(plan, x="1"), await run(plan, x="2")

    assert ({"c": "1"}, {"c": "2"}) == (first.out, second.out)
    assert ({"c": "old"}, {}) == (plan.conversation, plan.environment)


async def test_the_step_limit_fails_the_run() -> None:
    """X18, and recorded: case graph-505-nodes (status `failed`; D35 drops the prefix)."""
    plan = sketch("start>a a>b b>c c>e", C("a"), C("b"), C("c"), E("e", x="c.r"))
    told = await run(plan, limits=RunLimits(steps=2))

    assert RunStatus.FAILED == told.status
    assert "Maximum execution steps exceeded: 3 > 2" == told.end.error
    assert ["start", "a", "b"] == told.started
    assert "b succeeded" == told.lines[-2]


async def test_a_node_above_the_limit_is_tried_again_before_it_counts_as_finished() -> None:
    retry = RetryPolicy(max_retries=1, interval=0.001)
    told = await run(sketch("start>c", BOOM("c", retry=retry)), limits=RunLimits(steps=1))

    assert ["c retry 1", "c failed"] == told.lines[-3:-1]
    assert ERR == told.end.error


async def test_a_run_of_as_many_steps_as_allowed_succeeds() -> None:
    chain = [C(f"n{number}") for number in range(499)]
    edges = "start>n0 " + " ".join(f"n{number}>n{number + 1}" for number in range(498))

    assert RunStatus.SUCCEEDED == (await run(sketch(edges, *chain))).status


async def test_one_step_more_than_allowed_fails() -> None:
    chain = [C(f"n{number}") for number in range(500)]
    edges = "start>n0 " + " ".join(f"n{number}>n{number + 1}" for number in range(499))
    told = await run(sketch(edges, *chain))

    assert "Maximum execution steps exceeded: 501 > 500" == told.end.error


async def test_the_elapsed_time_is_never_negative() -> None:
    """The clock of a machine may be set back."""
    now = 1000.0

    def backwards() -> float:
        nonlocal now
        now -= 1
        return now

    stage = Stage(sketch(""), clock=backwards)
    await stage.driver.drive()

    assert 0.0 == (await stage.told()).end.elapsed
