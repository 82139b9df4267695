"""The recorded cases whose order is compared strictly, event by event."""

import json
from pathlib import Path

import pytest

from graphmill.engine.outcome import Succeeded
from graphmill.engine.plan import Plan
from graphmill.variables.values import Value
from tests.engine.driving import run
from tests.engine.sketch import AS, IF, LLM, A, E, node, sketch

CASES = Path(__file__).parents[1] / "conformance" / "cases"


def recorded(case: str) -> list[str]:
    """The events of the first recorded stream of `case`, as `Told.lines` puts them."""
    steps = json.loads((CASES / f"{case}.json").read_text())["steps"]
    lines = []
    for event in steps[0]["expect"]["events"]:
        data = event.get("data", {})
        match event["event"]:
            case "workflow_started":
                lines.append("run started")
            case "node_started":
                lines.append(f"{data['node_id']} started")
            case "node_finished":
                lines.append(f"{data['node_id']} {data['status']}")
            case "text_chunk":
                lines.append(f"{data['text']!r} of {'.'.join(data['from_variable_selector'])}")
            case "message":
                source = ".".join(event["from_variable_selector"])
                lines.append(f"{event['answer']!r} of {source}")
            case "workflow_finished":
                lines.append(f"run {data['status']}")
    return lines


def words(reply: str) -> list[str | float | Exception]:
    """What the recorded model streams: word by word, then an empty piece."""
    pieces: list[str | float | Exception] = list(reply.split(" "))
    return [*(f"{piece} " for piece in pieces[:-1]), pieces[-1], ""]


@pytest.mark.parametrize(
    ("case", "plan", "inputs"),
    [
        pytest.param(
            "workflow/streaming/stream-branch",
            sketch(
                "start>if1 if1:y>a if1:false>b a>e1 b>e2",
                IF("if1", y=("start.q", "y")),
                LLM("a", words("You said: A y (messages=1)")),
                LLM("b", words("You said: B y (messages=1)")),
                E("e1", t="a.text"),
                E("e2", t="b.text"),
            ),
            {"q": "y"},
            id="stream-branch",
        ),
        pytest.param(
            "workflow/streaming/stream-two-models-in-order",
            sketch(
                "start>a a>b b>end",
                LLM("a", words("You said: A x (messages=1)")),
                LLM("b", words("You said: B x (messages=1)")),
                E("end", first="a.text", q="start.q", second="b.text"),
            ),
            {"q": "x"},
            id="stream-two-models-in-order",
        ),
        pytest.param(
            "chat/chat-answer/chat-branch",
            sketch(
                "start>if1 if1:y>m m>a1 if1:false>a2",
                IF("if1", y=("start.q", "y")),
                LLM("m", words("You said: yes please (messages=1)")),
                A("a1", "YES {{#m.text#}}"),
                A("a2", "NO"),
            ),
            {"q": "y"},
            id="chat-branch",
        ),
        pytest.param(
            "chat/chat-answer/chat-two-answers",
            sketch(
                "start>a1 a1>m m>a2",
                A("a1", "First. "),
                LLM("m", words("You said: q (messages=1)")),
                A("a2", "Second: {{#m.text#}}"),
            ),
            {},
            id="chat-two-answers",
        ),
        pytest.param(
            "chat/chat-answer/chat-llm",
            sketch(
                "start>m m>answer",
                LLM("m", words("You said: tell me (messages=2)")),
                A("answer", "{{#m.text#}}"),
            ),
            {},
            id="chat-llm",
        ),
        pytest.param(
            "chat/chat-answer/chat-two-models-order",
            sketch(
                "start>a a>b b>answer",
                LLM("a", words("You said: A q (messages=1)")),
                LLM("b", words("You said: B q (messages=1)")),
                A("answer", "first: {{#b.text#}}\nthen: {{#a.text#}}\nend."),
            ),
            {},
            id="chat-two-models-order",
        ),
        pytest.param(
            "chat/chat-answer/chat-answer-before-work",
            sketch(
                "start>a1 a1>c c>a2",
                A("a1", "Working on it...\n"),
                node("c", lambda context: Succeeded({"r": "SHOUT"})),
                A("a2", "{{#c.r#}}"),
            ),
            {},
            id="chat-answer-before-work",
        ),
        pytest.param(
            "chat/chat-conversation/chat-answer-shows-assigned",
            sketch(
                "start>m m>s s>answer",
                LLM("m", words("You said: q (messages=1)")),
                AS("s", "conversation.name", "m.text"),
                A("answer", "saved {{#conversation.name#}}"),
                conversation={"name": "nobody"},
            ),
            {},
            id="chat-answer-shows-assigned",
        ),
    ],
)  # fmt: skip
async def test_events_come_in_the_recorded_order(
    case: str, plan: Plan, inputs: dict[str, Value]
) -> None:
    """With scripted nodes in place of the real ones; `variable_updated` is not told to clients."""
    told = await run(plan, **inputs)

    assert recorded(case) == [line for line in told.lines if " = " not in line]
