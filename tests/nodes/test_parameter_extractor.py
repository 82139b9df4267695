"""parameter-extractor: what it asks, what it makes of the reply (`nodes §12`)."""

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.engine.usage import usage_metadata, usage_object
from graphmill.errors import ModelFailed
from graphmill.nodes.parameter_extractor.data import ParameterData
from graphmill.nodes.parameter_extractor.values import complaint, converted
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.models import Feature, FilePart, ToolCall
from graphmill.variables.files import File
from tests.nodes.running import validated
from tests.nodes.scripted_models import MODEL, USAGE, ScriptedModels, ask, failure, succeeded

PICTURE = File("image", "local_file", "p.png", ".png", "image/png", 70, related_id="f-1")
START = {"start": {"q": "two days in Ulm {"}}
CITY = {"name": "city", "type": "string", "description": "a city", "required": True}
DAYS = {"name": "days", "type": "number", "description": "how many", "required": False}
SIZE = {"name": "size", "type": "select", "options": ["S", "M"], "required": False}
NOTHING = "Failed to extract result from function call or text response, using empty result."
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"description": "a city", "type": "string"},
        "days": {"description": "how many", "type": "number"},
        "size": {"description": "", "type": "string", "enum": ["S", "M"]},
    },
    "required": ["city"],
}


def extractor(*parameters, **more):
    return {
        "query": ["start", "q"],
        "model": MODEL,
        "parameters": [*(parameters or (CITY, DAYS, SIZE))],
        "instruction": "",
        "reasoning_mode": "function_call",
        **more,
    }


def call(arguments):
    return ScriptedModels((), tool_calls=(ToolCall("c1", "extract_parameters", arguments),))


async def test_outputs_and_records_are_dify_s():
    models = call('{"city": "Ulm", "days": 2, "size": "M"}')
    outcome = succeeded(await ask("parameter-extractor", extractor(), START, models=models))

    prompts = outcome.process_data.pop("prompts")
    function = outcome.process_data.pop("function")
    usage = usage_object(USAGE)
    assert outcome == Succeeded(
        outputs={
            "__is_success": 1,
            "__reason": None,
            "__usage": usage,
            "city": "Ulm",
            "days": 2,
            "size": "M",
        },
        inputs={
            "query": "two days in Ulm {",
            "files": [],
            "parameters": [
                {**CITY, "options": None},
                {**DAYS, "options": None},
                {**SIZE, "type": "string", "description": ""},
            ],
            "instruction": "",
        },
        process_data={
            "model_mode": "chat",
            "usage": usage,
            "finish_reason": "stop",
            "tool_call": {
                "id": "c1",
                "type": "function",
                "function": {
                    "name": "extract_parameters",
                    "arguments": '{"city": "Ulm", "days": 2, "size": "M"}',
                },
            },
            "llm_text": "",
            "model_provider": "langgenius/openai/openai",
            "model_name": "gpt-4o-mini",
        },
        metadata=usage_metadata(USAGE),
        usage=USAGE,
    )
    assert ("extract_parameters", SCHEMA) == (function["name"], function["parameters"])
    example = ["user", "assistant", "tool", "assistant"]
    assert ["system", *example, *example, "user"] == [prompt["role"] for prompt in prompts]
    assert "example_1" == prompts[2]["tool_calls"][0]["id"]


async def test_the_model_may_call_a_tool_with_the_parameters():
    models = call('{"city": "Ulm"}')
    data = extractor(instruction="be {{#start.how#}}")
    await ask("parameter-extractor", data, {"start": {"q": "Q", "how": "brief"}}, models=models)

    (tool,) = models.requests[0].tools
    assert (SCHEMA, "extract_parameters") == (tool.parameters, tool.name)
    assert ("user", "Text:\nQ\n\nInstructions: be brief") == models.prompt[-1]


@pytest.mark.parametrize(
    ("known", "more"),
    [
        (frozenset(Feature), {"reasoning_mode": "prompt"}),
        (frozenset(), {"reasoning_mode": "function_call"}),
        (frozenset(), {"reasoning_mode": ""}),
        (frozenset(Feature), {"model": {**MODEL, "mode": "completion"}}),
    ],
    ids=["wanted", "no tools", "mode left empty", "completion"],
)
async def test_the_prompt_asks_for_json_where_no_tool_is_called(known, more):
    models = ScriptedModels(('Here: {"city": ', '"Ulm"} bye'), known=known)
    outcome = await ask("parameter-extractor", extractor(**more), START, models=models)

    assert ("Ulm", 1) == (outcome.outputs["city"], succeeded(outcome).outputs["__is_success"])
    assert () == models.requests[0].tools
    assert '"required": ["city"]' in models.prompt[-1][1]


@pytest.mark.parametrize(
    ("models", "success", "reason", "city"),
    [
        (ScriptedModels(('{"city": "Ulm"}',)), 1, None, "Ulm"),
        (ScriptedModels(("nothing",)), 0, NOTHING, ""),
        (ScriptedModels(("[1, 2]",)), 0, "Invalid number of parameters", ""),
        (call('{"city": "Ulm", "days": '), 0, "Invalid number of parameters", ""),
        (ScriptedModels(('<think>{"city": "no"}</think>{"city": "Ulm"}',)), 1, None, "Ulm"),
    ],
    ids=["text instead of a call", "prose", "list", "broken call", "thoughts"],
)
async def test_every_reply_gives_outputs(models, success, reason, city):
    outputs = succeeded(await ask("parameter-extractor", extractor(), START, models=models)).outputs

    assert (success, reason, city, 0) == (
        outputs["__is_success"],
        outputs["__reason"],
        outputs["city"],
        outputs["days"],
    )


async def test_a_missing_query_is_empty():
    models = call('{"city": "Ulm"}')
    outcome = await ask("parameter-extractor", extractor(), models=models)

    assert "" == succeeded(outcome).inputs["query"]


async def test_files_of_the_vision_setting_are_shown_and_recorded():
    vision = {"enabled": True, "configs": {"variable_selector": ["start", "f"]}}
    models = call('{"city": "Ulm"}')
    values = {"start": {"q": "Q", "f": PICTURE}}
    outcome = await ask("parameter-extractor", extractor(vision=vision), values, models=models)

    assert (FilePart(PICTURE), "Text:\nQ") == models.prompt[-1][1]
    assert [PICTURE] == succeeded(outcome).inputs["files"]


async def test_a_call_that_fails_fails_the_node():
    models = ScriptedModels((), error=ModelFailed("no answer"))
    outcome = await ask("parameter-extractor", extractor(), START, models=models)

    assert ("no answer", "") == failure(outcome)
    assert isinstance(outcome, Failed)
    assert {
        "__is_success": 0,
        "__reason": "Failed to invoke model",
        "__error": "no answer",
    } == outcome.outputs


# --- values --------------------------------------------------------------------------------------


def parameter(kind, **more):
    return ParameterData.model_validate({"name": "v", "type": kind, **more})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "x", "x"),
        ("string", 5, ""),
        ("number", 2.5, 2.5),
        ("number", "4", 4),
        ("number", "4.5", 4.5),
        ("number", "four", 0),
        ("number", True, 1),
        ("number", None, 0),
        ("boolean", True, True),
        ("bool", 1, True),
        ("boolean", "true", False),
        ("array[string]", ["a", 5], ["a"]),
        ("array[number]", ["1", "x", 2, "2.5"], [1, 2, 2.5]),
        ("array[object]", [{}, 1], [{}]),
        ("array[boolean]", [True, "no"], [True]),
        ("array[string]", "a", []),
        ("select", "XL", "XL"),
    ],
)
def test_values_are_made_to_fit(kind, value, expected):
    (made,) = converted({"v": value}, [parameter(kind)]).values()

    assert (expected, type(expected)) == (made, type(made))


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"city": "Ulm"}, None),
        ({"city": "Ulm", "days": None, "size": None}, None),
        ({"city": "Ulm", "more": 1}, None),
        ({"days": 1}, "Invalid number of parameters"),
        ({"town": "Ulm", "days": 1, "size": "M"}, "Parameter city is required"),
        (
            {"city": None},
            "Invalid value for parameter city, expected segment type: string, "
            "actual_type: none, python_type: <class 'NoneType'>, value: None",
        ),
        (
            {"city": "Ulm", "days": "4"},
            "Invalid value for parameter days, expected segment type: number, "
            "actual_type: string, python_type: <class 'str'>, value: 4",
        ),
        ({"city": "Ulm", "size": "XL"}, "Invalid `select` value for parameter size"),
    ],
    ids=["optional missing", "null", "too many", "missing", "renamed", "none", "type", "choice"],
)
def test_what_is_wrong_is_named(found, reason):
    parameters = [ParameterData.model_validate(raw) for raw in (CITY, DAYS, SIZE)]

    assert reason == complaint(found, parameters)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("array[string]", ["a", 5]), ("array[number]", ["1"]), ("boolean", 1), ("number", True)],
)
def test_values_that_only_look_alike_are_complained_of(kind, value):
    assert complaint({"v": value}, [parameter(kind)]).startswith("Invalid value for parameter v")


# --- configuration -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "Parameter name is required"), ("__reason", "are reserved")],
)
def test_names_that_cannot_be_outputs_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        validated(NODE_TYPES["parameter-extractor"], extractor({**CITY, "name": name}))


async def test_lists_say_what_is_in_them():
    models = call('{"v": [1]}')
    numbers = {"name": "v", "type": "array[number]", "description": "", "required": True}
    await ask("parameter-extractor", extractor(numbers), START, models=models)

    schema = models.requests[0].tools[0].parameters["properties"]["v"]
    assert {"description": "", "type": "array", "items": {"type": "number"}} == schema


def test_the_checker_knows_what_the_node_reads_and_makes():
    facts = NODE_TYPES["parameter-extractor"].facts(
        extractor(instruction="{{#start.i#}}", type="parameter-extractor", title="P")
    )

    assert {("start", "q"), ("start", "i")} == set(facts.reads)
    assert {"city", "days", "size", "__is_success", "__reason", "__usage"} == facts.outputs
