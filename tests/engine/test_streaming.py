"""What text is shown when (`workflow-dsl §13`, `§19.7`), through whole runs of scripted nodes.

Where the recorded cases and the spec differ, the recording wins: nothing is shown before the start
node has started.
"""

from typing import Any

import pytest

from graphmill.engine.events import RunStatus
from graphmill.engine.plan import Plan
from graphmill.engine.retry import RetryPolicy
from graphmill.variables.values import Value
from tests.engine.driving import Told, run
from tests.engine.sketch import AGG, AS, BOOM, IF, LLM, A, C, E, Scripted, node, sketch

PAUSE = 0.005


def said(told: Told) -> list[str]:
    """The lines between the start of the run and its end, without empty texts."""
    return [line for line in told.lines[1:-1] if not line.startswith("''")]


async def test_s1_text_is_shown_while_the_model_talks() -> None:
    told = await run(sketch("start>l l>a", LLM("l", ["x", "y"]), A("a", "A {{#l.text#}} B")))

    assert [
        "run started",
        "start started",
        "'A ' of a.answer",
        "start succeeded",
        "l started",
        "'x' of l.text",
        "'y' of l.text",
        "'' of l.text",
        "' B' of a.answer",
        "l succeeded",
        "a started",
        "a succeeded",
        "run succeeded",
    ] == told.lines
    assert {"answer": "A xy B"} == told.out


async def test_s2_what_comes_too_early_is_kept_for_its_place() -> None:
    """Recorded: case chat-two-models-order."""
    told = await run(
        sketch(
            "start>l1 l1>l2 l2>x",
            LLM("l1", ["a", "b"]),
            LLM("l2", ["c", "d"]),
            A("x", "# 2\n{{#l2.text#}}\n# 1\n{{#l1.text#}}"),
        )
    )

    assert ["# 2\n", "c", "d", "\n# 1\n", "a", "b"] == told.stream
    assert "l2 succeeded" == said(told)[-3], "all of it comes before the end of the second model"


async def test_s3_an_answer_holds_back_the_answers_behind_it() -> None:
    told = await run(
        sketch(
            "start>l l>a1 a1>a2",
            LLM("l", ["a", "b"]),
            A("a1", "one\n"),
            A("a2", "two {{#l.text#}}"),
        )
    )

    assert [
        "start started",
        "'one\\n' of a1.answer",
        "start succeeded",
        "l started",
        "l succeeded",
        "a1 started",
        "'two ' of a2.answer",
        "'a' of l.text",
        "'b' of l.text",
        "a1 succeeded",
        "a2 started",
        "a2 succeeded",
    ] == said(told)


async def test_s4_the_next_answer_streams_live_once_the_first_is_done() -> None:
    """Recorded: case chat-two-answers."""
    told = await run(
        sketch(
            "start>a1 a1>l l>a2",
            A("a1", "one\n"),
            LLM("l", ["a", "b"]),
            A("a2", "two {{#l.text#}}"),
        )
    )

    assert [
        "start started",
        "'one\\n' of a1.answer",
        "start succeeded",
        "a1 started",
        "'two ' of a2.answer",
        "a1 succeeded",
        "l started",
        "'a' of l.text",
        "'b' of l.text",
        "l succeeded",
        "a2 started",
        "a2 succeeded",
    ] == said(told)


async def test_s5_nothing_is_shown_until_the_branch_is_decided() -> None:
    told = await run(
        sketch(
            "start>l l>if if:true>y if:false>n",
            LLM("l", ["a", "b"]),
            IF("if", true=("l.text", "ab")),
            A("y", "Y {{#l.text#}}"),
            A("n", "N {{#l.text#}}"),
        )
    )

    assert ["l succeeded", "if started", "'Y ' of y.answer"] == said(told)[3:6]
    assert ["'a' of l.text", "'b' of l.text", "if succeeded"] == said(told)[6:9]
    assert ["Y ", "a", "b"] == told.stream


async def test_s6_a_skipped_variable_leaves_nothing() -> None:
    told = await run(
        sketch(
            "start>if if:true>l1 if:false>l2 l1>s l2>s",
            IF("if", true=("start.x", "1")),
            LLM("l1", ["a", "b"]),
            LLM("l2", ["c", "d"]),
            A("s", "[{{#l1.text#}}/{{#l2.text#}}]"),
        ),
        x="2",
    )

    assert ["[", "/", "c", "d", "]"] == told.stream
    assert {"answer": "[l1.text/cd]"} == told.out


async def test_s7_the_order_of_the_template_rules_over_the_order_of_models() -> None:
    told = await run(
        sketch(
            "start>l1 start>l2 l1>s l2>s",
            LLM("l1", [PAUSE, "a", PAUSE, "b"]),
            LLM("l2", ["c", "d"]),
            A("s", "{{#l1.text#}}-{{#l2.text#}}"),
        )
    )

    assert "ab-cd" == told.text


async def test_s8_a_second_answer_waits_until_the_first_is_complete() -> None:
    told = await run(
        sketch(
            "start>l1 start>l2 l1>a1 l2>a2",
            LLM("l1", [PAUSE, "a", PAUSE, "b"]),
            LLM("l2", ["c", "d"]),
            A("a1", "1:{{#l1.text#}};"),
            A("a2", "2:{{#l2.text#}};"),
        )
    )

    assert "1:ab;2:cd;" == told.text
    assert {"answer": "2:cd;1:ab;"} == told.out


async def test_s9_an_end_node_streams_its_outputs_line_by_line() -> None:
    """Recorded: case stream-two-models-in-order."""
    told = await run(
        sketch(
            "start>l1 l1>l2 l2>e",
            LLM("l1", ["a", "b"]),
            LLM("l2", ["c", "d"]),
            E("e", x="l1.text", y="l2.text"),
        )
    )

    assert ["a", "b", "\n", "c", "d"] == told.stream
    assert "'\\n' of e.answer" in told.lines


async def test_s10_what_no_answer_refers_to_is_not_shown() -> None:
    told = await run(
        sketch("start>l1 l1>l2 l2>s", LLM("l1", ["a"]), LLM("l2", ["c"]), A("s", "{{#l2.text#}}"))
    )

    assert ["c"] == told.stream


async def test_s11_system_values_are_shown_as_soon_as_text_may_be_shown() -> None:
    """Recorded: case chat-echo."""
    told = await run(sketch("start>a", A("a", "you are {{#sys.user_id#}}!")))

    assert [
        "start started",
        "'you are ' of a.answer",
        "'ann' of sys.user_id",
        "'!' of a.answer",
        "start succeeded",
        "a started",
        "a succeeded",
    ] == said(told)


async def test_s12_the_same_text_is_streamed_once() -> None:
    """Recorded: case stream-same-variable-twice."""
    told = await run(
        sketch("start>l l>s", LLM("l", ["a", "b"]), A("s", "{{#l.text#}}/{{#l.text#}}"))
    )

    assert "ab/" == told.text
    assert {"answer": "ab/ab"} == told.out


async def test_s13_a_value_below_an_output_is_shown_when_its_node_is_done() -> None:
    structured = structured_model("l", ['{"k":', '"v"}'], {"structured_output": {"k": "v"}})
    told = await run(sketch("start>l l>s", structured, A("s", "{{#l.structured_output.k#}}")))

    assert ["l started", "'v' of l.structured_output.k", "l succeeded"] == said(told)[2:5]


def structured_model(node_id: str, pieces: list[str], outputs: dict[str, Value]) -> Scripted:
    """A model that streams JSON as its text, and gives `outputs` besides."""
    model = LLM(node_id, pieces)

    async def talk(context: Any) -> Any:
        outcome = await model.run(context)
        outcome.outputs |= outputs
        return outcome

    return node(node_id, talk, waits=True)


async def test_s14_a_variable_that_is_written_on_the_way_is_never_shown_old() -> None:
    """Recorded: case chat-answer-shows-assigned."""
    told = await run(
        sketch(
            "start>l l>as as>s",
            LLM("l", ["a", "b"]),
            AS("as", "conversation.c", "l.text"),
            A("s", "{{#conversation.c#}} {{#l.text#}}"),
            conversation={"c": "old"},
        )
    )

    assert [
        "l succeeded",
        "as started",
        "conversation.c = 'ab'",
        "'ab' of conversation.c",
        "' ' of s.answer",
        "'a' of l.text",
        "'b' of l.text",
        "as succeeded",
    ] == said(told)[3:11]


async def test_an_assigner_of_another_variable_holds_nothing_back() -> None:
    told = await run(
        sketch(
            "start>as as>s",
            AS("as", "conversation.other", "start.x"),
            A("s", "{{#conversation.c#}}"),
            conversation={"c": "old", "other": ""},
        ),
        x="new",
    )

    assert ["start started", "'old' of conversation.c", "start succeeded"] == said(told)[:3]


async def test_s15_a_value_that_passes_a_node_is_shown_in_one_piece() -> None:
    told = await run(
        sketch(
            "start>l l>g g>s",
            LLM("l", ["a", "b"]),
            AGG("g", "l.text"),
            A("s", "{{#g.output#}}"),
        )
    )

    assert ["g started", "'ab' of g.output", "g succeeded"] == said(told)[4:7]


async def test_s18_a_null_is_shown_as_an_empty_text() -> None:
    """Recorded: case run-detail-streamed."""
    told = await run(sketch("start>e", E("e", q="start.q", n="start.n")), q="v", n=None)

    assert ["'v' of start.q", "'\\n' of e.answer", "'' of start.n"] == told.lines[2:5]


async def test_s19_responses_that_may_stream_together_do_so_in_order_of_their_ids() -> None:
    told = await run(
        sketch("start>b start>a", E("b", x="start.b"), E("a", x="start.a")), a="from a", b="from b"
    )

    assert ["from a", "from b"] == told.stream


# --- failures (§19.4) and other differences from the answer (§13.7) ---------------------------


@pytest.mark.parametrize(
    ("plan", "stream", "answer", "status"),
    [
        pytest.param(
            sketch(
                "start>l l>a", LLM("l", ["p1", "p2", ValueError("mid")]), A("a", "<{{#l.text#}}>")
            ),
            ["<", "p1", "p2"], None, RunStatus.FAILED,
            id="F14 a model fails while it talks",
        ),
        pytest.param(
            sketch(
                "start>l l>a l:fail-branch>b",
                LLM("l", ["p1", "p2", ValueError("mid")], fail_branch=True),
                A("a", "<{{#l.text#}}>"),
                A("b", "E {{#l.error_message#}}"),
            ),
            ["E ", "mid"], "E mid", RunStatus.PARTIAL_SUCCEEDED,
            id="F15 with a fail branch",
        ),
        pytest.param(
            sketch(
                "start>l l>a",
                LLM("l", ["p1", "p2", ValueError("mid")], default={"text": "DEF"}),
                A("a", "<{{#l.text#}}>"),
            ),
            ["<", "p1", "p2"], "<DEF>", RunStatus.PARTIAL_SUCCEEDED,
            id="F16 with a default value",
        ),
        pytest.param(
            sketch(
                "start>l l>a",
                LLM("l", [ValueError("mid")], default={"text": "DEF"}),
                A("a", "<{{#l.text#}}>"),
            ),
            ["<", "DEF", ">"], "<DEF>", RunStatus.PARTIAL_SUCCEEDED,
            id="F17 with a default value, before it talks",
        ),
        pytest.param(
            sketch(
                "start>l l>a",
                LLM(
                    "l",
                    ["p1", "p2", ValueError("mid")],
                    ["p1", "p2"],
                    retry=RetryPolicy(1, 0.001),
                ),
                A("a", "<{{#l.text#}}>"),
            ),
            ["<", "p1", "p2", "p1", "p2", ">"], "<p1p2>", RunStatus.PARTIAL_SUCCEEDED,
            id="F18 tried again",
        ),
        pytest.param(
            sketch("start>a", A("a", "before {{#ghost.x#}} after")),
            ["before "], "before ghost.x after", RunStatus.SUCCEEDED,
            id="a missing variable stops the text",
        ),
        pytest.param(
            sketch(
                "start>l l>a l>b",
                LLM("l", ["x"]),
                A("a", "1{{#l.text#}}"),
                A("b", "2{{#l.text#}}"),
            ),
            ["1", "x", "2"], "1x2x", RunStatus.SUCCEEDED,
            id="of two answers with the same text the first shows it",
        ),
        pytest.param(
            sketch("start>c c>e", C("c"), E("e", missing="ghost.x", there="c.r")),
            [], None, RunStatus.SUCCEEDED,
            id="an end node with a missing output shows nothing behind it",
        ),
    ],
)  # fmt: skip
async def test_shown_text_and_answer(
    plan: Plan, stream: list[str], answer: str | None, status: RunStatus
) -> None:
    told = await run(plan)

    assert stream == told.stream
    assert answer == told.out.get("answer")
    assert status == told.status


async def test_default_values_are_shown_when_the_next_node_is_done() -> None:
    told = await run(sketch("start>c c>a", BOOM("c", default={"r": "D"}), A("a", "{{#c.r#}}")))

    assert ["c exception", "a started", "'D' of c.r", "a succeeded"] == said(told)[3:7]


async def test_default_values_are_not_shown_when_the_next_node_fails() -> None:
    told = await run(
        sketch("start>c c>b b>a", BOOM("c", default={"r": "D"}), BOOM("b"), A("a", "{{#c.r#}}"))
    )

    assert [] == told.stream


async def test_text_behind_the_last_piece_is_dropped() -> None:
    model = LLM("l", ["a"])

    async def talk_on(context: Any) -> Any:
        outcome = await model.run(context)
        await context.progress.text(("l", "text"), "late")
        return outcome

    told = await run(
        sketch(
            "start>l l>if if:false>a",
            node("l", talk_on, waits=True),
            IF("if", true=("l.text", "b")),
            A("a", "{{#l.text#}}."),
        )
    )

    assert ["a", "."] == told.stream


async def test_a_response_that_nothing_leads_to_shows_nothing() -> None:
    told = await run(sketch("start>a", A("a", "a"), A("lonely", "lonely")))

    assert ["a"] == told.stream


async def test_a_workflow_without_responses_shows_nothing() -> None:
    assert [] == (await run(sketch("start>l", LLM("l", ["a"])))).stream
