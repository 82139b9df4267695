import re

import pytest

from graphmill.dsl.load import load_workflow
from graphmill.engine.outcome import Succeeded
from graphmill.nodes.registry import NODE_TYPES
from graphmill.nodes.start import start_variables
from graphmill.variables.file_references import FileRules
from graphmill.variables.inputs import StartVariable, VariableType
from tests.nodes.running import build, run_node, validated

SYSTEM = {
    "sys.files": [],
    "sys.user_id": "abc-123",
    "sys.app_id": "app-1",
    "sys.workflow_id": "workflow-1",
    "sys.workflow_run_id": "run-1",
    "sys.timestamp": 1795253473,
}
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "tag": {"enum": ["a", "b"]}},
    "required": ["n"],
}


def form(*, required=False, **more):
    variable = {"variable": "cfg", "type": "json_object", "required": required, **more}
    return {"variables": [{"label": "Cfg", **variable}]}


def test_inputs_and_outputs_are_the_form_and_the_system_values():
    data = {"variables": [{"variable": "name", "label": "Name", "type": "text-input"}]}

    outcome = run_node("start", data, {"start": {"name": "Ann"}, "env": {"KEY": "secret"}})

    assert outcome == Succeeded({"name": "Ann", **SYSTEM}, {"name": "Ann", **SYSTEM})


def test_a_start_node_needs_no_variables():
    assert run_node("start", {}).outputs == SYSTEM


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"tag": "a"}, "JSON object for 'cfg' does not match schema: 'n' is a required property"),
        (
            {"n": 1, "tag": "c"},
            "JSON object for 'cfg' does not match schema: 'c' is not one of ['a', 'b']",
        ),
        (
            {"n": "three"},
            "JSON object for 'cfg' does not match schema: 'three' is not of type 'integer'",
        ),
        ([1], "JSON object for 'cfg' must be an object"),
        (None, "cfg is required in input form"),
    ],
)
def test_an_object_that_violates_its_schema_fails_the_node(value, message):
    data = form(required=True, json_schema=SCHEMA)

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        run_node("start", data, {"start": {"cfg": value}})


@pytest.mark.parametrize("value", [{}, {"n": 1}, ""])
def test_objects_that_match_and_empty_ones_pass(value):
    data = form(required=True, json_schema=SCHEMA)

    assert run_node("start", data, {"start": {"cfg": value}}).outputs["cfg"] == value


def test_an_optional_object_may_be_absent():
    data = form(json_schema='{"type": "object", "required": ["n"]}')

    assert run_node("start", data, {"start": {"cfg": None}}).outputs["cfg"] is None


def test_a_schema_never_makes_the_server_fetch_something():
    data = form(json_schema={"$ref": "http://127.0.0.1:9/schema.json"})

    with pytest.raises(Exception, match="Unresolvable"):
        run_node("start", data, {"start": {"cfg": {"n": 1}}})


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{bad", "json_schema is not valid JSON: "),
        ("[1]", "json_schema must be a JSON object, got list"),
        ([1], "json_schema must be a JSON object, got list"),
        ({"type": "nonsense"}, "Invalid JSON schema: 'nonsense' is not valid"),
    ],
)
def test_a_schema_that_is_none_refuses_the_version(schema, message):
    with pytest.raises(ValueError, match=message):
        build("start", form(json_schema=schema))


@pytest.mark.parametrize("schema", [None, "", "  "])
def test_a_blank_schema_is_no_schema(schema):
    data = form(required=True, json_schema=schema)

    assert run_node("start", data, {"start": {"cfg": {"any": 1}}}).outputs["cfg"] == {"any": 1}


WORKFLOW = """
app: {name: A, mode: workflow}
kind: app
version: 0.5.0
workflow:
  graph:
    edges: []
    nodes:
      - id: s
        data:
          type: start
          title: Start
          variables:
            - {variable: name, label: Name, type: text-input, required: true, max_length: '10',
               options: null, default: null}
            - {variable: lang, label: Lang, type: select, options: [en, 1]}
            - {variable: doc, label: Doc, type: file, max_length: 5,
               allowed_file_types: [document], allowed_file_extensions: [],
               allowed_file_upload_methods: [local_file]}
"""


def test_the_form_of_a_workflow_is_that_of_its_start_node():
    workflow = load_workflow(WORKFLOW).workflow

    assert start_variables(workflow) == (
        StartVariable("name", VariableType.TEXT_INPUT, required=True, max_length=10),
        StartVariable("lang", VariableType.SELECT, options=("en", "1")),
        StartVariable(
            "doc",
            VariableType.FILE,
            max_length=5,
            files=FileRules(("document",), (), ("local_file",)),
        ),
    )


@pytest.mark.parametrize("root_type", ["code", "trigger-webhook"])
def test_a_workflow_without_a_start_node_has_no_form(root_type):
    workflow = load_workflow(WORKFLOW.replace("type: start", f"type: {root_type}")).workflow

    assert start_variables(workflow) == ()


def test_the_checker_knows_the_variables_of_the_form():
    kind = NODE_TYPES["start"]

    assert kind.output_names(validated(kind, form())) == {"cfg", *SYSTEM}
