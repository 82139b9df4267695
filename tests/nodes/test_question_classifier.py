"""question-classifier: what it asks, and which exit a reply takes (`nodes §6`)."""

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.engine.usage import Usage, usage_metadata, usage_object
from graphmill.errors import ModelFailed
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.conversations import PastTurn
from graphmill.ports.models import FilePart
from graphmill.variables.files import File
from tests.nodes.running import validated
from tests.nodes.scripted_models import MODEL, USAGE, Said, ScriptedModels, ask, failure, succeeded

PICTURE = File("image", "local_file", "p.png", ".png", "image/png", 70, related_id="f-1")
START = {"start": {"q": "my {{#start.x#}} cat {", "x": "trees"}}
CHOICE = '{"category_id": "k2", "category_name": "Plants"}'


def classifier(**more):
    return {
        "query_variable_selector": ["start", "q"],
        "model": MODEL,
        "classes": [
            {"id": "k1", "name": "Animals"},
            {"id": "k2", "name": "Plants and {{#start.x#}}"},
            {"id": 3, "name": "Other"},
        ],
        "instruction": "",
        **more,
    }


async def test_outputs_and_records_are_dify_s():
    models = ScriptedModels((CHOICE,))
    outcome = succeeded(await ask("question-classifier", classifier(), START, models=models))

    prompts = outcome.process_data.pop("prompts")
    assert outcome == Succeeded(
        outputs={
            "class_name": "Plants and trees",
            "class_id": "k2",
            "usage": usage_object(USAGE),
        },
        inputs={"query": "my {{#start.x#}} cat {"},
        process_data={
            "model_mode": "chat",
            "usage": usage_object(USAGE),
            "finish_reason": "stop",
            "model_provider": "langgenius/openai/openai",
            "model_name": "gpt-4o-mini",
        },
        metadata=usage_metadata(USAGE),
        handle="k2",
        usage=USAGE,
    )
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    assert roles == [prompt["role"] for prompt in prompts]


async def test_the_model_is_told_the_text_as_it_is_and_the_rendered_names():
    models = ScriptedModels((CHOICE,))
    data = classifier(instruction="think of {{#start.x#}}")
    await ask("question-classifier", data, START, models=models)

    assert (
        "Text:\nmy {{#start.x#}} cat {\n\n"
        'Categories: [{"category_id": "k1", "category_name": "Animals"}, '
        '{"category_id": "k2", "category_name": "Plants and trees"}, '
        '{"category_id": "3", "category_name": "Other"}]\n\n'
        "Instructions: think of trees"
    ) == models.prompt[-1][1]


@pytest.mark.parametrize(
    ("reply", "handle"),
    [
        ('{"category_id": "k2", "category_name": "Plants"}', "k2"),
        ('```json\n{"category_id": "3", "category_name": "?"}\n```', "3"),
        ('[{"category_id": "k2", "category_name": "Plants"}]', "k2"),
        ('<think>{"category_id": "3"}</think>' + CHOICE, "k2"),
        ('{"category_id": "9", "category_name": "B"}', "k1"),
        ('{"category_name": "Plants"}', "k1"),
        ('{"category_id": "k2"}', "k1"),
        ('{"category_id": ["k2"], "category_name": "B"}', "k1"),
    ],
    ids=["id", "fence", "list", "thoughts", "unknown", "no id", "no name", "odd id"],
)
async def test_the_reply_chooses_the_exit(reply, handle):
    models = ScriptedModels((reply,))
    outcome = await ask("question-classifier", classifier(), START, models=models)

    assert handle == succeeded(outcome).handle == outcome.outputs["class_id"]


@pytest.mark.parametrize(
    ("reply", "error", "kind"),
    [
        ("no idea", "could not find json block in the output.", "ValueError"),
        ("{no}", "got invalid json object. error: ", "OutputParserError"),
    ],
)
async def test_a_reply_that_says_nothing_fails_the_node_and_has_cost_its_tokens(reply, error, kind):
    models = ScriptedModels((reply,))
    outcome = await ask("question-classifier", classifier(), START, models=models)

    assert isinstance(outcome, Failed)
    assert outcome.error.startswith(error)
    assert (kind, USAGE, usage_metadata(USAGE), {}) == (
        outcome.error_type,
        outcome.usage,
        outcome.metadata,
        outcome.process_data,
    )


async def test_a_call_that_fails_has_metadata_of_nothing():
    models = ScriptedModels((), error=ModelFailed("no", status=400))
    outcome = await ask("question-classifier", classifier(), START, models=models)

    assert ("no", "InvokeBadRequestError") == failure(outcome)
    assert usage_metadata(Usage()) == outcome.metadata


@pytest.mark.parametrize(
    ("selector", "query"),
    [([], None), (["start", "nowhere"], None), (["start", "n"], 5)],
    ids=["none", "missing", "number"],
)
async def test_a_query_may_be_anything(selector, query):
    data = classifier(query_variable_selector=selector)
    models = ScriptedModels((CHOICE,))
    outcome = await ask("question-classifier", data, {"start": {"n": 5}}, models=models)

    assert {"query": query} == succeeded(outcome).inputs


async def test_what_was_said_and_files_are_part_of_the_question():
    data = classifier(
        memory={"window": {"enabled": True, "size": 5}},
        vision={"enabled": True, "configs": {"variable_selector": ["start", "f"]}},
    )
    models = ScriptedModels((CHOICE,))
    values = {"start": {**START["start"], "f": PICTURE}}
    said = Said([PastTurn("q1", "a1")])
    await ask("question-classifier", data, values, models=models, conversations=said)

    assert models.prompt[0][1].endswith("What was said before:\nHuman: q1\nAssistant: a1")
    assert FilePart(PICTURE) == models.prompt[-1][1][0]


async def test_a_model_that_completes_is_asked_in_one_text():
    models = ScriptedModels((CHOICE,))
    data = classifier(model={**MODEL, "mode": "completion"})
    outcome = await ask("question-classifier", data, START, models=models)

    ((role, text),) = models.prompt
    assert ("user", "k2", True) == (role, succeeded(outcome).handle, text.endswith("Assistant:"))


def test_the_checker_knows_exits_and_what_is_read():
    facts = NODE_TYPES["question-classifier"].facts(
        classifier(instruction="{{#start.i#}}", type="question-classifier", title="Q")
    )

    assert {"k1", "k2", "3"} == facts.handles
    assert {("start", "q"), ("start", "x"), ("start", "i")} == set(facts.reads)


def test_a_node_without_classes_is_refused():
    with pytest.raises(ValueError, match="at least 1 item"):
        validated(NODE_TYPES["question-classifier"], classifier(classes=[]))
