import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphmill.dsl.load import load_workflow
from graphmill.dsl.model import Place
from graphmill.engine.graph import ErrorStrategy, NodeClass
from graphmill.engine.outcome import Succeeded
from graphmill.engine.retry import RetryPolicy
from graphmill.errors import WorkflowInvalid
from graphmill.nodes.base import NodeData, NodeType
from graphmill.nodes.compile import compile_plan
from graphmill.nodes.registry import NODE_TYPES
from graphmill.sandbox.templates import InlineTemplates
from tests.dsl.files import START, edges, load, node
from tests.nodes.running import NO_PORTS

PORTS = replace(NO_PORTS, templates=InlineTemplates())

APPS = Path(__file__).parents[1] / "conformance/apps"


class Nothing:
    """A node that does nothing."""

    def run(self, context: object) -> Succeeded:
        return Succeeded({})


class WaitingNothing:
    async def run(self, context: object) -> Succeeded:
        return Succeeded({})


class StepData(NodeData):
    number: int = 0
    forbidden: bool = False


def build_step(node_id: str, data: StepData, ports: object) -> Nothing:
    if data.forbidden:
        raise ValueError("this cannot be run")
    return Nothing()


def node_type(name: str, **extra: Any) -> NodeType:
    return NodeType(name, StepData, build_step, **extra)


TYPES = {
    each.name: each
    for each in (
        node_type("start", node_class=NodeClass.ROOT),
        node_type("trigger-webhook", node_class=NodeClass.ROOT),
        node_type("step"),
        NodeType("waiting", StepData, lambda *_: WaitingNothing(), retries=True),
        node_type("choice", node_class=NodeClass.BRANCH),
        node_type("writer", writes=lambda data: (("conversation", "c", "deep"),)),
        node_type(
            "end",
            node_class=NodeClass.RESPONSE,
            stream_template=lambda data: ("text", ("step", "output")),
        ),
        node_type("silent", node_class=NodeClass.RESPONSE),
    )
}
END = node("end", "end")


def plan_of(*nodes, links=(), environment=None, **options):
    workflow = load([START, *nodes], edges(*links), **options)
    return compile_plan(workflow, PORTS, environment=environment or {}, node_types=TYPES)


def problems_of(*nodes, links=(), types=TYPES, **options):
    workflow = load([START, *nodes], edges(*links), **options)
    return refusal_of(workflow, node_types=types)


def refusal_of(workflow, **options):
    with pytest.raises(WorkflowInvalid) as caught:
        compile_plan(workflow, PORTS, **options)
    return caught.value.problems


# --- workflow-dsl §19.2: graph -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "completion"])
def test_p9_an_app_without_graph_is_refused(mode):
    text = f"app: {{name: x, mode: {mode}}}\nmodel_config: {{}}\n"
    (problem,) = refusal_of(load_workflow(text).workflow)
    assert "no-graph" == problem.code
    assert repr(mode) in problem.message
    assert Place(1, 16) == problem.place


def test_g2_a_graph_without_a_start_node_is_refused():
    (problem,) = refusal_of(load([END]), node_types=TYPES)
    assert "Unable to determine default root node ID from workflow graph" == problem.message
    assert problem.place.line > 1


@pytest.mark.parametrize(
    ("link", "message", "hint"),
    [
        ("start>zzz", "Edge edge_1 references unknown target node 'zzz'.", "Remove the edge."),
        ("zzz>end", "Edge edge_1 references unknown source node 'zzz'.", "Remove the edge."),
        ("start>endd", "Edge edge_1 references unknown target node 'endd'.", "Did you mean 'end'?"),
    ],
)
def test_g3_an_edge_to_nowhere_is_refused(link, message, hint):
    (problem,) = problems_of(END, links=["start>end", link])
    assert ("missing-node", message, hint) == (problem.code, problem.message, problem.hint)


def test_g4_a_root_that_is_no_start_is_refused():
    workflow = replace(load([START, node("a", "step")]), root="a")
    (problem,) = refusal_of(workflow, node_types=TYPES)
    assert "invalid-root" == problem.code
    assert "Root node 'a' must declare execution type 'root'." == problem.message


def test_g5_a_root_that_is_not_in_the_graph_is_refused():
    workflow = replace(load([START]), root="x")
    (problem,) = refusal_of(workflow, node_types=TYPES)
    assert "Root node id x not found in the graph" == problem.message


def test_g6_an_empty_graph_is_refused():
    (problem,) = refusal_of(load([]), node_types=TYPES)
    assert "Graph must have at least one node" == problem.message


def test_g1_g7_g10_a_plan_has_the_graph_of_its_file():
    note = {"id": "n", "type": "custom-note", "data": {"type": ""}}
    nodes = [note, node("t", "trigger-webhook"), node("a", "step"), END]
    plan = plan_of(*nodes, links=["start>a", "t>a", "a>end"])
    assert ["start", "t", "a", "end"] == [each.id for each in plan.graph.nodes]
    assert [(0, 2, "source"), (1, 2, "source"), (2, 3, "source")] == [
        (each.source, each.target, each.handle) for each in plan.graph.edges
    ]
    assert [0, 1, 2] == [each.index for each in plan.graph.edges]
    assert (0, (1,)) == (plan.graph.root, plan.graph.inactive_roots)
    assert [each.id for each in plan.graph.nodes] == [step.node.id for step in plan.steps]


# --- problems ------------------------------------------------------------------------------------


def test_a_type_that_is_not_supported_is_refused_by_name():
    first, second = problems_of(node("a", "llm", title="Ask"), node("b", "stepp"), END)
    assert ("unknown-node-type", "a", "Ask") == (first.code, first.node_id, first.node_title)
    assert "No class mapping found for node type: llm" == first.message
    assert f"Supported are {', '.join(sorted(TYPES))}." == first.hint
    assert second.hint.startswith("Did you mean 'step'? Supported are ")
    assert first.place.line < second.place.line


@pytest.mark.parametrize("kind", ["iteration", "loop"])
def test_containers_are_refused_while_no_type_runs_them(kind):
    problems = problems_of(node("c", kind), END)
    assert {
        f"No class mapping found for node type: {kind}",
        f"No class mapping found for node type: {kind}-start",
    } == {problem.message for problem in problems}


def test_all_problems_are_told_at_once_and_in_order():
    problems = problems_of(
        node("a", "llm"),
        node("b", "step", number="x", default_value=[{"key": "k", "type": "string", "value": 1}]),
        node("c", "step", forbidden=True),
        END,
        links=["start>gone"],
    )
    assert [
        ("unknown-node-type", "a"),
        ("invalid-data", "b"),
        ("invalid-default-value", "b"),
        ("invalid-data", "c"),
        ("missing-node", None),
    ] == [(problem.code, problem.node_id) for problem in problems]
    assert sorted(problem.place.line for problem in problems) == [
        problem.place.line for problem in problems
    ]


def test_what_building_a_node_refuses_is_told_in_its_words():
    (problem,) = problems_of(node("c", "step", forbidden=True))
    assert "this cannot be run" == problem.message
    assert problem.place.line > 10


def test_an_invalid_workflow_tells_everything_in_one_line():
    nodes = [node("a", "llm"), node("b", "llm"), node("c", "step", title="Do", forbidden=True)]
    with pytest.raises(WorkflowInvalid) as caught:
        compile_plan(load([START, *nodes]), PORTS, node_types=TYPES)
    line = caught.value.problems[-1].place.line
    assert (
        f"No class mapping found for node type: llm; line {line}: this cannot be run (node Do)"
    ) == str(caught.value)


# --- steps ---------------------------------------------------------------------------------------


def step_of(kind="waiting", **data):
    return plan_of(node("n", kind, **data), END).steps[1]


@pytest.mark.parametrize(
    ("retry_config", "expected"),
    [
        ({"retry_enabled": True, "max_retries": 3, "retry_interval": 1000}, RetryPolicy(3, 1.0)),
        ({"retry_enabled": True, "max_retries": "2", "retry_interval": "50"}, RetryPolicy(2, 0.05)),
        ({"retry_enabled": True, "max_retries": 0}, RetryPolicy(0, 0.0)),
        ({"retry_enabled": True, "max_retries": -1, "retry_interval": -5}, RetryPolicy(0, 0.0)),
        ({"retry_enabled": True, "enabled": False, "exponential_backoff": {}}, RetryPolicy(0, 0.0)),
        ({"retry_enabled": False, "max_retries": 3}, None),
        ({"retry_enabled": True, "max_retries": None}, RetryPolicy(0, 0.0)),
        ({}, None),
        (None, None),
    ],
)
def test_retries_are_counted_and_waits_are_seconds(retry_config, expected):
    assert expected == step_of(retry_config=retry_config).retry


def test_types_that_do_not_retry_ignore_the_setting():
    assert step_of("step", retry_config={"retry_enabled": True, "max_retries": 3}).retry is None


@pytest.mark.parametrize("retry_config", [5, {"max_retries": "many"}, {"retry_interval": [1]}])
def test_retries_that_cannot_be_understood_are_refused(retry_config):
    (problem,) = problems_of(node("n", "waiting", retry_config=retry_config))
    assert problem.field.startswith("retry_config")


@pytest.mark.parametrize(
    ("strategy", "defaults", "branches"),
    [
        (None, None, False),
        ("fail-branch", None, True),
        ("default-value", {"r": "D"}, False),
    ],
)
def test_error_strategies_are_known_to_the_step(strategy, defaults, branches):
    values = [{"key": "r", "type": "string", "value": "D"}]
    step = step_of(error_strategy=strategy, default_value=values)
    assert strategy == step.node.error_strategy
    assert defaults == step.defaults
    assert branches is step.node.branches


def test_an_unknown_error_strategy_is_refused():
    (problem,) = problems_of(node("n", "step", error_strategy="hope"))
    expected = " or ".join(repr(strategy.value) for strategy in ErrorStrategy)
    assert f"error_strategy must be {expected}, not 'hope'" == problem.message


@pytest.mark.parametrize(
    ("kind", "strategy", "expected"),
    [
        ("step", "fail-branch", "source"),
        ("step", None, "success-branch"),
        ("choice", "fail-branch", "success-branch"),
    ],
)
def test_success_branch_is_another_word_for_source_beside_a_fail_branch(kind, strategy, expected):
    nodes = [node("n", kind, error_strategy=strategy), END]
    plan = plan_of(*nodes, links=["n:success-branch>end"])
    assert [expected] == [each.handle for each in plan.graph.edges]


def test_a_step_knows_its_node():
    nodes = [node("a", "waiting", title="A", parent_id="somewhere"), node("b", "step"), END]
    _, first, second, _ = plan_of(*nodes).steps
    assert (1, "a", "waiting", "A", NodeClass.EXECUTABLE, "somewhere") == (
        first.node.index,
        first.node.id,
        first.node.type,
        first.node.title,
        first.node.node_class,
        first.node.container,
    )
    assert (True, False) == (first.waits, second.waits)


# --- streams and variables -----------------------------------------------------------------------


def test_responses_outside_containers_stream_their_templates():
    nodes = [
        END,
        node("a", "end"),
        node("inside", "end", parent_id="c"),
        node("s", "silent"),
    ]
    plan = plan_of(*nodes)
    assert ["a", "end"] == [response.node_id for response in plan.entry.streams.responses]
    assert [2, 1] == [response.node for response in plan.entry.streams.responses]
    assert ("text", ("step", "output")) == plan.entry.streams.responses[0].segments


def test_streaming_waits_for_nodes_that_write_what_is_shown():
    nodes = [node("w", "writer"), node("r", "end")]
    shows = {
        **TYPES,
        "end": replace(TYPES["end"], stream_template=lambda data: (("conversation", "c"),)),
    }
    workflow = load([START, *nodes], edges("start>w", "w>r"))
    plan = compile_plan(workflow, PORTS, node_types=shows)
    assert ((), {1: (0,)}) == (plan.entry.streams.free, plan.entry.streams.freed_by)


ENVIRONMENT = [
    {"name": "text", "value_type": "string", "value": "a"},
    {"name": "key", "value_type": "secret", "value": ""},
    {"name": "number", "value_type": "number", "value": 1},
    {"name": "list", "value_type": "array[string]", "value": []},
    {"name": "flag", "value_type": "boolean", "value": False},
]


def test_the_environment_is_that_of_the_file_with_the_values_of_the_configuration():
    plan = plan_of(
        environment_variables=ENVIRONMENT,
        environment={
            "key": "s3cret",
            "number": "2.5",
            "list": '["x"]',
            "flag": "true",
            "other": "x",
        },
    )
    assert {
        "text": "a",
        "key": "s3cret",
        "number": 2.5,
        "list": ["x"],
        "flag": True,
    } == plan.environment
    assert frozenset({"key"}) == plan.secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", "x"), ("list", "[1]"), ("list", "x"), ("flag", "yes")],
)
def test_a_configured_value_of_another_type_is_refused(name, value):
    workflow = load([START], environment_variables=ENVIRONMENT)
    (problem,) = refusal_of(workflow, environment={name: value})
    assert f"apps[].environment.{name}" in problem.hint
    assert value not in problem.message
    assert problem.place.line > 1


def test_conversation_variables_start_with_the_values_of_the_file_and_keep_their_types():
    variables = [
        {"name": "a", "value_type": "array[string]", "value": []},
        {"name": "n", "value_type": "number", "value": 1},
    ]
    plan = plan_of(conversation_variables=variables)
    assert {"a": [], "n": 1} == plan.conversation
    assert {
        ("conversation", "a"): "array[string]",
        ("conversation", "n"): "integer",
    } == plan.types


def test_a_server_that_compiles_does_not_load_what_only_checks_need():
    program = "import sys, graphmill.nodes.compile; sys.exit('networkx' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


# --- real files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(APPS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_conformance_app_compiles_or_says_what_is_wrong_with_which_node(path):
    workflow = load_workflow(path.read_bytes()).workflow
    assert workflow is not None
    unsupported = {node.id for node in workflow.nodes if node.type not in NODE_TYPES}
    try:
        plan = compile_plan(workflow, PORTS)
    except WorkflowInvalid as error:
        refused = {problem.node_id for problem in error.problems}
        assert refused - unsupported <= BROKEN.get(path.stem, set())
    else:
        assert not unsupported
        assert len(workflow.nodes) == len(plan.steps)


BROKEN = {
    "ifelse-invalid": {"if1"},
    "err-default-bad": {"c"},
    "code-bad-lang": {"c"},
    "code-bad-type": {"c"},
}
"""Nodes whose data Dify refuses too."""


@pytest.mark.parametrize("stem", sorted(BROKEN))
def test_files_that_dify_refuses_are_refused(stem):
    workflow = load_workflow((APPS / f"{stem}.yml").read_bytes()).workflow
    assert BROKEN[stem] <= {problem.node_id for problem in refusal_of(workflow)}
