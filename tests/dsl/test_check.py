"""What Dify runs and hardly anyone means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from graphmill.dsl.check import check_workflow
from graphmill.dsl.model import Severity
from graphmill.dsl.rules import NodeFacts
from graphmill.variables.template import Template
from tests.dsl.files import START, edges, load, node


@dataclass
class Rules:
    """A node type that reads what `text` and `selector` of its data refer to."""

    outputs: frozenset[str] | None = frozenset({"output"})
    handles: frozenset[str] | None = None
    refused: frozenset[str] = field(default_factory=frozenset)

    def facts(self, data: Mapping[str, Any]) -> NodeFacts | None:
        if self.refused & data.keys():
            return None
        selectors = Template.parse(data.get("text", "")).selectors
        selector = tuple(data["selector"]) if "selector" in data else ()
        packages = tuple(data.get("packages", ()))
        return NodeFacts(self.outputs, (*selectors, selector), self.handles, packages=packages)


TYPES = {
    "start": Rules(frozenset({"query", "sys.files"})),
    "step": Rules(),
    "open": Rules(outputs=None),
    "choice": Rules(handles=frozenset({"yes", "no"})),
    "picky": Rules(refused=frozenset({"wrong"})),
    "end": Rules(frozenset()),
    "answer": Rules(frozenset()),
    "iteration": Rules(frozenset({"output", "item", "index"})),
    "iteration-start": Rules(frozenset()),
}
END = node("end", "end", title="End")


def check(*nodes, links=(), **options):
    workflow = load([START, *nodes], edges(*links), **options)
    problems = check_workflow(workflow, TYPES)
    assert all(problem.severity is Severity.WARNING for problem in problems)
    return problems


def found(*nodes, links=(), **options):
    """Code and node of each problem."""
    return [(each.code, each.node_id) for each in check(*nodes, links=links, **options)]


def step(name, **data):
    return node(name, "step", **data)


# --- flow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "links", "expected"),
    [
        ("a", ["start>a", "a>end"], []),
        ("ab", ["start>a", "start>b", "a>end", "b>end"], []),
        ("z", ["start>end"], [("unreachable", "z")]),
        ("zy", ["start>end", "z>y"], [("unreachable", "z"), ("unreachable", "y")]),
        ("az", ["start>a", "a>end", "z>end"], [("unreachable", "z"), ("never-ready", "end")]),
        ("ab", ["start>a", "a>b", "b>a", "b>end"], [("cycle", "a"), ("never-ready", "end")]),
        ("a", ["start>a", "a>a", "start>end"], [("cycle", "a")]),
        ("ab", ["start>end", "a>b", "b>a"], [("cycle", "a")]),
        ("a", ["start>a", "a>start", "a>end"], []),
        ("ab", ["start>a", "a>end", "start>b"], [("dead-end", "b")]),
        ("ab", ["start>a", "a>end", "end>b"], []),
    ],
    ids=[
        "chain",
        "join",
        "isolated",
        "isolated chain",
        "waits for an isolated node",
        "cycle",
        "edge to itself",
        "isolated cycle",
        "back to the start",
        "nothing responds",
        "after the end",
    ],
)
def test_nodes_that_never_run_and_paths_that_say_nothing_are_told(names, links, expected):
    assert expected == found(*map(step, names), END, links=links)


def test_a_long_cycle_is_told_once_with_its_first_nodes():
    names = [f"n{number}" for number in range(12)]
    links = [f"{a}>{b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    (problem,) = check(*map(step, names), END, links=["start>end", *links])
    assert "'n0', 'n1', 'n2'" in problem.message
    assert "'n9', ..." in problem.message


def test_a_second_start_is_told():
    nodes = [node("s2", "start"), step("a"), END]
    assert [("second-start", "s2")] == found(*nodes, links=["start>end", "s2>a", "a>end"])


def test_nodes_of_an_iteration_are_reached_through_it():
    nodes = [
        node("i", "iteration", start_node_id="s"),
        node("s", "iteration-start", parent_id="i"),
        node("a", "step", parent_id="i"),
        node("b", "step", parent_id="i"),
        END,
    ]
    links = ["start>i", "i>end", "s>a"]
    assert [("unreachable", "b")] == found(*nodes, links=links)


@pytest.mark.parametrize(("mode", "word"), [("workflow", "end"), ("advanced-chat", "answer")])
def test_a_graph_that_gives_out_nothing_is_told(mode, word):
    (problem,) = check(step("a"), links=["start>a"], mode=mode)
    assert "missing-end" == problem.code
    assert f"no {word} node" in problem.message
    assert problem.place.line > 1


def test_an_empty_graph_is_not_worth_a_warning():
    assert () == check_workflow(load([]), TYPES)


# --- handles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "handle", "expected"),
    [
        ("step", {}, "source", []),
        ("step", {}, "weird", ["ignored-handle"]),
        ("step", {}, "fail-branch", ["ignored-handle"]),
        ("step", {"error_strategy": "fail-branch"}, "fail-branch", []),
        ("step", {"error_strategy": "fail-branch"}, "success-branch", []),
        ("step", {"error_strategy": "fail-branch"}, "source", []),
        ("step", {"error_strategy": "fail-branch"}, "fail", ["unknown-handle"]),
        ("step", {"error_strategy": "default-value"}, "fail-branch", ["ignored-handle"]),
        ("choice", {}, "yes", []),
        ("choice", {}, "yess", ["unknown-handle"]),
        ("choice", {}, "fail-branch", ["unknown-handle"]),
        ("choice", {"error_strategy": "fail-branch"}, "fail-branch", []),
        ("unknown-type", {}, "weird", []),
        ("picky", {"wrong": 1}, "weird", []),
    ],
)
def test_an_edge_at_an_exit_that_does_not_exist_is_told(kind, data, handle, expected):
    problems = check(node("n", kind, **data), END, links=["start>n", f"n:{handle}>end"])
    assert expected == [problem.code for problem in problems]


def test_a_near_exit_is_suggested_and_the_others_listed():
    nodes = [node("n", "choice"), END, node("e2", "end")]
    near, far = check(*nodes, links=["start>n", "n:yess>end", "n:zzz>e2"])
    assert "Did you mean 'yes'?" == near.hint
    assert "Its exits are no, yes." == far.hint
    assert near.place.line < far.place.line


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text": "{{#start.query#}} {{#sys.user_id#}} {{#a.output.deep.er#}}"}, []),
        ({"text": "{{#env.e#}} {{#conversation.c#}} {{#o.anything#}}"}, []),
        ({"text": "{{#gone.query#}}"}, [("unknown-node", "text")]),
        ({"text": "{{#start.qery#}}"}, [("unknown-variable", "text")]),
        ({"text": "{{#sys.query#}}"}, [("unknown-variable", "text")]),
        ({"text": "{{#env.nope#}}"}, [("unknown-variable", "text")]),
        ({"selector": ["start", "nope"]}, [("unknown-variable", "selector")]),
        ({"selector": ["start", "sys.files"]}, []),
        ({"selector": ["start"]}, []),
        ({"unread": ["gone", "x"], "code": "{{#gone.x#}}"}, []),
        ({"text": "{{#a.error_message#}}"}, [("unknown-variable", "text")]),
        ({"text": "{{#a.error_message#}}", "error_strategy": "fail-branch"}, []),
        (
            {
                "text": "{{#a.extra#}} {{#a.error_type#}}",
                "error_strategy": "default-value",
                "default_value": [{"key": "extra", "type": "string", "value": ""}, 5],
            },
            [],
        ),
        (
            {"text": "{{#gone.x#}} {{#gone.x#}} {{#start.no#}}"},
            [("unknown-node", "text"), ("unknown-variable", "text")],
        ),
    ],
)
def test_a_reference_to_nothing_is_told_where_it_stands(data, expected):
    problems = check(
        step("a", **data),
        node("o", "open"),
        END,
        links=["start>a", "a>o", "o>end"],
        environment_variables=[{"name": "e", "value_type": "string", "value": ""}],
        conversation_variables=[{"name": "c", "value_type": "string", "value": ""}],
    )
    assert expected == sorted((each.code, each.field) for each in problems if each.node_id == "a")


def test_chats_have_more_system_variables():
    answer = node("end", "answer", text="{{#sys.query#}} {{#sys.dialogue_count#}} {{#sys.no#}}")
    (problem,) = check(answer, links=["start>end"], mode="advanced-chat")
    assert "'sys' has no variable 'no'" == problem.message


def test_a_reference_is_placed_and_a_near_name_suggested():
    nodes = [step("a", text="{{#start.qury#}}", title="A"), END]
    (problem,) = check(*nodes, links=["start>a", "a>end"])
    assert ("a", "A", "text") == (problem.node_id, problem.node_title, problem.field)
    assert "Did you mean 'query'?" == problem.hint
    assert problem.place.line > 10


# --- the rest ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value_type", "value", "expected"),
    [("secret", "", ["blank-secret"]), ("secret", "x", []), ("string", "", [])],
)
def test_a_secret_without_a_value_is_told(value_type, value, expected):
    variable = {"name": "KEY", "value_type": value_type, "value": value}
    problems = check(END, links=["start>end"], environment_variables=[variable])
    assert expected == [problem.code for problem in problems]


@pytest.mark.parametrize("parent", ["gone", "start"])
def test_a_parent_that_is_no_container_is_told(parent):
    nodes = [node("end", "end", parent_id=parent)]
    assert [("unknown-container", "end")] == found(*nodes, links=["start>end"])


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("if-else", {"conditions": []}, ["deprecated"]),
        ("if-else", {"cases": [{}]}, []),
        ("assigner", {"write_mode": "clear"}, ["deprecated"]),
        ("assigner", {"items": []}, []),
    ],
)
def test_old_ways_to_write_a_node_are_told(kind, data, expected):
    problems = check(node("n", kind, **data), END, links=["start>n", "n>end"])
    assert expected == [problem.code for problem in problems]


def test_warnings_come_in_the_order_of_the_file():
    nodes = [step("z"), step("y", text="{{#gone.x#}}"), END]
    lines = [problem.place.line for problem in check(*nodes, links=["start>end"])]
    assert len(lines) == 3
    assert sorted(lines) == lines


@pytest.mark.parametrize(
    ("packages", "missing"),
    [
        pytest.param((), "'pandas', 'requests'", id="nothing is installed"),
        pytest.param({"requests", "numpy"}, "'pandas'", id="one is installed"),
        pytest.param({"requests", "pandas"}, None, id="both are installed"),
        pytest.param(None, None, id="nobody knows"),
    ],
)
def test_imports_that_will_not_be_there_are_named(packages, missing):
    nodes = [START, step("a", packages=["pandas", "requests"]), END]
    problems = check_workflow(load(nodes, edges("start>a", "a>end")), TYPES, packages=packages)
    named = [each.message for each in problems if each.code == "missing-package"]
    expected = f"The code imports {missing}, which the code sandbox has not"
    assert ([expected] if missing else []) == named
