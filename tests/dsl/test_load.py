from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmill.dsl.declarations import MAX_SIZE
from graphmill.dsl.load import load_workflow
from graphmill.dsl.model import AppInfo, AppMode, Box, EdgeDefinition, Place, Severity
from tests.dsl.files import (
    START,
    codes,
    edge,
    edges,
    load,
    node,
    problems_of,
    workflow_data,
    workflow_text,
)

APPS = sorted((Path(__file__).parents[1] / "conformance/apps").glob("*.yml"))


def load_data(data):
    return load_workflow(yaml.safe_dump(data))


def only_error(loaded):
    (problem,) = loaded.errors
    return problem


def test_there_are_conformance_apps():
    assert len(APPS) > 300


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_every_conformance_app_is_read_without_a_problem(path):
    content = path.read_bytes()
    raw = yaml.safe_load(content)
    loaded = load_workflow(content)
    assert loaded.problems == ()
    assert loaded.workflow is not None
    graph = raw["workflow"]["graph"]
    assert raw["app"]["name"] == loaded.workflow.app.name
    assert [each["id"] for each in graph["nodes"] if each["type"] != "custom-note"] == [
        each.id for each in loaded.workflow.nodes
    ]
    assert len(graph["edges"]) == len(loaded.workflow.edges)


# --- workflow-dsl §19.2: import -----------------------------------------------------------------


@pytest.mark.parametrize("text", ["- a", "just text", "5"])
def test_p1_a_root_that_is_no_mapping_is_refused(text):
    problem = only_error(load_workflow(text))
    assert "Invalid YAML format: content must be a mapping" == problem.message


def test_p2_version_and_kind_have_defaults():
    data = workflow_data([START])
    del data["version"], data["kind"]
    loaded = load_data(data)
    assert loaded.problems == ()
    assert "0.1.0" == loaded.workflow.dsl_version


def test_p3_an_unquoted_version_that_reads_as_a_number_is_taken_as_text():
    text = workflow_text([START]).replace("version: 0.5.0", "version: 0.3")
    loaded = load_workflow(text)
    (problem,) = loaded.problems
    assert Severity.WARNING is problem.severity
    assert "Invalid version type, expected str, got <class 'float'>" == problem.message
    assert Place(2, 1) == problem.place
    assert "0.3" == loaded.workflow.dsl_version


def test_p4_an_unquoted_version_of_three_numbers_is_text():
    text = workflow_text([START]).replace("version: 0.5.0", "version: 0.3.1")
    loaded = load_workflow(text)
    assert loaded.problems == ()
    assert "0.3.1" == loaded.workflow.dsl_version


@pytest.mark.parametrize("version", ["0.7.0", "1.0.0", "7"])
def test_p5_a_newer_version_is_read_with_a_warning(version):
    loaded = load_data(workflow_data([START]) | {"version": version})
    assert ["foreign-version"] == codes(loaded.problems)
    assert version == loaded.workflow.dsl_version


@pytest.mark.parametrize("version", ["x", [1], 5, {"a": 1}])
def test_what_is_no_version_is_refused(version):
    loaded = load_data(workflow_data([]) | {"version": version})
    assert ["bad-version"] == codes(loaded.errors)
    assert loaded.workflow is None


@pytest.mark.parametrize("app", [None, {}, "text"])
def test_p7_a_file_without_app_is_refused(app):
    loaded = load_data(workflow_data([]) | {"app": app})
    assert "Missing app data in YAML content" == only_error(loaded).message
    assert loaded.workflow is None


@pytest.mark.parametrize("workflow", [None, {}, []])
@pytest.mark.parametrize("mode", ["workflow", "advanced-chat"])
def test_p8_a_graph_app_without_workflow_is_refused(mode, workflow):
    loaded = load_data(workflow_data([], mode=mode) | {"workflow": workflow})
    assert "Missing workflow data for workflow/advanced chat app" == only_error(loaded).message


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "completion"])
def test_p9_an_app_without_graph_is_told_apart(mode):
    data = {"version": "0.5.0", "app": {"name": "Old", "mode": mode}, "model_config": {"x": 1}}
    loaded = load_data(data)
    assert loaded.problems == ()
    assert AppMode(mode) is loaded.workflow.app.mode
    assert loaded.workflow.root is None


def test_an_app_without_graph_needs_a_model_config():
    loaded = load_data({"app": {"name": "Old", "mode": "chat"}})
    assert "Missing model_config for chat/agent-chat/completion app" == only_error(loaded).message


@pytest.mark.parametrize(
    ("mode", "message"),
    [("foo", "Invalid app mode"), (5, "Invalid app mode"), (None, "loss app mode")],
)
def test_p10_an_unknown_mode_is_refused(mode, message):
    loaded = load_data(workflow_data([]) | {"app": {"name": "x", "mode": mode}})
    assert message == only_error(loaded).message


@pytest.mark.parametrize("key", ["environment_variables", "conversation_variables"])
@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"value_type": "string", "value": ""}, "missing name"),
        ({"name": "", "value_type": "string", "value": ""}, "missing name"),
        ({"name": "a", "value": ""}, "missing value type"),
        ({"name": "a", "value_type": "string", "value": None}, "missing value"),
        ({"name": "a", "value_type": "number", "value": "x"}, "invalid number value x"),
        ({"name": "a", "value_type": "number", "value": [1]}, "invalid number value [1]"),
        (
            {"name": "a", "value_type": "array[string]", "value": "a"},
            "not supported value type array[string]",
        ),
        ({"name": "a", "value_type": "object", "value": "a"}, "not supported value type object"),
        ({"name": "a", "value_type": "file", "value": "a"}, "not supported value type file"),
        (
            {"name": "a", "value_type": "array[number]", "value": ["x"]},
            "invalid array[number] value ['x']",
        ),
        ({"name": "a", "value_type": "string", "value": 5}, "invalid string value 5"),
        ({"name": "a", "value_type": "boolean", "value": "yes"}, "invalid boolean value yes"),
        ("text", "a variable must be a mapping with name, value_type and value"),
    ],
)
def test_p11_p13_a_variable_that_is_none_is_told_with_its_place(key, item, message):
    loaded = load_workflow(workflow_text([START], **{key: [item]}))
    problem = only_error(loaded)
    assert message == problem.message
    assert f"workflow.{key}[0]" == problem.field
    assert problem.place.line > 1
    assert () == loaded.workflow.environment + loaded.workflow.conversation


@pytest.mark.parametrize(
    ("value_type", "value", "expected"),
    [
        ("number", 3, 3),
        ("number", 3.5, 3.5),
        ("number", "5", 5),
        ("number", "5.5", 5.5),
        ("integer", 3, 3),
        ("float", 3.5, 3.5),
        ("string", "", ""),
        ("secret", "", ""),
        ("boolean", False, False),
        ("object", {"a": [1]}, {"a": [1]}),
        ("array[string]", [], []),
        ("array[number]", [1, 2.5], [1, 2.5]),
        ("array[object]", [{}], [{}]),
        ("array[boolean]", [True], [True]),
    ],
)
def test_p12_variables_hold_values_of_their_type(value_type, value, expected):
    item = {"name": "a", "value_type": value_type, "value": value, "description": "d"}
    workflow = load([START], environment_variables=[item])
    (variable,) = workflow.environment
    assert ("a", value_type, "d") == (variable.name, variable.value_type, variable.description)
    assert expected == variable.value
    assert type(expected) is type(variable.value)


def test_a_variable_that_is_too_large_is_refused():
    item = {"name": "a", "value_type": "string", "value": "x" * (MAX_SIZE + 1)}
    (problem,) = problems_of([START], environment_variables=[item])
    assert problem.message.endswith("exceeds limit 204800")


def test_of_two_variables_with_one_name_the_last_counts():
    items = [{"name": "a", "value_type": "number", "value": number} for number in (1, 2)]
    loaded = load_workflow(workflow_text([START], conversation_variables=items))
    assert ["duplicate-variable"] == codes(loaded.problems)
    assert [2] == [variable.value for variable in loaded.workflow.conversation]


def test_values_that_aliases_share_are_not_shared_by_variables():
    text = workflow_text([START]) + (
        "  environment_variables:\n"
        "  - {name: a, value_type: object, value: &shared {k: []}}\n"
        "  - {name: b, value_type: object, value: *shared}\n"
    )
    first, second = load_workflow(text).workflow.environment
    assert first.value == second.value
    assert first.value is not second.value


def test_all_problems_of_a_file_are_told_in_its_order():
    text = """\
version: 9.9.9
app: {name: x, mode: workflow}
workflow:
  conversation_variables: [{name: c}]
  graph:
    nodes:
    - {id: start, data: {type: start}}
    - {id: 5}
    - nothing
    edges: [7]
  environment_variables: [{value: 1}]
"""
    loaded = load_workflow(text)
    assert [
        ("foreign-version", 1),
        ("bad-variable", 4),
        ("bad-node", 8),
        ("bad-node", 9),
        ("bad-edge", 10),
        ("bad-variable", 11),
    ] == [(problem.code, problem.place.line) for problem in loaded.problems]
    assert loaded.workflow is not None


# --- workflow-dsl §1 and §5: app, nodes, edges ---------------------------------------------------


def test_an_app_is_described_by_its_file():
    app = {
        "name": "N",
        "mode": "advanced-chat",
        "description": "D",
        "icon": "🤖",
        "icon_type": "emoji",
        "icon_background": "#FFEAD5",
        "use_icon_as_answer_icon": True,
    }
    loaded = load_data(workflow_data([]) | {"app": app})
    assert AppInfo("N", AppMode.ADVANCED_CHAT, "D", "🤖", "emoji", "#FFEAD5", True) == (
        loaded.workflow.app
    )


def test_another_kind_is_read_as_an_app():
    loaded = load_data(workflow_data([START]) | {"kind": "rag_pipeline"})
    assert ["foreign-kind"] == codes(loaded.problems)
    assert "start" == loaded.workflow.root


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (None, "nodes or edges not found in workflow graph"),
        ({"nodes": []}, "nodes or edges not found in workflow graph"),
        ({"nodes": {}, "edges": []}, "nodes in workflow graph must be a list"),
        ({"nodes": [], "edges": "x"}, "edges in workflow graph must be a list"),
    ],
)
def test_a_graph_has_a_list_of_nodes_and_one_of_edges(graph, message):
    data = workflow_data([])
    data["workflow"] = {"graph": graph, "features": {}}
    assert message == only_error(load_data(data)).message


def test_a_node_is_read_with_its_place_and_its_fields_places():
    workflow = load_workflow("""\
app: {name: x, mode: workflow}
workflow:
  graph:
    nodes:
    - id: start
      data: {type: start, title: Begin, version: 2}
      position: {x: 1, y: 2.5}
      width: 100
    - id: 17
      parentId: 18
      data:
        type: end
        outputs:
        - variable: a
    edges: []
""").workflow
    start, end = workflow.nodes
    assert ("start", "start", "2", "Begin") == (start.id, start.type, start.version, start.title)
    assert Box(1, 2.5, 100, 90) == start.box
    assert ("17", "end", "1", "", "18") == (
        end.id,
        end.type,
        end.version,
        end.title,
        end.parent_id,
    )
    assert end.box is None
    assert Place(9, 7) == end.place
    assert Place(14, 11) == end.place_of(("outputs", 0, "variable"))
    assert Place(14, 11) == end.place_of(("outputs", 0, "value_selector"))
    assert Place(11, 7) == end.place_of(("absent",))


def test_a_node_is_found_by_its_id():
    workflow = load([START])
    assert workflow.nodes[0] is workflow.node("start")
    with pytest.raises(KeyError):
        workflow.node("gone")


@pytest.mark.parametrize(
    "item",
    [
        "text",
        {"data": {"type": "end"}},
        {"id": "", "data": {"type": "end"}},
        {"id": True, "data": {"type": "end"}},
        {"id": "a"},
        {"id": "a", "data": []},
        {"id": "a", "data": {}},
        {"id": "a", "data": {"type": ""}},
        {"id": "a", "data": {"type": 5}},
    ],
)
def test_what_is_no_node_is_told_and_left_out(item):
    loaded = load_workflow(workflow_text([START, item]))
    assert ["bad-node"] == codes(loaded.problems)
    assert ["start"] == [each.id for each in loaded.workflow.nodes]


def test_g1_notes_are_no_nodes():
    note = {"id": "n", "type": "custom-note", "data": {"type": "", "text": "..."}}
    workflow = load([note, START])
    assert ["start"] == [each.id for each in workflow.nodes]
    assert "start" == workflow.root


def test_of_two_nodes_with_one_id_the_later_counts():
    nodes = [node("a", "start"), node("b", "end"), node("a", "end")]
    loaded = load_workflow(workflow_text(nodes))
    (problem,) = loaded.problems
    assert Severity.WARNING is problem.severity
    assert problem.message.startswith("Duplicate graph node id: a;")
    assert [("a", "end"), ("b", "end")] == [(each.id, each.type) for each in loaded.workflow.nodes]


@pytest.mark.parametrize(
    "parents",
    [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}],
    ids=["self", "pair", "tail"],
)
def test_a_node_inside_itself_is_refused_and_taken_out(parents):
    nodes = [node(name, "loop", parent_id=parent) for name, parent in parents.items()]
    loaded = load_workflow(workflow_text(nodes))
    assert ["nested-in-itself"] == codes(loaded.errors)
    by_id = {each.id: each for each in loaded.workflow.nodes}
    for each in by_id.values():
        steps = 0
        while each.parent_id is not None:
            each = by_id[each.parent_id]
            steps += 1
            assert steps <= len(by_id)


def test_edges_are_numbered_as_dify_counts_them():
    raw = [
        {"source": 1, "target": None},
        edge("a", "b"),
        "text",
        edge("a", "b", "true"),
        {"source": 1, "target": 2},
    ]
    loaded = load_workflow(workflow_text([START], raw))
    assert ["bad-edge", "bad-edge"] == codes(loaded.problems)
    assert [(0, "a", "b", "source"), (1, "a", "b", "true"), (2, "1", "2", "source")] == [
        (each.number, each.source, each.target, each.handle) for each in loaded.workflow.edges
    ]


@pytest.mark.parametrize(
    ("extra", "handle", "warnings"),
    [
        ({}, "source", []),
        ({"sourceHandle": None}, "source", []),
        ({"sourceHandle": "x"}, "x", []),
        ({"sourceHandle": True}, "true", ["bad-handle"]),
        ({"sourceHandle": False}, "false", ["bad-handle"]),
        ({"sourceHandle": 1}, "1", ["bad-handle"]),
        ({"sourceHandle": []}, "source", ["bad-handle"]),
    ],
    ids=["g7 absent", "g8 null", "text", "true", "false", "number", "list"],
)
def test_g7_g8_an_edge_without_a_handle_leaves_by_source(extra, handle, warnings):
    raw = {"source": "start", "target": "start", **extra}
    loaded = load_workflow(workflow_text([START], [raw]))
    assert warnings == codes(loaded.problems)
    assert [handle] == [each.handle for each in loaded.workflow.edges]


def test_g10_the_first_start_node_is_the_root_and_the_others_are_inactive():
    nodes = [
        node("a", "end"),
        node("s1", "start"),
        node("t", "trigger-webhook"),
        node("s2", "start"),
    ]
    workflow = load(nodes)
    assert "s1" == workflow.root
    assert ("t", "s2") == workflow.inactive_roots


def test_g2_a_graph_without_a_start_node_has_no_root():
    assert load([node("a", "end")]).root is None


def test_two_edges_with_the_same_ends_are_two_edges():
    workflow = load([START], edges("a>b", "a>b"))
    assert [
        EdgeDefinition(0, "a", "b", "source", workflow.edges[0].place),
        EdgeDefinition(1, "a", "b", "source", workflow.edges[1].place),
    ] == list(workflow.edges)


# --- whatever a stranger writes ------------------------------------------------------------------

yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab{}#.", max_size=6) | st.just("start"),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "data", "source", "target", "name", "value", "position"]
            ),
            values,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=200)
@given(nodes=st.lists(yaml_values, max_size=4), others=yaml_values, edge_items=yaml_values)
def test_no_graph_breaks_the_loader_and_every_problem_has_a_place(nodes, others, edge_items):
    data = workflow_data(nodes)
    data["workflow"]["graph"]["edges"] = edge_items
    data["workflow"]["environment_variables"] = others
    loaded = load_data(data)
    lines = len(yaml.safe_dump(data).splitlines())
    for problem in loaded.problems:
        assert 1 <= problem.place.line <= lines
        assert problem.place.column >= 1


@given(yaml_values)
def test_no_data_breaks_the_loader(value):
    assert load_data(value).workflow is None
