"""llm: the prompt it makes, what it streams, what it ends with (`nodes §4`)."""

import pytest

from graphmill.engine.outcome import Failed, Succeeded
from graphmill.engine.usage import usage_metadata, usage_object
from graphmill.errors import ModelFailed, ModelNotConfigured, ModelRefused
from graphmill.nodes.registry import NODE_TYPES
from graphmill.ports.conversations import PastTurn
from graphmill.ports.models import Feature, FilePart
from graphmill.variables.files import File
from tests.nodes.running import validated
from tests.nodes.scripted_models import (
    MODEL,
    USAGE,
    Heard,
    Said,
    ScriptedModels,
    ask,
    failure,
    succeeded,
)

PICTURE = File("image", "local_file", "p.png", ".png", "image/png", 70, related_id="f-1")
VOICE = File("audio", "local_file", "v.mp3", ".mp3", "audio/mpeg", 9, related_id="f-2")
MODEL_RECORD = {"model_provider": "langgenius/openai/openai", "model_name": "gpt-4o-mini"}


def llm(*items, **more):
    """Data of a node with these messages: (role, text)."""
    messages = [{"role": role, "text": text} for role, text in items]
    return {"model": MODEL, "prompt_template": messages, "context": {"enabled": False}, **more}


def completion(text, **more):
    return llm(model={**MODEL, "mode": "completion"}, prompt_template={"text": text}, **more)


def context_from(*selector):
    return {"enabled": True, "variable_selector": [*selector]}


def vision(*selector, detail="high"):
    return {
        "enabled": True,
        "configs": {"variable_selector": [*selector], "detail": detail},
    }


async def prompt_of(data, values=None, **more):
    """The messages that the model is sent."""
    models = more.pop("models", None) or ScriptedModels()
    succeeded(await ask("llm", data, values, models=models, **more))
    return models.prompt


# --- outputs -------------------------------------------------------------------------------------


async def test_outputs_and_records_are_dify_s():
    models = ScriptedModels()
    outcome = await ask(
        "llm", llm(("system", "S"), ("user", "{{#start.q#}}")), {"start": {"q": "Q"}}, models=models
    )

    assert outcome == Succeeded(
        outputs={
            "text": "Hello",
            "reasoning_content": "",
            "finish_reason": "stop",
            "usage": usage_object(USAGE),
        },
        inputs={},
        process_data={
            "model_mode": "chat",
            "prompts": [
                {"role": "system", "text": "S", "files": []},
                {"role": "user", "text": "Q", "files": []},
            ],
            "usage": usage_object(USAGE),
            "finish_reason": "stop",
            **MODEL_RECORD,
        },
        metadata=usage_metadata(USAGE),
        usage=USAGE,
    )
    assert models.is_closed


async def test_every_piece_is_told_and_the_end_of_it():
    heard = Heard()
    models = ScriptedModels(pieces=("a", "", "b ", "\n"))
    await ask("llm", llm(("user", "x")), models=models, heard=heard)

    assert heard.told == [
        ("text", "a", False),
        ("text", "b ", False),
        ("text", "\n", False),
        ("text", "", True),
    ]


# --- reasoning -----------------------------------------------------------------------------------

THINKING = ("<thi", "nk>r1", "</think>", "\n\nHel", "lo")


@pytest.mark.parametrize(
    ("reasoning_format", "text", "reasoning"),
    [
        ("tagged", "<think>r1</think>\n\nHello", ""),
        ("separated", "Hello", "r1"),
    ],
)
async def test_thoughts_are_in_the_text_or_an_output_of_their_own(
    reasoning_format, text, reasoning
):
    heard = Heard()
    data = llm(("user", "x"), reasoning_format=reasoning_format)
    outcome = await ask("llm", data, models=ScriptedModels(THINKING), heard=heard)

    outputs = succeeded(outcome).outputs
    assert (text, reasoning) == (outputs["text"], outputs["reasoning_content"])
    # Dify 1.12 streams what the model says as it is, in both formats.
    assert [*THINKING, ""] == heard.texts


async def test_thoughts_are_streamed_apart_where_clients_know_that():
    heard = Heard()
    data = llm(("user", "x"), reasoning_format="separated")
    await ask("llm", data, models=ScriptedModels(THINKING), heard=heard, reasoning_chunks=True)

    assert heard.told == [
        ("reasoning", "r1", False),
        ("text", "Hel", False),
        ("text", "lo", False),
        ("reasoning", "", True),
        ("text", "", True),
    ]


async def test_tagged_thoughts_are_never_streamed_apart():
    heard = Heard()
    models = ScriptedModels(THINKING)
    await ask("llm", llm(("user", "x")), models=models, heard=heard, reasoning_chunks=True)

    assert [*THINKING, ""] == heard.texts


# --- prompts -------------------------------------------------------------------------------------


async def test_messages_that_say_nothing_are_left_out():
    data = llm(("system", "S {{#start.q#}}"), ("user", ""), ("assistant", "A"))

    assert [("system", "S x"), ("assistant", "A")] == await prompt_of(data, {"start": {"q": "x"}})


async def test_values_are_not_expanded_again():
    data = llm(("user", "{{#start.q#}} {{#context#}}"), context=context_from("start", "c"))
    start = {"q": "{{#start.q#}} {{#context#}}", "c": "{{#start.q#}}"}

    assert [("user", "{{#start.q#}} {{#context#}} {{{#start.q#}}}")] == (
        await prompt_of(data, {"start": start})
    )


@pytest.mark.parametrize(
    ("data", "error", "kind"),
    [
        (
            llm(("user", "{{#start.zz#}}")),
            "Variable #start.zz# not found",
            "VariableNotFoundError",
        ),
        (
            llm(("user", "x"), memory={"query_prompt_template": "{{#sys.query#}}"}),
            "Variable #sys.query# not found",
            "VariableNotFoundError",
        ),
        (
            llm(
                ("user", "x"),
                prompt_config={
                    "jinja2_variables": [{"variable": "v", "value_selector": ["start", "zz"]}]
                },
            ),
            "Variable v not found",
            "VariableNotFoundError",
        ),
        (
            llm(("user", "{{#start.none#}}")),
            "No prompt found in the LLM configuration. "
            "Please ensure a prompt is properly configured before proceeding.",
            "NoPromptFoundError",
        ),
        (
            llm(("user", "x"), vision=vision("start", "q")),
            "Invalid variable type: string",
            "InvalidVariableTypeError",
        ),
        (
            llm(("user", "x"), vision=vision("start", "odd")),
            "Missing file extension",
            "ValueError",
        ),
        (
            llm(("user", "x"), context=context_from("start", "l")),
            "Invalid context structure: {'title': 'T'}",
            "InvalidContextStructureError",
        ),
    ],
    ids=["reference", "query", "jinja", "empty", "vision", "nameless file", "context"],
)
async def test_a_prompt_that_cannot_be_made_fails_the_node(data, error, kind):
    odd = File("image", "local_file", "x", None, "image/png", related_id="f-3")
    models = ScriptedModels()
    start = {"q": "x", "none": None, "odd": odd, "l": [{"title": "T"}]}
    outcome = await ask("llm", data, {"start": start}, models=models)

    assert ((error, kind), []) == (failure(outcome), models.requests)


async def test_jinja_messages_know_the_listed_variables_and_no_references():
    data = llm(
        prompt_template=[
            {
                "role": "system",
                "edition_type": "jinja2",
                "text": "{{#start.unknown#}}",
                "jinja2_text": "{{ q|upper }} {{ '{{#start.q#}}' }}{% if not n %}?{% endif %}",
            },
            {"role": "user", "edition_type": "basic", "text": "{{ q }}", "jinja2_text": "not"},
            {"role": "user", "edition_type": "jinja2", "text": "fallback", "jinja2_text": ""},
        ],
        prompt_config={
            "jinja2_variables": [
                {"variable": name, "value_selector": ["start", name]} for name in ("q", "n")
            ]
        },
    )

    assert [("system", "X {{#start.q#}}?"), ("user", "{{ q }}"), ("user", "fallback")] == (
        await prompt_of(data, {"start": {"q": "x", "n": None}})
    )


async def test_a_template_that_fails_fails_the_node():
    item = {"role": "user", "edition_type": "jinja2", "jinja2_text": "{% if %}"}
    error, kind = failure(await ask("llm", llm(prompt_template=[item])))

    assert ("Expected an expression" in error, "CodeExecutionError") == (True, kind)


# --- completion ----------------------------------------------------------------------------------


async def test_a_completion_is_one_text_after_a_line_break():
    models = ScriptedModels()
    outcome = await ask(
        "llm", completion("Go: {{#start.q#}}"), {"start": {"q": "x"}}, models=models
    )

    assert [("user", "\nGo: x")] == models.prompt
    assert "completion" == models.requests[0].mode
    assert [{"role": "user", "text": "\nGo: x"}] == succeeded(outcome).process_data["prompts"]


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Go on:", "H: q1\nA: a1\nGo on:"),
        ("Said:\n{{#histories#}}\nGo on:", "Said:\nH: q1\nA: a1\nGo on:"),
    ],
    ids=["in front", "in its place"],
)
async def test_a_completion_is_told_what_was_said_as_lines(text, prompt):
    memory = {"window": {"enabled": False}, "role_prefix": {"user": "H", "assistant": "A"}}
    said = Said([PastTurn("q1", "a1")])

    assert [("user", prompt)] == await prompt_of(
        completion(text, memory=memory), conversations=said
    )


async def test_a_completion_with_memory_needs_names_for_who_said_what():
    data = completion("x", memory={"window": {"enabled": False}})
    outcome = await ask("llm", data, conversations=Said([PastTurn("q", "a")]))

    assert (
        "Memory role prefix is required for completion model.",
        "MemoryRolePrefixRequiredError",
    ) == failure(outcome)


# --- files ---------------------------------------------------------------------------------------


async def test_files_of_the_vision_setting_stand_before_the_last_words_of_the_user():
    data = llm(("system", "S"), ("user", "see"), vision=vision("start", "f", detail="low"))
    models = ScriptedModels()
    outcome = await ask("llm", data, {"start": {"f": PICTURE}}, models=models)

    assert [("system", "S"), ("user", (FilePart(PICTURE, "low"), "see"))] == models.prompt
    assert {"#files#": [PICTURE]} == outcome.inputs
    assert {
        "role": "user",
        "text": "see",
        "files": [{"type": "image", "filename": "p.png", "detail": "low"}],
    } == succeeded(outcome).process_data["prompts"][1]


async def test_files_of_the_vision_setting_follow_what_the_assistant_says():
    data = llm(("user", "x"), ("assistant", "y"), vision=vision("start", "f"))
    prompt = await prompt_of(data, {"start": {"f": [PICTURE]}})

    assert ("user", (FilePart(PICTURE),)) == prompt[-1]


@pytest.mark.parametrize("value", [None, [], ["text"]], ids=["none", "no files", "texts"])
async def test_vision_without_files_changes_nothing(value):
    data = llm(("user", "x"), vision=vision("start", "f"))

    assert [("user", "x")] == await prompt_of(data, {"start": {"f": value}})


async def test_files_that_a_message_refers_to_follow_it():
    data = llm(("user", "{{#start.q#}}{{#start.f#}} done"), ("assistant", "A"))
    start = {"q": "look", "f": PICTURE}

    assert [("user", "look done"), ("user", (FilePart(PICTURE),)), ("assistant", "A")] == (
        await prompt_of(data, {"start": start})
    )


async def test_what_the_model_cannot_read_is_left_out():
    data = llm(("user", "x"), vision=vision("start", "fs"))
    models = ScriptedModels(known=frozenset({Feature.AUDIO}))
    start = {"fs": [PICTURE, VOICE]}

    assert [("user", (FilePart(VOICE), "x"))] == (
        await prompt_of(data, {"start": start}, models=models)
    )


async def test_a_message_of_which_only_text_is_left_is_plain_text():
    data = llm(("user", "x"), vision=vision("start", "f"))
    models = ScriptedModels(known=frozenset())

    assert [("user", "x")] == await prompt_of(data, {"start": {"f": PICTURE}}, models=models)


# --- context -------------------------------------------------------------------------------------

KNOWLEDGE = [
    {
        "title": "T",
        "content": "c1",
        "metadata": {
            "_source": "knowledge",
            "position": 1,
            "document_name": "d",
            "score": 0.5,
            "segment_hit_count": 3,
        },
    },
    {"content": "c2", "summary": "s2", "metadata": {"_source": "elsewhere"}},
    "c3",
]


async def test_context_of_texts_and_knowledge_is_lines():
    heard = Heard()
    data = llm(("user", "C: {{#context#}} E"), context=context_from("k", "result"))
    models = ScriptedModels()
    outcome = await ask("llm", data, {"k": {"result": KNOWLEDGE}}, models=models, heard=heard)

    # Its outer braces stay, as recorded.
    assert [("user", "C: {c1\ns2\nc2\nc3} E")] == models.prompt
    assert {"#context#": "c1\ns2\nc2\nc3"} == outcome.inputs
    kind, resources = heard.told[0]
    assert ("resources", 1, "c1", 3, "d") == (
        kind,
        len(resources),
        resources[0]["content"],
        resources[0]["hit_count"],
        resources[0]["document_name"],
    )


@pytest.mark.parametrize("value", [None, "", [], 5], ids=["none", "empty", "nothing", "number"])
async def test_without_context_its_placeholder_stays(value):
    data = llm(("user", "C: {{#context#}}"), context=context_from("start", "c"))

    assert [("user", "C: {{#context#}}")] == await prompt_of(data, {"start": {"c": value}})


# --- memory --------------------------------------------------------------------------------------

PAST = [PastTurn(f"q{number}", f"a{number}") for number in range(1, 5)]


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        ({"window": {"enabled": True, "size": 3}}, ["q3", "a3", "q4", "a4", "now"]),
        ({"window": {"enabled": True, "size": "2"}}, ["q4", "a4", "now"]),
        ({"window": {"enabled": True, "size": 1}}, ["now"]),
        (
            {"window": {"enabled": False}, "query_prompt_template": "Q={{#sys.query#}}"},
            ["q1", "a1", "q2", "a2", "q3", "a3", "q4", "a4", "Q=now"],
        ),
    ],
    ids=["window", "number as text", "only now", "all, own words"],
)
async def test_what_was_said_stands_between_prompt_and_query(memory, said):
    data = llm(("system", "S"), memory=memory)
    prompt = await prompt_of(data, {"sys": {"query": "now"}}, conversations=Said(PAST))

    assert ["S", *said] == [content for _, content in prompt]


async def test_the_oldest_turns_are_forgotten_when_the_context_is_full():
    turns = [PastTurn(f"{number}" * 300, "a") for number in range(1, 5)]
    data = llm(("user", "x"), memory={"window": {"enabled": False}})
    data["model"] = {**MODEL, "completion_params": {"max_tokens": 700}}
    prompt = await prompt_of(data, conversations=Said(turns), models=ScriptedModels(size=1000))

    assert ["x", "3" * 300, "a", "4" * 300, "a"] == [content for _, content in prompt]


async def test_the_last_turn_is_never_forgotten():
    data = llm(("user", "x"), memory={"window": {"enabled": False}})
    said = Said([PastTurn("old" * 9999, "a"), PastTurn("last" * 9999, "a")])
    prompt = await prompt_of(data, conversations=said)

    assert ["x", "last" * 9999, "a"] == [content for _, content in prompt]


async def test_at_most_500_turns_are_asked_for():
    said = Said([])
    for window in ({"enabled": False}, {"enabled": True, "size": 10_000}):
        await prompt_of(llm(("user", "x"), memory={"window": window}), conversations=said)

    assert [500, 500] == said.limits


async def test_pictures_of_earlier_turns_are_shown_again():
    said = Said([PastTurn("see", "a cat", (PICTURE,))])
    prompt = await prompt_of(llm(("user", "x"), memory={"window": {}}), conversations=said)

    assert ("user", ("see", FilePart(PICTURE))) == prompt[1]


# --- parameters ----------------------------------------------------------------------------------


async def test_parameters_reach_the_model():
    data = llm(("user", "x"))
    data["model"] = {
        **MODEL,
        "completion_params": {
            "temperature": "{{#start.t#}}",
            "top_k": "{{#start.k#}}",
            "json": "{{#start.b#}}",
            "style": "very {{#start.s#}}",
            "plain": "1",
            "seed": None,
            "response_format": {"type": "json_object"},
            "stop": ["END", "{{#start.s#}}"],
        },
    }
    models = ScriptedModels()
    start = {"t": 0.25, "k": "40", "b": "true", "s": "s" * 2000}
    succeeded(await ask("llm", data, {"start": start}, models=models))

    (request,) = models.requests
    assert request.parameters == {
        "temperature": 0.25,
        "top_k": 40,
        "json": True,
        "style": "very " + "s" * 1019,
        "plain": "1",
        "response_format": {"type": "json_object"},
    }
    assert (("END", "{{#start.s#}}"), "end-user-1") == (request.stop, request.user)


# --- structured output ---------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def structured(**more):
    return llm(
        ("system", "Extract."),
        ("user", "x"),
        structured_output_enabled=True,
        structured_output={"schema": SCHEMA},
        **more,
    )


@pytest.mark.parametrize("pieces", [('{"name": ', '"Ann"}'), ("Here: {name: 'Ann'}",)])
async def test_the_model_is_asked_for_the_schema_where_it_knows_that(pieces):
    models = ScriptedModels(pieces)
    outcome = await ask("llm", structured(), models=models)

    assert {"name": "Ann"} == succeeded(outcome).outputs["structured_output"]
    assert (SCHEMA, "Extract.") == (models.requests[0].json_schema, models.prompt[0][1])


async def test_the_prompt_asks_for_the_schema_where_the_model_does_not_know_that():
    models = ScriptedModels(('{"name": 5, "zz": 1}',), known=frozenset())
    outcome = await ask("llm", structured(), models=models)

    # What does not match the schema is handed on (recorded).
    assert {"name": 5, "zz": 1} == succeeded(outcome).outputs["structured_output"]
    role, text = models.prompt[0]
    assert ("system", True, True) == (role, text.startswith("Extract.\n\n"), '"required"' in text)
    assert (2, None) == (len(models.prompt), models.requests[0].json_schema)


async def test_the_schema_has_a_message_of_its_own_where_there_is_no_system_message():
    models = ScriptedModels(('{"name": "Ann"}',), known=frozenset())
    data = structured()
    data["prompt_template"] = [{"role": "user", "text": "x"}]
    await ask("llm", data, models=models)

    assert ["system", "user"] == [role for role, _ in models.prompt]


async def test_a_reply_without_an_object_fails_the_node_and_has_cost_its_tokens():
    outcome = await ask("llm", structured(), models=ScriptedModels(("no idea",)))

    assert isinstance(outcome, Failed)
    assert (
        "Failed to parse structured output (stage=result, path=$): structured output is missing",
        "LLMNodeError",
        USAGE,
    ) == (outcome.error, outcome.error_type, outcome.usage)


@pytest.mark.parametrize(
    "more",
    [
        {"structured_output_enabled": False},
        {"structured_output": None},
    ],
    ids=["off", "no schema"],
)
async def test_structured_output_needs_the_switch_and_a_schema(more):
    outcome = await ask("llm", {**structured(), **more})

    assert "structured_output" not in succeeded(outcome).outputs


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelNotConfigured("m"), "ProviderTokenNotInitError"),
        (ModelRefused("m"), "ModelNotExistError"),
        (ModelFailed("m", status=400), "InvokeBadRequestError"),
        (ModelFailed("m", status=401), "InvokeAuthorizationError"),
        (ModelFailed("m", status=429), "InvokeRateLimitError"),
        (ModelFailed("m", status=503), "InvokeServerUnavailableError"),
        (ModelFailed("m"), "InvokeConnectionError"),
    ],
    ids=["not configured", "refused", "400", "401", "429", "503", "no answer"],
)
async def test_a_failing_call_keeps_its_message_and_gets_dify_s_name(error, kind):
    heard = Heard()
    models = ScriptedModels(("a",), error=error)
    data = llm(("user", "x {{#context#}}"), context=context_from("start", "c"))
    outcome = await ask("llm", data, {"start": {"c": "C"}}, models=models, heard=heard)

    assert Failed("m", kind, {"#context#": "C"}) == outcome
    # What was told stays told, and the text does not end (`workflow-dsl §13.7`).
    assert ([("text", "a", False)], True) == (heard.told, models.is_closed)


# --- what the checker asks -----------------------------------------------------------------------


def test_the_checker_knows_what_the_node_reads_and_makes():
    kind = NODE_TYPES["llm"]
    data = structured(
        vision=vision("start", "f"),
        context=context_from("k", "result"),
        memory={"query_prompt_template": "{{#sys.query#}}"},
        prompt_config={"jinja2_variables": [{"variable": "v", "value_selector": ["start", "v"]}]},
    )
    data["prompt_template"][1]["text"] = "{{#start.q#}}"
    data["model"] = {**MODEL, "completion_params": {"temperature": "{{#env.t#}}"}}
    facts = kind.facts({"type": "llm", "title": "M", **data})

    assert set(facts.reads) == {
        ("start", "q"),
        ("sys", "query"),
        ("start", "v"),
        ("k", "result"),
        ("start", "f"),
        ("env", "t"),
    }
    assert facts.outputs == {
        "text",
        "reasoning_content",
        "usage",
        "finish_reason",
        "structured_output",
    }


@pytest.mark.parametrize(
    "data",
    [
        llm(("user", "x"), memory={"window": {"enabled": True}, "enabled": False}),
        llm(("user", "x"), vision={"enabled": False, "configs": None}),
        llm(("user", "x"), context={"enabled": False, "variable_selector": None}, variables=[]),
        llm(("user", "x"), prompt_config={"jinja2_variables": None}),
        llm(("user", "x"), prompt_config=None, structured_output_switch_on=True),
    ],
    ids=["window without size", "no vision configs", "no selector", "null list", "null config"],
)
def test_real_files_are_understood(data):
    assert "gpt-4o-mini" == validated(NODE_TYPES["llm"], data).model.name
