"""human-input: what it asks, when it pauses, what comes of an answer (`nodes §20`)."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from graphmill.engine.context import NodeContext
from graphmill.engine.events import Execution, FormClosed
from graphmill.engine.outcome import Failed, Paused, Succeeded
from graphmill.engine.progress import Progress
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.forms import Answer, Form, FormState, KeptForm, NoForms
from graphmill.variables.files import File
from tests.nodes.running import NO_PORTS, build, context_of, validated

PICTURE = File("image", "local_file", "p.png", ".png", "image/png", 70, related_id="f-1")
ACTIONS = [{"id": "yes", "title": "Approve"}, {"id": "no", "title": "Reject"}]
NOTE = {"type": "paragraph", "output_variable_name": "note"}
VALUES = {"start": {"who": "Ann", "teams": ["red", "blue"], "picture": PICTURE, "n": 3}}


class Desk:
    """Forms in memory: `ports.Forms`."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptForm] = {}
        self.asked: list[Form] = []

    async def find(self, step_key: str) -> KeptForm | None:
        return self.kept.get(step_key)

    async def ask(self, run: Any, step_key: str, form: Form) -> KeptForm:
        self.asked.append(form)
        kept = KeptForm(
            "form-1",
            "token-1",
            run.app_id,
            run.id,
            step_key,
            1000.5 + form.seconds,
            FormState.WAITING,
            form,
        )
        self.kept[step_key] = kept
        return kept

    def close(self, state: FormState, answer: Answer | None = None) -> None:
        [(key, kept)] = self.kept.items()
        self.kept[key] = replace(kept, state=state, answer=answer)


class Ear:
    def __init__(self) -> None:
        self.events: list[Any] = []

    async def hear(self, event: Any) -> None:
        self.events.append(event)


def data(**members: Any) -> dict[str, Any]:
    return {"user_actions": ACTIONS, **members}


def node_and_context(desk: Any, values: Any = VALUES, **members: Any) -> tuple[Any, NodeContext]:
    ports = replace(NO_PORTS, forms=desk)
    context = context_of(values, secrets={"key"})
    return build("human-input", data(**members), ports), context


async def ask(desk: Any, values: Any = VALUES, **members: Any) -> Any:
    node, context = node_and_context(desk, values, **members)
    return await node.run(context)


async def answered(desk: Desk, state: FormState, answer: Answer | None, **members: Any) -> Any:
    """The outcome of the second run of the node, and what it told."""
    node, context = node_and_context(desk, **members)
    assert isinstance(await node.run(context), Paused)
    desk.close(state, answer)
    ear = Ear()
    context.progress = Progress(Execution("e", "node", "human-input", "Node", 1, None, 0.0), ear)
    return await node.run(context), ear.events


async def test_the_run_pauses_and_clients_are_told_the_form():
    desk = Desk()
    outcome = await ask(
        desk,
        form_content="Dear {{#start.who#}}, {{#$output.note#}}\n",
        inputs=[{**NOTE, "default": {"type": "variable", "selector": ["start", "n"]}}],
        timeout=2,
        timeout_unit="day",
    )

    assert outcome == Paused(
        {
            "TYPE": "human_input_required",
            "form_id": "form-1",
            "node_id": "node",
            "node_title": "Node",
            "form_content": "Dear Ann, {{#$output.note#}}",
            "inputs": [
                {
                    "type": "paragraph",
                    "output_variable_name": "note",
                    "default": {"type": "variable", "selector": ["start", "n"], "value": ""},
                }
            ],
            "actions": [
                {"id": "yes", "title": "Approve", "button_style": "default"},
                {"id": "no", "title": "Reject", "button_style": "default"},
            ],
            "display_in_ui": True,
            "resolved_default_values": {"note": "3"},
            "form_token": "token-1",
            "expiration_time": 1000 + 2 * 86_400,
        }
    )


async def test_a_node_that_runs_again_asks_nothing_twice():
    desk = Desk()
    node, context = node_and_context(desk)
    first, second = await node.run(context), await node.run(context)

    assert first == second
    assert len(desk.asked) == 1


async def test_an_answer_leaves_by_its_action():
    desk = Desk()
    outcome, told = await answered(
        desk,
        FormState.SUBMITTED,
        Answer("yes", {"note": "ok", "files": [PICTURE], "one": PICTURE, "none": None}),
        form_content="A {{#$output.note#}} B {{#$output.files#}} C {{#$output.one#}}"
        " D {{#$output.none#}} E {{#$output.else#}}",
    )

    values = {"note": "ok", "files": [PICTURE], "one": PICTURE, "none": None}
    rendered = "A ok B [1 files] C [file] D  E "
    assert outcome == Succeeded(
        {
            **values,
            "__action_id": "yes",
            "__action_value": "Approve",
            "__rendered_content": rendered,
        },
        values,
        handle="yes",
    )
    expires_at = 1000.5 + 36 * 3600
    assert [FormClosed("node", "Node", rendered, "yes", "Approve", values, expires_at)] == told


async def test_what_somebody_fills_in_is_no_reference():
    outcome, _ = await answered(
        Desk(),
        FormState.SUBMITTED,
        Answer("yes", {"note": "{{#$output.other#}}", "other": "x"}),
        form_content="{{#$output.note#}}",
    )

    assert outcome.outputs["__rendered_content"] == "{{#$output.other#}}"


async def test_a_timeout_leaves_by_its_own_exit():
    outcome, told = await answered(
        Desk(), FormState.TIMEOUT, None, form_content="Hi {{#$output.note#}}", inputs=[NOTE]
    )

    outputs = {"__action_id": "", "__action_value": "", "__rendered_content": "Hi "}
    assert outcome == Succeeded(outputs, {}, handle="__timeout__")
    assert [("", 1000.5 + 36 * 3600)] == [(event.action_id, event.expires_at) for event in told]


async def test_secrets_are_not_shown_to_who_fills_the_form_in():
    desk = Desk()
    secret = "sk-very-secret-value"
    await ask(
        desk,
        {"env": {"key": secret}},
        form_content="{{#env.key#}}",
        inputs=[{**NOTE, "default": {"type": "variable", "selector": ["env", "key"]}}],
        delivery_methods=[
            {
                "type": "email",
                "config": {"subject": "{{#env.key#}}", "body": "{{#env.key#}} {{#url#}}"},
            }
        ],
    )

    [form] = desk.asked
    assert secret not in repr(form)
    assert form.mails[0].body == form.content + " {{#url#}}"


@pytest.mark.parametrize(
    ("methods", "in_web_app", "recipients"),
    [
        ([], True, []),
        ([{"type": "webapp"}], True, []),
        ([{"type": "email", "config": {"recipients": {"items": [{"email": "a@b.c"}]}}}],
         False, [("a@b.c",)]),
        ([{"type": "webapp"}, {"type": "email"}], True, [()]),
        ([{"type": "webapp", "enabled": False}, {"type": "email", "enabled": True}], False, [()]),
        ([{"type": "email", "enabled": False}], True, []),
        ([{"type": "email", "config": {"recipients": {"items": [
            {"type": "member", "user_id": "u"}, {"type": "external", "email": "x@y.z"}]}}}],
         False, [("x@y.z",)]),
    ],
    ids=["none", "web", "mail", "both", "web off", "mail off", "members"],
)  # fmt: skip
async def test_who_is_told_of_the_form(methods, in_web_app, recipients):
    desk = Desk()
    outcome = await ask(desk, delivery_methods=methods)

    [form] = desk.asked
    assert (in_web_app, recipients) == (form.in_web_app, [mail.recipients for mail in form.mails])
    assert (in_web_app, "token-1" if in_web_app else None) == (
        outcome.reason["display_in_ui"],
        outcome.reason["form_token"],
    )


SELECT = {"type": "select", "output_variable_name": "team"}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ({"type": "constant", "value": ["a", "b"]}, ("a", "b")),
        ({"type": "variable", "selector": ["start", "teams"]}, ("red", "blue")),
    ],
    ids=["constant", "variable"],
)
async def test_options_of_a_select_come_from_file_or_variables(source, options):
    desk = Desk()
    outcome = await ask(desk, inputs=[{**SELECT, "option_source": source}])

    assert options == desk.asked[0].inputs[0].options
    assert list(options) == outcome.reason["inputs"][0]["option_source"]["value"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (None, "The select input 'team' has no options"),
        (
            {"type": "variable", "selector": ["start", "who"]},
            "The options of the select input 'team', start.who, are no list of texts",
        ),
        (
            {"type": "variable", "selector": ["start", "nothing"]},
            "The options of the select input 'team', start.nothing, are no list of texts",
        ),
    ],
    ids=["none", "text", "missing"],
)
async def test_a_select_without_options_fails_the_node(source, error):
    outcome = await ask(Desk(), inputs=[{**SELECT, "option_source": source}])

    assert outcome == Failed(error, "HumanInputNodeError")


async def test_where_nobody_can_be_asked_the_node_fails_and_says_so():
    outcome = await ask(NoForms())

    message = "Nobody can be asked here: a person's answer needs `graphmill serve`."
    assert outcome == Failed(message, "HumanInputNodeError")


@pytest.mark.parametrize(
    "members",
    [
        {"user_actions": [{"id": "1a", "title": "x"}]},
        {"user_actions": [{"id": "a" * 21, "title": "x"}]},
        {"user_actions": [{"id": "a", "title": "x" * 101}]},
        {"user_actions": [{"id": "a", "title": "x"}, {"id": "a", "title": "y"}]},
        {"user_actions": [{"id": "a", "title": "x", "button_style": "loud"}]},
        {"inputs": [NOTE, NOTE]},
        {"inputs": [{**NOTE, "output_variable_name": ""}]},
        {"inputs": [{**NOTE, "type": "slider"}]},
        {"timeout": 0},
        {"timeout_unit": "week"},
    ],
    ids=["digit", "long id", "long title", "twins", "style", "twin inputs", "no name", "type",
         "no time", "unit"],
)  # fmt: skip
def test_data_that_dify_would_not_save_is_refused(members):
    with pytest.raises(ValidationError):
        validated(NODE_TYPES["human-input"], data(**members))


def test_the_checker_is_told_exits_outputs_reads_and_doubts():
    facts = NODE_TYPES["human-input"].facts(
        {
            "title": "Node",
            "user_actions": ACTIONS,
            "form_content": "{{#start.who#}} {{#$output.note#}} {{#$output.gone#}}",
            "inputs": [
                NOTE,
                {**SELECT, "option_source": {"type": "variable", "selector": ["start", "teams"]}},
            ],
            "delivery_methods": [{"type": "email", "config": {"body": "{{#start.n#}}"}}],
        }
    )

    assert facts is not None
    assert facts.handles == {"yes", "no", "__timeout__"}
    own = {"__action_id", "__action_value", "__rendered_content"}
    assert facts.outputs == {"note", "team", *own}
    assert facts.reads == (("start", "who"), ("start", "n"), ("start", "teams"))
    assert [doubt.code for doubt in facts.doubts] == ["unknown-form-field"]


def test_the_checker_doubts_a_form_that_nobody_can_submit():
    facts = NODE_TYPES["human-input"].facts({"title": "Node"})

    assert facts is not None
    assert [doubt.code for doubt in facts.doubts] == ["form-without-action"]
