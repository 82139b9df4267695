"""`workflow-dsl §5.3`: what Dify's editor repairs when it opens an old file."""

import pytest

from graphmill.dsl.load import load_workflow
from tests.dsl.files import START, edges, load, node, workflow_text


def shape(workflow):
    return [(each.source, each.handle, each.target) for each in workflow.edges]


@pytest.mark.parametrize(
    ("container", "start_type", "membership"),
    [
        ("iteration", "iteration-start", {"isInIteration": True, "iteration_id": "c"}),
        ("loop", "loop-start", {"isInLoop": True, "loop_id": "c"}),
    ],
)
def test_g9_a_start_node_is_put_before_the_inner_node_that_old_files_start_at(
    container, start_type, membership
):
    nodes = [
        START,
        node("c", container, start_node_id="a"),
        node("a", "llm", parent_id="c", isIterationStart=True),
    ]
    workflow = load(nodes, edges("start>c"))
    assert ["start", "c", "a", "cstart0"] == [each.id for each in workflow.nodes]
    start = workflow.node("cstart0")
    assert (start_type, "c", "") == (start.type, start.parent_id, start.title)
    assert membership.items() <= start.data.items()
    assert "cstart0" == workflow.node("c").data["start_node_id"]
    assert [("start", "source", "c"), ("cstart0", "source", "a")] == shape(workflow)
    assert [0, 1] == [each.number for each in workflow.edges]
    assert workflow.node("c").place == start.place_of(("type",))


def test_an_added_start_node_takes_a_free_id():
    nodes = [
        START,
        node("c{}", "loop", start_node_id="a"),
        node("a", "end"),
        node("c{}start0", "end"),
    ]
    assert "c{}start1" == load(nodes).node("c{}").data["start_node_id"]


@pytest.mark.parametrize("named", [None, "ghost"])
def test_a_container_that_names_no_start_node_takes_the_one_inside(named):
    nodes = [
        START,
        node("i", "iteration", start_node_id=named),
        node("other", "iteration-start", parent_id="j"),
        node("inner", "iteration-start", parent_id="i"),
    ]
    workflow = load(nodes)
    assert "inner" == workflow.node("i").data["start_node_id"]
    assert [] == shape(workflow)


def test_a_container_without_any_start_node_gets_one_that_leads_nowhere():
    workflow = load([START, node("i", "iteration")])
    assert "iteration-start" == workflow.node("istart0").type
    assert [] == shape(workflow)


def test_a_container_that_names_its_start_node_stays_as_it_is():
    nodes = [START, node("l", "loop", start_node_id="s"), node("s", "loop-start", parent_id="l")]
    workflow = load(nodes)
    assert ["start", "l", "s"] == [each.id for each in workflow.nodes]
    assert "s" == workflow.node("l").data["start_node_id"]


def test_inner_nodes_learn_from_their_parent_what_they_are_inside():
    nodes = [
        START,
        node("i", "iteration", start_node_id="s"),
        node("s", "iteration-start", parent_id="i"),
        node("l", "loop", start_node_id="t", parent_id="i"),
        node("t", "loop-start", parent_id="l"),
    ]
    workflow = load(nodes)
    assert ("i", True) == (
        workflow.node("l").data["iteration_id"],
        workflow.node("l").data["isInIteration"],
    )
    assert "l" == workflow.node("t").data["loop_id"]
    assert "iteration_id" not in workflow.node("t").data


@pytest.mark.parametrize("key", ["iteration_id", "loop_id"])
def test_files_without_parent_ids_tell_it_in_the_data(key):
    nodes = [START, node("c", "loop", start_node_id="s"), node("s", "loop-start", **{key: "c"})]
    assert "c" == load(nodes).node("s").parent_id


def test_iterations_get_what_old_files_do_not_say():
    workflow = load([START, node("i", "iteration", parallel_nums=3)])
    data = workflow.node("i").data
    assert (False, 3, "terminated") == (
        data["is_parallel"],
        data["parallel_nums"],
        data["error_handle_mode"],
    )


def test_settings_of_old_tools_are_wrapped():
    settings = {"a": 1, "b": None, "c": {"type": "constant", "value": 2}}
    data = load([START, node("t", "tool", tool_configurations=settings)]).node("t").data
    assert "2" == data["tool_node_version"]
    assert {
        "a": {"type": "constant", "value": 1},
        "b": {"type": "constant", "value": None},
        "c": {"type": "constant", "value": 2},
    } == data["tool_configurations"]


@pytest.mark.parametrize("versions", [{"version": "2"}, {"tool_node_version": "2"}])
def test_settings_of_current_tools_stay(versions):
    tool = node("t", "tool", tool_configurations={"a": 1}, **versions)
    assert {"a": 1} == load([START, tool]).node("t").data["tool_configurations"]


def test_g12_types_of_end_outputs_are_written_in_lower_case():
    outputs = [{"variable": "a"}, {"variable": "b", "value_type": "Array[String]"}]
    data = load([START, node("e", "end", outputs=outputs)]).node("e").data
    assert ["any", "array[string]"] == [output["value_type"] for output in data["outputs"]]


@pytest.mark.parametrize(
    "extra", [{"outputs": 5}, {"outputs": [5]}, {"outputs": None}], ids=["number", "item", "null"]
)
def test_what_is_not_understood_is_left_to_the_node_type(extra):
    assert extra["outputs"] == load([START, node("e", "end", **extra)]).node("e").data["outputs"]


def test_edges_that_close_a_cycle_stay():
    nodes = [START, node("a", "end"), node("b", "end")]
    assert 3 == len(load(nodes, edges("start>a", "a>b", "b>a")).edges)


def test_an_http_request_gets_no_retries_that_its_file_does_not_have():
    assert "retry_config" not in load([START, node("h", "http-request")]).node("h").data


def test_data_that_aliases_share_is_not_changed_for_all():
    text = workflow_text([START]).replace(
        "    edges: []",
        "    - {id: x, data: &shared {type: iteration}}\n"
        "    - {id: y, data: *shared}\n"
        "    edges: []",
    )
    workflow = load_workflow(text).workflow
    assert ["xstart0", "ystart0"] == [
        workflow.node(name).data["start_node_id"] for name in ("x", "y")
    ]
