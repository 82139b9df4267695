"""tool: arguments, what messages come to, and failures (`nodes §11`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from pydantic import ValidationError

from graphmill.dsl.tools import ToolProvider
from graphmill.engine.outcome import Failed, Succeeded
from graphmill.engine.run import Run
from graphmill.engine.usage import Usage
from graphmill.errors import StoreError, ToolFailed
from graphmill.nodes.registry import NODE_TYPES
from graphmill.nodes.tool.arguments import fit_arguments
from graphmill.ports.tools import (
    BlobMessage,
    FileMessage,
    Invocation,
    JsonMessage,
    LinkMessage,
    Parameter,
    ParameterType,
    TextMessage,
    ToolMessage,
    ToolRef,
    ToolResult,
    VariableMessage,
)
from graphmill.tools.toolbox import ConfiguredTools
from graphmill.variables.files import File
from graphmill.variables.values import Value
from tests.nodes.http_stand_ins import FilesInMemory
from tests.nodes.running import NO_PORTS, build, context_of, run_waiting_node, validated
from tests.nodes.scripted_models import Heard

FILE = File("document", "local_file", "a.txt", ".txt", "text/plain", 3, related_id="f-1")


@dataclass
class Scripted:
    """`ports.Tool` that gives `messages`, and `ports.Toolbox` that has no other."""

    messages: Sequence[ToolMessage] = ()
    parameters: tuple[Parameter, ...] = (Parameter("a", required=True), Parameter("b"))
    usage: Usage | None = None
    error: Exception | None = None
    description: str = "A tool."
    arguments: list[Mapping[str, Value]] = field(default_factory=list)
    refs: list[ToolRef] = field(default_factory=list)

    async def invoke(self, arguments: Mapping[str, Value], invocation: Invocation) -> ToolResult:
        self.arguments.append(arguments)
        if self.error is not None:
            raise self.error
        return ToolResult(tuple(self.messages), self.usage)

    async def find(self, ref: ToolRef) -> "Scripted":
        self.refs.append(ref)
        return self

    def has(self, ref: ToolRef) -> bool:
        return True

    def icon(self, provider: ToolProvider) -> str | None:
        return None


def tool(**more):
    return {
        "provider_id": "p-1",
        "provider_type": "api",
        "provider_name": "weather",
        "tool_name": "forecast",
        "tool_label": "Forecast",
        "tool_parameters": {},
        "tool_configurations": {},
        **more,
    }


async def run(scripted, values=None, *, secrets=(), files=None, **data):
    ports = replace(NO_PORTS, tools=scripted, files=files or FilesInMemory())
    return await run_waiting_node("tool", tool(**data), values, ports=ports, secrets=secrets)


def given(kind, value):
    return {"type": kind, "value": value}


async def test_texts_are_joined_and_told():
    """`workflow-dsl` case N45."""
    scripted, heard = Scripted([TextMessage("he"), TextMessage("llo")]), Heard()
    ports = replace(NO_PORTS, tools=scripted, files=FilesInMemory())
    data = tool(tool_parameters={"a": given("mixed", "a {{#start.x#}}")})
    context = context_of({"start": {"x": "v"}})
    context.progress = heard
    outcome = await build("tool", data, ports).run(context)

    assert [{"a": "a v"}] == scripted.arguments
    assert isinstance(outcome, Succeeded)
    assert {"text": "hello", "files": [], "json": [{"data": []}]} == outcome.outputs
    assert [("text", "he", False), ("text", "llo", False), ("text", "", True)] == heard.told


async def test_tool_is_looked_for_as_the_file_names_it():
    scripted = Scripted()
    await run(scripted, tool_parameters={"a": given("constant", "x")})
    assert [ToolRef(ToolProvider("api", "p-1", "weather"), "forecast")] == scripted.refs


@pytest.mark.parametrize(
    ("parameter", "sent", "logged"),
    [
        pytest.param(given("constant", 5), "5", "5", id="constant number as text"),
        pytest.param(given("constant", {"a": 1}), "{'a': 1}", "{'a': 1}", id="constant mapping"),
        pytest.param(given("constant", "{{#start.x#}}!"), "v!", "v!", id="constant with reference"),
        pytest.param(given("variable", ["start", "n"]), "7", 7, id="variable"),
        pytest.param(
            given("mixed", "k={{#env.KEY#}}"), "k=s3cr3t-value-1", f"k=s3cr3t{'*' * 12}-1",
            id="secret",
        ),
        pytest.param(
            given("variable", ["env", "KEY"]), "s3cr3t-value-1", f"s3cr3t{'*' * 12}-1",
            id="variable that is secret",
        ),
    ],
)  # fmt: skip
async def test_a_parameter_is_sent_and_logged(parameter, sent, logged):
    scripted = Scripted()
    values = {"start": {"x": "v", "n": 7}, "env": {"KEY": "s3cr3t-value-1"}}
    outcome = await run(scripted, values, secrets=["KEY"], tool_parameters={"a": parameter})
    assert [{"a": sent}] == scripted.arguments
    assert {"a": logged} == outcome.inputs


async def test_a_file_stays_a_file():
    scripted = Scripted(parameters=(Parameter("a", ParameterType.FILE),))
    await run(
        scripted,
        {"start": {"f": FILE}},
        tool_parameters={"a": given("variable", ["start", "f"])},
    )
    assert [{"a": FILE}] == scripted.arguments


async def test_names_that_the_tool_does_not_declare_are_none():
    scripted = Scripted()
    parameters = {"a": given("constant", "x"), "zzz": given("constant", "y")}
    outcome = await run(scripted, tool_parameters=parameters)
    assert [{"a": "x"}] == scripted.arguments
    assert {"a": "x", "zzz": None} == outcome.inputs


async def test_a_missing_variable_fails_only_a_required_parameter():
    missing = given("variable", ["start", "x"])
    scripted = Scripted()
    await run(scripted, tool_parameters={"a": given("constant", "x"), "b": missing})
    assert [{"a": "x"}] == scripted.arguments
    with pytest.raises(ValueError, match=r"Variable \['start', 'x'\] does not exist"):
        await run(Scripted(), tool_parameters={"a": missing})


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"a": "x", "b": None}, id="old files"),
        pytest.param({"a": given("constant", "x"), "b": given("constant", None)}, id="new files"),
        pytest.param({"a": given("mixed", "{{#start.x#}}")}, id="template"),
    ],
)
async def test_settings_are_sent_and_not_logged(settings):
    scripted = Scripted()
    outcome = await run(scripted, {"start": {"x": "x"}}, tool_configurations=settings)
    assert [{"a": "x"}] == scripted.arguments
    assert {} == outcome.inputs


async def test_messages_of_all_kinds_become_outputs():
    files = FilesInMemory()
    scripted = Scripted(
        [
            LinkMessage("https://example.org"),
            FileMessage(FILE),
            BlobMessage(b"GIF8", "image/gif"),
            BlobMessage(b"x", "text/plain", "note.txt"),
            JsonMessage({"a": 1}),
            JsonMessage([]),
            VariableMessage("city", "Ulm"),
        ],
        parameters=(),
    )
    outcome = await run(scripted, files=files)
    assert "Link: https://example.org\n" == outcome.outputs["text"]
    assert ([{"a": 1}], "Ulm") == (outcome.outputs["json"], outcome.outputs["city"])
    assert FILE == outcome.outputs["files"][0]
    [gif, note] = files.saved
    assert gif[1].endswith(".gif")
    assert (b"x", "note.txt", "text/plain") == note


async def test_metadata_tell_the_tool_and_what_it_cost():
    outcome = await run(
        Scripted(parameters=(), usage=Usage(completion_tokens=9)), plugin_unique_identifier="u"
    )
    info = {"provider_type": "api", "provider_id": "p-1", "plugin_unique_identifier": "u"}
    assert (info, 9) == (outcome.metadata["tool_info"], outcome.metadata["total_tokens"])
    assert outcome.usage == Usage(completion_tokens=9)


@pytest.mark.parametrize(
    ("scripted", "error", "error_type"),
    [
        pytest.param(
            Scripted(parameters=(), error=ToolFailed("boom")), "Failed to invoke tool: boom",
            "ToolRuntimeInvocationError", id="the call",
        ),
        pytest.param(
            Scripted(), "Failed to invoke tool: The parameter 'a' needs a value",
            "ToolRuntimeInvocationError", id="a parameter",
        ),
        pytest.param(
            ConfiguredTools((), {}, base_url=""),
            "Failed to get tool runtime: there are no tools of 'weather'. Add to `tools` in "
            "config.yaml: {provider: 'weather', kind: openapi, document: FILE (or kind: mcp, "
            "url: https://HOST/mcp; or, to draw, kind: images, model: {provider: NAME, "
            "name: NAME})}.",
            "ToolRuntimeResolutionError", id="the provider",
        ),
    ],
)  # fmt: skip
async def test_a_failure_says_what_failed(scripted, error, error_type):
    assert Failed(error, error_type) == await run(scripted)


async def test_a_secret_does_not_stand_in_an_error():
    scripted = Scripted(parameters=(), error=ToolFailed("bad key s3cr3t-value-1"))
    outcome = await run(scripted, {"env": {"KEY": "s3cr3t-value-1"}}, secrets=["KEY"])
    assert "s3cr3t-value-1" not in outcome.error


class Full(FilesInMemory):
    async def save(self, content: bytes, *, filename: str, mime_type: str, run: Run) -> File:
        raise StoreError("no room")


async def test_a_file_that_cannot_be_kept_fails_the_node():
    scripted = Scripted([BlobMessage(b"x", "image/gif")], parameters=())
    assert Failed("no room", "ToolFileError") == await run(scripted, files=Full())


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    [
        pytest.param(given("mixed", 5), "value must be a string", id="mixed"),
        pytest.param(given("variable", "x"), "value must be a list", id="variable"),
        pytest.param(given("variable", [1]), "value must be a list of strings", id="path"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_refused(parameter, complaint):
    with pytest.raises(ValidationError, match=f"{complaint}$|{complaint} "):
        validated(NODE_TYPES["tool"], tool(tool_parameters={"a": parameter}))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", "5", 5), ("number", "5.5", 5.5), ("number", 1.5, 1.5),
        ("integer", "5.0", 5), ("boolean", "Yes", True), ("boolean", "0", False),
        ("boolean", 1, True), ("array", '["a"]', ["a"]), ("array", {"a": 1}, [{"a": 1}]),
        ("object", '{"a": 1}', {"a": 1}), ("string", 5, "5"), ("string", "", ""),
        ("files", FILE, [FILE]), ("file", [FILE], FILE),
    ],
)  # fmt: skip
def test_a_value_is_fitted_to_its_parameter(kind, value, expected):
    fitted = fit_arguments((Parameter("p", ParameterType(kind)),), {"p": value})
    assert {"p": expected} == fitted
    assert type(expected) is type(fitted["p"])


@pytest.mark.parametrize(
    ("parameter", "value", "complaint"),
    [
        (Parameter("p", ParameterType.NUMBER), "x", "must be of type number, not 'x'"),
        (Parameter("p", ParameterType.NUMBER), "nan", "must be of type number"),
        (Parameter("p", ParameterType.INTEGER), 1.5, "must be of type integer"),
        (Parameter("p", ParameterType.BOOLEAN), "maybe", "must be of type boolean"),
        (Parameter("p", ParameterType.OBJECT), "[1]", "must be of type object"),
        (Parameter("p", ParameterType.OBJECT), "[" * 100_000, "must be of type object"),
        (Parameter("p", options=("a", "b")), "c", "must be one of a, b"),
        (Parameter("p", ParameterType.NUMBER, required=True), "", "needs a value"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(parameter, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        fit_arguments((parameter,), {"p": value})
